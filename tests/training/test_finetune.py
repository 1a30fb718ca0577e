"""`finetune` from a drawn folder to a finished run folder; stopped and resumed on the way."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.drawing import draw_shapes, write_shapes
from vqa_cli.config import DeviceSettings, ModelSettings, PrepareSettings, TrainSettings
from vqa_cli.console import Silent
from vqa_cli.errors import DataError, ModelError
from vqa_cli.models.checkpoint import load_checkpoint
from vqa_cli.training.finetune import FinetuneResult, finetune, resume
from vqa_cli.training.run_folder import find_unfinished

DEVICE = DeviceSettings(device="cpu", precision="float32", threads=1)
FILES = {
    "README.md",
    "answers.json",
    "calibration.json",
    "config.json",
    "history.csv",
    "metrics.json",
    "model.safetensors",
    "preprocess.json",
    "tokenizer.json",
}


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, text: str) -> None:
        self.said.append(text)


class StopAt(Listener):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "training" and done == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


def train(folder: Path, out: Path, report: Silent | None = None, **model: str) -> FinetuneResult:
    return finetune(
        folder,
        model=ModelSettings(preset="tiny", image_size=32, **model),
        train=TrainSettings(epochs=3, batch_size=16),
        device=DEVICE,
        prepare=PrepareSettings(),
        out=out,
        report=report or Silent(),
    )


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(folder, tmp_path_factory.mktemp("runs") / "whole").run


def test_a_run_folder_stands_alone(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == FILES
    assert (run.parent / "latest").read_text().strip() == run.name
    metrics = json.loads((run / "metrics.json").read_text())
    checkpoint = load_checkpoint(run)
    assert checkpoint.confidence.temperature == metrics["temperature"]
    assert checkpoint.confidence.ceiling == metrics["ceiling"]
    assert len(checkpoint.vocabulary) == checkpoint.config["model"]["answers"]
    assert len((run / "history.csv").read_text().splitlines()) == 1 + 3


def test_the_same_seed_gives_the_same_weights(run: Path, folder: Path, tmp_path: Path) -> None:
    assert same(run, train(folder, tmp_path / "again").run)


@pytest.mark.parametrize("step", [2, 4, 11])
def test_a_stopped_run_resumes_to_the_same_weights(
    run: Path, folder: Path, tmp_path: Path, step: int
) -> None:
    stopped, user = tmp_path / "stopped", StopAt(step)
    with pytest.raises(KeyboardInterrupt):
        train(folder, stopped, user)
    assert user.said[-1].endswith(f"vqa finetune --resume {stopped}")
    assert not (stopped / "metrics.json").exists()
    found, config = find_unfinished(None, tmp_path)
    assert found == stopped
    result = resume(found, config)
    assert result.run == stopped
    assert {path.name for path in stopped.iterdir()} == FILES
    assert same(run, stopped)


@pytest.mark.parametrize("fusion", ["concat", "joint"])
def test_frozen_encoders_keep_their_weights(folder: Path, tmp_path: Path, fusion: str) -> None:
    frozen = {"image_tuning": "frozen", "question_tuning": "frozen"}
    before, after = tmp_path / "before", tmp_path / "after"
    with pytest.raises(KeyboardInterrupt):
        train(folder, before, StopAt(1), fusion=fusion, **frozen)
    start = weights(before)
    train(folder, after, fusion=fusion, **frozen)
    end = weights(after)
    encoders = [name for name in start if "_encoder." in name]
    assert encoders
    assert all(torch.equal(start[name], end[name]) for name in encoders)
    assert not torch.equal(start["head.1.weight"], end["head.1.weight"])


def test_a_second_run_with_the_same_frozen_encoder_skips_the_features(
    folder: Path, tmp_path: Path
) -> None:
    frozen = {"image_tuning": "frozen", "question_tuning": "frozen"}
    train(folder, tmp_path / "first", **frozen)
    listener = Listener()
    train(folder, tmp_path / "second", listener, **frozen)
    assert sum("features: all" in line for line in listener.said) == 2
    assert same(tmp_path / "first", tmp_path / "second")


def test_data_that_changed_is_not_resumed(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", StopAt(1))
    questions = folder / "questions.csv"
    questions.write_text(questions.read_text().replace("is it red?", "is it crimson?"))
    train(folder, tmp_path / "other")  # prepares the folder anew
    with pytest.raises(DataError, match="has changed"):
        resume(*find_unfinished(tmp_path / "run"))


def test_a_loss_that_is_no_number_stops_and_keeps_the_weights(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="learning-rate"):
        finetune(
            folder,
            model=ModelSettings(preset="tiny", image_size=32),
            train=TrainSettings(epochs=2, batch_size=16, learning_rate=1e30, warmup=0),
            device=DEVICE,
            prepare=PrepareSettings(),
            out=tmp_path / "run",
        )
    assert all(t.isfinite().all() for t in weights(tmp_path / "run").values())


def test_the_score_before_training_is_recorded(run: Path, folder: Path, tmp_path: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    gain = metrics["val_accuracy"] - metrics["val_accuracy_untrained"]
    assert metrics["val_accuracy_gain"] == pytest.approx(gain)
    still = finetune(
        folder,
        model=ModelSettings(preset="tiny", image_size=32),
        train=TrainSettings(
            epochs=1, batch_size=16, learning_rate=1e-30, encoder_learning_rate=1e-30
        ),
        device=DEVICE,
        prepare=PrepareSettings(),
        out=tmp_path / "still",
    )
    assert still.val_accuracy == still.val_accuracy_untrained == metrics["val_accuracy_untrained"]


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn shapes about which four people were asked, one of whom says something else."""
    folder = tmp_path_factory.mktemp("data") / "annotated"
    rows = draw_shapes(folder / "images", 24)
    lines = [
        {"image": i, "question": q, "answers": [{"answer": x} for x in (a, a, a, "shape")]}
        for i, q, a in rows
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_several_annotators_are_learned_answer_by_answer(annotated: Path, tmp_path: Path) -> None:
    made = train(annotated, tmp_path / "run").run
    checkpoint = load_checkpoint(made)
    assert checkpoint.config["settings"]["train"]["objective"] == "binary"
    assert checkpoint.confidence.activation == "sigmoid"
    assert checkpoint.confidence.temperature != 1.0
    with (made / "history.csv").open() as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    assert losses == sorted(losses, reverse=True)


def test_the_objective_is_a_setting(annotated: Path, tmp_path: Path) -> None:
    made = finetune(
        annotated,
        model=ModelSettings(preset="tiny", image_size=32),
        train=TrainSettings(epochs=1, batch_size=16, objective="cross-entropy"),
        device=DEVICE,
        prepare=PrepareSettings(),
        out=tmp_path / "run",
    ).run
    assert load_checkpoint(made).confidence.activation == "softmax"
