import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.training.objective import first_bias, question_losses, soft_targets

VOCABULARY = AnswerVocabulary.build(["red"] * 3 + ["blue"] * 2 + ["dog"])


def test_one_answer_is_one_class() -> None:
    targets = soft_targets([["Blue "], ["red"]], ["alternatives"] * 2, VOCABULARY)
    assert targets.dense(np.array([0, 1]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_annotators_answers_are_worth_their_official_scores() -> None:
    # Of ten, three say blue (0.9) and seven red (1.0).
    targets = soft_targets([["blue"] * 3 + ["red"] * 7], ["annotators"], VOCABULARY)
    expected = [1.0, 0.9, 0.0]
    assert targets.dense(np.array([0]), 3)[0].tolist() == pytest.approx(expected)


def test_of_a_set_the_first_answer_counts() -> None:
    targets = soft_targets([["dog", "red"]], ["set"], VOCABULARY)
    assert targets.dense(np.array([0]), 3).tolist() == [[0, 0, 1]]


def test_answers_outside_the_vocabulary_are_no_target() -> None:
    targets = soft_targets([["cat"], ["red", "cat"]], ["alternatives"] * 2, VOCABULARY)
    assert targets.has_target().tolist() == [False, True]
    assert targets.dense(np.array([1, 0]), 3).tolist() == [[1, 0, 0], [0, 0, 0]]


LOGITS = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
SCORES = torch.tensor([[0.0, 1, 0, 0], [0.9, 0, 0.3, 0], [0, 0, 0, 0]])


def test_the_cross_entropy_is_that_of_the_scores_made_to_sum_to_1() -> None:
    shares = torch.tensor([[0.0, 1, 0, 0], [0.75, 0, 0.25, 0], [0, 0, 0, 0]])
    expected = -(F.log_softmax(LOGITS, -1) * shares).sum()
    loss = question_losses("cross-entropy", LOGITS, SCORES).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_binary_loss_takes_every_answer_for_itself_and_no_row_without_a_target() -> None:
    sure = torch.sigmoid(LOGITS[:2])
    expected = -(SCORES[:2] * sure.log() + (1 - SCORES[:2]) * (1 - sure).log()).sum()
    loss = question_losses("binary", LOGITS, SCORES).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("objective", ["cross-entropy", "binary"])
def test_each_question_has_a_loss_of_its_own(objective: str) -> None:
    losses = question_losses(objective, LOGITS, SCORES)
    alone = [question_losses(objective, LOGITS[i : i + 1], SCORES[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(losses, torch.cat(alone))
    assert losses[2] == 0  # it has no target


def test_label_smoothing_changes_the_loss() -> None:
    logits, targets = torch.tensor([[4.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    plain = question_losses("cross-entropy", logits, targets)
    assert question_losses("cross-entropy", logits, targets, 0.1) > plain


def test_answers_begin_improbable_where_each_has_its_own_probability() -> None:
    assert first_bias("cross-entropy", 100) == 0.0
    assert torch.sigmoid(torch.tensor(first_bias("binary", 100))).item() == pytest.approx(0.01)
    assert first_bias("binary", 1) == 0.0
