import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.training.asked import Asked


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=20))
def test_words_fit_the_images_of_which_they_are_asked_and_no_other(
    pairs: list[tuple[int, int]],
) -> None:
    image, question = (np.array(column) for column in zip(*pairs, strict=True))
    words = np.unique(question)
    fits = Asked(image, question)(words, np.arange(9))
    assert fits.tolist() == [[(b, u) in set(pairs) for b in range(9)] for u in words]
