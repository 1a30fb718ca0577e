"""From a prepared dataset to what the recipe trains on; encoders that stay frozen run only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from accelerate import Accelerator

from vqa_cli.console import Reporter
from vqa_cli.data.feature_cache import features_folder
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.errors import DataError
from vqa_cli.models.checkpoint import Checkpoint
from vqa_cli.models.extraction import (
    extract_images,
    extract_questions,
    open_image_store,
    open_question_store,
    question_key,
)
from vqa_cli.models.extraction_loop import Processes
from vqa_cli.training.batches import Rows
from vqa_cli.training.objective import SoftTargets, soft_targets
from vqa_cli.training.split_data import (
    ImageInputs,
    ImageTokens,
    Pixels,
    QuestionInputs,
    QuestionTokens,
    SplitData,
    TokenIds,
)
from vqa_cli.training.step import Task
from vqa_cli.training.validation import Validation

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Context:
    """What every step of the way from data to task needs to know."""

    checkpoint: Checkpoint
    data: PreparedDataset
    device: Device
    processes: Processes
    report: Reporter

    @property
    def features(self) -> Path:
        return features_folder(self.data.folder)


def build_task(
    checkpoint: Checkpoint,
    data: PreparedDataset,
    device: Device,
    objective: str,
    accelerator: Accelerator,
    report: Reporter,
) -> Task:
    """Make train and val ready: features of frozen encoders, token ids, soft targets.

    Raises DataError where no training question has an answer in the vocabulary.
    """
    processes = Processes(
        accelerator.process_index, accelerator.num_processes, accelerator.wait_for_everyone
    )
    context = _Context(checkpoint, data, device, processes, report)
    frames = [data.rows("train"), data.rows("val")]
    files, image_of = _numbered([frame["image"] for frame in frames])
    texts, question_of = _numbered([frame["question"] for frame in frames])
    images, questions = _image_inputs(context, files), _question_inputs(context, texts)
    train, val = (
        SplitData(image, question, images, questions, frame["question_id"].array)
        for image, question, frame in zip(image_of, question_of, frames, strict=True)
    )
    train_targets, val_targets = (_targets(frame, checkpoint) for frame in frames)
    rows = np.flatnonzero(train_targets.has_target())
    if not len(rows):
        raise DataError(f"{data.folder}: no question of train has an answer in the vocabulary")
    if left_out := len(train) - len(rows):
        report.notice(
            f"{left_out:,} of {len(train):,} training questions have no answer in the vocabulary "
            "and are left out"
        )
    answers, kinds = list(frames[1]["answers"]), list(frames[1]["answer_kind"])
    validation = Validation(val, answers, kinds, val_targets, checkpoint.vocabulary, objective)
    return Task(train, train_targets, rows, validation)


def _numbered(columns: Sequence[Iterable[str]]) -> tuple[list[str], list[Rows]]:
    """Number the distinct texts of several columns; give them, and each column as numbers."""
    distinct = sorted({text for column in columns for text in column})
    number = {text: place for place, text in enumerate(distinct)}
    return distinct, [np.array([number[text] for text in column]) for column in columns]


def _targets(frame: pd.DataFrame, checkpoint: Checkpoint) -> SoftTargets:
    return soft_targets(list(frame["answers"]), list(frame["answer_kind"]), checkpoint.vocabulary)


def _image_inputs(context: _Context, files: Sequence[str]) -> ImageInputs:
    """Tokens of the feature store where the image encoder is frozen, else pixels."""
    encoder, preprocessor = context.checkpoint.model.image_encoder, context.checkpoint.preprocessor
    max_pixels = context.data.info["settings"]["max_pixels"]
    paths = [context.data.image_root / file for file in files]
    if not encoder.frozen:
        return Pixels(paths, preprocessor, context.device.threads, max_pixels)
    recorded = context.data.images()
    digest = dict(zip(recorded["image"], recorded["sha256"], strict=True))
    keys = [digest[file] for file in files]
    store = open_image_store(context.features, encoder, preprocessor.transform, context.device)
    extract_images(
        encoder,
        preprocessor,
        list(zip(paths, keys, strict=True)),
        store,
        context.device,
        max_pixels=max_pixels,
        report=context.report,
        processes=context.processes,
    )
    return ImageTokens(store, store.lookup(keys))


def _question_inputs(context: _Context, texts: Sequence[str]) -> QuestionInputs:
    """Tokens of the feature store where the encoder is frozen and ends before the fusion."""
    model, preprocessor = context.checkpoint.model, context.checkpoint.preprocessor
    encoder = model.question_encoder
    token_ids = preprocessor.token_ids(texts)
    if not encoder.frozen or model.fusion.consumes == "embeddings":
        return TokenIds(token_ids, preprocessor)
    store = open_question_store(context.features, encoder, context.device)
    extract_questions(
        encoder,
        preprocessor,
        token_ids,
        store,
        context.device,
        report=context.report,
        processes=context.processes,
    )
    return QuestionTokens(store, store.lookup(map(question_key, token_ids)))
