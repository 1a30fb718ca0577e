"""`vqa_cli.load`: what a Python program uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vqa_cli
from tests.tiny_runs import ANSWERS, QUESTIONS
from vqa_cli.errors import DataError, ModelError


@pytest.mark.parametrize("kind", ["run_folder", "export_folder"])
def test_a_path_a_pillow_image_and_an_array_are_answered_alike(
    kind: str, photo: Path, request: pytest.FixtureRequest
) -> None:
    model = vqa_cli.load(request.getfixturevalue(kind), device="cpu")
    opened = Image.open(photo)
    wanted = model.ask(photo, "what color is the circle?", top_k=3)
    assert wanted.answer in ANSWERS
    assert wanted.confidence == wanted.answers[0].confidence > 1 / len(ANSWERS)
    for image in (str(photo), opened, np.asarray(opened.convert("RGB"))):
        assert model.ask(image, "what color is the circle?", top_k=3) == wanted


def test_a_list_of_questions_gives_a_list_in_its_order(run_folder: Path, photo: Path) -> None:
    model = vqa_cli.load(run_folder, device="cpu")
    together = model.ask(photo, QUESTIONS)
    assert [prediction.question for prediction in together] == list(QUESTIONS)
    for prediction, question in zip(together, QUESTIONS, strict=True):
        alone = model.ask(photo, question)
        assert alone.answer == prediction.answer
        assert alone.confidence == pytest.approx(prediction.confidence, abs=1e-4)


def test_the_newest_run_is_loaded_by_default(
    export_folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VQA_MODEL", str(export_folder))
    assert vqa_cli.load().ask(photo, "where?") == vqa_cli.load(export_folder).ask(photo, "where?")


def test_what_cannot_be_used_is_an_error_of_ours(
    export_folder: Path, photo: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is no such run"):
        vqa_cli.load(tmp_path / "gone")
    model = vqa_cli.load(export_folder)
    with pytest.raises(DataError, match="no such image file"):
        model.ask(tmp_path / "gone.png", "where?")
    with pytest.raises(DataError, match="the question is empty"):
        model.ask(photo, " ")


def test_an_export_is_loaded_where_there_is_no_torch(export_folder: Path, photo: Path) -> None:
    code = """
import sys
for name in ("torch", "transformers", "timm", "pandas", "pyarrow"):
    sys.modules[name] = None  # importing it fails, as where it is not installed
import numpy, PIL.Image, vqa_cli
model = vqa_cli.load(sys.argv[1])
image = PIL.Image.open(sys.argv[2])
for given in (sys.argv[2], image, numpy.asarray(image)):
    print(model.ask(given, "where?"))
"""
    command = [sys.executable, "-c", code, str(export_folder), str(photo)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [str(vqa_cli.load(export_folder).ask(photo, "where?"))] * 3
