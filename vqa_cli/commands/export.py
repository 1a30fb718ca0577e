"""`vqa export`: a small folder that answers anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vqa_cli.commands.options import with_settings
from vqa_cli.console import Console


@with_settings()
def export(
    run: Annotated[
        str | None,
        typer.Argument(help="The run; default: VQA_MODEL, runs/latest.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A prepared dataset to check the export with; default: the run's own."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an exported folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    *,
    console: Console,
) -> None:
    """Write a model as two ONNX graphs that answer without torch, and prove that they agree.

    Nothing is written where a logit differs by more than 0.001 or a top answer differs.
    """
    if out is None:
        raise typer.BadParameter("say where to with --out DIR", param_hint="--out")
    from vqa_cli.export.folder import export_run
    from vqa_cli.model_folder import resolve_model

    exported = export_run(resolve_model(run), out, data=data, force=force, report=console)
    if as_json:
        print(json.dumps(exported.to_json(), ensure_ascii=False))
        return
    print(f"{exported.out}  {_size(exported.bytes)}")
    for name in exported.files:
        print(f"  {name:20}{_size((exported.out / name).stat().st_size):>10}")
    parity = exported.parity
    print(
        f"the same as the model: largest logit difference {parity.max_abs_diff:.1e} over"
        f" {parity.questions} {parity.source}"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
