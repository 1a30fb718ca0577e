"""`vqa prepare`: raw files to a prepared dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import DataError, GateError, SettingsError


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
    check: Annotated[
        bool, typer.Option("--check", help="Examine everything, and write nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 if any problem is found.")
    ] = False,
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
    from vqa_cli.data.prepare import check as examine
    from vqa_cli.data.prepare import prepare as run
    from vqa_cli.data.summary import summary

    chosen = settings[PrepareSettings]
    if check:
        result = examine(source, chosen, console, images)
    else:
        result = run(source, out, chosen, console, images, strict=strict)
    try:
        print(json.dumps(result.to_json(), ensure_ascii=False) if as_json else summary(result))
    finally:  # what was found counts also where the reader of the summary went away
        if strict and (result.problems or result.stops):
            raise GateError(f"{source}: {len(result.problems)} kind(s) of problems were found")
        if result.stops:
            raise DataError(f"{source}: {'; '.join(result.stops)}")


def _print_formats(as_json: bool) -> None:
    from vqa_cli.data.detect import layouts

    known = layouts().values()
    if as_json:
        described = [{"format": layout.NAME, "layout": layout.DESCRIPTION} for layout in known]
        print(json.dumps({"formats": described}))
        return
    for layout in known:
        print(f"{layout.NAME:12}{layout.DESCRIPTION}")
