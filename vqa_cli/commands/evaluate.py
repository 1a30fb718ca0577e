"""`vqa evaluate`: the accuracy, and what it is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import DeviceSettings, PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import GateError, SettingsError

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answerer


@with_settings(DeviceSettings, PrepareSettings)
def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help="A prepared dataset, or raw data: it is prepared first.", show_default=False
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A run or an exported folder; default: VQA_MODEL, runs/latest."
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Score this file in the official results format (JSON) instead of a model."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "test",
    images: Annotated[
        Path | None, typer.Option(help="Where the images are, if not where the data says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save-predictions", help="Write all answers and scores: a .json, .jsonl or .csv."
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="So many answers a question in that file.")
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace that file.")] = False,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Exit with 3 below this accuracy, from 0 to 1."),
    ] = None,
    *,
    settings: Resolved,
    console: Console,
) -> None:
    """Score a model, or predictions made elsewhere, on one split of a dataset.

    Beside the accuracy stands what can be reached without looking at the images.
    """
    from vqa_cli.data.prepared import open_or_prepare
    from vqa_cli.evaluation.evaluate import evaluate as run_evaluation
    from vqa_cli.evaluation.predictions import check_target, save_predictions
    from vqa_cli.evaluation.table import as_text
    from vqa_cli.inference.loading import load_answerer

    if model is not None and predictions is not None:
        raise SettingsError("--model and --predictions exclude each other; give one of them")
    if save:
        check_target(save, force=force)
    dataset = open_or_prepare(data, settings[PrepareSettings], console, images)
    source: Path | Answerer
    if predictions is not None:
        source = predictions
    else:
        source = load_answerer(model, device=settings[DeviceSettings])
        source.max_pixels = settings[PrepareSettings].max_pixels
        console.notice(f"answering by {source.describe()}")
    result = run_evaluation(dataset, split, source, top_k=top_k, report=console)
    if save:
        save_predictions(save, result.records, force=force)
        console.notice(f"wrote {len(result.records):,} predictions to {save}")
    print(json.dumps(result.to_json(), ensure_ascii=False) if as_json else as_text(result))
    if fail_under is not None and result.accuracy < fail_under:
        raise GateError(f"accuracy {result.accuracy:.4f} on {split} is below {fail_under:g}")
