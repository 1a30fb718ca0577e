"""`vqa info`: what a file or a folder is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vqa_cli.commands.options import with_settings
from vqa_cli.console import Console

SHOWN = 10
"""So many entries of a list are shown to people; --json has them all."""


@with_settings()
def info(
    path: Annotated[
        Path, typer.Argument(help="A dataset, prepared dataset, run, search, export or image.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    *,
    console: Console,
) -> None:
    """Say what a file or a folder is, with the main facts."""
    from vqa_cli.inference.identify import identify

    found = identify(path)
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False))
        return
    print(f"{found.path}: {found.summary}")
    for name, value in found.facts.items():
        if value is None:  # not known, or there is none
            continue
        print(f"  {name.replace('_', ' '):18}{_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN:,} more" if len(value) > SHOWN else ""
        return (", ".join(map(_text, value[:SHOWN])) or "none") + more
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
