"""What resuming needs: the learned weights, the optimiser's moments and where the run stands.

Safetensors and JSON only. A state is a folder of its own, written under a temporary name and
renamed; the one before is removed after that, so that a stop at any point leaves a whole one. The
best weights are a file of their own, named after their epoch: a stop between them and the state
leaves those that the state before speaks of.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqa_cli.errors import ModelError
from vqa_cli.files import replacing, write_json
from vqa_cli.models.tuning import Tuning
from vqa_cli.training.optimizer import Average, copy_into
from vqa_cli.training.run_folder import STATE

WEIGHTS, OPTIMIZER, AVERAGE, TUNING = (
    f"{name}.safetensors" for name in ("weights", "optimizer", "average", "tuning")
)
PROGRESS = "progress.json"


@dataclass
class Progress:
    """Where a run stands. `step` counts the optimiser's steps from the run's beginning.

    accumulation: parts of a step's batch, more than the settings say where memory ran out.
    stopped: why training ended before its last step.
    epoch_sums: the losses of the epoch so far by name, times their questions' weights, whose sum
    is epoch_weight. epoch_norm: its gradients' norms. epoch_seconds: what its steps took.
    """

    step: int = 0
    accumulation: int = 0
    untrained_accuracy: float = -1.0
    old_accuracy: float = -1.0  # on the old data, before the first step
    best_accuracy: float = -1.0
    best_epoch: int = 0
    stopped: str = ""
    seconds_features: float = 0.0
    seconds_training: float = 0.0
    epoch_sums: dict[str, float] = field(default_factory=dict)
    epoch_weight: float = 0.0
    epoch_norm: float = 0.0
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def add(self, sums: Mapping[str, float], weight: float) -> None:
        """Take in what a step's questions cost."""
        for name, value in sums.items():
            self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + value
        self.epoch_weight += weight

    def begin_epoch(self) -> None:
        """Forget what was added up of the epoch before."""
        self.epoch_sums = {}
        self.epoch_weight = self.epoch_norm = self.epoch_seconds = 0.0


@dataclass(frozen=True)
class Learning:
    """All that changes while a run trains.

    learned: the parameters, by name, in the optimiser's order.
    """

    learned: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer
    average: Average | None
    tuning: Tuning


def save_state(run: Path, learning: Learning, progress: Progress) -> None:
    """Write the state of step `progress.step`, then remove older ones.

    Raises ModelError, with the state before intact, where it cannot be written.
    """
    folder = run / STATE / f"step-{progress.step:09d}"
    temporary = run / STATE / f".tmp-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _save(learning.learned, temporary / WEIGHTS)
        _save(_moments(learning), temporary / OPTIMIZER)
        if learning.average is not None:
            _save(learning.average.tensors, temporary / AVERAGE)
        _save(learning.tuning.state(), temporary / TUNING)
        write_json(temporary / PROGRESS, asdict(progress))
        if not folder.exists():  # one of this very step is as good
            temporary.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{run}: the state of step {progress.step:,} cannot be saved ({error}); make room, "
            f"then go on from the one before: vqa finetune --resume {run}"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for path in _states(run):
        if path != folder:
            shutil.rmtree(path)
    for path in (run / STATE).glob("best-*"):
        if path != _best(run, progress.best_epoch):
            path.unlink()


def load_state(run: Path, learning: Learning) -> Progress:
    """Put the newest state into `learning` and return where the run stands.

    Raises ModelError where there is none, or where it is damaged.
    """
    states = _states(run)
    if not states:
        raise ModelError(f"{run}: there is no state to resume from; train again")
    folder = states[-1]
    try:
        weights, moments = load_file(folder / WEIGHTS), load_file(folder / OPTIMIZER)
        averages = load_file(folder / AVERAGE) if learning.average is not None else {}
        tuning = load_file(folder / TUNING)
        progress = Progress(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise ModelError(f"{folder}: the state is damaged ({error}); train again") from error
    if learning.learned.keys() != weights.keys():
        raise ModelError(f"{folder}: the state is of another model; train again")
    copy_into(learning.learned, weights)
    _restore_moments(learning, moments)
    if learning.average is not None:
        learning.average.restore(averages)
    learning.tuning.load_state(tuning)
    return progress


def save_best(run: Path, epoch: int, learned: Mapping[str, Tensor]) -> None:
    """Keep the parameters of the best epoch so far, until a state names another one.

    Raises ModelError, with those before intact, where they cannot be written.
    """
    try:
        (run / STATE).mkdir(exist_ok=True)
        _save(learned, _best(run, epoch))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{run}: the best weights cannot be saved ({error}); make room, then go on: "
            f"vqa finetune --resume {run}"
        ) from error


def load_best(run: Path, epoch: int) -> dict[str, Tensor]:
    """Return the parameters of the best epoch. Raises ModelError where they are damaged."""
    path = _best(run, epoch)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: is damaged ({error}); train again") from error


def has_state(run: Path) -> bool:
    """Whether there is a whole state to resume from."""
    return bool(_states(run))


def _best(run: Path, epoch: int) -> Path:
    return run / STATE / f"best-{epoch:06d}.safetensors"


def _states(run: Path) -> list[Path]:
    return sorted((run / STATE).glob("step-*"))


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    with replacing(path) as temporary:
        save_file(_on_cpu(tensors), temporary)
        # Without this, a power cut could leave a file of zeros, and the state before gone.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _moments(learning: Learning) -> dict[str, Tensor]:
    return {
        f"{index}.{name}": value
        for index, parameter in enumerate(learning.learned.values())
        for name, value in learning.optimizer.state.get(parameter, {}).items()
    }


def _restore_moments(learning: Learning, moments: Mapping[str, Tensor]) -> None:
    parameters = list(learning.learned.values())
    for key, value in moments.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        learning.optimizer.state[parameter][name] = value.to(parameter.device)
