"""Encoders for questions: any BERT-like one, or a recurrent one.

The only importer of transformers' models.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from vqa_cli.errors import ModelError
from vqa_cli.models import hub
from vqa_cli.models.libraries import explained_imports
from vqa_cli.models.recurrent_encoder import CELLS, RecurrentConfig, RecurrentModel
from vqa_cli.models.virtual_tokens import VirtualTokens

with explained_imports():
    from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig
    from transformers.masking_utils import create_bidirectional_mask
    from transformers.utils.logging import disable_progress_bar

WELL_KNOWN = (
    "bert-base-uncased",
    "bert-base-cased",
    "bert-base-multilingual-cased",
    "distilbert-base-uncased",
    "roberta-base",
    "xlm-roberta-base",
    "microsoft/deberta-base",
    "google/electra-small-discriminator",
    "sentence-transformers/all-MiniLM-L6-v2",
)
"""Only for suggestions: any name on the hub can be used."""


class QuestionEncoder(nn.Module):
    """input_ids (Q,L) -> token embeddings (Q,L,E) -> encoded tokens (Q,L,D).

    E and D differ in few models (ALBERT). The two steps are apart because the joint fusion runs
    the second one over question and image tokens together. Virtual tokens take part in the second
    step alone, and are left out again.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.config: PreTrainedConfig | RecurrentConfig = model.config
        # The pooler reads the first token for next-sentence prediction; nothing here uses it.
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        if not isinstance(model, RecurrentModel):
            _check_bert_like(model)
        self.model = model
        self.virtual_tokens: VirtualTokens | None = None
        self.frozen = False
        self.width: int = self.config.hidden_size
        with torch.inference_mode():
            self.embedding_width: int = self.embed(torch.tensor([[1]])).shape[-1]
        self.max_tokens = int(self.config.max_position_embeddings)
        if self.config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
            self.max_tokens -= 2  # their positions start after the padding index
        if count := getattr(self.config, "virtual_tokens", 0):
            self.add_virtual_tokens(count)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuestionEncoder:
        """Build with random weights from plain values: of a `RecurrentConfig`, or transformers'."""
        if config["model_type"] in CELLS:
            return cls(RecurrentModel(RecurrentConfig(**config)))
        values = dict(config)
        built = AutoConfig.for_model(values.pop("model_type"), **values)
        return cls(AutoModel.from_config(built))

    def embed(self, input_ids: Tensor) -> Tensor:
        """Token ids (Q,L) -> embeddings with positions (Q,L,E), E the `embedding_width`."""
        embeddings: Tensor = self.model.embeddings(input_ids)
        project = getattr(self.model, "embeddings_project", None)
        return embeddings if project is None else project(embeddings)

    def encode(self, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings (Q,L,E) and mask (Q,L) of ones and zeros -> encoded tokens (Q,L,D)."""
        if isinstance(self.model, RecurrentModel):
            return self.model.encoder(embeddings, attention_mask)
        if self.virtual_tokens is None:
            return _encode(self.model, embeddings, attention_mask)
        mask = self.virtual_tokens.extend_mask(attention_mask)
        return self.virtual_tokens.drop(_encode(self.model, self.virtual_tokens(embeddings), mask))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token ids (Q,L) and mask (Q,L) -> encoded tokens (Q,L,D)."""
        return self.encode(self.embed(input_ids), attention_mask)

    @property
    def name(self) -> str:
        """What kind of network it is, for messages."""
        return str(self.config.model_type)

    @property
    def recurrent(self) -> bool:
        return isinstance(self.model, RecurrentModel)

    def layers(self) -> list[list[nn.Parameter]]:
        """Return its layers from the bottom up, the first being the embeddings."""
        blocks = next(m for m in self.model.modules() if isinstance(m, nn.ModuleList))
        inside = {id(parameter) for parameter in blocks.parameters()}
        below = [p for p in self.model.parameters() if id(p) not in inside]
        return [below, *(list(block.parameters()) for block in blocks)]

    @torch.no_grad()
    def add_virtual_tokens(self, count: int) -> None:
        """Put `count` learned tokens in front of what is encoded; not for recurrent encoders.

        They begin as words of the vocabulary.
        """
        assert not self.recurrent
        self.model.config.virtual_tokens = count
        words = torch.randint(1, self.config.vocab_size, (count, 1))
        self.virtual_tokens = VirtualTokens(count, self.embedding_width)
        self.virtual_tokens.begin_as(self.embed(words)[:, 0])

    def freeze(self) -> None:
        """Stop learning: no gradients, and evaluation mode for good."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, unless frozen."""
        return super().train(mode and not self.frozen)


def load_question_encoder(
    source: str, *, offline: bool = False
) -> tuple[QuestionEncoder, Tokenizer, int]:
    """Load a pretrained encoder with its tokenizer and its padding id: a hub name or a folder.

    Raises ModelError: weights that cannot be had, or a model that is not BERT-like.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        try:
            folder = hub.fetch(source, "--question-encoder", offline=offline)
        except ModelError as error:
            others = [name for name in WELL_KNOWN if name != source]
            near = get_close_matches(source, others, n=2, cutoff=0.5)
            hint = f" (well-known names near it: {', '.join(near)})" if near else ""
            raise ModelError(f"{error.message}{hint}") from error
    disable_progress_bar()  # loading takes a moment, and stderr is ours
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
        tokenizer = _tokenizer(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"--question-encoder {source}: no BERT-like model folder with config.json, "
            f"model.safetensors and tokenizer.json: {str(error).splitlines()[0]}"
        ) from error
    encoder = QuestionEncoder(model)
    return encoder, tokenizer, int(config.pad_token_id or 0)


def _tokenizer(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    return AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer


def _encode(model: Any, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    layers = model.encoder if hasattr(model, "encoder") else model.transformer
    mask = create_bidirectional_mask(
        config=model.config, inputs_embeds=embeddings, attention_mask=attention_mask
    )
    return layers(embeddings, attention_mask=mask).last_hidden_state


def _check_bert_like(model: Any) -> None:
    """Raise ModelError unless embedding and encoding apart gives what the model itself gives."""
    name = type(model).__name__
    has_layers = hasattr(model, "encoder") or hasattr(model, "transformer")
    if not hasattr(model, "embeddings") or not has_layers:
        raise ModelError(f"--question-encoder: {name} is not BERT-like: no embeddings and encoder")
    model.eval()
    pad = model.config.pad_token_id or 0
    input_ids = torch.tensor([[pad + 1, pad + 2, pad + 3, pad]])
    attention_mask = torch.tensor([[1, 1, 1, 0]])
    with torch.inference_mode():
        whole = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        embeddings = model.embeddings(input_ids)
        if getattr(model, "embeddings_project", None) is not None:
            embeddings = model.embeddings_project(embeddings)
        try:
            apart = _encode(model, embeddings, attention_mask)
        except (TypeError, RuntimeError, AttributeError) as error:
            raise ModelError(f"--question-encoder: {name} is not BERT-like: {error}") from error
    if not torch.allclose(whole[:, :3], apart[:, :3], atol=1e-4):
        raise ModelError(
            f"--question-encoder: {name} is not BERT-like: running its encoder over its "
            "embeddings does not give its own output"
        )
