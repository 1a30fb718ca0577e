from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    BertModel,
    BertTokenizer,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    MPNetConfig,
    PreTrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from vqa_cli.errors import ModelError
from vqa_cli.models.question_encoder import QuestionEncoder, load_question_encoder

SMALL = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "color", "is", "it", "?"]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def bert_folder(tmp_path: Path) -> Path:
    """A BERT and its tokenizer, saved by the real classes."""
    torch.manual_seed(0)
    folder = tmp_path / "bert"
    BertModel(BertConfig(**SMALL)).save_pretrained(folder)
    BertTokenizer(vocab={word: place for place, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(**SMALL),
        RobertaConfig(**SMALL),
        XLMRobertaConfig(**SMALL),
        AlbertConfig(**SMALL, embedding_size=16),
        ElectraConfig(**SMALL, embedding_size=16),
        DistilBertConfig(
            vocab_size=40, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=40
        ),
    ],
    ids=lambda config: config.model_type,
)
def test_bert_likes_give_what_the_model_itself_gives(config: PreTrainedConfig) -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    encoder = QuestionEncoder(model).eval()
    pad = config.pad_token_id or 0
    input_ids = torch.tensor([[5, 6, 7, 8], [5, 6, pad, pad]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    expected = model(input_ids=input_ids, attention_mask=mask).last_hidden_state
    encoded = encoder(input_ids, mask)
    assert encoded.shape == (2, 4, encoder.width)
    torch.testing.assert_close(encoded[mask.bool()], expected[mask.bool()])
    again = QuestionEncoder.from_config(config.to_dict())
    again.load_state_dict(encoder.state_dict())


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=40, n_embd=32, n_layer=1, n_head=2, n_positions=40),
        MPNetConfig(**SMALL),
        DebertaV2Config(**SMALL),
    ],
    ids=lambda config: config.model_type,
)
def test_what_cannot_be_taken_apart_is_refused(config: PreTrainedConfig) -> None:
    with pytest.raises(ModelError, match="not BERT-like"):
        QuestionEncoder(AutoModel.from_config(config))


def test_longest_question(bert_folder: Path) -> None:
    assert load_question_encoder(str(bert_folder))[0].max_tokens == 40
    roberta = QuestionEncoder(AutoModel.from_config(RobertaConfig(**SMALL)))
    assert roberta.max_tokens == 38
    length = torch.ones(1, 38, dtype=torch.long)
    assert roberta(length * 5, length).shape[1] == 38


def test_a_local_folder_brings_weights_and_tokenizer(bert_folder: Path) -> None:
    encoder, tokenizer, pad = load_question_encoder(str(bert_folder))
    assert isinstance(tokenizer, Tokenizer)
    assert pad == 0
    encoding = tokenizer.encode("What color is it?")
    assert "[UNK]" not in encoding.tokens
    model = BertModel.from_pretrained(bert_folder).eval()
    ids = torch.tensor([encoding.ids])
    expected = model(input_ids=ids).last_hidden_state
    torch.testing.assert_close(encoder.eval()(ids, torch.ones_like(ids)), expected)


def test_frozen_stays_in_evaluation_mode() -> None:
    encoder = QuestionEncoder(BertModel(BertConfig(**SMALL)))
    encoder.freeze()
    encoder.train()
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        load_question_encoder(str(tmp_path))


def test_pickled_weights_are_refused(bert_folder: Path) -> None:
    weights = bert_folder / "model.safetensors"
    weights.rename(bert_folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_question_encoder(str(bert_folder))


def test_a_hub_name_without_network_says_how_to_go_on() -> None:
    with pytest.raises(ModelError, match=r"(?s)--preset tiny.*bert-base-uncased"):
        load_question_encoder("bert-base-uncase", offline=True)
