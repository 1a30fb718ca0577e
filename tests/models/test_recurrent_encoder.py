"""GRU and LSTM: the same answer whatever the padding and the batch, and sizes by the data."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vqa_cli import conflicts
from vqa_cli.models.question_encoder import QuestionEncoder
from vqa_cli.models.recurrent_encoder import CELLS, MANY_QUESTIONS, recurrent_config

KINDS = sorted(CELLS)


def encoder(kind: str, layers: int = 1) -> QuestionEncoder:
    torch.manual_seed(0)
    values = recurrent_config(kind, 40, 100, 16, 0).to_dict()
    return QuestionEncoder.from_config({**values, "num_hidden_layers": layers}).eval()


def padded(questions: list[list[int]], length: int) -> tuple[Tensor, Tensor]:
    rows = [ids + [0] * (length - len(ids)) for ids in questions]
    mask = [[1] * len(ids) + [0] * (length - len(ids)) for ids in questions]
    return torch.tensor(rows), torch.tensor(mask)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_it_reads_as_a_bidirectional_network_over_packed_questions(kind: str, layers: int) -> None:
    """The classic way, with torch's own bookkeeping, as the reference."""
    own = encoder(kind, layers)
    config = own.config
    half = config.hidden_size // 2
    reference = CELLS[kind](
        config.embedding_size, half, layers, batch_first=True, bidirectional=True
    )
    state = reference.state_dict()
    for number, layer in enumerate(own.model.encoder.layer):
        for name in ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"):
            state[f"{name}{number}"] = getattr(layer.ahead, f"{name}0")
            state[f"{name}{number}_reverse"] = getattr(layer.back, f"{name}0")
    reference.load_state_dict(state)
    input_ids, mask = padded([[5, 6, 7, 8, 9], [5, 6], [7], [9, 8, 7]], 5)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        own.embed(input_ids), mask.sum(1), batch_first=True, enforce_sorted=False
    )
    expected = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)[0]
    found = own(input_ids, mask)
    assert found.shape == (4, 5, own.width)
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()])


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_question_does_not_depend_on_padding_or_company(kind: str, data: st.DataObject) -> None:
    question = st.lists(st.integers(1, 39), min_size=1, max_size=9)
    questions = data.draw(st.lists(question, min_size=1, max_size=5))
    own = encoder(kind)
    with torch.inference_mode():
        together = own(*padded(questions, data.draw(st.integers(9, 14))))
        for row, ids in enumerate(questions):
            alone = own(*padded([ids], len(ids)))[0]
            torch.testing.assert_close(together[row, : len(ids)], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_knows_what_comes_before_and_after_it(kind: str) -> None:
    own = encoder(kind)
    sentences = [[5, 6, 7, 8], [9, 6, 7, 8], [5, 6, 7, 9]]
    first, other_start, other_end = own(*padded(sentences, 6))
    for place in range(4):
        assert not torch.allclose(first[place], other_start[place])
        assert not torch.allclose(first[place], other_end[place])


@pytest.mark.parametrize("kind", KINDS)
def test_what_padding_holds_teaches_nothing(kind: str) -> None:
    own = encoder(kind)
    input_ids, mask = padded([[5, 6, 7], [5]], 3)
    embeddings = own.embed(input_ids).detach().requires_grad_()
    own.encode(embeddings, mask)[mask.bool()].square().sum().backward()
    assert embeddings.grad is not None
    assert not embeddings.grad[1, 1:].any()
    assert embeddings.grad[mask.bool()].abs().amin(1).gt(0).all()


def test_the_sizes_follow_the_number_of_questions() -> None:
    few, many = (recurrent_config("gru", 40, n, 16, 0) for n in (100, MANY_QUESTIONS))
    assert (few.embedding_size, few.hidden_size) == (64, 128)
    assert (many.embedding_size, many.hidden_size) == (300, 512)


def test_frozen_stays_in_evaluation_mode() -> None:
    own = encoder("gru")
    own.freeze()
    own.train()
    assert not own.training
    assert not any(p.requires_grad for p in own.parameters())


def test_settings_and_encoders_have_the_same_names() -> None:
    assert set(conflicts.RECURRENT) == set(CELLS)
