"""How a run begins: its folder, and the model that learns, built anew from it each time.

model.safetensors keeps the weights that a run began with until it ends, so that a run that was
stopped anywhere can be built again from its folder alone.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.settings import unusable
from vqa_cli.training.batches import step_seed
from vqa_cli.training.continuing import Continued
from vqa_cli.training.defaults import at_heads_rate
from vqa_cli.training.given_files import given_in, keep_given
from vqa_cli.training.learner import Learner
from vqa_cli.training.objective import activation_of, first_bias
from vqa_cli.training.old_data import OldData
from vqa_cli.training.optimizer import Average, learned_parameters, optimizer_for
from vqa_cli.training.run_folder import create_run, writing
from vqa_cli.training.state import Learning

Chosen = tuple[ModelSettings, TrainSettings, AugmentSettings, TrackSettings, DeviceSettings]
BEFORE_STEPS = 1 << 40
"""A step number that no run reaches, for what is random before the first one."""


@dataclass(frozen=True)
class Beginning:
    """What a run folder says of how to train: the base weights, and the settings.

    given: the run's own copies of the files that settings name, by setting.
    """

    checkpoint: Checkpoint
    train: TrainSettings
    augment: AugmentSettings
    track: TrackSettings
    given: Mapping[str, Path]

    @classmethod
    def of(cls, run: Path) -> Beginning:
        """Read a run folder. Raises ModelError where it is damaged."""
        checkpoint = load_checkpoint(run)
        settings = checkpoint.config["settings"]
        augment = AugmentSettings.from_mapping(settings["augment"])
        return cls(
            checkpoint,
            TrainSettings.from_mapping(settings["train"]),
            augment,
            TrackSettings.from_mapping(settings["track"]),
            given_in(run, augment),
        )

    def old_data(self) -> OldData | None:
        """What a continued run replays and scores. Raises DataError where replay is gone."""
        recorded = self.checkpoint.config.get("continued")
        return OldData.reopen(recorded) if recorded else None

    def learner(self) -> tuple[Learner, Tuning]:
        """Build what learns: a function of the folder alone. On the CPU."""
        model, chosen = self.checkpoint.model, self.checkpoint.config["settings"]["model"]
        seed = step_seed(self.train.seed, BEFORE_STEPS, 0)
        tuning = apply_tuning(model, chosen["image_tuning"], chosen["question_tuning"], seed=seed)
        torch.manual_seed(seed)
        return Learner(model, self.train), tuning

    def learning(self, learner: Learner, tuning: Tuning) -> Learning:
        """Make the optimiser, and the average where there is to be one."""
        fast = self.checkpoint.config["at_heads_rate"]
        optimizer = optimizer_for(learner, self.train, fast)
        learned = learned_parameters(learner, optimizer)
        average = Average(self.train.ema, learned) if self.train.ema else None
        return Learning(learned, optimizer, average, tuning)


def prepare_learning(built: BuiltModel, train: TrainSettings, augment: AugmentSettings) -> None:
    """Give a model what its training needs to begin with: virtual tokens.

    Raises, before there is a run folder, ModelError where an encoder cannot be tuned as asked, and
    SettingsError where the encoders learn too little for another setting, or too much.
    """
    model, tunings = built.model, (built.image_tuning, built.question_tuning)
    prepare_tuning(model, *tunings, seed=step_seed(train.seed, BEFORE_STEPS, 0))
    problems = []
    if train.unfreeze_every and not any(tuning.startswith(LAYERED) for tuning in tunings):
        problems.append(
            "--unfreeze-every wakes the layers of an encoder one by one, and none learns by "
            "layers: --image-tuning or --question-tuning must be full or last:N"
        )
    if train.contrastive and tunings == ("frozen", "frozen"):
        problems.append(
            "--contrastive brings the two encoders' outputs together, and both are frozen: let one "
            "learn (--image-tuning, --question-tuning), or use --matching, which teaches the fusion"
        )
    if augment.views != AugmentSettings().views and not _stores_views(tunings, augment):
        problems.append(
            f"--views {augment.views} are kept of the inputs of a frozen encoder, and what is "
            "changed here goes into one that learns, which sees a new view each time: leave "
            "--views out"
        )
    if problems:
        raise unusable(problems)


def _stores_views(tunings: tuple[str, str], augment: AugmentSettings) -> bool:
    """Whether a frozen encoder gets images or questions that are changed."""
    image, question = tunings
    images = augment.image_augmentation != "none"
    questions = bool(augment.word_dropout or augment.synonyms or augment.templates)
    return (images and image == "frozen") or (questions and question == "frozen")


def begin_head(model: VQAModel, objective: str) -> None:
    """Give a new head the bias that suits what it will be taught."""
    last = model.head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.constant_(last.bias, first_bias(objective, model.config.answers))


def begin_run(
    built: BuiltModel,
    data: PreparedDataset,
    settings: Chosen,
    device: Device,
    out: Path | None,
    accelerator: Accelerator,
    continued: Continued | None = None,
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
            keep_given(augment, run)
            chosen = {s.section: s.to_mapping() for s in resolved}
            _write(run, data, built, chosen, continued)
    accelerator.wait_for_everyone()
    return run


def _write(
    run: Path,
    data: PreparedDataset,
    built: BuiltModel,
    settings: dict[str, Any],
    continued: Continued | None,
) -> None:
    """Write all that a run folder holds before its first step; config.json comes last."""
    built.preprocessor.save(run)
    vocabulary = continued.vocabulary if continued else data.vocabulary
    vocabulary.save(run / "answers.json")
    confidence = Confidence(1.0, activation_of(settings["train"]["objective"]))
    save_calibration(run, confidence, save_weights(run, built.model.state_dict()))
    save_config(
        run,
        built.model,
        {
            "vqa_version": __version__,
            "preset": built.preset,
            "settings": settings,
            "at_heads_rate": at_heads_rate(built),
            **({"continued": continued.record()} if continued else {}),
            "data": {
                "folder": str(data.folder.resolve()),
                "images": str(data.image_root),
                "fingerprint": data.fingerprint,
                "questions": {split: int(n) for split, n in data.info["splits"].items()},
            },
        },
    )
