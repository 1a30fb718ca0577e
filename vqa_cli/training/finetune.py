"""`vqa finetune`, from the data to the finished run folder."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from vqa_cli import __version__
from vqa_cli.config import DeviceSettings, ModelSettings, PrepareSettings, TrainSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.device import Device, apply_threads, choose_device
from vqa_cli.errors import DataError
from vqa_cli.files import write_json, write_text
from vqa_cli.model_folder import FINISHED, Confidence
from vqa_cli.models.building import BuiltModel, build_model
from vqa_cli.models.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_calibration,
    save_config,
    save_weights,
)
from vqa_cli.training.model_card import model_card
from vqa_cli.training.objective import activation_of, first_bias
from vqa_cli.training.recipe import Trainer, optimizer_for
from vqa_cli.training.run_folder import STATE, create_run, mark_latest
from vqa_cli.training.state import Progress, has_state, load_state, save_state
from vqa_cli.training.task import build_task

SCRATCH_RATE = 1e-3
PRETRAINED_RATE = 3e-5
SCRATCH_QUESTIONS = 300_000
FROZEN_QUESTIONS = 150_000
"""So many questions are seen in all by default. From scratch val stops rising before that on
easy-VQA and on the demo's shapes, and with frozen encoders on DAQUAR."""


@dataclass(frozen=True)
class FinetuneResult:
    """What `vqa finetune` prints; seconds are wall time.

    is_main: whether this process is the one that speaks, of those that trained together.
    """

    run: Path
    best_epoch: int
    val_accuracy: float
    val_accuracy_untrained: float
    seconds: float
    seconds_features: float
    seconds_training: float
    is_main: bool = True

    def to_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        values = {"run": str(self.run), "best_epoch": self.best_epoch}
        values |= {"val_accuracy": self.val_accuracy}
        values |= {"val_accuracy_untrained": self.val_accuracy_untrained}
        values |= {"val_accuracy_gain": self.val_accuracy - self.val_accuracy_untrained}
        values |= {"seconds": round(self.seconds, 1)}
        values |= {"seconds_features": round(self.seconds_features, 1)}
        return values | {"seconds_training": round(self.seconds_training, 1)}


def finetune(
    source: Path,
    *,
    model: ModelSettings,
    train: TrainSettings,
    device: DeviceSettings,
    prepare: PrepareSettings,
    images: Path | None = None,
    out: Path | None = None,
    report: Reporter = SILENT,
) -> FinetuneResult:
    """Fine-tune on a prepared dataset, or on a folder that is prepared first.

    Raises DataError, ModelError or DeviceError where something cannot be used, and
    KeyboardInterrupt, with the state saved, where the user stopped it.
    """
    started = time.monotonic()
    chosen, accelerator, report = _start(device, report)
    with accelerator.main_process_first():
        data = open_or_prepare(source, prepare, report, images=images)
    questions = _train_questions(data)
    with accelerator.main_process_first():
        built = build_model(
            model,
            questions=questions,
            answers=len(data.vocabulary),
            seed=train.seed,
            offline=device.offline,
            report=report,
        )
    train = _resolved(train, built, data)
    last = built.model.head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.constant_(last.bias, first_bias(train.objective, len(data.vocabulary)))
    run = _new_run(data, out, accelerator)
    if accelerator.is_main_process:
        settings = {
            "model": model.to_mapping(),
            "train": train.to_mapping(),
            "device": replace(
                device, precision=chosen.precision, threads=chosen.threads
            ).to_mapping(),
        }
        _write_run(run, data, built, settings)
    accelerator.wait_for_everyone()
    checkpoint = load_checkpoint(run)
    return _train(run, checkpoint, data, train, chosen, accelerator, report, started)


def resume(
    run: Path,
    config: dict[str, Any],
    *,
    images: Path | None = None,
    report: Reporter = SILENT,
) -> FinetuneResult:
    """Go on with an unfinished run exactly where its last saved state stands.

    Everything is as the run's config says. Raises DataError where the data is not there any more,
    or has changed.
    """
    started = time.monotonic()
    device = DeviceSettings.from_mapping(config["settings"]["device"])
    train = TrainSettings.from_mapping(config["settings"]["train"])
    chosen, accelerator, report = _start(device, report)
    folder, recorded = Path(config["data"]["folder"]), config["data"]["fingerprint"]
    data = PreparedDataset.open(folder, images or Path(config["data"]["images"]))
    if data.fingerprint != recorded:
        raise DataError(
            f"{folder}: has changed since {run} began, so it cannot be resumed; start anew: "
            f"vqa finetune {folder}"
        )
    return _train(run, load_checkpoint(run), data, train, chosen, accelerator, report, started)


def _start(device: DeviceSettings, report: Reporter) -> tuple[Device, Accelerator, Reporter]:
    """Choose the device and join the other processes, of which only rank 0 speaks."""
    chosen = choose_device(device)
    accelerator = Accelerator(
        cpu=chosen.type == "cpu",
        mixed_precision="bf16" if chosen.precision == "bfloat16" else "no",
    )
    apply_threads(chosen)  # last, since accelerate sets torch's threads as well
    if not accelerator.is_main_process:
        return chosen, accelerator, SILENT
    report.notice(chosen.describe())
    return chosen, accelerator, report


def _train_questions(data: PreparedDataset) -> list[str]:
    missing = {"train", "val"} - set(data.splits)
    if missing:
        raise DataError(
            f"{data.folder}: fine-tuning needs the splits train and val, and there is no "
            f"{' and no '.join(sorted(missing))}; it has {', '.join(data.splits)}. Give more "
            "images, or files of these splits, and prepare it again"
        )
    return list(data.rows("train")["question"])


def _resolved(train: TrainSettings, built: BuiltModel, data: PreparedDataset) -> TrainSettings:
    """Fill in what the user left open, from what is trained and on which data."""
    rows = data.rows("train")
    objective = train.objective
    if objective == "auto":
        several = (rows["answer_kind"] == "annotators").mean() > 0.5
        objective = "binary" if several and not train.label_smoothing else "cross-entropy"
    encoders = (
        (built.model.image_encoder, built.image_pretrained),
        (built.model.question_encoder, built.question_pretrained),
    )
    learning = [pretrained for encoder, pretrained in encoders if not encoder.frozen]
    epochs = round((SCRATCH_QUESTIONS if learning else FROZEN_QUESTIONS) / len(rows))
    return replace(
        train,
        objective=objective,
        epochs=train.epochs or min(30, max(5, epochs)),
        encoder_learning_rate=train.encoder_learning_rate
        or (PRETRAINED_RATE if any(learning) else SCRATCH_RATE),
    )


def _new_run(data: PreparedDataset, out: Path | None, accelerator: Accelerator) -> Path:
    """Make the run folder on rank 0 and tell the others its name."""
    name = data.folder.parent.name if data.folder.name.startswith(".") else data.folder.name
    made = [str(create_run(name, out)) if accelerator.is_main_process else ""]
    return Path(broadcast_object_list(made)[0])


def _write_run(
    run: Path, data: PreparedDataset, built: BuiltModel, settings: dict[str, Any]
) -> None:
    """Write all that a run folder holds before its first step."""
    model = built.model
    save_config(
        run,
        model,
        {
            "vqa_version": __version__,
            "preset": built.preset,
            "frozen": {
                "image_encoder": model.image_encoder.frozen,
                "question_encoder": model.question_encoder.frozen,
            },
            "settings": settings,
            "data": {
                "folder": str(data.folder.resolve()),
                "images": str(data.image_root),
                "fingerprint": data.fingerprint,
                "questions": {split: int(n) for split, n in data.info["splits"].items()},
            },
        },
    )
    built.preprocessor.save(run)
    data.vocabulary.save(run / "answers.json")
    activation = activation_of(settings["train"]["objective"])
    save_calibration(run, Confidence(1.0, activation), save_weights(run, model))


def _train(
    run: Path,
    checkpoint: Checkpoint,
    data: PreparedDataset,
    settings: TrainSettings,
    device: Device,
    accelerator: Accelerator,
    report: Reporter,
    started: float,
) -> FinetuneResult:
    """Features, training, and the finished run folder."""
    model = checkpoint.model
    if checkpoint.config["frozen"]["image_encoder"]:
        model.image_encoder.freeze()
    if checkpoint.config["frozen"]["question_encoder"]:
        model.question_encoder.freeze()
    optimizer = optimizer_for(model, settings)
    progress = Progress()
    if has_state(run):
        progress = load_state(run, model, optimizer)
        if not accelerator.is_main_process:  # the sums are rank 0's, and are added up later
            progress.epoch_loss, progress.epoch_questions = 0.0, 0
        report.notice(f"resuming {run} at step {progress.step}")
    elif accelerator.is_main_process:
        save_state(run, model, optimizer, progress)

    features = time.monotonic()
    task = build_task(checkpoint, data, device, settings.objective, accelerator, report)
    progress.seconds_features += time.monotonic() - features
    model.to(accelerator.device)
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    report.notice(
        f"training {learning:,} of {sum(p.numel() for p in model.parameters()):,} parameters on "
        f"{len(task.rows):,} questions, epochs: {settings.epochs}; run folder {run}"
    )
    Trainer(run, model, optimizer, task, settings, progress, accelerator, report).train()

    result = FinetuneResult(
        run=run,
        best_epoch=progress.best_epoch,
        val_accuracy=progress.best_accuracy,
        val_accuracy_untrained=progress.untrained_accuracy,
        seconds=time.monotonic() - started,
        seconds_features=progress.seconds_features,
        seconds_training=progress.seconds_training,
        is_main=accelerator.is_main_process,
    )
    if accelerator.is_main_process:
        best = load_checkpoint(run)
        model.load_state_dict(best.model.state_dict())
        confidence = task.validation.confidence(model, accelerator.device)
        _finish(run, best, confidence, result)
    accelerator.wait_for_everyone()
    return result


def _finish(run: Path, best: Checkpoint, confidence: Confidence, result: FinetuneResult) -> None:
    """Write what makes a run finished; the metrics come last, since they mark it."""
    save_calibration(run, confidence, save_weights(run, best.model))
    write_text(run / "README.md", model_card(run.name, best.config, result.to_json()))
    metrics = {name: value for name, value in result.to_json().items() if name != "run"}
    write_json(run / FINISHED, {**metrics, **asdict(confidence)})
    shutil.rmtree(run / STATE)
    mark_latest(run)
