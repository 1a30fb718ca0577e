"""From a prepared dataset to what the recipe trains on; encoders that stay frozen run only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from accelerate import Accelerator

from vqa_cli.console import Reporter
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.errors import DataError
from vqa_cli.models.checkpoint import Checkpoint
from vqa_cli.models.extraction import extract_questions, open_question_store, question_key
from vqa_cli.training.asked import Asked
from vqa_cli.training.batches import Rows
from vqa_cli.training.beginning import Beginning
from vqa_cli.training.class_weights import question_weights
from vqa_cli.training.context import Context
from vqa_cli.training.image_inputs import image_inputs
from vqa_cli.training.objective import SoftTargets, soft_targets
from vqa_cli.training.processes import together
from vqa_cli.training.split_data import QuestionInputs, QuestionTokens, SplitData, TokenIds
from vqa_cli.training.step import Task
from vqa_cli.training.validation import Validation

if TYPE_CHECKING:
    import pandas as pd


def build_task(
    beginning: Beginning,
    data: PreparedDataset,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
) -> Task:
    """Make train and val ready: features of frozen encoders, token ids, soft targets.

    Only train's rows are ever asked for with a draw, so val sees every image as it is.

    Raises DataError where no training question has an answer in the vocabulary.
    """
    checkpoint, settings = beginning.checkpoint, beginning.train
    context = Context(beginning, data, device, together(accelerator), report)
    frames = [data.rows("train"), data.rows("val")]
    files, image_of = _numbered([frame["image"] for frame in frames])
    texts, question_of = _numbered([frame["question"] for frame in frames])
    images, questions = image_inputs(context, files, frames[0]), _question_inputs(context, texts)
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
    validation = Validation(
        val, answers, kinds, val_targets, checkpoint.vocabulary, settings.objective
    )
    weights = question_weights(settings.class_weights, train_targets)
    return Task(train, train_targets, rows, weights, validation)


def _numbered(columns: Sequence[Iterable[str]]) -> tuple[list[str], list[Rows]]:
    """Number the distinct texts of several columns; give them, and each column as numbers."""
    distinct = sorted({text for column in columns for text in column})
    number = {text: place for place, text in enumerate(distinct)}
    return distinct, [np.array([number[text] for text in column]) for column in columns]


def _targets(frame: pd.DataFrame, checkpoint: Checkpoint) -> SoftTargets:
    return soft_targets(list(frame["answers"]), list(frame["answer_kind"]), checkpoint.vocabulary)


def _question_inputs(context: Context, texts: Sequence[str]) -> QuestionInputs:
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
