import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.training.objective import cross_entropy_sum, soft_targets

VOCABULARY = AnswerVocabulary.build(["red"] * 3 + ["blue"] * 2 + ["dog"])


def test_one_answer_is_one_class() -> None:
    targets = soft_targets([["Blue "], ["red"]], ["alternatives"] * 2, VOCABULARY)
    assert targets.dense(np.array([0, 1]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert targets.best().tolist() == [1, 0]


def test_annotators_share_the_target_by_their_official_scores() -> None:
    # Of ten, three say blue (0.9) and seven red (1.0): 0.9 and 1.0 of 1.9.
    targets = soft_targets([["blue"] * 3 + ["red"] * 7], ["annotators"], VOCABULARY)
    expected = [1.0 / 1.9, 0.9 / 1.9, 0.0]
    assert targets.dense(np.array([0]), 3)[0].tolist() == pytest.approx(expected)


def test_of_a_set_the_first_answer_counts() -> None:
    targets = soft_targets([["dog", "red"]], ["set"], VOCABULARY)
    assert targets.dense(np.array([0]), 3).tolist() == [[0, 0, 1]]


def test_answers_outside_the_vocabulary_are_no_target() -> None:
    targets = soft_targets([["cat"], ["red", "cat"]], ["alternatives"] * 2, VOCABULARY)
    assert targets.has_target().tolist() == [False, True]
    assert targets.best().tolist() == [-1, 0]
    assert targets.dense(np.array([1, 0]), 3).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_the_loss_is_a_sum_and_a_row_without_target_adds_nothing() -> None:
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0.0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0]])
    expected = -(F.log_softmax(logits, -1) * targets).sum()
    assert cross_entropy_sum(logits, targets).item() == pytest.approx(expected.item(), rel=1e-6)


def test_label_smoothing_changes_the_loss() -> None:
    logits, targets = torch.tensor([[4.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    plain = cross_entropy_sum(logits, targets)
    assert cross_entropy_sum(logits, targets, 0.1) > plain
