from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vqa_cli
from tests.tiny_runs import QUESTIONS, SIZE, draw_photo, tiny_preprocessor, tiny_vocabulary
from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.inference.answer_choice import choose_answers
from vqa_cli.inference.answerer import Answerer, Floats, Ints
from vqa_cli.inference.explanation import (
    DEFAULT,
    Masking,
    around_peak,
    explain,
    explain_all,
    heat_of,
    log_odds,
)
from vqa_cli.model_folder import Confidence

WHAT = "what color is the circle?"


class LookingAnswerer(Answerer):
    """Says "red" the surer the brighter one patch of its input is, and if it is asked of a circle.

    patch: left, top, right and bottom in the model's input, SIZE x SIZE pixels.
    """

    def __init__(self, patch: tuple[int, int, int, int], *, resize: str = "squash") -> None:
        plain = tiny_preprocessor()
        transform = replace(plain.transform, resize=resize)
        preprocessor = Preprocessor(transform, plain.tokenizer, plain.max_question_tokens)
        super().__init__(preprocessor, tiny_vocabulary(), Confidence(1.0, "softmax"))
        self.patch = patch
        self.encoded: list[int] = []
        self.asked: list[list[int]] = []
        (self.circle,) = plain.tokenizer.encode("circle", add_special_tokens=False).ids

    def encode_images(self, pixel_values: Floats) -> Floats:
        self.encoded.append(len(pixel_values))
        left, top, right, bottom = self.patch
        seen = pixel_values[:, :, top:bottom, left:right]
        return seen.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)[:, None, None]

    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        self.asked += [
            row[seen > 0].tolist() for row, seen in zip(input_ids, attention_mask, strict=True)
        ]
        scores = np.zeros((len(input_ids), len(self.vocabulary)), dtype=np.float32)
        scores[:, 0] = 4 * image_tokens[image_index][:, 0, 0]
        scores[:, 0] += 2 * (input_ids == self.circle).any(axis=1)
        return scores

    def describe(self) -> str:
        return "looks at one patch"


def lit(size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """A dark image of which one part, in shares of its sides, is bright."""
    image = Image.new("RGB", size, (20, 20, 20))
    left, right = (round(share * size[0]) for share in box[::2])
    top, bottom = (round(share * size[1]) for share in box[1::2])
    image.paste((250, 250, 250), (left, top, right, bottom))
    return image


@pytest.mark.parametrize("size", [(64, 64), (300, 200), (50, 400), (9, 5)])
@pytest.mark.parametrize("place", [(0.6, 0.1), (0.1, 0.6), (0.35, 0.35)])
def test_the_peak_lies_where_the_answer_comes_from(
    size: tuple[int, int], place: tuple[float, float]
) -> None:
    share = (place[0], place[1], place[0] + 0.3, place[1] + 0.3)
    answerer = LookingAnswerer(tuple(round(SIZE * edge) for edge in share))
    explanation = explain(answerer, lit(size, share), WHAT)
    assert explanation.answer == "red"
    assert explanation.peak is not None
    assert explanation.box is not None
    x, y = explanation.peak[0] + 0.5, explanation.peak[1] + 0.5
    assert share[0] - 0.1 < x / size[0] < share[2] + 0.1
    assert share[1] - 0.1 < y / size[1] < share[3] + 0.1
    left, top, right, bottom = explanation.box
    assert 0 <= left <= explanation.peak[0] < right <= size[0]
    assert 0 <= top <= explanation.peak[1] < bottom <= size[1]
    assert explanation.hidden_confidence < explanation.confidence
    assert (explanation.heat.min(), explanation.heat.max()) == (0, 1)


def test_letterboxing_is_undone() -> None:
    # 200x100 becomes 64x32, with 16 rows above it: its upper right quarter is where bright is.
    answerer = LookingAnswerer((32, 16, 64, 32), resize="letterbox")
    explanation = explain(answerer, lit((200, 100), (0.5, 0, 1, 0.5)), WHAT)
    assert explanation.peak is not None
    assert explanation.peak[0] > 100
    assert explanation.peak[1] < 50


def test_what_nothing_depends_on_has_no_peak() -> None:
    # The patch has the mean's colour, whatever is hidden of it.
    explanation = explain(LookingAnswerer((0, 0, 64, 64)), Image.new("RGB", (80, 60)), "where?")
    assert not explanation.heat.any()
    assert (explanation.peak, explanation.box) == (None, None)
    assert explanation.hidden_confidence == explanation.confidence


def test_the_word_that_the_answer_hangs_on_is_the_important_one() -> None:
    words = explain(LookingAnswerer((0, 0, 8, 8)), draw_photo(), WHAT).words
    importance = {word.text: word.importance for word in words}
    assert list(importance) == ["what", "color", "is", "the", "circle"]
    assert importance.pop("circle") == pytest.approx(2, abs=1e-5)
    assert all(abs(value) < 1e-5 for value in importance.values())
    assert words[-1].confidence < words[0].confidence


@pytest.mark.parametrize("question", ["circle", "circle?", "?!", "🔴", "红", "a" * 400])
def test_no_question_is_asked_without_words(question: str) -> None:
    answerer = LookingAnswerer((0, 0, 8, 8))
    explanation = explain(answerer, draw_photo(), question)
    plain = answerer.preprocessor.token_ids([question])[0]
    assert {len(ids) for ids in answerer.asked} == {len(plain)}
    assert len(explanation.words) == 1
    if "circle" in question:
        assert explanation.words[0].importance == pytest.approx(2, abs=1e-5)


def test_words_behind_the_cut_do_not_matter() -> None:
    question = " ".join(["is", "there"] * 10) + " a circle?"
    words = explain(LookingAnswerer((0, 0, 8, 8)), draw_photo(), question).words
    assert len(words) == 22
    assert abs(words[-1].importance) < 1e-5


def test_several_questions_hide_the_image_once() -> None:
    answerer = LookingAnswerer((0, 0, 8, 8))
    found = explain_all(answerer, draw_photo(), QUESTIONS)
    assert [one.prediction.question for one in found] == list(QUESTIONS)
    # The image, its hidden halves, and for each question the image and what is hot of it.
    assert sum(answerer.encoded) == 1 + DEFAULT.masks + 2 * len(QUESTIONS)
    assert max(answerer.encoded) <= answerer.image_batch
    alone = explain(LookingAnswerer((0, 0, 8, 8)), draw_photo(), QUESTIONS[1])
    np.testing.assert_allclose(found[1].heat, alone.heat, atol=1e-5)
    assert explain_all(answerer, draw_photo(), []) == []


def test_another_answer_is_explained_and_an_unknown_one_refused() -> None:
    answerer = LookingAnswerer((0, 0, 32, 32))
    photo = lit((64, 64), (0, 0, 0.5, 0.5))
    other = explain(answerer, photo, WHAT, answer="blue")
    assert (other.answer, other.prediction.answer) == ("blue", "red")
    # What lights "red" up is what speaks against "blue".
    assert other.words[-1].importance < -1
    with pytest.raises(SettingsError, match="cannot explain 'green'"):
        explain(answerer, photo, WHAT, answer="green")


def test_only_answers_that_may_be_said_are_explained() -> None:
    answerer = LookingAnswerer((0, 0, 32, 32))
    answerer.choice = choose_answers(answerer.vocabulary, ["blue", "yes"])
    explanation = explain(answerer, draw_photo(), WHAT)
    assert explanation.answer == "blue"
    assert explanation.confidence == pytest.approx(0.5)
    answerer.choice = choose_answers(answerer.vocabulary, ["blue"])
    assert explain(answerer, draw_photo(), WHAT).peak is None
    with pytest.raises(SettingsError, match="cannot explain 'red'"):
        explain(answerer, draw_photo(), WHAT, answer="red")


def test_log_odds_are_those_of_the_softmax_and_the_logit_of_the_sigmoid() -> None:
    answerer = LookingAnswerer((0, 0, 8, 8))
    logits = np.array([[1.0, 2.0, 0.5, -1.0, 0.0]], np.float32)
    share = answerer.probabilities(logits)[0, 1]
    assert log_odds(answerer, logits, 1) == pytest.approx(np.log(share / (1 - share)))
    answerer.confidence = Confidence(1.0, "sigmoid")
    assert log_odds(answerer, logits, 1) == pytest.approx(2.0)


def test_a_run_and_its_export_explain_alike(run_folder: Path, export_folder: Path) -> None:
    by_run, by_export = (
        explain(vqa_cli.load(folder, device="cpu"), draw_photo(), QUESTIONS[0])
        for folder in (run_folder, export_folder)
    )
    assert by_run.heat.any()
    np.testing.assert_allclose(by_run.heat, by_export.heat, atol=2e-3)
    assert by_run.answer == by_export.answer
    assert by_run.attention is not None
    assert by_run.attention.shape == by_run.heat.shape
    assert by_run.attention.max() == 1
    assert by_run.to_json()["attention_peak"] is not None
    assert by_export.attention is None  # the graphs give answers alone
    assert by_export.to_json()["attention_peak"] is None
    for one, other in zip(by_run.words, by_export.words, strict=True):
        assert one.importance == pytest.approx(other.importance, abs=1e-3)


def test_masks_are_the_same_ones_and_hide_half() -> None:
    masks = Masking(masks=100, cells=6).visible()
    assert masks.shape == (100, 64, 64)
    assert (masks.min(), masks.max()) == (0, 1)
    np.testing.assert_array_equal(masks, Masking(masks=100, cells=6).visible())
    np.testing.assert_allclose(masks.mean(axis=0), 0.5, atol=0.2)


def test_heat_is_the_slope_over_what_is_visible() -> None:
    masks = DEFAULT.visible()
    heat = heat_of(3.0 * masks[:, 10, 20].astype(np.float64) - 1, masks)
    assert np.unravel_index(int(heat.argmax()), heat.shape) == (10, 20)
    assert not heat_of(np.full(len(masks), 7.0), masks).any()


def test_the_region_around_the_peak_is_connected() -> None:
    heat = np.zeros((6, 6), np.float32)
    heat[1, 1:4] = (0.6, 1.0, 0.5)
    heat[2, 3] = 0.7
    heat[5, 5] = 0.9  # as hot as it is, it lies apart
    heat[4, 0] = 0.4
    region = around_peak(heat)
    assert sorted(map(tuple, np.argwhere(region).tolist())) == [(1, 1), (1, 2), (1, 3), (2, 3)]


def test_attention_is_a_map_of_the_image_without_its_letterbox() -> None:
    answerer = LookingAnswerer((32, 16, 64, 32), resize="letterbox")
    looks = np.zeros((1, 4, 4), np.float32)
    looks[0, 0, 0], looks[0, 1, 3] = 1.0, 0.9  # the first is in the border
    answerer.attention = lambda *_: looks  # type: ignore[method-assign]
    explanation = explain(answerer, lit((200, 100), (0.5, 0, 1, 0.5)), WHAT)
    assert explanation.attention is not None
    x, y = explanation.to_json()["attention_peak"]
    assert (x > 130, y < 50) == (True, True)


def test_what_cannot_be_asked_cannot_be_explained(tmp_path: Path) -> None:
    answerer = LookingAnswerer((0, 0, 8, 8))
    with pytest.raises(DataError, match="no such image file"):
        explain(answerer, tmp_path / "none.png", WHAT)
    with pytest.raises(DataError, match="the question is empty"):
        explain(answerer, draw_photo(), "  ")


def test_explaining_needs_no_torch_and_no_pandas() -> None:
    code = "import vqa_cli.inference.explanation_files, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "pandas", "matplotlib", "onnxruntime"} & set(done.stdout.split()) == set()
