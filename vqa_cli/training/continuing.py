"""`vqa finetune NEW --from RUN`: a finished run's model, grown by the answers of new data.

Preprocessor, architecture and weights are those of RUN, which stays as it is. Its answers keep
their numbers, spellings and rows of the head. A new answer's row begins as the mean of the old
ones: its logit is then the mean of the old logits and never the highest, so that before the first
step the grown model gives the answers that RUN gives (after Hewitt, 2021, "Initializing New Word
Embeddings for Pretrained Language Models").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqa_cli.config import ContinueSettings, ModelSettings, TrainSettings
from vqa_cli.console import Reporter
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.data.preprocessor import Preprocessor, normalize_question
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.files import sha256
from vqa_cli.model_folder import check_finished, resolve_model
from vqa_cli.models.building import BuiltModel
from vqa_cli.models.checkpoint import Checkpoint, load_checkpoint
from vqa_cli.models.presets import PRESETS
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.settings import flag_of, unusable
from vqa_cli.training.defaults import FEW, SCRATCH
from vqa_cli.training.old_data import OldData

CONTINUED_RATE = 1e-4
"""Of encoders that began from scratch: at the rate of that they would forget what they know."""
SHARE = 0.5
"""Of an epoch, to be replayed where the user names no share."""
TUNINGS = ("image_tuning", "question_tuning")
"""What a continuation may choose anew; everything else of the model is RUN's."""


@dataclass(frozen=True)
class OldRun:
    """The run to go on from."""

    folder: Path
    checkpoint: Checkpoint

    @classmethod
    def open(cls, run: Path) -> OldRun:
        """Load it. Raises ModelError where it is none, or not finished, or damaged."""
        folder = resolve_model(run)
        checkpoint = load_checkpoint(folder)
        check_finished(folder)
        return cls(folder, checkpoint)

    @property
    def settings(self) -> ModelSettings:
        """The settings that its model was built from."""
        return ModelSettings.from_mapping(self.checkpoint.config["settings"]["model"])

    def taught(self, train: TrainSettings) -> TrainSettings:
        """Return the settings with this run's objective, where the user left it open."""
        if train.objective != "auto":
            return train
        return replace(train, objective=self.checkpoint.config["settings"]["train"]["objective"])

    def check(self, wanted: ModelSettings, named: Collection[str] = ()) -> None:
        """Raise SettingsError with everything that the user wants otherwise than this run has it.

        named: settings that were named, though perhaps with the value that is their default.
        """
        if problems := list(self._contradictions(wanted, named)):
            raise unusable(problems)

    def _contradictions(self, wanted: ModelSettings, named: Collection[str]) -> Iterator[str]:
        has = self._has()
        for spec in fields(ModelSettings):
            value = getattr(wanted, spec.name)
            asked = value != spec.default or spec.name in named
            if spec.name not in TUNINGS and asked and value not in has[spec.name]:
                yield (
                    f"{flag_of(spec)} {value}: --from {self.folder} goes on with that run's model, "
                    f"which has {has[spec.name][0]}; leave it out"
                )

    def _has(self) -> dict[str, tuple[Any, ...]]:
        """By setting, what this run has; names by which the same thing is known come after it."""
        chosen, model = self.settings, self.checkpoint.model.config
        preprocessor, question = self.checkpoint.preprocessor, model.question_encoder
        transform, preset = preprocessor.transform, self.checkpoint.config["preset"]
        image = (chosen.image_encoder, PRESETS[preset].image_encoder)
        text = (chosen.question_encoder, PRESETS[preset].question_encoder)
        return {
            "preset": (preset, chosen.preset),
            "image_encoder": (*filter(None, image), model.image_encoder.architecture),
            "question_encoder": (*filter(None, text), question["model_type"]),
            "fusion": (model.fusion,),
            "width": (model.width,),
            "layers": (model.layers,),
            "dropout": (model.dropout,),
            "image_size": (transform.height,),
            "resize": (transform.resize,),
            "max_question_tokens": (preprocessor.max_question_tokens, chosen.max_question_tokens),
        }

    def build(self, wanted: ModelSettings, vocabulary: AnswerVocabulary) -> BuiltModel:
        """Return the model with a row of the head for each answer of `vocabulary`.

        vocabulary: this run's, `grown`.
        """
        chosen, preset = self.settings, self.checkpoint.config["preset"]
        model = self.checkpoint.model
        grown = VQAModel.from_config(replace(model.config, answers=len(vocabulary)))
        state = model.state_dict()
        for name in ("weight", "bias"):  # of the last layer, which has a row for each answer
            row = f"head.{len(model.head) - 1}.{name}"
            state[row] = with_rows(state[row], len(vocabulary))
        grown.load_state_dict(state)
        return BuiltModel(
            grown,
            self.checkpoint.preprocessor,
            preset,
            (chosen.image_encoder or PRESETS[preset].image_encoder) is not None,
            (chosen.question_encoder or PRESETS[preset].question_encoder) is not None,
            *(getattr(wanted, name) or getattr(chosen, name) for name in TUNINGS),
        )


def with_rows(rows: Tensor, count: int) -> Tensor:
    """Rows (A, ...) -> (count, ...): those to come are the mean of those that are there."""
    mean = rows.double().mean(0, keepdim=True).to(rows.dtype)
    return torch.cat([rows, mean.expand(count - len(rows), *rows.shape[1:])])


@dataclass(frozen=True)
class Continued:
    """What a new run takes from an old one beside the model."""

    run: OldRun
    vocabulary: AnswerVocabulary  # the old run's, grown
    data: OldData

    @classmethod
    def of(
        cls, run: OldRun, wanted: ContinueSettings, new: PreparedDataset, report: Reporter
    ) -> Continued:
        """Find out what there is to go on from, and say what may surprise.

        Raises DataError where what is to be replayed cannot be used.
        """
        replay = open_or_prepare(wanted.replay, report=report) if wanted.replay else None
        share = SHARE if wanted.replay_share is None else wanted.replay_share
        data = OldData.find(run.checkpoint.config["data"], replay, share)
        old = run.checkpoint.vocabulary
        grown = old.grown(new.vocabulary)
        report.notice(
            f"going on from {run.folder}: {len(old):,} answers kept, {len(grown) - len(old):,} new"
        )
        words = Words.of(new.rows("train")["question"], run.checkpoint.preprocessor)
        report.notice(words.describe())
        if data.missing:
            report.warn(f"the score on the old data cannot be told: {data.missing}")
        for leak in data.leaks(new):
            report.warn(leak)
        return cls(run, grown, data)

    def build(self, wanted: ModelSettings) -> BuiltModel:
        """Return the run's model, grown, to be tuned as `wanted`, else as before."""
        return self.run.build(wanted, self.vocabulary)

    def record(self) -> dict[str, Any]:
        """Return plain values, for the new run's config.json."""
        return {
            "run": str(self.run.folder.resolve()),
            "weights_sha256": sha256(self.run.folder / "model.safetensors"),
            "answers": len(self.run.checkpoint.vocabulary),
            **self.data.record(),
        }


@dataclass(frozen=True)
class Words:
    """How many of the distinct words of some questions a tokenizer does not know as such."""

    distinct: int
    unknown: int  # [UNK], at least in part
    spelt: int  # in several pieces

    @classmethod
    def of(cls, questions: Collection[str], preprocessor: Preprocessor) -> Words:
        """Read each distinct question once."""
        texts = sorted({normalize_question(question) for question in questions})
        unknown_token = getattr(preprocessor.tokenizer.model, "unk_token", None)
        tokens_of: dict[str, list[str]] = {}
        for text, encoding in zip(texts, preprocessor.tokenizer.encode_batch(texts), strict=True):
            words: dict[int, list[int]] = {}
            for place, number in enumerate(encoding.word_ids):
                if number is not None:
                    words.setdefault(number, []).append(place)
            for places in words.values():
                start, end = encoding.offsets[places[0]][0], encoding.offsets[places[-1]][1]
                word = text[start:end].strip().casefold()
                tokens_of[word] = [encoding.tokens[place] for place in places]
        unknown = {word for word, tokens in tokens_of.items() if unknown_token in tokens}
        spelt = {word for word, tokens in tokens_of.items() if len(tokens) > 1} - unknown
        return cls(len(tokens_of), len(unknown), len(spelt))

    def describe(self) -> str:
        """One line for people."""
        return (
            f"of {self.distinct:,} distinct words in the new questions the run's tokenizer spells "
            f"{self.spelt:,} in pieces and does not know {self.unknown:,}"
        )


def settle(train: TrainSettings, wanted: TrainSettings) -> TrainSettings:
    """Lower the peak rate of encoders from scratch where the user `wanted` none in particular."""
    of_scratch = (FEW.encoder_learning_rate, SCRATCH.encoder_learning_rate)
    if wanted.encoder_learning_rate is None and train.encoder_learning_rate in of_scratch:
        return replace(train, encoder_learning_rate=CONTINUED_RATE)
    return train
