"""`vqa finetune`, from the data to the finished run folder."""

from __future__ import annotations

import time
from collections.abc import Collection
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
from vqa_cli.errors import DataError
from vqa_cli.models.building import build_model
from vqa_cli.training.beginning import begin_head, begin_run, prepare_learning
from vqa_cli.training.continuing import Continued, OldRun, settle
from vqa_cli.training.defaults import left_at_random, resolved
from vqa_cli.training.finishing import FinetuneResult, is_decided, promote
from vqa_cli.training.given_files import check_given
from vqa_cli.training.going_on import go_on, how_to_resume
from vqa_cli.training.processes import is_alone_unasked, join, lost_ones_told, main_first
from vqa_cli.training.recipe import OnEpoch
from vqa_cli.training.run_folder import writing
from vqa_cli.training.tracking import check_tracker


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
    del rows  # a million of them take half a gigabyte, and are not needed while it trains
    if continued is None:
        begin_head(built.model, full.objective)
        for reason in left_at_random(built):
            report.warn(reason)
    else:
        full = settle(full, train)
    prepare_learning(built, full, augment)
    settings = (model, full, augment, track, device)
    with lost_ones_told("Begin again"):
        run = begin_run(built, data, settings, chosen, out, accelerator, continued)
    return go_on(run, data, chosen, accelerator, report, started, on_epoch)


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
        with lost_ones_told(how_to_resume(run)), main_first(accelerator):
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
    return go_on(run, data, chosen, accelerator, report, started, on_epoch)


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
