from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import QUESTIONS, draw_photo
from vqa_cli.errors import DataError, ModelError, SettingsError
from vqa_cli.inference.prediction import Answer, Prediction, softmax
from vqa_cli.model_folder import Confidence


def test_a_prediction_says_its_best_answer() -> None:
    prediction = Prediction("what?", (Answer("red", 0.75), Answer("blue", 0.25)))
    assert (str(prediction), prediction.answer, prediction.confidence) == ("red", "red", 0.75)


def test_one_question_gives_one_prediction_and_a_list_a_list(photo: Path) -> None:
    answerer = FakeAnswerer()
    one = answerer.ask(photo, QUESTIONS[0])
    assert isinstance(one, Prediction)
    assert one.question == QUESTIONS[0]
    several = answerer.ask(photo, QUESTIONS)
    assert [p.question for p in several] == list(QUESTIONS)
    assert several[0] == one
    assert answerer.encoded == [1, 1]  # one image, four questions: encoded once


def test_no_question_gives_no_prediction(photo: Path) -> None:
    assert FakeAnswerer().ask(photo, []) == []


def test_a_path_bytes_a_pillow_image_and_an_array_are_the_same_image(photo: Path) -> None:
    answerer = FakeAnswerer()
    image = draw_photo()
    sources = (photo, str(photo), photo.read_bytes(), image, np.asarray(image))
    assert len({answerer.ask(source, QUESTIONS[0]) for source in sources}) == 1


def test_top_k_gives_the_best_first_and_no_more_than_there_are(photo: Path) -> None:
    answerer = FakeAnswerer()
    three = answerer.ask(photo, QUESTIONS[0], top_k=3).answers
    everything = answerer.ask(photo, QUESTIONS[0], top_k=99).answers
    confidences = [answer.confidence for answer in everything]
    assert everything[:3] == three
    assert confidences == sorted(confidences, reverse=True)
    assert sorted(answer.text for answer in everything) == sorted(answerer.vocabulary.answers)
    assert sum(confidences) == pytest.approx(1)


def test_among_equal_answers_the_vocabularys_first_wins(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer = FakeAnswerer()
    equal = np.zeros((1, len(answerer.vocabulary)), np.float32)
    monkeypatch.setattr(answerer, "logits", lambda *_: equal)
    answers = answerer.ask(photo, "what?", top_k=2).answers
    assert answers == (Answer("red", 0.2), Answer("blue", 0.2))


def test_a_higher_temperature_lowers_the_confidence_and_keeps_the_answer(photo: Path) -> None:
    sharp, flat = FakeAnswerer(), FakeAnswerer()
    flat.confidence = Confidence(10.0, "softmax")
    sure, unsure = sharp.ask(photo, "what?"), flat.ask(photo, "what?")
    assert sure.answer == unsure.answer
    assert 1 / 5 < unsure.confidence < sure.confidence


def test_softmax_holds_for_huge_logits() -> None:
    found = softmax(np.array([[1e30, 1e30, -1e30], [0.0, np.log(3), -np.inf]]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0], [0.25, 0.75, 0]])


@pytest.mark.parametrize(
    ("image_batch", "question_batch"), [(1, 1), (2, 3), (5, 1), (5, 3), (50, 4), (50, 64)]
)
def test_any_batching_gives_the_same_predictions_in_order(
    image_batch: int, question_batch: int
) -> None:
    counts = (2, 0, 1, 7, 4, 0, 3)
    items = [
        (draw_photo(seed), [QUESTIONS[(seed + n) % 4] for n in range(count)])
        for seed, count in enumerate(counts)
    ]
    answerer = FakeAnswerer()
    found = list(
        answerer.predict(items, image_batch=image_batch, question_batch=question_batch, top_k=5)
    )
    alone = [[FakeAnswerer().ask(image, q, top_k=5) for q in asked] for image, asked in items]
    assert [[p.question for p in ps] for ps in found] == [list(asked) for _, asked in items]
    assert found == alone
    assert max(answerer.encoded) <= image_batch
    assert max(questions for _, questions in answerer.passes) <= question_batch


def test_an_image_with_many_questions_is_encoded_once_and_asked_in_parts() -> None:
    answerer = FakeAnswerer()
    words = sorted({word for question in QUESTIONS for word in question.rstrip("?").split()})
    questions = [" ".join(asked) for asked in product(words, repeat=4)][:1000]
    (predictions,) = answerer.predict([(draw_photo(), questions)], question_batch=64)
    assert [prediction.question for prediction in predictions] == questions
    assert answerer.encoded == [1]
    assert [questions for _, questions in answerer.passes] == [64] * 15 + [40]


def test_a_pass_gets_the_images_of_its_questions_alone() -> None:
    answerer = FakeAnswerer()
    items = [(draw_photo(seed), [f"where is {word}?" for word in "abcd"]) for seed in range(6)]
    list(answerer.predict(items, question_batch=8))
    assert answerer.encoded == [6]
    assert answerer.passes == [(2, 8)] * 3


def test_a_question_that_is_asked_again_is_answered_once() -> None:
    answerer = FakeAnswerer()
    items = [(draw_photo(seed), ["where?", "is it red?", "where?"]) for seed in range(2)]
    found = list(answerer.predict(items))
    assert answerer.passes == [(2, 4)]
    for predictions in found:
        assert [p.question for p in predictions] == ["where?", "is it red?", "where?"]
        assert predictions[0] == predictions[2] != predictions[1]


def test_questions_of_like_length_are_answered_together(monkeypatch: pytest.MonkeyPatch) -> None:
    answerer, lengths = FakeAnswerer(), []
    logits = answerer.logits

    def noting(*arrays: Any) -> Any:
        lengths.append(arrays[-1].sum(axis=1).tolist())
        return logits(*arrays)

    monkeypatch.setattr(answerer, "logits", noting)
    asked = [["is it red?", "where? " * 9], ["what color is the big dog? " * 2, "where?"]]
    items = [(draw_photo(seed), questions) for seed, questions in enumerate(asked)]
    found = list(answerer.predict(items, question_batch=2))
    assert [[p.question for p in predictions] for predictions in found] == asked
    flat = [length for batch in lengths for length in batch]
    assert flat == sorted(flat)
    assert len(lengths) == 2


def test_a_stream_is_read_no_further_than_what_is_in_work() -> None:
    taken: list[int] = []

    def stream() -> Iterator[tuple[np.ndarray, list[str]]]:
        for number in range(1_000_000):
            taken.append(number)
            yield np.full((8, 8), number % 256, np.uint8), ["where?"]

    predictions = FakeAnswerer().predict(stream(), image_batch=2)
    for _ in range(10):
        next(predictions)
    predictions.close()  # type: ignore[attr-defined]
    assert len(taken) <= 10 + 2 * 4
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]


@pytest.mark.parametrize("bad", ["broken", "missing"])
def test_a_bad_image_is_named_and_stops_the_stream(tmp_path: Path, bad: str) -> None:
    paths = [tmp_path / f"{name}.png" for name in ("good", bad, "other")]
    for path in (paths[0], paths[2]):
        draw_photo().save(path)
    (tmp_path / "broken.png").write_bytes(paths[0].read_bytes()[:200])
    with pytest.raises(DataError, match=rf"{bad}\.png"):
        list(FakeAnswerer().predict([(path, ["where?"]) for path in paths]))
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]


def test_an_image_over_the_limit_is_refused(photo: Path) -> None:
    answerer = FakeAnswerer()
    answerer.max_pixels = 60 * 90 - 1
    with pytest.raises(DataError, match=r"photo\.png.*5,400 pixels"):
        answerer.ask(photo, "where?")


@pytest.mark.parametrize("question", ["", "  \n\t "])
def test_an_empty_question_is_an_error(photo: Path, question: str) -> None:
    with pytest.raises(DataError, match="question is empty"):
        FakeAnswerer().ask(photo, ["where?", question])


@pytest.mark.parametrize(
    "question", ["🐈‍⬛❓", "что это?", "这是什么?", "a" * 10_000, "where? " * 2000]
)
def test_any_other_question_is_answered(photo: Path, question: str) -> None:
    assert FakeAnswerer().ask(photo, question).question == question


def test_it_knows_which_question_is_cut() -> None:
    answerer = FakeAnswerer()
    assert answerer.is_cut("where? " * 2000)
    assert not answerer.is_cut("where?")


@pytest.mark.parametrize("name", ["top_k", "image_batch", "question_batch"])
def test_sizes_below_one_are_refused_at_once(name: str) -> None:
    sizes: dict[str, Any] = {name: 0}
    with pytest.raises(SettingsError, match=f"{name} must be at least 1, got 0"):
        FakeAnswerer().predict([], **sizes)


def test_scores_that_are_no_numbers_are_no_answer(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer = FakeAnswerer()
    broken = np.full((1, 5), np.nan, np.float32)
    monkeypatch.setattr(answerer, "logits", lambda *_: broken)
    with pytest.raises(ModelError, match="not finite"):
        answerer.ask(photo, "where?")


def test_progress_counts_the_images() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.calls: list[tuple[int, int]] = []

        def notice(self, text: str) -> None: ...
        def detail(self, text: str) -> None: ...
        def warn(self, text: str) -> None: ...
        def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
            self.calls.append((done, total))

    known, unknown = Recorder(), Recorder()
    items = [(draw_photo(), ["where?"])] * 5
    list(FakeAnswerer().predict(items, image_batch=2, report=known))
    list(FakeAnswerer().predict(iter(items), image_batch=2, report=unknown))
    assert known.calls == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert unknown.calls == [(0, 1), (2, 2), (4, 4), (5, 5)]


def test_scores_are_the_logits_and_probabilities_their_calibrated_form(photo: Path) -> None:
    answerer = FakeAnswerer()
    answerer.confidence = Confidence(2.0, "softmax", ceiling=0.75)
    two, none, one = answerer.scores([(photo, QUESTIONS[:2]), (photo, []), (photo, QUESTIONS[:1])])
    assert (two.shape, none.shape, one.shape) == ((2, 5), (0, 5), (1, 5))
    assert np.array_equal(two[:1], one)
    asked = answerer.ask(photo, QUESTIONS[0], top_k=5)
    shares = answerer.probabilities(one)[0]
    assert shares == pytest.approx(0.75 * softmax(one.astype(np.float64) / 2)[0])
    for answer in asked.answers:
        index = answerer.vocabulary.index(answer.text)
        assert index is not None
        assert answer.confidence == shares[index]


def test_with_a_sigmoid_every_answer_has_its_own_probability(photo: Path) -> None:
    answerer = FakeAnswerer()
    best = answerer.ask(photo, QUESTIONS[0]).answer
    answerer.confidence = Confidence(0.5, "sigmoid")
    (logits,) = answerer.scores([(photo, QUESTIONS[:1])])
    expected = 1 / (1 + np.exp(-2 * logits.astype(np.float64)))
    assert answerer.probabilities(logits) == pytest.approx(expected)
    assert answerer.ask(photo, QUESTIONS[0]).answer == best
    extreme = np.array([[-1e5, 0.0, 1e5]], dtype=np.float32)
    assert answerer.probabilities(extreme).tolist() == [[0.0, 0.5, 1.0]]
