import csv
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vqa_cli.training.curves import write_history

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    {"epoch": 1, "loss": 2.0, "val_loss": 2.2, "val_accuracy": 0.25, "seconds": 1.5},
    {"epoch": 2, "loss": 1.0, "val_loss": 1.5, "val_accuracy": 0.5, "seconds": 3.0},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "a <run> & more"
    folder.mkdir()
    return folder


def picture(run: Path) -> ElementTree.Element:
    return ElementTree.fromstring((run / "curves.svg").read_text(encoding="utf-8"))


def texts(run: Path) -> list[str]:
    return [node.text or "" for node in picture(run).iter(f"{SVG}text")]


def test_the_history_is_a_table(run: Path) -> None:
    write_history(run, HISTORY, 0.1)
    with (run / "history.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [{name: float(x) for name, x in row.items()} for row in rows] == HISTORY


def test_the_picture_shows_losses_and_accuracy(run: Path) -> None:
    write_history(run, HISTORY, 0.1)
    root = picture(run)
    assert root.findtext(f"{SVG}title") == f"Training of {run.name}"
    lines = {line.get("class") for line in root.iter(f"{SVG}polyline")}
    assert lines == {"line loss", "line val_loss", "line val_accuracy"}
    assert {"Loss", "train", "val", "Accuracy on val: 50.00 % at epoch 2"} <= set(texts(run))
    hints = {node.text for node in root.iter(f"{SVG}title")}
    assert {"epoch 0: val accuracy 0.1000", "epoch 2: val loss 1.5000"} <= hints


def test_the_parts_of_the_picture_lie_beside_one_another(run: Path) -> None:
    write_history(run, HISTORY, 0.1)
    root = picture(run)
    places = [(float(part.get("x")), float(part.get("width"))) for part in root.iter(f"{SVG}svg")
              if part is not root]  # fmt: skip
    (first, width), (second, also) = places
    assert first + width < second
    assert second + also < float(root.get("width"))


def test_the_picture_needs_nothing_from_outside(run: Path) -> None:
    write_history(run, HISTORY, 0.1)
    text = (run / "curves.svg").read_text(encoding="utf-8")
    assert text.count("http") == 1  # SVG's namespace
    assert "prefers-color-scheme: dark" in text
    assert not {"href", "script", "url("} & set(text.split())


def test_what_is_no_number_is_not_drawn(run: Path) -> None:
    write_history(run, [{**HISTORY[0], "loss": math.nan, "val_loss": math.inf}], 0.1)
    assert [node.get("class") for node in picture(run).iter(f"{SVG}polyline")] == [
        "line val_accuracy"
    ]
