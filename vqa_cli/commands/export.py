"""`vqa export`: a small folder that answers anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa_cli.commands.options import with_settings
from vqa_cli.console import Console

if TYPE_CHECKING:
    from vqa_cli.export.quantization import Quantization


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
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="int8", help="Quantise the graphs, and measure that on val.", show_default=False
        ),
    ] = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Write nothing, and exit with 3, where int8 loses more of the accuracy on val.",
            show_default=False,
        ),
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
    if quantize not in (None, "int8"):
        raise typer.BadParameter(f"it is int8 or absent, got {quantize}", param_hint="--quantize")
    if max_accuracy_drop is not None and quantize is None:
        raise typer.BadParameter(
            "is about what --quantize int8 loses; give that too", param_hint="--max-accuracy-drop"
        )
    from vqa_cli.export.folder import export_run
    from vqa_cli.model_folder import resolve_model

    exported = export_run(
        resolve_model(run),
        out,
        data=data,
        force=force,
        quantized=quantize is not None,
        max_accuracy_drop=max_accuracy_drop,
        report=console,
    )
    if as_json:
        print(json.dumps(exported.to_json(), ensure_ascii=False))
        return
    print(f"{exported.out}  {_size(exported.bytes)}")
    for name in exported.files:
        print(f"  {name:20}{_size((exported.out / name).stat().st_size):>10}")
    parity = exported.parity
    which = "the float graphs are " if exported.quantization else ""
    print(
        f"{which}the same as the model: largest logit difference {parity.max_abs_diff:.1e} over"
        f" {parity.questions} {parity.source}, in {parity.comparisons} comparisons"
    )
    if exported.quantization:
        print(_table(exported.quantization))


def _table(quantization: Quantization) -> str:
    before, after = quantization.before, quantization.after
    return "\n".join(
        [
            f"{'':24}{'float':>12}{'int8':>12}",
            f"{'both graphs':24}{_size(before.bytes):>12}{_size(after.bytes):>12}",
            f"{'one question':24}{before.milliseconds:>9.1f} ms{after.milliseconds:>9.1f} ms",
            f"{'accuracy on val':24}{before.accuracy:>12.4f}{after.accuracy:>12.4f}",
            f"questions of val: {quantization.questions:,}; float stay {quantization.floats}",
            f"a confidence depends on its batch by at most {quantization.batch_difference:.1e}",
        ]
    )


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
