"""Where training's questions come from: token ids, or stored tokens, plain or asked otherwise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from vqa_cli.data.question_augmentation import QuestionAugmentation
from vqa_cli.data.question_files import read_synonyms, read_templates
from vqa_cli.models.extraction import extract_questions, open_question_store, question_key
from vqa_cli.training.augmentation import view_hash
from vqa_cli.training.augmentation_rules import Words
from vqa_cli.training.batches import Rows
from vqa_cli.training.context import Context
from vqa_cli.training.split_data import QuestionInputs, QuestionTokens, TokenIds, ViewTokens

ASKING = [
    *("what", "what's", "which", "who", "who's", "whose", "whom", "where", "when", "why", "how"),
    *("isn't", "aren't", "wasn't", "weren't", "doesn't", "don't", "didn't", "hasn't", "haven't"),
    *("can't", "cannot", "won't", "never", "neither", "nor"),
    *("wer", "wem", "wen", "wessen", "was", "welch*", "wo", "woher", "wohin", "wann", "warum"),
    *("wieso", "weshalb", "wie", "nie", "niemals", "weder", "noch"),
    *("qui", "que", "quoi", "qu'est*", "quel*", "où", "quand", "pourquoi", "comment", "lequel"),
    *("laquelle", "lesquel*", "ne", "n'est", "n'a", "ni", "jamais"),
    *("quién*", "qué", "cuál*", "dónde", "adónde", "cuándo", "por qué", "cómo", "nunca", "tampoco"),
    *("gì", "nào", "ai", "đâu", "khi nào", "bao giờ", "sao", "tại sao", "thế nào", "như thế nào"),
]
"""Words that say what kind of answer is wanted, or turn the question round. They are never left
out, as little as those of `augmentation_words.toml`."""


def question_inputs(
    context: Context, texts: Sequence[str], trained: Collection[str]
) -> QuestionInputs:
    """Tokens of the feature store where the encoder is frozen and ends before the fusion.

    texts: the questions by number. trained: those of train, which alone are asked otherwise.
    """
    model, preprocessor = context.checkpoint.model, context.checkpoint.preprocessor
    token_ids = preprocessor.token_ids(texts)
    augmentation = question_augmentation(context)
    if model.question_encoder.frozen and model.fusion.consumes == "tokens":
        return _tokens(context, texts, token_ids, trained, augmentation)
    if augmentation is None:
        return TokenIds(token_ids, preprocessor)
    return TokenIds(token_ids, preprocessor, ask=partial(_ask, context, augmentation, texts))


def question_augmentation(context: Context) -> QuestionAugmentation | None:
    """What may be done to train's questions; None where nothing is asked for.

    Raises SettingsError where the run's own copy of a user's file cannot be used.
    """
    chosen, given = context.beginning.augment, context.beginning.given
    if not (chosen.word_dropout or chosen.synonyms or chosen.templates):
        return None
    words, asking = Words.load(given.get("augmentation_words")), Words({"asking": ASKING})
    return QuestionAugmentation(
        context.beginning.train.seed,
        chosen.word_dropout,
        read_synonyms(given["synonyms"]) if chosen.synonyms else [],
        read_templates(given["templates"]) if chosen.templates else [],
        about=lambda text: words.topics(text) | asking.topics(text),
    )


def _ask(
    context: Context,
    augmentation: QuestionAugmentation,
    texts: Sequence[str],
    questions: Rows,
    draw: int,
) -> list[list[int]]:
    """Token ids of the questions as a draw has them."""
    asked = [augmentation(texts[question], draw) for question in questions]
    return context.checkpoint.preprocessor.token_ids(asked)


def _tokens(
    context: Context,
    texts: Sequence[str],
    token_ids: Sequence[Sequence[int]],
    trained: Collection[str],
    augmentation: QuestionAugmentation | None,
) -> QuestionInputs:
    """Encode what the store lacks of the questions and the other ways to ask them.

    A question is known by its token ids: two ways to ask that are the same are encoded once.
    """
    checkpoint = context.checkpoint
    encoder, preprocessor = checkpoint.model.question_encoder, checkpoint.preprocessor
    store = open_question_store(context.features, encoder, context.device)
    count = context.beginning.augment.views
    if augmentation is not None:
        ways = [
            augmentation(text, view) if view and text in trained else text
            for text in texts
            for view in range(count)
        ]
        token_ids = preprocessor.token_ids(ways)
    extract_questions(
        encoder,
        preprocessor,
        token_ids,
        store,
        context.device,
        report=context.report,
        processes=context.processes,
    )
    rows = store.lookup(map(question_key, token_ids))
    if augmentation is None:
        return QuestionTokens(store, rows)
    hashes = np.array([view_hash(augmentation.seed, text) for text in texts], dtype=np.uint64)
    return ViewTokens(QuestionTokens(store, rows), count, hashes)
