"""`vqa finetune`, from the data to the finished run folder."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from vqa_cli.config import (
    AugmentSettings,
    ContinueSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrackSettings,
    TrainSettings,
)
from vqa_cli.conflicts import check_together
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.device import Device, apply_threads, choose_device
from vqa_cli.errors import DataError, ModelError
from vqa_cli.models.building import build_model
from vqa_cli.training.batch_size import find_batch_size, keep_batch_size
from vqa_cli.training.beginning import Beginning, begin_head, begin_run, prepare_learning
from vqa_cli.training.continuing import Continued, OldRun, settle
from vqa_cli.training.defaults import resolved
from vqa_cli.training.finishing import FinetuneResult, finish, is_decided, promote
from vqa_cli.training.given_files import check_given
from vqa_cli.training.learner import Learner
from vqa_cli.training.optimizer import copy_into
from vqa_cli.training.processes import (
    is_alone_unasked,
    join,
    lost_ones_told,
    main_first,
    wait_for_everyone,
)
from vqa_cli.training.recipe import OnEpoch, Trainer
from vqa_cli.training.run_folder import writing
from vqa_cli.training.state import Learning, Progress, has_state, load_best, load_state
from vqa_cli.training.step import DivergedError, Task
from vqa_cli.training.task import build_task
from vqa_cli.training.tracking import check_tracker, tracking


def finetune(
    source: Path,
    *,
    model: ModelSettings,
    train: TrainSettings,
    device: DeviceSettings,
    prepare: PrepareSettings,
    augment: AugmentSettings | None = None,
    track: TrackSettings | None = None,
    continuing: ContinueSettings | None = None,
    named: Collection[str] = (),
    images: Path | None = None,
    out: Path | None = None,
    on_epoch: OnEpoch | None = None,
    report: Reporter = SILENT,
) -> FinetuneResult:
    """Fine-tune on a prepared dataset, or on a folder that is prepared first.

    named: settings that were named, though perhaps with their defaults. on_epoch is told of each
    epoch and may raise to end the run unfinished.

    Raises SettingsError where settings exclude one another, DataError, ModelError or DeviceError
    where something cannot be used, and KeyboardInterrupt, with the state saved, where the user
    stopped it.
    """
    started = time.monotonic()
    augment, track = augment or AugmentSettings(), track or TrackSettings()
    check_tracker(track.track)
    continuing = continuing or ContinueSettings()
    check_together(model, train, augment, continuing)
    check_given(augment)
    chosen, accelerator, report = _start(device, report)
    old = OldRun.open(Path(continuing.from_run)) if continuing.from_run else None
    if old is not None:
        old.check(model, named)
        train = old.taught(train)
        check_together(model, train, augment)
    with lost_ones_told("Begin again"), main_first(accelerator):
        data = open_or_prepare(source, prepare, report, images=images)
    _check_splits(data)
    rows = data.rows("train")
    with lost_ones_told("Begin again"), main_first(accelerator):
        if old is not None:
            continued = Continued.of(old, continuing, data, report)
            built, model = continued.build(model), old.settings
        else:
            continued = None
            built = build_model(
                model,
                questions=list(rows["question"]),
                answers=len(data.vocabulary),
                seed=train.seed,
                offline=device.offline,
                report=report,
            )
    full = resolved(train, built, rows)
    if continued is None:
        begin_head(built.model, full.objective)
    else:
        full = settle(full, train)
    prepare_learning(built, full)
    settings = (model, full, augment, track, device)
    with lost_ones_told("Begin again"):
        run = begin_run(built, data, settings, chosen, out, accelerator, continued)
    return _go_on(run, data, chosen, accelerator, report, started, on_epoch)


def resume(
    run: Path,
    config: dict[str, Any],
    *,
    images: Path | None = None,
    on_epoch: OnEpoch | None = None,
    report: Reporter = SILENT,
) -> FinetuneResult:
    """Go on with an unfinished run exactly where its last saved state stands.

    Everything is as the run's config says; on_epoch is as for `finetune`. Raises DataError where
    the data is not there any more, or has changed.
    """
    started = time.monotonic()
    check_tracker(config["settings"]["track"]["track"])
    device = DeviceSettings.from_mapping(config["settings"]["device"])
    chosen, accelerator, report = _start(device, report)
    if is_decided(run):  # it was stopped while its last files were moved
        with lost_ones_told(_how_to_resume(run)), main_first(accelerator):
            if accelerator.is_main_process:
                with writing(run):
                    promote(run)
            return replace(FinetuneResult.read(run), is_main=accelerator.is_main_process)
    folder, recorded = Path(config["data"]["folder"]), config["data"]["fingerprint"]
    data = PreparedDataset.open(folder, images or Path(config["data"]["images"]))
    if data.fingerprint != recorded:
        raise DataError(
            f"{folder}: has changed since {run} began, so it cannot be resumed; start anew: "
            f"vqa finetune {folder}"
        )
    return _go_on(run, data, chosen, accelerator, report, started, on_epoch)


def _start(device: DeviceSettings, report: Reporter) -> tuple[Device, Accelerator, Reporter]:
    """Choose the device and join the other processes, of which only rank 0 speaks."""
    chosen = choose_device(device)
    accelerator = join(chosen)
    apply_threads(chosen)  # last, since accelerate sets torch's threads as well
    if not accelerator.is_main_process:
        return chosen, accelerator, SILENT
    report.notice(chosen.describe())
    if is_alone_unasked():
        report.warn(
            "accelerate launch --cpu starts one process, whatever --num_processes says, where "
            "there is no mpirun; several are started by: torchrun --nproc-per-node N -m vqa_cli ..."
        )
    return chosen, accelerator, report


def _check_splits(data: PreparedDataset) -> None:
    missing = {"train", "val"} - set(data.splits)
    if missing:
        raise DataError(
            f"{data.folder}: fine-tuning needs the splits train and val, and there is no "
            f"{' and no '.join(sorted(missing))}; it has {', '.join(data.splits)}. Give more "
            "images, or files of these splits, and prepare it again"
        )


def _how_to_resume(run: Path) -> str:
    return f"Go on with: vqa finetune --resume {run}"


def _go_on(
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
    with lost_ones_told(_how_to_resume(run)), alone:
        return _train(run, data, device, accelerator, report, started, on_epoch)


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
        progress = load_state(run, learning)
        if not accelerator.is_main_process:  # the sums are rank 0's, and are added up later
            progress.epoch_sums, progress.epoch_weight = {}, 0.0
        report.notice(f"resuming {run} at step {progress.step:,}")
    progress.seconds_features += time.monotonic() - features
    if task.old is not None and progress.old_accuracy < 0:
        progress.old_accuracy = task.old.score(learner.model, accelerator).accuracy
    report.notice(f"what learns: {tuning.learns()}")
    report.notice(
        f"training on {len(task.rows):,} questions, epochs: {settings.epochs}; run folder {run}"
    )
    deadline = started + 60 * settings.max_minutes if settings.max_minutes else None
    diverged = None
    tracker = beginning.track.track if accelerator.is_main_process else "none"
    shown = beginning.checkpoint.config["settings"]
    try:
        with tracking(tracker, run, progress.step, shown, report) as told:
            Trainer(
                run,
                learner,
                learning,
                task,
                settings,
                progress,
                accelerator,
                report,
                deadline=deadline,
                on_epoch=on_epoch,
                tracker=told,
            ).train()
    except DivergedError as error:
        diverged = error
        progress.stopped = error.message
    if diverged and not progress.best_epoch:
        raise ModelError(f"{diverged.message}; no epoch was finished. {LOWER_RATE}") from diverged
    seconds = time.monotonic() - started
    result = FinetuneResult.of(run, progress, seconds, accelerator.is_main_process)
    if old is not None:
        wait_for_everyone()  # for the best weights
        copy_into(learning.learned, load_best(run))
        scored = task.old.score(learner.model, accelerator).accuracy if task.old else None
        result = replace(result, old=old.told(progress.old_accuracy, scored))
    if accelerator.is_main_process:
        _finish(beginning, learner, learning, task, result)
    wait_for_everyone()
    if diverged:
        raise ModelError(
            f"{diverged.message}; the weights of epoch {progress.best_epoch}, the best so far, "
            f"are kept in {run}. {LOWER_RATE}"
        ) from diverged
    return result


LOWER_RATE = "Train again with a smaller --learning-rate"


def _finish(
    beginning: Beginning,
    learner: Learner,
    learning: Learning,
    task: Task,
    result: FinetuneResult,
) -> None:
    """Calibrate the best weights and write the finished run."""
    copy_into(learning.learned, load_best(result.run))
    model = learner.model
    confidence = task.validation.confidence(model, next(model.parameters()).device)
    weights = learning.tuning.merged()
    finish(result.run, beginning.checkpoint.config, weights, confidence, result)
