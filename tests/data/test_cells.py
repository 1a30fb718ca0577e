import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa_cli.data.cells import RowError, answers_of, image_of, is_nan, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [("a ", "a "), (None, ""), (math.nan, ""), (7, "7"), (7.0, "7"), (0.5, "0.5"), (-0.0, "0")],
)
def test_text_of_a_cell(value: Any, text: str) -> None:
    assert text_of(value, "answer") == text


@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, b"a"])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(RowError, match="answer that is no text"):
        text_of(value, "answer")


def test_nan_is_a_number_that_is_none() -> None:
    assert is_nan(math.nan)
    assert not any(map(is_nan, (None, 0.0, "nan", [])))


@pytest.mark.parametrize(
    ("value", "answers", "kind"),
    [
        (["red", "crimson"], ("red", "crimson"), "alternatives"),
        (["red", None, " "], ("red",), "alternatives"),
        ([], (), "alternatives"),
        ({"answer": ["net", "net", ""]}, ("net", "net", ""), "annotators"),
        ([{"answer": "net"}, {"answer": None}], ("net", ""), "annotators"),
        ("", (), "alternatives"),
        ("[1, 2]", ("1", "2"), "alternatives"),
    ],
)
def test_answers_of_a_cell(value: Any, answers: tuple[str, ...], kind: str) -> None:
    assert answers_of(value) == (answers, kind)


@pytest.mark.parametrize(
    ("weights", "answers"),
    [
        ([0.3, 1.0], ("a", *"b" * 9)),
        ([1 / 3, 2 / 3], ("a", "b", "b", *[""] * 7)),
        ([0.9, 0.6, 0.9], (*"aaa", *"bb", *"ccc", "", "")),
        ([1, 1.0], (*"a" * 6, *"b" * 4)),
        ([0.0, 0.3], ("b", *[""] * 9)),
        ([], ()),
    ],
)
def test_soft_scores_become_ten_people(weights: list[float], answers: tuple[str, ...]) -> None:
    label = {"ids": list("abc"[: len(weights)]), "weights": weights}
    assert answers_of(label) == (answers, "annotators")


@settings(max_examples=50)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=5).filter(lambda n: sum(n) <= 10))
def test_the_people_behind_soft_scores_earn_them(counts: list[int]) -> None:
    """The official accuracy of an answer that `count` of ten gave, leaving each out in turn."""
    scores = [round(min(1, 0.3 * count), 1) for count in counts]
    people, _ = answers_of({"ids": list("abcde"[: len(counts)]), "weights": scores})
    assert len(people) == 10
    for answer, score in zip("abcde", scores, strict=False):
        others = [
            sum(other == answer for j, other in enumerate(people) if j != i) for i in range(10)
        ]
        assert sum(min(1, count / 3) for count in others) / 10 == pytest.approx(score)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ({"ids": ["a"], "weights": []}, "answer that is no text"),
        ({"text": "a"}, "answer that is no text"),
        ({"ids": [3], "weights": [1.0]}, "label with numbers for answers"),
        ({"ids": ["a"], "weights": [2]}, "label with a weight that is not from 0 to 1"),
        ({"ids": ["a"], "weights": ["1"]}, "label with a weight that is not from 0 to 1"),
    ],
)
def test_labels_that_say_no_answers_are_refused(label: dict[str, Any], problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        answers_of(label)


@pytest.mark.parametrize(
    ("value", "image", "content"),
    [
        ("a.png", "a.png", None),
        (7, "7", None),
        (b"data", "row-1", b"data"),
        ({"bytes": b"data", "path": None}, "row-1", b"data"),
        ({"bytes": b"data", "path": "a.png"}, "a.png", b"data"),
        ({"bytes": None, "path": "a.png"}, "a.png", None),
        ([{"bytes": b"data"}], "row-1", b"data"),
        ("/x/downloads/extracted/0123456789abcdef/val2014/a.jpg", "val2014/a.jpg", None),
        ("/x/downloads/a.jpg", "/x/downloads/a.jpg", None),
    ],
)
def test_image_of_a_cell(value: Any, image: str, content: bytes | None) -> None:
    assert image_of(value, "row-1") == (image, content)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (["a.png", "b.png"], "row with several images, or none"),
        ([], "row with several images, or none"),
        ({"url": "a"}, "image that is no text"),
        ({"bytes": None, "path": 7.5, "more": 1}, "image that is no text"),
    ],
)
def test_what_is_no_image_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        image_of(value, "row-1")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("answer", "ids", "weights", "bytes", "path")), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=50)
@given(ANY)
def test_any_cell_is_answers_or_refused(value: Any) -> None:
    try:
        answers, _ = answers_of(value)
    except RowError:
        return
    assert all(type(answer) is str for answer in answers)


@settings(max_examples=50)
@given(ANY)
def test_any_cell_is_an_image_or_refused(value: Any) -> None:
    try:
        image, content = image_of(value, "row-1")
    except RowError:
        return
    assert type(image) is str
    assert content is None or type(content) is bytes
