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
from vqa_cli.config import AugmentSettings, DeviceSettings, ModelSettings, TrainSettings
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.model_folder import Confidence
from vqa_cli.models.building import BuiltModel
from vqa_cli.models.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_calibration,
    save_config,
    save_weights,
)
from vqa_cli.training.batches import step_seed
from vqa_cli.training.learner import Learner
from vqa_cli.training.objective import activation_of, first_bias
from vqa_cli.training.optimizer import Average, learned_parameters, optimizer_for
from vqa_cli.training.run_folder import create_run
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
            run / FURTHER_WORDS if settings["augment"]["augmentation_words"] else None,
        )

    def learner(self) -> Learner:
        """Build what learns: a function of the folder alone. On the CPU."""
        model, settings = self.checkpoint.model, self.checkpoint.config["settings"]
        torch.manual_seed(step_seed(self.train.seed, BEFORE_STEPS, 0))
        if settings["model"]["image_tuning"] == "frozen":
            model.image_encoder.freeze()
        if settings["model"]["question_tuning"] == "frozen":
            model.question_encoder.freeze()
        return Learner(model, self.train)

    def learning(self, learner: Learner) -> Learning:
        """Make the optimiser, and the average where there is to be one."""
        optimizer = optimizer_for(learner, self.train)
        learned = learned_parameters(learner, optimizer)
        average = Average(self.train.ema, learned) if self.train.ema else None
        return Learning(learned, optimizer, average)


def begin_run(
    built: BuiltModel,
    data: PreparedDataset,
    settings: tuple[ModelSettings, TrainSettings, AugmentSettings, DeviceSettings],
    device: Device,
    out: Path | None,
    accelerator: Accelerator,
) -> Path:
    """Make the run folder on rank 0 and tell the others its name."""
    name = data.folder.parent.name if data.folder.name.startswith(".") else data.folder.name
    made = [str(create_run(name, out)) if accelerator.is_main_process else ""]
    run = Path(broadcast_object_list(made)[0])
    if accelerator.is_main_process:
        model, train, augment, asked = settings
        model = replace(
            model, image_tuning=built.image_tuning, question_tuning=built.question_tuning
        )
        if augment.augmentation_words:
            shutil.copyfile(augment.augmentation_words, run / FURTHER_WORDS)
        where = replace(asked, precision=device.precision, threads=device.threads)
        _write(
            run, data, built, {s.section: s.to_mapping() for s in (model, train, augment, where)}
        )
    accelerator.wait_for_everyone()
    return run


def _write(run: Path, data: PreparedDataset, built: BuiltModel, settings: dict[str, Any]) -> None:
    """Write all that a run folder holds before its first step; config.json comes last."""
    last = built.model.head[-1]
    assert isinstance(last, torch.nn.Linear)
    objective = settings["train"]["objective"]
    torch.nn.init.constant_(last.bias, first_bias(objective, len(data.vocabulary)))
    built.preprocessor.save(run)
    data.vocabulary.save(run / "answers.json")
    confidence = Confidence(1.0, activation_of(objective))
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
