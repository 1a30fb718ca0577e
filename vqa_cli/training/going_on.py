"""A run from where it stands to its end: features, training, the finished folder."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import Accelerator

from vqa_cli.config import TrainSettings
from vqa_cli.console import Reporter
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.errors import ModelError
from vqa_cli.training.batch_size import find_batch_size, keep_batch_size
from vqa_cli.training.beginning import Beginning
from vqa_cli.training.finishing import FinetuneResult, finish
from vqa_cli.training.learner import Learner
from vqa_cli.training.old_data import OldData
from vqa_cli.training.optimizer import copy_into
from vqa_cli.training.processes import lost_ones_told, wait_for_everyone
from vqa_cli.training.recipe import OnEpoch, Trainer
from vqa_cli.training.run_folder import writing
from vqa_cli.training.state import Learning, Progress, has_state, load_best, load_state
from vqa_cli.training.step import DivergedError, Task
from vqa_cli.training.task import build_task
from vqa_cli.training.tracking import tracking

LOWER_RATE = "Train again with a smaller --learning-rate"


def how_to_resume(run: Path) -> str:
    return f"Go on with: vqa finetune --resume {run}"


def go_on(
    run: Path,
    data: PreparedDataset,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
    started: float,
    on_epoch: OnEpoch | None = None,
) -> FinetuneResult:
    """Take a run from where it stands to its end, as the one launch that writes it."""
    alone = writing(run) if accelerator.is_main_process else nullcontext()
    with lost_ones_told(how_to_resume(run)), alone:
        return _train(run, data, device, accelerator, report, started, on_epoch)


@dataclass
class _Ready:
    """A run that has all it needs for its next step."""

    run: Path
    beginning: Beginning
    settings: TrainSettings
    learner: Learner
    learning: Learning
    task: Task
    old: OldData | None
    progress: Progress
    accelerator: Accelerator


def _train(
    run: Path,
    data: PreparedDataset,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
    started: float,
    on_epoch: OnEpoch | None,
) -> FinetuneResult:
    """Make the features, train, and write the finished folder."""
    ready = _made_ready(run, data, device, accelerator, report)
    diverged = _steps(ready, report, started, on_epoch)
    best = ready.progress.best_epoch
    if diverged and not best:
        raise ModelError(f"{diverged.message}; no epoch was finished. {LOWER_RATE}") from diverged
    seconds = time.monotonic() - started
    result = FinetuneResult.of(run, ready.progress, seconds, accelerator.is_main_process)
    if ready.old is not None:
        told = ready.old.told(ready.progress.old_accuracy, _score_old(ready))
        result = replace(result, old=told)
    if result.val_accuracy < result.val_accuracy_untrained:
        report.warn(
            "no epoch was as good on val as the model before training: train longer, or with a "
            "lower --learning-rate"
        )
    if accelerator.is_main_process:
        _finish(ready, result)
    wait_for_everyone()
    if diverged:
        raise ModelError(
            f"{diverged.message}; the weights of epoch {best}, the best so far, are kept in {run}. "
            f"{LOWER_RATE}"
        ) from diverged
    return result


def _made_ready(
    run: Path,
    data: PreparedDataset,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
) -> _Ready:
    """Build what learns, make the features, and go back to where the run stands."""
    beginning = Beginning.of(run)
    settings = beginning.train
    learner, tuning = beginning.learner()
    progress, features = Progress(accumulation=settings.accumulation), time.monotonic()
    old = beginning.old_data()
    task = build_task(beginning, data, old, device, accelerator, report)
    learner.to(accelerator.device)
    learning = beginning.learning(learner, tuning)
    if settings.batch_size == "auto":
        found = find_batch_size(learner, learning, task, settings, accelerator, report)
        report.notice(f"batch size: {found.questions:,} ({found.reason})")
        settings = replace(settings, batch_size=found.questions)
        if accelerator.is_main_process:
            keep_batch_size(run, beginning.checkpoint.config, found.questions)
    if has_state(run):
        progress = _resumed(run, learning, accelerator, report)
    progress.seconds_features += time.monotonic() - features
    if task.old is not None and progress.old_accuracy < 0:
        progress.old_accuracy = task.old.score(learner.model, accelerator).accuracy
    report.notice(f"what learns: {tuning.learns()}")
    report.notice(
        f"training on {len(task.rows):,} questions, epochs: {settings.epochs}; run folder {run}"
    )
    return _Ready(run, beginning, settings, learner, learning, task, old, progress, accelerator)


def _steps(
    ready: _Ready, report: Reporter, started: float, on_epoch: OnEpoch | None
) -> DivergedError | None:
    """Take the run's steps; give the error of a loss that is no number any more."""
    minutes = ready.settings.max_minutes
    tracker = ready.beginning.track.track if ready.accelerator.is_main_process else "none"
    shown = ready.beginning.checkpoint.config["settings"]
    try:
        with tracking(tracker, ready.run, ready.progress.step, shown, report) as told:
            Trainer(
                ready.run,
                ready.learner,
                ready.learning,
                ready.task,
                ready.settings,
                ready.progress,
                ready.accelerator,
                report,
                deadline=started + 60 * minutes if minutes else None,
                on_epoch=on_epoch,
                tracker=told,
            ).train()
    except DivergedError as error:
        ready.progress.stopped = error.message
        return error
    return None


def _resumed(run: Path, learning: Learning, accelerator: Accelerator, report: Reporter) -> Progress:
    """Put the saved state into what learns, and return where the run stands."""
    progress = load_state(run, learning)
    if not accelerator.is_main_process:  # the sums are rank 0's, and are added up later
        progress.epoch_sums, progress.epoch_weight = {}, 0.0
    report.notice(f"resuming {run} at step {progress.step:,}")
    return progress


def _score_old(ready: _Ready) -> float | None:
    """The accuracy of the best weights on the old data, where it can be scored."""
    if ready.task.old is None:
        return None
    wait_for_everyone()  # rank 0 writes the best weights
    copy_into(ready.learning.learned, load_best(ready.run, ready.progress.best_epoch))
    return ready.task.old.score(ready.learner.model, ready.accelerator).accuracy


def _finish(ready: _Ready, result: FinetuneResult) -> None:
    """Calibrate the best weights and write the finished run."""
    copy_into(ready.learning.learned, load_best(ready.run, ready.progress.best_epoch))
    model = ready.learner.model
    confidence = ready.task.validation.confidence(model, ready.accelerator.device)
    weights = ready.learning.tuning.merged()
    finish(ready.run, ready.beginning.checkpoint.config, weights, confidence, result)
