"""From a prepared dataset to what the recipe trains on; encoders that stay frozen run only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from accelerate import Accelerator

from vqa_cli.config import AugmentSettings
from vqa_cli.console import Reporter
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.errors import DataError
from vqa_cli.models.checkpoint import Checkpoint
from vqa_cli.training.asked import Asked
from vqa_cli.training.batches import Rows
from vqa_cli.training.beginning import Beginning
from vqa_cli.training.class_weights import question_weights
from vqa_cli.training.context import Context
from vqa_cli.training.image_inputs import image_inputs
from vqa_cli.training.joined_images import JoinedImages
from vqa_cli.training.objective import SoftTargets, soft_targets
from vqa_cli.training.old_data import OldData
from vqa_cli.training.processes import together
from vqa_cli.training.question_inputs import question_inputs
from vqa_cli.training.split_data import ImageInputs, SplitData
from vqa_cli.training.step import Task
from vqa_cli.training.validation import Validation

LEARNED = ["image", "question", "question_id", "answers", "answer_kind"]
"""The columns that training needs."""


def build_task(
    beginning: Beginning,
    data: PreparedDataset,
    old: OldData | None,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
) -> Task:
    """Make train and val ready: features of frozen encoders, token ids, soft targets.

    old: what a continued run replays, behind the rows of train, and scores. Only train's rows are
    ever asked for with a draw, so val sees every image as it is.

    Raises DataError where no training question has an answer in the vocabulary.
    """
    checkpoint, settings = beginning.checkpoint, beginning.train
    context = Context(beginning, data, device, together(accelerator), report)
    frames = [data.rows("train"), data.rows("val")]
    again = old.replayed(len(frames[0]), settings.seed) if old else None
    images, image_of = _images(context, frames, old.replay if old else None, again)
    if again is not None:
        frames[0] = pd.concat([frame[LEARNED] for frame in (frames[0], again)], ignore_index=True)
    texts, question_of = _numbered([frame["question"] for frame in frames])
    questions = question_inputs(context, texts, set(frames[0]["question"]))
    compared = settings.contrastive or settings.matching
    asked = Asked(image_of[0], question_of[0]) if compared else None
    train, val = (
        SplitData(
            image,
            question,
            images,
            questions,
            frame["question_id"].array,
            second=settings.consistency > 0,
            asked=asked,
        )
        for image, question, frame in zip(image_of, question_of, frames, strict=True)
    )
    train_targets = _targets(frames[0], checkpoint)
    rows = np.flatnonzero(train_targets.has_target())
    if not len(rows):
        raise DataError(f"{data.folder}: no question of train has an answer in the vocabulary")
    if left_out := len(train) - len(rows):
        report.notice(
            f"{left_out:,} of {len(train):,} training questions have no answer in the vocabulary "
            "and are left out"
        )
    validation = _validation(context, val, frames[1])
    weights = question_weights(settings.class_weights, train_targets)
    scored = _scored(context, *old.scored) if old and old.scored else None
    return Task(train, train_targets, rows, weights, validation, scored)


def _images(
    context: Context,
    frames: Sequence[pd.DataFrame],
    replay: PreparedDataset | None,
    again: pd.DataFrame | None,
) -> tuple[ImageInputs, list[Rows]]:
    """The images of train and val, and which one each row is about; train's rows go on `again`."""
    files, image_of = _numbered([frame["image"] for frame in frames])
    images = image_inputs(context, files, frames[0])
    if replay is None or again is None:
        return images, image_of
    further, (place,) = _numbered([again["image"]])
    others = image_inputs(replace(context, data=replay), further, again)
    train, val = image_of
    joined = JoinedImages(images, len(files), others)
    return joined, [np.concatenate([train, place + len(files)]), val]


def _scored(context: Context, data: PreparedDataset, split: str) -> Validation:
    """A split of the old data, by which forgetting is measured: as it is, whatever train is."""
    plain = replace(context.beginning, augment=AugmentSettings())
    context = replace(context, beginning=plain, data=data)
    frame = context.data.rows(split)
    files, (image,) = _numbered([frame["image"]])
    texts, (question,) = _numbered([frame["question"]])
    images = image_inputs(context, files, frame)
    questions = question_inputs(context, texts, ())
    ids = frame["question_id"].array
    return _validation(context, SplitData(image, question, images, questions, ids), frame)


def _validation(context: Context, data: SplitData, frame: pd.DataFrame) -> Validation:
    return Validation(
        data,
        list(frame["answers"]),
        list(frame["answer_kind"]),
        _targets(frame, context.checkpoint),
        context.checkpoint.vocabulary,
        context.beginning.train.objective,
    )


def _numbered(columns: Sequence[Iterable[str]]) -> tuple[list[str], list[Rows]]:
    """Number the distinct texts of several columns; give them, and each column as numbers."""
    distinct = sorted({text for column in columns for text in column})
    number = {text: place for place, text in enumerate(distinct)}
    return distinct, [np.array([number[text] for text in column]) for column in columns]


def _targets(frame: pd.DataFrame, checkpoint: Checkpoint) -> SoftTargets:
    return soft_targets(list(frame["answers"]), list(frame["answer_kind"]), checkpoint.vocabulary)
