from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tests.tiny_runs import QUESTIONS
from vqa_cli.cli import app


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)


def ask(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["ask", *map(str, arguments)], input=stdin)


@pytest.mark.parametrize("name", ["why.png", "why.JPG", "why.webp"])
def test_a_picture_is_drawn_beside_the_same_answer(
    export_folder: Path, photo: Path, name: str
) -> None:
    plain = ask(photo, QUESTIONS[0], "-m", export_folder)
    result = ask(photo, QUESTIONS[0], "-m", export_folder, "--explain", name)
    assert result.exit_code == 0
    assert result.stdout == plain.stdout
    assert result.stderr == f"drawn: {name}\n"
    with Image.open(name) as picture:
        assert picture.width > 900
    assert sorted(path.name for path in Path().iterdir()) == ["photo.png", name]


def test_several_questions_give_numbered_pictures_and_json(
    export_folder: Path, photo: Path
) -> None:
    result = ask(photo, *QUESTIONS[:2], "-m", export_folder, "--explain", "why.png", "--json")
    assert result.exit_code == 0
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert [first["explanation"]["picture"], second["explanation"]["picture"]] == [
        "why-1.png",
        "why-2.png",
    ]
    assert Path("why-1.png").is_file()
    assert Path("why-2.png").is_file()
    told = first["explanation"]
    assert [word["word"] for word in told["words"]] == ["what", "color", "is", "the", "circle"]
    assert told["answer"] == first["answer"]
    assert told["confidence"] == pytest.approx(first["confidence"])
    left, top, right, bottom = told["box"]
    assert left <= told["peak"][0] < right <= 60
    assert top <= told["peak"][1] < bottom <= 90


def test_an_image_on_stdin_is_explained(export_folder: Path, photo: Path) -> None:
    arguments = ("-", QUESTIONS[0], "-m", export_folder, "--explain", "why.png")
    assert ask(*arguments, stdin=photo.read_bytes()).exit_code == 0
    assert Path("why.png").is_file()


def test_only_its_own_pictures_are_replaced(export_folder: Path, photo: Path) -> None:
    before = photo.read_bytes()
    asked = (photo, QUESTIONS[0], "-m", export_folder, "--explain")
    result = ask(*asked, photo)
    assert result.exit_code == 1
    assert "replaces its own pictures alone" in result.stderr
    assert photo.read_bytes() == before
    for name in ("why.png", "why.jpg", "why.webp"):
        assert ask(*asked, name).exit_code == 0
        assert ask(*asked, name).exit_code == 0
    Path("notes.png").write_text("not to be lost")
    Path("folder.png").mkdir()
    for name in ("notes.png", "folder.png"):
        assert ask(*asked, name).exit_code == 1


@pytest.mark.parametrize(
    ("out", "code", "message"),
    [
        ("why.gif", 2, "--explain why.gif: the file's name must end in one of .png, .jpg"),
        ("why", 2, "--explain why: the file's name must end in one of .png"),
        ("none/why.png", 1, "--explain none/why.png: there is no folder none; make it first"),
    ],
)
def test_where_no_picture_can_be_is_told_before_the_model_is_loaded(
    photo: Path, out: str, code: int, message: str
) -> None:
    result = ask(photo, "what?", "-m", "no-such-model", "--explain", out)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_a_folder_that_cannot_be_written_to_is_told(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    result = ask(photo, "what?", "-m", "no-such-model", "--explain", "why.png")
    assert result.exit_code == 1
    assert "the folder . cannot be written to" in result.stderr


@pytest.mark.parametrize(
    "way", [("--batch", "questions.jsonl"), ("--images", ".", "what?"), ("-i", "photo.png")]
)
def test_it_is_for_one_image_alone(way: tuple[str, ...]) -> None:
    result = ask(*way, "--explain", "why.png")
    assert result.exit_code == 2
    assert f"does not go with {way[0]}" in result.stderr


def test_an_export_is_explained_without_torch_and_others_without_the_explanation(
    export_folder: Path, photo: Path
) -> None:
    code = "import sys, vqa_cli.cli\ntry: vqa_cli.cli.app()\nexcept SystemExit: print(*sys.modules)"
    command = [sys.executable, "-c", code, "ask", photo, QUESTIONS[0], "-m", export_folder]
    modules = []
    for more in ([], ["--explain", "why.png"]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        modules.append(set(done.stdout.splitlines()[-1].split()))
    heavy = {"torch", "transformers", "timm", "pandas", "pyarrow", "matplotlib"}
    assert not heavy & (modules[0] | modules[1])
    assert not [name for name in modules[0] if "explanation" in name]
    assert "vqa_cli.inference.explanation" in modules[1]
