"""`vqa evaluate`: the accuracy, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa_cli.commands.evaluate_steps import (
    calibrate_on_val,
    load_source,
    show,
    write_files,
    write_page,
)
from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import DeviceSettings, PrepareSettings
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError
from vqa_cli.model_folder import RUN, check_finished, read_config, resolve_model
from vqa_cli.settings import unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vqa_cli.evaluation.predictions import Record
    from vqa_cli.evaluation.result import EvaluationResult


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
            help="Score this file instead of a model: in the official results format (.json), or "
            "as --save-predictions writes it (.json, .jsonl, .csv)."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "test",
    images: Annotated[
        Path | None, typer.Option(help="Where the images are, if not where the data says.")
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="auto|vqa-fixed|exact|set",
            help="auto: by the kind of the answers; vqa-fixed: the VQA accuracy without its "
            "official quirks; exact: with the most frequent answer; set: with the whole set.",
        ),
    ] = "auto",
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="So many answers of a model to each question.")
    ] = 5,
    wups: Annotated[
        bool, typer.Option("--wups", help="Also WUPS, which needs WordNet's files.")
    ] = False,
    wordnet: Annotated[
        Path | None,
        typer.Option(help="WordNet's folder, for --wups; default: VQA_WORDNET, the system's."),
    ] = None,
    ablate_image: Annotated[
        bool,
        typer.Option(
            "--ablate-image", help="Also the model's accuracy with blank and with other images."
        ),
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Compare with this run, exported folder or file of predictions."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            show_default=False,
            help="With --baseline: exit with 3 if worse by more than this (default: 0).",
        ),
    ] = 0.0,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Exit with 3 below this accuracy, from 0 to 1."),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First fit the model's confidences on val anew, and keep that in its folder.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save-predictions", help="Write all answers and scores: a .json, .jsonl or .csv."
        ),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(
            help="Write the answers as the data's leaderboard takes them: a .json (VQA, OK-VQA, "
            "TextVQA, VizWiz, GQA, A-OKVQA)."
        ),
    ] = None,
    report_folder: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write an HTML page into this folder: the numbers, charts, and all questions "
            "with their images and answers.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace these files.")] = False,
    *,
    settings: Resolved,
    console: Console,
) -> None:
    """Score a model, or predictions made elsewhere, on one split of a dataset.

    Beside the accuracy stands what can be reached without looking at the images.
    """
    from vqa_cli.data.prepared import open_or_prepare
    from vqa_cli.evaluation.evaluate import Scoring, answer, is_scorable
    from vqa_cli.evaluation.evaluate import evaluate as run_evaluation
    from vqa_cli.evaluation.gates import check_gates
    from vqa_cli.evaluation.metrics import metric_called
    from vqa_cli.evaluation.prediction_files import is_predictions
    from vqa_cli.evaluation.report.writing import check_report_folder
    from vqa_cli.evaluation.saving import check_target
    from vqa_cli.evaluation.submissions import check_submission
    from vqa_cli.evaluation.wordnet import find_wordnet

    _check_usage(model, predictions, baseline, tolerance, ablate=ablate_image, calibrate=calibrate)
    chosen = metric_called(metric)
    if save:
        check_target(save, force=force)
    if report_folder:
        check_report_folder(report_folder, force=force)
    words = find_wordnet(wordnet) if wups or wordnet else None
    # What is wrong with a model is told before the data is prepared, which may take long.
    own = predictions or _model_folder(model)
    other = baseline if baseline is None or is_predictions(baseline) else _model_folder(baseline)
    dataset = open_or_prepare(data, settings[PrepareSettings], console, images)
    if submission:
        check_submission(submission, dataset, force=force)
    source = load_source(own, settings, console)
    if calibrate and not isinstance(source, Path):
        calibrate_on_val(source, own, dataset, split, console)
    scoring = Scoring(
        metric=chosen,
        top_k=top_k,
        baseline=other and load_source(other, settings, None),
        baseline_name=str(baseline),
        ablate_image=ablate_image,
        wordnet=words,
    )
    result: EvaluationResult | None = None
    needs_score = fail_under is not None or baseline is not None or report_folder is not None
    if (save or submission) and not needs_score and not is_scorable(dataset, split):
        records: Sequence[Record] = answer(dataset, split, source, scoring, report=console)
    else:
        result = run_evaluation(dataset, split, source, scoring, report=console)
        records = result.records
    write_files(records, dataset, save, submission, console, force=force)
    if result and report_folder:
        run = None if predictions else own
        write_page(report_folder, result, dataset, run, console, force=force)
    try:
        show(result, split, len(records), console, as_json=as_json)
    finally:  # a threshold holds also where the reader of the result went away
        if result:
            check_gates(result, fail_under, tolerance)


def _check_usage(
    model: str | None,
    predictions: Path | None,
    baseline: Path | None,
    tolerance: float,
    *,
    ablate: bool,
    calibrate: bool,
) -> None:
    """Raises SettingsError, with all of them at once, for options that do not go together."""
    problems = []
    if predictions is not None:
        if model is not None:
            problems.append("--model and --predictions exclude each other; give one of them")
        problems += [
            f"{flag} needs a model; it cannot go with --predictions"
            for flag, given in {"--ablate-image": ablate, "--calibrate": calibrate}.items()
            if given
        ]
    if tolerance and baseline is None:
        problems.append("--tolerance needs --baseline, which says what to compare with")
    if problems:
        raise SettingsError(problems[0]) if len(problems) == 1 else unusable(problems)


def _model_folder(model: str | Path | None) -> Path:
    """The folder of a run or an export. Raises ModelError where it is neither, or unfinished."""
    folder = resolve_model(model)
    if read_config(folder)["kind"] == RUN:
        check_finished(folder)
    return folder
