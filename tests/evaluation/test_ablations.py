from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.fakes import MemoryDataset, question, small_dataset, small_model
from vqa_cli.evaluation import ablations
from vqa_cli.evaluation.ablations import ablate, shuffled


def test_blank_images_are_all_of_the_mean_and_normalise_to_nothing(monkeypatch):
    monkeypatch.setattr(ablations, "_QUESTIONS_AT_ONCE", 2)
    dataset, model = small_dataset(), small_model()
    found = ablate(model, dataset, dataset.examples("test"))
    assert [predicted.answer for predicted in found["blank_images"]] == ["other"] * 5
    blank = [(image, asked) for image, asked in model.seen if not isinstance(image, Path)]
    assert [asked for _, asked in blank] == [
        ["what colour?", "what shape?"],
        ["what shape?", "is it red?"],
        ["where?"],
    ]
    pixels = np.stack([model.preprocessor.pixels(image) for image, _ in blank])
    assert np.abs(model.preprocessor.normalize(pixels)).max() < 0.01


def test_shuffled_images_are_others_of_the_split():
    dataset, model = small_dataset(), small_model()
    found = ablate(model, dataset, dataset.examples("test"))["shuffled_images"]
    answers = [predicted.answer for predicted in found]
    assert answers[0] == answers[2] == answers[4] != "red"  # one image stands for another
    assert set(answers) == {"red", "circle", "yes"}
    assert found == ablate(model, dataset, dataset.examples("test"))["shuffled_images"]


def test_a_single_picture_has_none_to_be_shuffled_with():
    questions = [question(1, "a.png", "?", "red"), question(2, "b.png", "?", "red")]
    dataset = MemoryDataset(test=questions, contents={"a.png": "same", "b.png": "same"})
    assert list(ablate(small_model(), dataset, questions)) == ["blank_images"]


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=20), st.integers(1, 10))
def test_no_image_stands_for_the_same_picture(images, kinds):
    contents = {name: str(ord(name) % kinds) for name in "abcdefghij"}
    others = shuffled(images, contents)
    if len({contents[image] for image in images}) < 2:
        assert others == {}
    else:
        assert set(others) == set(images)
        assert all(contents[image] != contents[other] for image, other in others.items())
        pictures = {contents[image] for image in images}
        assert {contents[other] for other in others.values()} == pictures  # none is lost


def test_the_circle_is_random_and_steady():
    names = [str(n) for n in range(100)]
    others = shuffled(names, {name: name for name in names})
    assert others == shuffled(names, {name: name for name in names})
    assert sum(int(other) == int(name) + 1 for name, other in others.items()) < 10
