"""`finetune` from a drawn folder to a finished run folder; stopped and resumed on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.drawing import draw_shapes, write_shapes
from tests.training.small_runs import Listener, StopAt, history, same, train, weights
from vqa_cli.errors import DataError
from vqa_cli.models.checkpoint import load_checkpoint
from vqa_cli.training.finetune import resume
from vqa_cli.training.recipe import Trainer
from vqa_cli.training.run_folder import find_unfinished
from vqa_cli.training.validation import Scored

FROZEN = {"image_tuning": "frozen", "question_tuning": "frozen"}
FILES = {
    "README.md",
    "answers.json",
    "calibration.json",
    "config.json",
    "curves.svg",
    "history.csv",
    "metrics.json",
    "model.safetensors",
    "preprocess.json",
    "tokenizer.json",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


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
    before, after = tmp_path / "before", tmp_path / "after"
    with pytest.raises(KeyboardInterrupt):
        train(folder, before, StopAt(1), model={"fusion": fusion, **FROZEN})
    start = weights(before)
    train(folder, after, model={"fusion": fusion, **FROZEN})
    end = weights(after)
    encoders = [name for name in start if "_encoder." in name]
    assert encoders
    assert all(torch.equal(start[name], end[name]) for name in encoders)
    assert not torch.equal(start["head.1.weight"], end["head.1.weight"])


def test_a_second_run_with_the_same_frozen_encoder_skips_the_features(
    folder: Path, tmp_path: Path
) -> None:
    train(folder, tmp_path / "first", model=FROZEN)
    listener = Listener()
    train(folder, tmp_path / "second", listener, model=FROZEN)
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


def test_the_score_before_training_is_recorded(run: Path, folder: Path, tmp_path: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    gain = metrics["val_accuracy"] - metrics["val_accuracy_untrained"]
    assert metrics["val_accuracy_gain"] == pytest.approx(gain)
    rates = {"learning_rate": 1e-30, "encoder_learning_rate": 1e-30}
    still = train(folder, tmp_path / "still", epochs=1, **rates)
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
    losses = [epoch["loss"] for epoch in history(made)]
    assert losses == sorted(losses, reverse=True)


def test_the_objective_is_a_setting(annotated: Path, tmp_path: Path) -> None:
    made = train(annotated, tmp_path / "run", epochs=1, objective="cross-entropy").run
    assert load_checkpoint(made).confidence.activation == "softmax"


@pytest.mark.parametrize(("later", "told"), [(0.25, 1), (0.5, 0)])
def test_a_run_that_only_got_worse_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: float, told: int
) -> None:
    folder = write_shapes(tmp_path / "shapes", count=12)
    scores = iter([Scored(0.5, 1.0), Scored(later, 1.0)])
    monkeypatch.setattr(Trainer, "_score", lambda self: next(scores))
    listener = Listener()
    train(folder, tmp_path / "run", listener, epochs=1)
    assert sum("no epoch was as good on val" in said for said in listener.said) == told


def test_encoders_left_at_random_are_told(tmp_path: Path) -> None:
    folder, listener = write_shapes(tmp_path / "shapes", count=12), Listener()
    train(folder, tmp_path / "run", listener, model=FROZEN, epochs=1)
    told = [said for said in listener.said if "begins at random" in said]
    assert [said.split(" frozen:")[0] for said in told] == ["--image-tuning", "--question-tuning"]
