"""The gradient of a step: the same however its batch is cut into parts and processes."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.tiny_runs import ANSWERS, QUESTIONS, SIZE, tiny_model, tiny_preprocessor
from vqa_cli.config import TrainSettings
from vqa_cli.models.tuning import apply_tuning
from vqa_cli.training.batches import parts_of, share_of
from vqa_cli.training.learner import Learner
from vqa_cli.training.objective import SoftTargets
from vqa_cli.training.optimizer import learned_parameters, optimizer_for
from vqa_cli.training.split_data import SplitData, TokenIds
from vqa_cli.training.state import Learning
from vqa_cli.training.step import Part, Stepper, Task

Rows = NDArray[np.int64]
BATCH = np.array([10, 3, 7, 0, 9, 2, 6, 1, 8, 4, 5])
"""Eleven questions about four images: neither two nor four parts of it are of one size."""


def pictures(images: Rows, draw: int | None = None) -> dict[str, Tensor]:
    drawn = [np.random.default_rng(image).normal(size=(3, SIZE, SIZE)) for image in images.tolist()]
    return {"pixel_values": torch.tensor(np.stack(drawn), dtype=torch.float32)}


def task(weights: NDArray[np.float32]) -> Task:
    """Questions with one to three right answers, some of them about the same image."""
    random = np.random.default_rng(0)
    counts = random.integers(1, 4, len(BATCH))
    targets = SoftTargets(
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([random.permutation(len(ANSWERS))[:count] for count in counts]),
        random.choice([0.3, 0.6, 1.0], counts.sum()).astype(np.float32),
    )
    preprocessor = tiny_preprocessor()
    train = SplitData(
        image=np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3]),
        question=np.arange(len(BATCH)) % len(QUESTIONS),
        images=pictures,
        questions=TokenIds(preprocessor.token_ids(QUESTIONS), preprocessor),
        ids=[str(row) for row in range(len(BATCH))],
    )
    return Task(train, targets, np.arange(len(BATCH)), weights, validation=None)  # type: ignore[arg-type]


def process(rank: int, count: int) -> Any:
    """One of `count` processes, without the others."""
    return SimpleNamespace(
        process_index=rank,
        num_processes=count,
        device=torch.device("cpu"),
        prepare_model=lambda model: model,
        no_sync=lambda model: nullcontext(),
        backward=lambda loss: loss.backward(),
        clip_grad_norm_=nn.utils.clip_grad_norm_,
    )


RATES = {"learning_rate": 1e-3, "weight_decay": 0.01}


def gradient(
    settings: TrainSettings, weights: NDArray[np.float32], parts: int, processes: int
) -> tuple[dict[str, Tensor], float]:
    """The gradients that the optimiser sees, and the summed loss of the batch."""
    summed: dict[str, Tensor] = {}
    loss, batch_task = 0.0, task(weights)
    for rank in range(processes):
        learner = Learner(tiny_model().eval(), settings)  # no dropout
        tuning = apply_tuning(learner.model, "full", "full", seed=0)
        optimizer = optimizer_for(learner, settings)
        learned = learned_parameters(learner, optimizer)
        seen = dict.fromkeys(learned, torch.zeros(()))

        def keep(seen: dict[str, Tensor] = seen, learned: dict[str, Any] = learned) -> None:
            seen.update({name: p.grad.clone() for name, p in learned.items()})

        optimizer.step = keep  # type: ignore[method-assign, assignment]
        stepper = Stepper(
            learner,
            Learning(learned, optimizer, None, tuning),
            batch_task,
            settings,
            process(rank, processes),
            steps=1,
        )
        images = batch_task.train.image
        own = parts_of(share_of(BATCH, images, rank, processes), images, parts)
        inputs = (batch_task.train.inputs(rows, 0) for rows in own)
        taken = stepper.take(0, BATCH, [Part(rows) for rows in own], inputs)
        loss += taken.sums["loss"]
        for name, value in seen.items():  # averaged, as the processes average them
            summed[name] = summed.get(name, 0) + value / processes
    return summed, loss


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "cross-entropy"},
        {"objective": "cross-entropy", "label_smoothing": 0.2},
        {"objective": "binary"},
    ],
    ids=["softmax", "smoothed", "binary"],
)
@pytest.mark.parametrize("rare", [False, True], ids=["equal", "weighted"])
def test_the_gradient_does_not_depend_on_how_a_batch_is_cut(
    settings: dict[str, Any], rare: bool
) -> None:
    chosen = TrainSettings(**RATES, **settings, max_gradient_norm=1e9)
    weights = (np.linspace(0.2, 1.8, len(BATCH)) if rare else np.ones(len(BATCH))).astype("f4")
    whole, loss = gradient(chosen, weights, parts=1, processes=1)
    assert max(float(value.abs().max()) for value in whole.values()) > 0.01
    for parts, processes in ((2, 1), (4, 1), (1, 2), (4, 3)):
        cut, cut_loss = gradient(chosen, weights, parts, processes)
        assert cut_loss == pytest.approx(loss, rel=1e-5)
        for name, value in whole.items():
            torch.testing.assert_close(cut[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_weights_change_the_gradient() -> None:
    chosen = TrainSettings(**RATES, objective="cross-entropy")
    equal, rising = np.ones(len(BATCH), "f4"), np.linspace(0.2, 1.8, len(BATCH)).astype("f4")
    one, other = (gradient(chosen, weights, 1, 1)[0] for weights in (equal, rising))
    assert any(not torch.allclose(one[name], other[name], rtol=0.05) for name in one)
