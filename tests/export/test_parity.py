from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import tiny_preprocessor
from vqa_cli.config import PrepareSettings
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import ModelError
from vqa_cli.export.onnx_export import TRACED_IMAGES, TRACED_QUESTIONS
from vqa_cli.export.parity import (
    COMBINATIONS,
    IMAGES,
    QUESTIONS_PER_IMAGE,
    TOLERANCE,
    Examples,
    compare,
    drawn_examples,
    real_examples,
)
from vqa_cli.inference.answerer import Floats, Ints


class Off(FakeAnswerer):
    """Says nearly what the fake says."""

    def __init__(self, by: float, *, only_for: int | None = None, swapped: bool = False) -> None:
        super().__init__()
        self.by = by
        self.only_for = only_for
        self.swapped = swapped

    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        logits = super().logits(image_tokens, image_index, input_ids, attention_mask)
        if self.only_for in (None, len(input_ids)):
            logits[-1, 2] += self.by
        return logits[:, ::-1] if self.swapped else logits


EXAMPLES = drawn_examples(tiny_preprocessor())


def test_the_same_model_agrees() -> None:
    parity = compare(FakeAnswerer(), FakeAnswerer(), EXAMPLES)
    assert parity.max_abs_diff == 0
    assert parity.questions == IMAGES * QUESTIONS_PER_IMAGE
    sizes = [questions for _, questions in COMBINATIONS]
    assert parity.comparisons == 2 * (sum(sizes) + parity.questions)
    assert parity.source == "questions and images drawn at random"


def test_a_small_difference_is_measured_and_allowed() -> None:
    assert compare(FakeAnswerer(), Off(2e-4), EXAMPLES).max_abs_diff == pytest.approx(2e-4, rel=0.1)


@pytest.mark.parametrize("by", [2e-3, float("nan")])
@pytest.mark.parametrize(
    "size", sorted({*(q for _, q in COMBINATIONS), IMAGES * QUESTIONS_PER_IMAGE})
)
def test_a_large_difference_at_a_single_size_fails(by: float, size: int) -> None:
    with pytest.raises(ModelError, match=r"do not say what the model says: .* logits is"):
        compare(FakeAnswerer(), Off(by, only_for=size), EXAMPLES)


def test_another_top_answer_fails_even_within_the_tolerance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nearly_equal(self: Off, tokens: Floats, index: Ints, ids: Ints, mask: Ints) -> Floats:
        return np.tile(np.float32([0, self.by, 0, 0, 0]), (len(ids), 1))

    monkeypatch.setattr(Off, "logits", nearly_equal)
    with pytest.raises(ModelError, match="choose other answers than the model in 228 of 228"):
        compare(Off(4e-4), Off(-4e-4), EXAMPLES)
    assert compare(Off(4e-6), Off(-4e-6), EXAMPLES).max_abs_diff < 1e-5  # a real tie


def test_the_sizes_compared_are_not_the_traced_ones() -> None:
    assert all(b != q for b, q in COMBINATIONS if (b, q) != (1, 1))
    assert (TRACED_IMAGES, TRACED_QUESTIONS) not in COMBINATIONS


def test_drawn_questions_differ_in_length_and_are_known_words() -> None:
    every = [question for asked in EXAMPLES.questions for question in asked]
    input_ids, attention_mask = tiny_preprocessor().questions(every)
    assert len(set(attention_mask.sum(axis=1).tolist())) > 3
    unknown = tiny_preprocessor().tokenizer.token_to_id("[UNK]")
    assert not (input_ids == unknown).any()
    assert drawn_examples(tiny_preprocessor()).questions == EXAMPLES.questions


def test_what_repeats_is_counted_once() -> None:
    few = Examples(EXAMPLES.pixels[:2], (("what?", "where?"), ("what?",)), "real questions of val")
    parity = compare(FakeAnswerer(), FakeAnswerer(), few)
    assert parity.questions == 3
    assert parity.comparisons > 2 * parity.questions


class Seen(FakeAnswerer):
    """Notes the longest question it was asked, and fails beyond what it takes."""

    longest = 0

    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        self.longest = max(self.longest, input_ids.shape[1])
        assert self.longest <= self.preprocessor.max_question_tokens
        return super().logits(image_tokens, image_index, input_ids, attention_mask)


def test_no_question_is_padded_beyond_what_the_model_takes() -> None:
    long = " ".join(["circle"] * 50)
    answerer = Seen()
    compare(answerer, answerer, Examples(EXAMPLES.pixels[:1], ((long, "what?"),), "questions"))
    assert answerer.longest == answerer.preprocessor.max_question_tokens


def test_real_examples_come_from_val_each_image_with_its_own_questions(
    shapes_folder: Path, tmp_path: Path
) -> None:
    settings = PrepareSettings(val_share=0.25)
    prepared = prepare(shapes_folder, tmp_path / "prepared", settings)
    dataset = PreparedDataset.open(prepared.out)
    examples = real_examples(dataset, tiny_preprocessor())
    rows = dataset.rows("val")
    assert examples.source == "real questions of val"
    assert len(examples.pixels) == len(examples.questions) == min(IMAGES, rows["image"].nunique())
    first = rows["image"].iloc[0]
    assert set(examples.questions[0]) == set(rows["question"][rows["image"] == first])
    pixels = tiny_preprocessor().pixels(dataset.image_root / first)
    np.testing.assert_array_equal(examples.pixels[0], pixels)


def test_the_tolerance_is_what_the_documentation_says() -> None:
    assert TOLERANCE == 1e-3
