"""The steps of `vqa evaluate`: loading, calibrating, writing, printing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vqa_cli.commands.options import Resolved
from vqa_cli.config import DeviceSettings, PrepareSettings
from vqa_cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.evaluation.predictions import Record
    from vqa_cli.evaluation.result import EvaluationResult
    from vqa_cli.inference.answerer import Answerer


def load_source(path: Path, settings: Resolved, console: Console | None) -> Answerer | Path:
    """What answers: the model in a folder, or a file of predictions as it is."""
    from vqa_cli.inference.loading import load_answerer

    if not path.is_dir():
        return path
    answerer = load_answerer(path, device=settings[DeviceSettings])
    answerer.max_pixels = settings[PrepareSettings].max_pixels
    if console:
        console.notice(f"answering by {answerer.describe()}")
    return answerer


def calibrate_on_val(
    answerer: Answerer, folder: Path, dataset: PreparedDataset, split: str, console: Console
) -> None:
    """Fit the model's confidences anew, and say so; split: what is scored afterwards."""
    from vqa_cli.evaluation.recalibration import recalibrate

    done = recalibrate(answerer, folder, dataset, console)
    before, after = done.before, done.after
    console.notice(
        f"temperature {before.temperature:.3f} -> {after.temperature:.3f}, ceiling "
        f"{before.ceiling:.3f} -> {after.ceiling:.3f}, fitted on {done.questions:,} questions of "
        f"val; kept in {folder / 'calibration.json'}"
    )
    if split == "val":
        console.warn("its confidences are now fitted to the very questions that are scored")


def write_files(
    records: Sequence[Record],
    dataset: PreparedDataset,
    save: Path | None,
    submission: Path | None,
    console: Console,
    *,
    force: bool,
) -> None:
    """Write the files that were asked for."""
    from vqa_cli.evaluation.saving import save_predictions
    from vqa_cli.evaluation.submissions import write_submission

    if save:
        save_predictions(save, records, force=force)
        console.notice(f"wrote {len(records):,} predictions to {save}")
    if submission:
        write_submission(submission, dataset, records, force=force, report=console)


def write_page(
    folder: Path,
    result: EvaluationResult,
    dataset: PreparedDataset,
    run: Path | None,
    console: Console,
    *,
    force: bool,
) -> None:
    """Write the report; run: the model's folder, None for predictions."""
    from vqa_cli.evaluation.report.writing import write_report

    page = write_report(folder, result, dataset, run=run, force=force, report=console)
    console.notice(f"wrote {page}; open it in a browser")


def show(
    result: EvaluationResult | None, split: str, questions: int, console: Console, *, as_json: bool
) -> None:
    """Print the result, a table or JSON; None: the split's questions have no answers."""
    from vqa_cli.evaluation.result import unscored_json
    from vqa_cli.evaluation.table import as_text

    if result is None:
        console.notice(f"split {split} has no answers, so nothing can be scored")
        if as_json:
            print(json.dumps(unscored_json(split, questions)))
    else:
        print(json.dumps(result.to_json(), ensure_ascii=False) if as_json else as_text(result))
