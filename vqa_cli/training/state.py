"""What resuming needs: the learned weights, the optimiser's moments and where the run stands.

Safetensors and JSON only. A state is a folder of its own, written under a temporary name and
renamed; the one before is removed after that, so that a stop at any point leaves a whole one.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vqa_cli.errors import ModelError
from vqa_cli.files import write_json
from vqa_cli.training.run_folder import STATE


@dataclass
class Progress:
    """Where a run stands. `step` counts the optimiser's steps from the run's beginning."""

    step: int = 0
    untrained_accuracy: float = -1.0
    best_accuracy: float = -1.0
    best_epoch: int = 0
    seconds_features: float = 0.0
    seconds_training: float = 0.0
    epoch_loss: float = 0.0  # summed over the questions of the epoch so far
    epoch_questions: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    run: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the state of step `progress.step`, then remove older ones."""
    folder = run / STATE / f"step-{progress.step:09d}"
    temporary = run / STATE / f".tmp-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        learned = {n: p.detach().cpu() for n, p in model.named_parameters() if p.requires_grad}
        save_file(learned, temporary / "weights.safetensors")
        save_file(_moments(optimizer), temporary / "optimizer.safetensors")
        write_json(temporary / "progress.json", asdict(progress))
        older = _states(run)
        if folder in older:  # saved at this very step before
            shutil.rmtree(folder)
            older.remove(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for path in older:
        shutil.rmtree(path)


def load_state(run: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put the newest state into `model` and `optimizer` and return where the run stands.

    Raises ModelError where there is none, or where it is damaged.
    """
    states = _states(run)
    if not states:
        raise ModelError(f"{run}: there is no state to resume from; train again")
    folder = states[-1]
    try:
        weights = load_file(folder / "weights.safetensors")
        moments = load_file(folder / "optimizer.safetensors")
        progress = Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise ModelError(f"{folder}: the state is damaged ({error}); train again") from error
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if learned.keys() != weights.keys():
        raise ModelError(f"{folder}: the state is of another model; train again")
    with torch.no_grad():
        for name, parameter in learned.items():
            parameter.copy_(weights[name])
    _restore_moments(optimizer, moments)
    return progress


def has_state(run: Path) -> bool:
    """Whether there is a whole state to resume from."""
    return bool(_states(run))


def _states(run: Path) -> list[Path]:
    return sorted((run / STATE).glob("step-*"))


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{index}.{name}": value.detach().cpu().contiguous()
        for index, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state.get(parameter, {}).items()
    }


def _restore_moments(optimizer: torch.optim.Optimizer, moments: dict[str, torch.Tensor]) -> None:
    parameters = _parameters(optimizer)
    for key, value in moments.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        optimizer.state[parameter][name] = value.to(parameter.device)
