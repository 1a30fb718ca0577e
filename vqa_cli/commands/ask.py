"""`vqa ask`: the answers alone on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa_cli.commands.ask_output import Answers, Asking
from vqa_cli.commands.ask_usage import check_usage, read_choice
from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import DeviceSettings, PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answerer
    from vqa_cli.inference.image_sources import LazyImage


@with_settings(DeviceSettings)
def ask(
    image: Annotated[
        str | None,
        typer.Argument(
            help="An image file, `-` for its bytes on stdin, a data: URI, or a URL.",
            show_default=False,
        ),
    ] = None,
    questions: Annotated[
        list[str] | None,
        typer.Argument(help="One or more questions about it.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A run or an exported folder; default: VQA_MODEL, runs/latest."
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Answer the questions of a file, JSON lines or csv; `-`: JSON lines on stdin.",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|GLOB", help="Ask the questions about each image of a folder or pattern."
        ),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask one question after another.")
    ] = False,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="Say so many answers, with their confidence.")
    ] = 1,
    min_confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Say 'unsure' below this confidence, and exit with 4."),
    ] = 0.0,
    allow_answers: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Choose among these answers alone.")
    ] = None,
    block_answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Never say these answers, one a line.")
    ] = None,
    allow_url: Annotated[
        bool, typer.Option("--allow-url", help="Fetch images from http(s) URLs.")
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="PICTURE",
            help="Draw where the model looked and which words counted; several questions: a number"
            " goes before the suffix.",
        ),
    ] = None,
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
    words = [*([] if image is None else [image]), *(questions or [])]
    check_usage(words, batch, images, interactive=interactive, explain=explain is not None)
    device = settings[DeviceSettings]
    if allow_url and device.offline:
        raise SettingsError("--allow-url fetches images, which --offline forbids; leave out one")
    choice = read_choice(allow_answers, block_answers)

    def load() -> Answerer:
        from vqa_cli.inference.answer_choice import choose_answers
        from vqa_cli.inference.loading import load_answerer

        answerer = load_answerer(model, device=device)
        answerer.max_pixels = max_pixels
        answerer.choice = choose_answers(answerer.vocabulary, *choice, report=console)
        console.detail(answerer.describe())
        return answerer

    answers = Answers(as_json or batch is not None, top_k, min_confidence)
    asking = Asking(load, answers, allow_url, console)
    if batch is not None or images is not None:
        from vqa_cli.commands.ask_batch import ask_all

        ask_all(asking, batch, images, words)
    elif interactive:
        from vqa_cli.commands.ask_session import ask_in_turn

        ask_in_turn(asking, image)
    else:
        if len(words) > 2 and not any(" " in question.strip() for question in words[1:]):
            console.warn(
                f"{len(words) - 1} questions of one word each; quote a question that has several: "
                f'"{" ".join(words[1:])}"'
            )
        ask_once(asking, words[0], words[1:], explain)


def ask_once(asking: Asking, image: str, questions: Sequence[str], explain: Path | None) -> None:
    """Answer questions about one image; what cannot be read ends it."""
    from vqa_cli.inference.image_sources import STDIN, LazyImage, open_image, read_stdin, shown

    if image == STDIN:
        source: str | LazyImage = LazyImage(STDIN, partial(bytes, read_stdin()))
    else:
        source = open_image(image, allow_url=asking.allow_url)
    if explain is not None:
        ask_explained(asking, image, source, questions, explain)
        return
    answerer = asking.load()
    predictions = answerer.ask(source, list(questions), top_k=asking.answers.top_k)
    for question in questions:
        asking.warn_if_cut(answerer, question)
    for prediction in predictions:
        asking.answers.write(shown(image), prediction)
    asking.answers.finish(asking.console)


def ask_explained(
    asking: Asking, image: str, source: str | LazyImage, questions: Sequence[str], out: Path
) -> None:
    """Answer questions about one image, and draw why."""
    from vqa_cli.inference.explanation_files import explain_to_files, picture_paths, read_source
    from vqa_cli.inference.image_sources import shown

    paths = picture_paths(out, len(questions))
    answerer = asking.load()
    rgb = read_source(source, answerer)
    predictions = answerer.ask(rgb, list(questions), top_k=asking.answers.top_k)
    explanations = explain_to_files(answerer, rgb, questions, paths, asking.console)
    for prediction, explanation, path in zip(predictions, explanations, paths, strict=True):
        asking.warn_if_cut(answerer, prediction.question)
        record = {"explanation": {"picture": str(path), **explanation.to_json()}}
        asking.answers.write(shown(image), prediction, more=record)
        asking.console.notice(f"drawn: {path}")
    asking.answers.finish(asking.console)
