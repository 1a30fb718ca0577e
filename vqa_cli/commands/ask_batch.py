"""`vqa ask --batch` and `--images`: a stream of questions, and its records or lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from vqa_cli.commands.ask_output import Asking, one_line
from vqa_cli.inference.answerer import Answerer
from vqa_cli.inference.batch import Outcome, answer_batch
from vqa_cli.inference.image_sources import shown
from vqa_cli.inference.requests import Batch, Request, find_images, open_batch, requests_about

SPECIAL_TOKENS = 4
"""At most so many does a tokenizer add to a question."""


def ask_all(
    asking: Asking, batch: str | None, images: str | None, questions: Sequence[str]
) -> None:
    """Answer a batch, or the same questions about all `images`; what cannot be asked is told.

    Raises DataError at the end where there was such; UnsureError where an answer is missing.
    """
    if images is not None:
        opened: AbstractContextManager[Batch] = nullcontext(
            requests_about(find_images(images), questions)
        )
        asking.answers.columns = ("image", "question")[: 1 + (len(questions) > 1)]
    else:
        opened = open_batch(str(batch))
    with opened as stream:
        _answer(asking, stream)
    asking.console.close()
    asking.answers.finish(asking.console)


def _answer(asking: Asking, stream: Batch) -> None:
    answers, console = asking.answers, asking.console
    answerer = asking.load()
    cut = 0
    console.progress("answering", 0, stream.total or 0)
    for number, (request, outcomes) in enumerate(
        answer_batch(answerer, stream, allow_url=asking.allow_url, top_k=answers.top_k), 1
    ):
        for outcome in outcomes:
            cut += _is_cut(answerer, outcome)
            _write(asking, request, outcome)
        answers.flush()
        console.progress("answering", request.line or number, stream.total or 0)
    if cut:
        tokens = answerer.preprocessor.max_question_tokens
        console.warn(f"only the first {tokens} tokens of {cut:,} question(s) count")


def _is_cut(answerer: Answerer, outcome: Outcome) -> bool:
    if outcome.prediction is None:
        return False
    question = outcome.prediction.question
    # To tokenise each question twice would take a quarter of a small model's time, and ASCII has
    # at most a token a character.
    most = answerer.preprocessor.max_question_tokens - SPECIAL_TOKENS
    return not (question.isascii() and len(question) <= most) and answerer.is_cut(question)


def _write(asking: Asking, request: Request, outcome: Outcome) -> None:
    answers = asking.answers
    image = None if request.image is None else shown(request.image)
    if outcome.prediction is not None:
        answers.write(str(image), outcome.prediction, request.ids)
        return
    error = one_line(str(outcome.error))
    record: dict[str, Any] = {**request.ids}
    if request.line is not None:
        record["line"] = request.line
    record |= {"image": image, "question": outcome.question}
    place = "" if request.line is None else f"line {request.line:,}: "
    answers.fail(error, place, record)
    if not answers.as_json:
        asking.console.warn(error)
