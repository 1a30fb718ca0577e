"""How a run begins: its folder, and the model that learns, built anew from it each time.

model.safetensors keeps the weights that a run began with until it ends, so that a run that was
stopped anywhere can be built again from its folder alone.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from vqa_cli import __version__
from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    TrackSettings,
    TrainSettings,
)
from vqa_cli.conflicts import LAYERED
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.errors import ModelError
from vqa_cli.model_folder import Confidence
from vqa_cli.models.building import BuiltModel
from vqa_cli.models.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_calibration,
    save_config,
    save_weights,
)
from vqa_cli.models.tuning import Tuning, apply_tuning, prepare_tuning
from vqa_cli.training.batches import step_seed
from vqa_cli.training.learner import Learner
from vqa_cli.training.objective import activation_of, first_bias
from vqa_cli.training.optimizer import Average, learned_parameters, optimizer_for
from vqa_cli.training.run_folder import create_run, writing
from vqa_cli.training.state import Learning

BEFORE_STEPS = 1 << 40
"""A step number that no run reaches, for what is random before the first one."""


FURTHER_WORDS = "augmentation_words.toml"
"""A run keeps what it was given, so that it is resumed with that, whatever became of the file."""


@dataclass(frozen=True)
class Beginning:
    """What a run folder says of how to train: the base weights, and the settings.

    further_words: the run's own copy of the words that forbid a change, where there are any.
    """

    checkpoint: Checkpoint
    train: TrainSettings
    augment: AugmentSettings
    track: TrackSettings
    further_words: Path | None

    @classmethod
    def of(cls, run: Path) -> Beginning:
        """Read a run folder. Raises ModelError where it is damaged."""
        checkpoint = load_checkpoint(run)
        settings = checkpoint.config["settings"]
        return cls(
            checkpoint,
            TrainSettings.from_mapping(settings["train"]),
            AugmentSettings.from_mapping(settings["augment"]),
            TrackSettings.from_mapping(settings["track"]),
            run / FURTHER_WORDS if settings["augment"]["augmentation_words"] else None,
        )

    def learner(self) -> tuple[Learner, Tuning]:
        """Build what learns: a function of the folder alone. On the CPU."""
        model, chosen = self.checkpoint.model, self.checkpoint.config["settings"]["model"]
        seed = step_seed(self.train.seed, BEFORE_STEPS, 0)
        tuning = apply_tuning(model, chosen["image_tuning"], chosen["question_tuning"], seed=seed)
        torch.manual_seed(seed)
        return Learner(model, self.train), tuning

    def learning(self, learner: Learner, tuning: Tuning) -> Learning:
        """Make the optimiser, and the average where there is to be one."""
        optimizer = optimizer_for(learner, self.train)
        learned = learned_parameters(learner, optimizer)
        average = Average(self.train.ema, learned) if self.train.ema else None
        return Learning(learned, optimizer, average, tuning)


def prepare_learning(built: BuiltModel, train: TrainSettings) -> None:
    """Give a new model what its training needs to begin with: virtual tokens, the head's bias.

    Raises ModelError, before there is a run folder, where an encoder cannot be tuned as asked.
    """
    model, tunings = built.model, (built.image_tuning, built.question_tuning)
    prepare_tuning(model, *tunings, seed=step_seed(train.seed, BEFORE_STEPS, 0))
    if train.unfreeze_every and not any(tuning.startswith(LAYERED) for tuning in tunings):
        raise ModelError(
            "--unfreeze-every wakes the layers of an encoder one by one, and none learns by "
            "layers: --image-tuning or --question-tuning must be full or last:N"
        )
    last = model.head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.constant_(last.bias, first_bias(train.objective, model.config.answers))


def begin_run(
    built: BuiltModel,
    data: PreparedDataset,
    settings: tuple[ModelSettings, TrainSettings, AugmentSettings, TrackSettings, DeviceSettings],
    device: Device,
    out: Path | None,
    accelerator: Accelerator,
) -> Path:
    """Make the run folder on rank 0 and tell the others its name."""
    name = data.folder.parent.name if data.folder.name.startswith(".") else data.folder.name
    made = [str(create_run(name, out)) if accelerator.is_main_process else ""]
    run = Path(broadcast_object_list(made)[0])
    if accelerator.is_main_process:
        model, train, augment, track, asked = settings
        model = replace(
            model, image_tuning=built.image_tuning, question_tuning=built.question_tuning
        )
        where = replace(asked, precision=device.precision, threads=device.threads)
        resolved = (model, train, augment, track, where)
        with writing(run):
            if augment.augmentation_words:
                shutil.copyfile(augment.augmentation_words, run / FURTHER_WORDS)
            _write(run, data, built, {s.section: s.to_mapping() for s in resolved})
    accelerator.wait_for_everyone()
    return run


def _write(run: Path, data: PreparedDataset, built: BuiltModel, settings: dict[str, Any]) -> None:
    """Write all that a run folder holds before its first step; config.json comes last."""
    built.preprocessor.save(run)
    data.vocabulary.save(run / "answers.json")
    confidence = Confidence(1.0, activation_of(settings["train"]["objective"]))
    save_calibration(run, confidence, save_weights(run, built.model.state_dict()))
    save_config(
        run,
        built.model,
        {
            "vqa_version": __version__,
            "preset": built.preset,
            "settings": settings,
            "data": {
                "folder": str(data.folder.resolve()),
                "images": str(data.image_root),
                "fingerprint": data.fingerprint,
                "questions": {split: int(n) for split, n in data.info["splits"].items()},
            },
        },
    )
