"""`vqa prepare`: raw files to a prepared dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError

if TYPE_CHECKING:
    from vqa_cli.data.prepare import Prepared


@with_settings(PrepareSettings)
def prepare(
    source: Annotated[
        Path | None,
        typer.Argument(help="A folder of images, questions and answers, or a file of questions."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where; default: .vqa inside SOURCE.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Where the images are; default: in SOURCE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    list_formats: Annotated[
        bool, typer.Option("--list-formats", help="Print the known layouts and exit.")
    ] = False,
    *,
    settings: Resolved,
    console: Console,
) -> None:
    """Check a dataset, split it, count its answers, and write it in one form."""
    if list_formats:
        _print_formats(as_json)
        return
    if source is None:
        raise SettingsError("SOURCE is missing; name the folder of your images and questions")
    from vqa_cli.data.prepare import prepare as run

    result = run(source, out, settings[PrepareSettings], console, images)
    print(json.dumps(result.to_json(), ensure_ascii=False) if as_json else summary(result))


def _print_formats(as_json: bool) -> None:
    from vqa_cli.data.detect import layouts

    known = layouts().values()
    if as_json:
        described = [{"format": layout.NAME, "layout": layout.DESCRIPTION} for layout in known]
        print(json.dumps({"formats": described}))
        return
    for layout in known:
        print(f"{layout.NAME:12}{layout.DESCRIPTION}")


def summary(result: Prepared) -> str:
    """What was made, for people."""
    lines = [f"prepared {result.out} ({result.format}, {result.images:,} images)"]
    for split, rows in result.splits.items():
        share = result.coverage.get(split)
        known = "no answers" if share is None else f"{share:.1%} with an answer in the vocabulary"
        made = ", split made here" if split in result.made else ""
        lines.append(f"  {split:5} {rows:>9,} questions, {known}{made}")
    lines.append(f"  answer vocabulary: {result.answers:,} answers, from train only")
    if result.problems:
        lines.append("problems")
        for finding in result.problems:
            left_out = "left out: " if finding.unusable else ""
            lines.append(f"  - {left_out}{finding}")
    return "\n".join(lines)
