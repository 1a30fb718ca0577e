"""Questions asked otherwise while training: as token ids and as stored tokens, through a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawing import write_shapes
from tests.tiny_runs import tiny_preprocessor
from tests.training.small_runs import Listener, StopAt, history, same, train
from vqa_cli.errors import SettingsError
from vqa_cli.training.augmentation_rules import Words
from vqa_cli.training.finetune import resume
from vqa_cli.training.question_inputs import ASKING
from vqa_cli.training.run_folder import find_unfinished
from vqa_cli.training.split_data import TokenIds

FROZEN = {"image_tuning": "frozen", "question_tuning": "frozen"}
TUNINGS: dict[str, dict[str, str]] = {"full": {}, "stored": FROZEN}
STILL = {"learning_rate": 1e-30, "encoder_learning_rate": 1e-30, "epochs": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Settings of one kind of augmentation each, for the questions of the drawn shapes."""
    files = tmp_path_factory.mktemp("files")
    words = ["shape", "form", "figure", "contour", "outline", "thing"]
    (files / "synonyms.toml").write_text(f"groups = [{words}]")
    patterns = ["is it {x}?", "would you call it {x}?", "it is {x}, is it?", "{x}, is it?"]
    (files / "templates.toml").write_text(f"groups = [{patterns}]")
    return {
        "word_dropout": {"word_dropout": 0.5},
        "synonyms": {"synonyms": str(files / "synonyms.toml")},
        "templates": {"templates": str(files / "templates.toml")},
    }


@pytest.mark.parametrize("tuning", TUNINGS)
def test_training_is_asked_otherwise_and_val_is_not(
    folder: Path, tmp_path: Path, ways: dict[str, dict[str, Any]], tuning: str
) -> None:
    model = TUNINGS[tuning]
    plain = history(train(folder, tmp_path / "plain", model=model, **STILL).run)
    for way, augment in ways.items():
        other = history(train(folder, tmp_path / way, model=model, augment=augment, **STILL).run)
        assert any(a["loss"] != b["loss"] for a, b in zip(plain, other, strict=True)), way
        assert all(a["val_loss"] == b["val_loss"] for a, b in zip(plain, other, strict=True)), way


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_stop_and_a_resume_change_nothing(
    folder: Path, tmp_path: Path, ways: dict[str, dict[str, Any]], tuning: str
) -> None:
    """In the middle of an epoch; the run keeps the files that it began with."""
    model = TUNINGS[tuning]
    everything = ways["word_dropout"] | ways["synonyms"] | ways["templates"]
    for name in ("synonyms", "templates"):
        copy = tmp_path / name
        copy.write_bytes(Path(everything[name]).read_bytes())
        everything[name] = str(copy)
    whole = train(folder, tmp_path / "whole", model=model, augment=everything, epochs=2).run
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", StopAt(6), model=model, augment=everything, epochs=2)
    for name in ("synonyms", "templates"):
        (tmp_path / name).unlink()
    assert same(resume(*find_unfinished(tmp_path / "run")).run, whole)


def test_ways_to_ask_are_stored_once_and_found_again(
    folder: Path, tmp_path: Path, ways: dict[str, dict[str, Any]]
) -> None:
    listeners = Listener(), Listener()
    augment = {**ways["templates"], "views": 3}
    one, other = (
        train(folder, tmp_path / name, listener, model=FROZEN, augment=augment, epochs=1).run
        for name, listener in zip(("one", "other"), listeners, strict=True)
    )
    assert same(one, other)
    said = [next(s for s in one.said if s.startswith("question features")) for one in listeners]
    assert "question features: all" in said[1]


def test_wrong_files_are_told_at_once_before_anything_is_made(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "templates.toml").write_text("groups = [['is it {x}?', 'is {y}?'], []]")
    augment = {
        "synonyms": str(tmp_path / "gone.toml"),
        "templates": str(tmp_path / "templates.toml"),
    }
    with pytest.raises(SettingsError) as caught:
        train(folder, tmp_path / "run", augment=augment)
    assert [problem.split()[0] for problem in caught.value.problems] == [
        *("--synonyms", "--templates", "--templates")
    ]
    assert not (tmp_path / "run").exists()


def test_a_draw_asks_and_no_draw_does_not() -> None:
    asked: list[tuple[list[int], int]] = []

    def ask(questions: np.ndarray, draw: int) -> list[list[int]]:
        asked.append((questions.tolist(), draw))
        return [[7, 8, 9]] * len(questions)

    inputs = TokenIds([[1], [2, 3], [4]], tiny_preprocessor(), ask)
    rows = np.array([1, 0])
    assert inputs(rows)["input_ids"].tolist() == [[2, 3], [1, 0]]
    assert inputs(rows, 6)["input_ids"].tolist() == [[7, 8, 9]] * 2
    assert asked == [([1, 0], 6)]
    assert TokenIds([[1], [2, 3], [4]], tiny_preprocessor())(rows, 6)["input_ids"].tolist() == [
        [2, 3],
        [1, 0],
    ]


@pytest.mark.parametrize(
    "question",
    [
        "What is it?",
        "Isn’t it?",
        "Welche ist es?",
        "Qu'est-ce que c'est ?",
        "¿Por qué no?",
        "Cái gì đây?",
    ],
)
def test_words_that_ask_are_known(question: str) -> None:
    assert Words({"asking": ASKING}).topics(question)
