"""The small model that ships inside the package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import vqa_cli
from vqa_cli.model_folder import DEMO_MODEL, check_checksums, check_complete

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "examples" / "shapes"

ASKED = {
    "one": {"what color is the circle?": "red", "how many shapes are there?": "1"},
    "two": {"where is the square?": "top right", "what color is the triangle?": "yellow"},
    "three": {"how many shapes are there?": "3", "is there a green circle?": "yes"},
}


def test_it_answers_about_the_pictures_that_come_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = vqa_cli.load("demo")
    for name, asked in ASKED.items():
        found = model.ask(PICTURES / f"{name}.png", list(asked))
        assert [prediction.answer for prediction in found] == list(asked.values()), name
        assert min(prediction.confidence for prediction in found) > 0.5


def test_it_is_whole_and_small_and_says_how_good_it_is() -> None:
    check_complete(DEMO_MODEL)
    check_checksums(DEMO_MODEL)
    assert sum(path.stat().st_size for path in DEMO_MODEL.iterdir()) < 1_000_000
    told = re.search(r"\| accuracy \| \S+ \| (\S+) \|\n\Z", (DEMO_MODEL / "README.md").read_text())
    assert told is not None
    assert float(told[1]) >= 0.95
    config = json.loads((DEMO_MODEL / "config.json").read_text())
    assert config["quantization"]["type"] == "int8"


@pytest.mark.slow
def test_it_reaches_the_accuracy_that_its_readme_tells(tmp_path: Path) -> None:
    """On the test split of the shapes, drawn anew."""
    run = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command in (
        ["examples/shapes.py", tmp_path / "shapes"],
        ["-m", "vqa_cli", "prepare", tmp_path / "shapes", "--out", tmp_path / "prepared"],
    ):
        subprocess.run([sys.executable, *command], check=True, cwd=ROOT, env=run)
    score = ["evaluate", tmp_path / "prepared", "--split", "test", "-m", DEMO_MODEL, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "vqa_cli", *score], check=True, stdout=subprocess.PIPE, env=run
    )
    found = json.loads(done.stdout)["accuracy"]
    told = re.search(r"\| accuracy \| \S+ \| (\S+) \|\n\Z", (DEMO_MODEL / "README.md").read_text())
    assert told is not None
    assert found == pytest.approx(float(told[1]), abs=2e-3)


def pip(*arguments: object, python: Path | str = sys.executable) -> None:
    """Run pip; skip the test where it reaches no registry."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and re.search("No module named pip", done.stderr):
        pytest.skip("this environment has no pip")
    if done.returncode and re.search("No matching distribution|[Cc]onnection", done.stderr):
        pytest.skip("needs a package registry")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_wheel_has_it(tmp_path: Path) -> None:
    pip("wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {f"vqa_cli/demo_model/{path.name}" for path in DEMO_MODEL.iterdir()}
    assert {name for name in names if "demo_model" in name} == wanted
    assert "vqa_cli/export/predict.py" in names


@pytest.mark.slow
def test_an_exported_folder_answers_with_four_packages_alone(tmp_path: Path) -> None:
    """In a new virtual environment, without vqa, from a folder that was copied there."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip("install", "onnxruntime", "tokenizers", "numpy", "pillow", python=python)
    away = tmp_path / "elsewhere"
    away.mkdir()
    for path in DEMO_MODEL.iterdir():
        (away / path.name).write_bytes(path.read_bytes())
    picture, asked = PICTURES / "three.png", ASKED["three"]
    done = subprocess.run(
        [python, "-I", away / "predict.py", picture, *asked],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    answers = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert answers == list(asked.values())
