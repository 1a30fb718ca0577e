from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import vqa_cli
from tests.tiny_runs import ANSWERS, MAX_TOKENS, QUESTIONS, draw_photo
from vqa_cli.cli import app


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)


def ask(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["ask", *map(str, arguments)], input=stdin)


def test_the_answers_alone_are_on_stdout(export_folder: Path, photo: Path) -> None:
    result = ask(photo, *QUESTIONS, "-m", export_folder)
    wanted = vqa_cli.load(export_folder).ask(photo, QUESTIONS)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [str(prediction) for prediction in wanted]
    assert result.stderr == ""


def test_a_run_answers_as_its_export_does(
    run_folder: Path, export_folder: Path, photo: Path
) -> None:
    by_run = ask(photo, *QUESTIONS, "-m", run_folder, "--device", "cpu")
    assert by_run.exit_code == 0
    assert by_run.stdout == ask(photo, *QUESTIONS, "-m", export_folder).stdout


def test_top_k_gives_a_line_an_answer_and_a_gap_between_questions(
    export_folder: Path, photo: Path
) -> None:
    lines = ask(photo, *QUESTIONS[:2], "-m", export_folder, "--top-k", "3").stdout.splitlines()
    blocks = [lines[:3], lines[4:]]
    assert lines[3] == ""
    for question, block in zip(QUESTIONS, blocks, strict=False):
        wanted = vqa_cli.load(export_folder).ask(photo, question, top_k=3)
        assert block == [f"{a.text}\t{a.confidence:.2f}" for a in wanted.answers]


def test_json_gives_one_object_a_question(export_folder: Path, photo: Path) -> None:
    result = ask(photo, *QUESTIONS, "-m", export_folder, "--json", "--top-k", "2")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["question"] for record in records] == list(QUESTIONS)
    for record in records:
        assert set(record) >= {"image", "question", "answer", "confidence", "answers"}
        assert record["image"] == str(photo)
        assert record["answers"][0] == {k: record[k] for k in ("answer", "confidence")}
        assert record["answer"] in ANSWERS
        assert len(record["answers"]) == 2
        assert record["unsure"] is False


def test_below_the_wanted_confidence_it_says_unsure_and_exits_with_4(
    export_folder: Path, photo: Path
) -> None:
    sure, unsure = sorted(
        vqa_cli.load(export_folder).ask(photo, QUESTIONS), key=lambda p: -p.confidence
    )[:: len(QUESTIONS) - 1]
    between = (sure.confidence + unsure.confidence) / 2
    options = ("-m", export_folder, "--min-confidence", f"{between:.6f}")
    result = ask(photo, unsure.question, sure.question, *options)
    assert result.exit_code == 4
    assert result.stdout.splitlines() == ["unsure", sure.answer]
    assert result.stderr.startswith("error: 1 of 2 question(s) have no answer of confidence")

    top = ask(photo, unsure.question, sure.question, *options, "--top-k", 2).stdout
    assert top == f"unsure\n\n{sure.answer}\t{sure.confidence:.2f}\n"

    output = ask(photo, unsure.question, sure.question, *options, "--json").stdout
    records = [json.loads(line) for line in output.splitlines()]
    assert [(r["answer"], r["unsure"]) for r in records] == [("unsure", True), (sure.answer, False)]
    assert records[0]["answers"][0]["answer"] == unsure.answer
    assert ask(photo, sure.question, *options).exit_code == 0


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (["--min-confidence", "1.5"], 2),
        (["--min-confidence", "-1"], 2),
        (["--top-k", "0"], 2),
        (["--device", "abacus"], 2),
        (["--threads", "0"], 2),
    ],
)
def test_impossible_options_are_wrong_usage(
    export_folder: Path, photo: Path, options: list[str], exit_code: int
) -> None:
    assert ask(photo, "where?", "-m", export_folder, *options).exit_code == exit_code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to ask: vqa ask IMAGE QUESTION..."),
        (["photo.png"], "no question about photo.png: vqa ask IMAGE QUESTION..."),
        (
            ["what's it?", "photo.png"],
            """the image comes first: vqa ask photo.png 'what'"'"'s it?'""",
        ),
        (["what?", "who?", "gone.jpg"], "the image comes first: vqa ask gone.jpg 'what?' 'who?'"),
        (
            ["photo.png", "other.png", "what?"],
            "other.png is an image, not a question; to ask about",
        ),
        (["--images", "."], "--images needs a question"),
        (["--images", "a.png", "b.png", "what?"], "b.png is an image, not a question; put the pat"),
        (["--batch", "-", "--images", "."], "--batch and --images cannot go together"),
        (["--batch", "-", "photo.png"], "--batch brings its images and questions; 'photo.png'"),
        (["-i", "photo.png", "what?"], "-i takes the image alone, and 'what?' is more"),
        (["-i", "-"], "-i reads questions on stdin"),
        (["photo.png", "what?", "--allow-url", "--offline"], "--offline forbids"),
        (["photo.png", "what?", "--allow-answers", ","], "--allow-answers: no answer in ','"),
        (["photo.png", "what?", "--block-answers", "gone"], "gone: cannot be read: No such file"),
    ],
)
def test_wrong_usage_says_what_is_right(photo: Path, arguments: list[str], message: str) -> None:
    result = ask(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_an_image_on_stdin_and_in_a_data_uri(export_folder: Path, photo: Path) -> None:
    content = photo.read_bytes()
    uri = "data:image/png;base64," + base64.b64encode(content).decode()
    by_file = ask(photo, *QUESTIONS, "-m", export_folder).stdout
    assert ask("-", *QUESTIONS, "-m", export_folder, stdin=content).stdout == by_file
    assert ask(uri, *QUESTIONS, "-m", export_folder).stdout == by_file
    result = ask("-", "where?", "-m", export_folder, "--json", stdin=content)
    assert json.loads(result.stdout)["image"] == "-"
    fails(ask("-", "where?", "-m", export_folder, stdin=b""), "-: stdin is empty")
    fails(
        ask("-", "where?", "-m", export_folder, stdin=b"nothing"), "-: is not an image of a known"
    )


def test_a_url_is_fetched_with_leave_alone(
    export_folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://photos.example/a.png"
    monkeypatch.setattr("vqa_cli.inference.url_images.fetch", lambda _: photo.read_bytes())
    fails(ask(url, "where?", "-m", export_folder), url, "--allow-url lets vqa fetch it")
    by_url = ask(url, "where?", "-m", export_folder, "--allow-url")
    assert by_url.stdout == ask(photo, "where?", "-m", export_folder).stdout


def test_answers_are_chosen_among_those_allowed(export_folder: Path, photo: Path) -> None:
    options = ("-m", export_folder, "--json", "--top-k", 9, "--allow-answers")
    result = ask(photo, "where?", *options, "Yes,no,maybe")
    record = json.loads(result.stdout)
    assert {answer["answer"] for answer in record["answers"]} == {"yes", "no"}
    assert sum(answer["confidence"] for answer in record["answers"]) == pytest.approx(0.9)
    assert result.stderr.startswith("warning: --allow-answers: the model cannot answer 'maybe'")
    none = ask(photo, "where?", *options, "maybe,perhaps")
    assert (none.exit_code, none.stdout) == (2, "")
    assert "none of these answers: 'maybe', 'perhaps'" in none.stderr


def test_blocked_answers_are_never_said(export_folder: Path, photo: Path) -> None:
    everything = ask(photo, "where?", "-m", export_folder, "--top-k", 9).stdout.splitlines()
    Path("blocked.txt").write_text(everything[0].split("\t")[0].upper() + "\nunheard of\n")
    options = ("-m", export_folder, "--block-answers", "blocked.txt")
    result = ask(photo, "where?", *options, "--top-k", 9)
    assert (result.stdout.splitlines(), result.stderr) == (everything[1:], "")
    Path("blocked.txt").write_text("\n".join(ANSWERS))
    assert ask(photo, "where?", *options).exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_image_without_rights_is_named(export_folder: Path, photo: Path) -> None:
    photo.chmod(0)
    fails(ask(photo, "where?", "-m", export_folder), "photo.png: cannot be read: ", "ermission")


def test_without_a_model_the_error_says_how_to_get_one(photo: Path) -> None:
    result = ask(photo, "where?")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no model: there is no runs/latest here; train one with")
    assert result.stdout == ""


def test_the_newest_run_is_asked_by_default(
    export_folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("runs").mkdir()
    shutil.copytree(export_folder, "runs/one")
    Path("runs/latest").write_text("one\n")
    assert ask(photo, "where?").exit_code == 0
    shutil.rmtree("runs")
    monkeypatch.setenv("VQA_MODEL", str(export_folder))
    assert ask(photo, "where?").exit_code == 0


def fails(result: Result, *parts: str) -> None:
    """The command failed as expected: exit code 1, one line on stderr, nothing on stdout."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    for part in parts:
        assert part in result.stderr


def test_an_image_that_is_missing_a_folder_or_none_is_named(export_folder: Path) -> None:
    Path("text.jpg").write_text("not an image")
    Path("empty.png").touch()
    for name in ("missing.jpg", "text.jpg", "empty.png", "."):
        fails(ask(name, "where?", "-m", export_folder), name)


def test_a_truncated_image_is_named(export_folder: Path, photo: Path) -> None:
    whole = photo.read_bytes()
    photo.write_bytes(whole[: len(whole) // 2])
    fails(ask(photo, "where?", "-m", export_folder), "photo.png", "truncated or damaged")


def test_an_image_over_the_limit_names_the_option(export_folder: Path, photo: Path) -> None:
    result = ask(photo, "where?", "-m", export_folder, "--max-pixels", 5000)
    fails(result, "photo.png: 60x90 = 5,400 pixels", "--max-pixels")
    assert ask(photo, "where?", "-m", export_folder, "--max-pixels", 5400).exit_code == 0


@pytest.mark.slow
def test_a_whole_huge_image_that_is_small_on_disk_is_refused(export_folder: Path) -> None:
    Image.new("1", (40_000, 40_000)).save("bomb.png")
    assert Path("bomb.png").stat().st_size < 1_000_000
    fails(ask("bomb.png", "where?", "-m", export_folder), "40000x40000 = 1,600,000,000 pixels")


def test_a_huge_image_is_refused_before_it_is_decoded(export_folder: Path, photo: Path) -> None:
    content = bytearray(photo.read_bytes())
    content[16:24] = struct.pack(">II", 40_000, 40_000)  # what the header says of its size
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    Path("huge.png").write_bytes(content)
    fails(ask("huge.png", "where?", "-m", export_folder), "40000x40000 = 1,600,000,000 pixels")


def odd_images() -> dict[str, Image.Image]:
    photo = draw_photo()
    turned = photo.copy()
    turned.getexif()[0x0112] = 6
    return {
        "cmyk.jpg": photo.convert("CMYK"),
        "sixteen.png": Image.fromarray(np.full((30, 20), 40_000, np.uint16)),
        "palette.png": photo.convert("P"),
        "alpha.png": photo.convert("RGBA"),
        "grey.jpg": photo.convert("L"),
        "pixel.png": photo.resize((1, 1)),
        "turned.jpg": turned,
        "animated.gif": photo,
    }


@pytest.mark.parametrize("name", list(odd_images()))
def test_every_kind_of_image_is_answered(export_folder: Path, name: str) -> None:
    image = odd_images()[name]
    frames = {"save_all": True, "append_images": [draw_photo(1)]} if name.endswith("gif") else {}
    image.save(name, exif=image.getexif(), **frames)
    result = ask(name, "where?", "-m", export_folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.strip() in ANSWERS


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_an_error(export_folder: Path, photo: Path, question: str) -> None:
    fails(ask(photo, question, "-m", export_folder), "the question is empty")


@pytest.mark.parametrize("question", ["🐈‍⬛❓", "ماذا يوجد؟", "这是什么?", "e\u0301?"])
def test_a_question_in_any_script_is_answered(
    export_folder: Path, photo: Path, question: str
) -> None:
    result = ask(photo, question, "-m", export_folder, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["question"] == question


@pytest.mark.parametrize("word", ["where? ", "ماذا ", "这是什么", "🐈‍⬛ ", "e\u0301 "])
def test_a_long_question_is_answered_and_the_cut_is_told(
    export_folder: Path, photo: Path, word: str
) -> None:
    question = (word * 10_000)[:10_000]
    result = ask(photo, question, "-m", export_folder)
    assert result.exit_code == 0
    assert result.stdout.strip() in ANSWERS
    assert f"only the first {MAX_TOKENS} tokens of this question count" in result.stderr
    assert len(result.stderr) < 200


def test_damage_and_newer_formats_are_explained(export_folder: Path, photo: Path) -> None:
    copied = shutil.copytree(export_folder, Path("copied"))
    (copied / "answerer.onnx").write_bytes(b"damaged")
    fails(ask(photo, "where?", "-m", copied), "answerer.onnx", "export it again")
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"format_version": 9}))
    fails(ask(photo, "where?", "-m", copied), "written by a newer vqa", "upgrade")


def test_verbose_says_what_runs_the_model(export_folder: Path, photo: Path) -> None:
    result = ask(photo, "where?", "-m", export_folder, "-v", "--threads", "1")
    assert "onnxruntime" in result.stderr
    assert "1 thread" in result.stderr


def test_words_that_should_be_one_question_are_warned_of(export_folder: Path, photo: Path) -> None:
    result = ask(photo, "what", "color", "is", "it", "-m", export_folder)
    assert result.exit_code == 0
    assert 'quote a question that has several: "what color is it"' in result.stderr
    assert "quote" not in ask(photo, "where?", "what is it?", "-m", export_folder).stderr


def test_the_confidence_that_was_asked_for_is_told_in_full(
    export_folder: Path, photo: Path
) -> None:
    result = ask(photo, "where?", "-m", export_folder, "--min-confidence", 0.9999999)
    assert result.exit_code == 4
    assert "of confidence 0.9999999 or more" in result.stderr
