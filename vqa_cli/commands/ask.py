"""`vqa ask`: the answers alone on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import DeviceSettings, PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import UnsureError

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answer, Prediction

UNSURE = "unsure"


@with_settings(DeviceSettings)
def ask(
    image: Annotated[str, typer.Argument(help="The image file.", show_default=False)],
    questions: Annotated[
        list[str], typer.Argument(help="One or more questions about it.", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A run or an exported folder; default: VQA_MODEL, runs/latest."
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="Say so many answers, with their confidence.")
    ] = 1,
    min_confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Say 'unsure' below this confidence, and exit with 4."),
    ] = 0.0,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse images of more pixels.")
    ] = PrepareSettings.max_pixels,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per question.")] = False,
    *,
    settings: Resolved,
    console: Console,
) -> None:
    """Answer questions about an image: one line per question, the answer alone.

    With --top-k each line is an answer, a tab and its confidence; an empty line parts questions.
    """
    from vqa_cli.inference.loading import load_answerer

    answerer = load_answerer(model, device=settings[DeviceSettings])
    answerer.max_pixels = max_pixels
    console.detail(answerer.describe())
    predictions = answerer.ask(image, questions, top_k=top_k)
    for question in questions:
        if answerer.is_cut(question):
            tokens = answerer.preprocessor.max_question_tokens
            console.warn(f"only the first {tokens} tokens of this question count: {question:.60}…")
    for number, prediction in enumerate(predictions):
        sure = [a for a in prediction.answers if a.confidence >= min_confidence]
        if as_json:
            print(json.dumps(_record(image, prediction, unsure=not sure), ensure_ascii=False))
        elif top_k == 1:
            print(sure[0].text if sure else UNSURE)
        else:
            print("\n" * (number > 0) + _lines(sure))
    unsure = sum(prediction.confidence < min_confidence for prediction in predictions)
    if unsure:
        raise UnsureError(
            f"{unsure} of {len(predictions)} question(s) have no answer of confidence"
            f" {min_confidence:g} or more"
        )


def _lines(answers: list[Answer]) -> str:
    return "\n".join(f"{answer.text}\t{answer.confidence:.2f}" for answer in answers) or UNSURE


def _record(image: str, prediction: Prediction, *, unsure: bool) -> dict[str, Any]:
    return {
        "image": image,
        "question": prediction.question,
        "answer": UNSURE if unsure else prediction.answer,
        "confidence": prediction.confidence,
        "unsure": unsure,
        "answers": [
            {"answer": answer.text, "confidence": answer.confidence}
            for answer in prediction.answers
        ],
    }
