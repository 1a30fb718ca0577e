"""What each setting of the recipe does to a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.drawing import write_shapes
from tests.training.small_runs import Listener, StopAt, history, same, train, weights
from vqa_cli.errors import ModelError, VQAError
from vqa_cli.inference.loading import load_answerer
from vqa_cli.training.finetune import resume
from vqa_cli.training.run_folder import find_unfinished
from vqa_cli.training.step import Stepper


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(folder, tmp_path_factory.mktemp("runs") / "plain").run


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "linear"},
        {"schedule": "constant"},
        {"warmup": 0.5},
        {"ema": 0.5},
        {"weight_decay": 0.5},
        {"max_gradient_norm": 0.01},
        {"label_smoothing": 0.2},
    ],
    ids=lambda settings: "-".join(map(str, settings.items())),
)
def test_a_setting_changes_what_is_learned_and_survives_a_stop(
    folder: Path, plain: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    whole = train(folder, tmp_path / "whole", **settings).run
    assert not same(whole, plain)
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "stopped", StopAt(7), **settings)
    assert same(whole, resume(*find_unfinished(tmp_path / "stopped")).run)


def test_the_averaged_weights_are_scored_and_kept(folder: Path, tmp_path: Path) -> None:
    """With a decay near 1 and few steps the average lags behind the weights themselves."""
    losses: list[float] = []
    for ema in (0.0, 0.999):
        made = train(folder, tmp_path / f"ema-{ema}", ema=ema)
        losses += [history(made.run)[-1]["val_loss"]]
        assert made.val_accuracy == max(row["val_accuracy"] for row in history(made.run))
    assert losses[0] != losses[1]


def test_parts_of_a_batch_give_the_same_weights_up_to_rounding(
    folder: Path, plain: Path, tmp_path: Path
) -> None:
    """Without dropout, whose numbers another cut would draw anew."""
    whole, parts = (
        train(folder, tmp_path / f"parts-{n}", model={"dropout": 0.0}, epochs=1, accumulation=n)
        for n in (1, 3)
    )
    assert history(whole.run)[0]["loss"] == pytest.approx(history(parts.run)[0]["loss"], abs=1e-4)
    a, b = weights(whole.run), weights(parts.run)
    assert not same(whole.run, parts.run)  # or the setting did nothing
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=2e-3, rtol=1e-2)


def test_patience_ends_a_run_that_gets_no_better(folder: Path, tmp_path: Path) -> None:
    rates = {"learning_rate": 1e-30, "encoder_learning_rate": 1e-30}
    result = train(folder, tmp_path / "run", epochs=9, patience=2, **rates)
    assert len(history(result.run)) == 3
    assert result.stopped == "no better val score for 2 epochs"
    assert json.loads((result.run / "metrics.json").read_text())["stopped"] == result.stopped


def test_a_time_budget_ends_a_run_with_what_was_reached(folder: Path, tmp_path: Path) -> None:
    result = train(folder, tmp_path / "run", epochs=50, max_minutes=1e-6)
    assert result.stopped == "--max-minutes 1e-06 are over"
    assert len(history(result.run)) == 1
    assert load_answerer(result.run)


def test_each_epoch_is_told(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []

    class Pruned(Exception):  # noqa: N818
        pass

    def on_epoch(epoch: int, accuracy: float) -> None:
        told.append((epoch, accuracy))
        if epoch == 2:
            raise Pruned

    with pytest.raises(Pruned):
        train(folder, tmp_path / "run", on_epoch=on_epoch)
    assert [epoch for epoch, _ in told] == [1, 2]
    assert [accuracy for _, accuracy in told] == [
        row["val_accuracy"] for row in history(tmp_path / "run")
    ]


def break_from(step: int) -> Callable[..., Any]:
    """Make the head's output infinite for one question, from a step on."""
    take = Stepper.take

    def broken(self: Stepper, number: int, *arguments: Any) -> Any:
        if number >= step:
            with torch.no_grad():
                self.learner.model.head[-1].weight[0] = float("inf")
        return take(self, number, *arguments)

    return broken


def test_a_loss_that_is_no_number_names_its_questions(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stepper, "take", break_from(1))
    with pytest.raises(ModelError, match=r"step 2: the loss is no number for question .*no epoch"):
        train(folder, tmp_path / "run")
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run").values())


def test_the_best_epoch_before_it_is_kept_and_answers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stepper, "take", break_from(8))
    with pytest.raises(ModelError, match=r"the weights of epoch \d, the best so far, are kept in"):
        train(folder, tmp_path / "run", epochs=3)
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run").values())
    assert load_answerer(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "the loss is no number" in metrics["stopped"]


def test_out_of_memory_halves_the_parts_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stub in place of a GPU's memory that holds five questions at once."""
    backward = Stepper._backward

    def small(self: Stepper, part: Any, *arguments: Any) -> Any:
        if len(part.rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return backward(self, part, *arguments)

    monkeypatch.setattr(Stepper, "_backward", small)
    listener = Listener()
    made = train(folder, tmp_path / "run", listener, epochs=1)
    said = [text for text in listener.said if "out of memory" in text]
    assert [text.split(" is computed in ")[1].split(" parts")[0] for text in said] == ["2", "4"]
    monkeypatch.undo()
    assert same(made.run, train(folder, tmp_path / "four", epochs=1, accumulation=4).run)


def test_memory_for_not_even_one_question_is_an_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Stepper, *arguments: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Stepper, "_backward", none)
    with pytest.raises(ModelError, match="memory does not hold 1 questions at once; train with"):
        train(folder, tmp_path / "run", epochs=1)


def test_the_trainer_takes_every_step_once(folder: Path, tmp_path: Path) -> None:
    taken: list[int] = []

    class Counting(Listener):
        def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
            if stage == "training":
                taken.append(done)

    train(folder, tmp_path / "run", Counting(), epochs=2)
    assert taken == list(range(1, len(taken) + 1))


def test_lower_layers_wake_up_one_by_one(folder: Path, tmp_path: Path) -> None:
    """With a layer an epoch, what wakes last has learned in the last epochs alone."""
    full = {"image_tuning": "full", "question_tuning": "full"}
    before = train(folder, tmp_path / "still", model=full, epochs=1, learning_rate=1e-30,
                   encoder_learning_rate=1e-30, weight_decay=0).run  # fmt: skip
    after = train(folder, tmp_path / "run", model=full, epochs=1, unfreeze_every=1).run
    a, b = weights(before), weights(after)
    changed = {name for name in a if not torch.equal(a[name], b[name])}
    assert "question_encoder.model.embeddings.word_embeddings.weight" not in changed
    assert "image_encoder.backbone.conv1.weight" not in changed
    assert any(name.startswith("question_encoder") for name in changed)
    assert any(name.startswith("image_encoder") for name in changed)
    whole = train(folder, tmp_path / "whole", model=full, epochs=1).run
    assert not any(torch.equal(a[name], weights(whole)[name]) for name in a if "conv1" in name)


def test_nothing_to_wake_up_is_an_error(folder: Path, tmp_path: Path) -> None:
    lora = {"image_tuning": "lora:2", "question_tuning": "frozen"}
    with pytest.raises(VQAError, match="--unfreeze-every"):
        train(folder, tmp_path / "run", model=lora, unfreeze_every=1)
    assert not (tmp_path / "run").exists()
