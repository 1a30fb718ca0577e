from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import vqa_cli
from tests.test_architecture import HEAVY
from tests.tiny_runs import ANSWERS, MAX_TOKENS, QUESTIONS, draw_photo
from vqa_cli.cli import app


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)


def ask(*arguments: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["ask", *map(str, arguments)], input=stdin)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def lines(*requests: dict[str, Any]) -> str:
    return "".join(json.dumps(request) + "\n" for request in requests)


def test_json_lines_on_stdin_give_json_lines(export_folder: Path, photo: Path) -> None:
    asked = [
        {"id": number, "image": photo.name, "question": question}
        for number, question in enumerate(QUESTIONS)
    ]
    result = ask("--batch", "-", "-m", export_folder, "--top-k", 2, stdin=lines(*asked))
    assert (result.exit_code, result.stderr) == (0, "")
    alone = records(ask(photo.name, *QUESTIONS, "-m", export_folder, "--top-k", 2, "--json"))
    found = records(result)
    assert [record.pop("id") for record in found] == [0, 1, 2, 3]
    for record, wanted in zip(found, alone, strict=True):
        assert record["confidence"] == pytest.approx(wanted["confidence"])
        assert [record[key] for key in ("image", "question", "answer", "unsure")] == [
            wanted[key] for key in ("image", "question", "answer", "unsure")
        ]


def test_a_csv_file_and_a_file_of_json_lines_are_the_same(export_folder: Path, photo: Path) -> None:
    Path("q.csv").write_text("question_id,image,question\nx,photo.png,where?\n")
    Path("q.jsonl").write_text(
        '{"question_id": "x", "image": "photo.png", "questions": ["where?"]}'
    )
    by_csv, by_json = (ask("--batch", name, "-m", export_folder) for name in ("q.csv", "q.jsonl"))
    assert by_csv.exit_code == 0
    assert by_csv.stdout == by_json.stdout
    assert records(by_csv)[0]["question_id"] == "x"


def test_broken_lines_have_records_and_the_stream_goes_on(export_folder: Path, photo: Path) -> None:
    Path("half.png").write_bytes(photo.read_bytes()[:300])
    Path("text.jpg").write_text("no image")
    good = {"image": "photo.png", "question": "where?"}
    text = lines(
        good,
        {"id": "h", "image": "half.png", "question": "where?"},
        {"image": "text.jpg", "question": "where?"},
        {"image": "gone.png", "question": "where?"},
        {"image": ".", "question": "where?"},
        {"image": "photo.png", "question": ""},
        {"image": "photo.png"},
        {"image": "https://example.org/a.png", "question": "where?"},
    )
    result = ask("--batch", "-", "-m", export_folder, stdin=text + "nonsense\n" + lines(good))
    assert result.exit_code == 1
    found = records(result)
    assert [("error" in record) for record in found] == [False] + [True] * 8 + [False]
    assert found[1].pop("error").startswith("half.png: is truncated")
    assert found[1] == {"id": "h", "line": 2, "image": "half.png", "question": "where?"}
    assert found[8]["line"] == 9
    assert found[8]["image"] is None
    first, *named = result.stderr.splitlines()
    assert first == "error: 8 of 10 question(s) could not be asked:"
    assert named[0].startswith("  - line 2: half.png: is truncated")
    assert (len(named), named[-1]) == (6, "  - and 3 more")


def test_a_batch_that_is_unsure_exits_with_4_and_a_broken_one_with_1(
    export_folder: Path, photo: Path
) -> None:
    good = lines({"image": "photo.png", "question": "where?"})
    options = ("--batch", "-", "-m", export_folder, "--min-confidence", 1)
    result = ask(*options, stdin=good)
    assert result.exit_code == 4
    assert (records(result)[0]["answer"], records(result)[0]["unsure"]) == ("unsure", True)
    both = ask(*options, stdin=good + "nonsense\n")
    assert both.exit_code == 1
    assert "warning: 1 of 2 question(s) have no answer of confidence 1" in both.stderr


def test_questions_that_are_cut_are_counted(export_folder: Path, photo: Path) -> None:
    long = {"image": "photo.png", "question": "where? " * 50}
    result = ask("--batch", "-", "-m", export_folder, stdin=lines(long, long))
    assert result.exit_code == 0
    assert f"only the first {MAX_TOKENS} tokens of 2 question(s) count" in result.stderr


def test_a_data_uri_in_a_batch_is_shortened_in_its_record(export_folder: Path, photo: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    result = ask("--batch", "-", "-m", export_folder, stdin=lines({"image": uri, "question": "?!"}))
    (record,) = records(result)
    assert record["image"].startswith("data:image/png;base64,iVBOR")
    assert len(record["image"]) < 70


def test_half_characters_are_answered_and_escaped(export_folder: Path, photo: Path) -> None:
    text = '{"id": "\\udc80", "image": "photo.png", "question": "where \\ud83d?"}\n'
    result = ask("--batch", "-", "-m", export_folder, stdin=text)
    assert result.exit_code == 0
    assert records(result)[0]["question"] == "where \ud83d?"
    missing = ask(
        "--batch", "-", "-m", export_folder, stdin='{"image": "\\udc80", "question": "q"}'
    )
    assert missing.exit_code == 1


def test_a_table_without_columns_is_refused_before_the_model_is_looked_for() -> None:
    Path("q.csv").write_text("picture,question\na.png,where?\n")
    result = ask("--batch", "q.csv", "-m", "gone")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "lacks the column image" in result.stderr


def test_the_images_of_a_folder_have_a_line_each(export_folder: Path) -> None:
    for name in ("a.png", "b.png"):
        Path("photos").mkdir(exist_ok=True)
        draw_photo(ord(name[0])).save(f"photos/{name}")
    result = ask("where?", "--images", "photos", "-m", export_folder)
    assert result.exit_code == 0
    model = vqa_cli.load(export_folder)
    wanted = {name: model.ask(f"photos/{name}", list(QUESTIONS[2:])) for name in ("a.png", "b.png")}
    assert result.stdout == "".join(f"photos/{n}\t{p[1].answer}\n" for n, p in wanted.items())

    two = ask(*QUESTIONS[2:], "--images", "photos/*.png", "-m", export_folder)
    assert two.stdout == "".join(
        f"photos/{name}\t{prediction.question}\t{prediction.answer}\n"
        for name, predictions in wanted.items()
        for prediction in predictions
    )
    top = ask("where?", "--images", "photos", "-m", export_folder, "--top-k", 2).stdout
    assert [line.split("\t")[0] for line in top.splitlines()] == ["photos/a.png"] * 2 + [
        "photos/b.png"
    ] * 2
    as_json = records(ask("where?", "--images", "photos", "-m", export_folder, "--json"))
    assert [record["image"] for record in as_json] == ["photos/a.png", "photos/b.png"]


def test_one_bad_image_of_a_folder_is_named(export_folder: Path) -> None:
    Path("photos").mkdir()
    draw_photo().save("photos/a.png")
    Path("photos/b.png").write_text("no image")
    plain = ask("where?", "--images", "photos", "-m", export_folder)
    assert plain.exit_code == 1
    assert plain.stdout.split("\t")[0] == "photos/a.png"
    assert plain.stderr == (
        "warning: photos/b.png: is not an image of a known format\n"
        "error: 1 of 2 question(s) could not be asked\n"
    )
    assert records(ask("where?", "--images", "photos", "-m", export_folder, "--json"))[1] == {
        "image": "photos/b.png",
        "question": "where?",
        "error": "photos/b.png: is not an image of a known format",
    }


@pytest.mark.slow
def test_one_bad_image_among_ten_thousand_is_named(export_folder: Path) -> None:
    Path("photos").mkdir()
    draw_photo().save("photo.png")
    for number in range(10_000):
        os.link("photo.png", f"photos/{number:05}.png")
    Path("photos/07777.png").unlink()
    Path("photos/07777.png").write_bytes(Path("photo.png").read_bytes()[:500])
    result = ask("where?", "--images", "photos", "-m", export_folder)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 9_999
    *_, last = result.stderr.splitlines()
    assert last == "error: 1 of 10,000 question(s) could not be asked"
    assert "warning: photos/07777.png: is truncated or damaged" in result.stderr


def start(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.Popen(
        [sys.executable, "-m", "vqa_cli", "ask", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # What is started in the background of a script is deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_who_writes_a_line_and_waits_gets_its_answer(export_folder: Path, photo: Path) -> None:
    with start("--batch", "-", "-m", export_folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):  # a program that waited for more would hang here
            process.stdin.write(lines({"id": number, "image": "photo.png", "question": "where?"}))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(60) == 0


def test_ctrl_c_in_a_stream_ends_it_with_130(export_folder: Path, photo: Path) -> None:
    with start("--batch", "-", "-m", export_folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(lines({"image": "photo.png", "question": "where?"}))
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert (process.wait(60), process.stderr.read()) == (130, "interrupted\n")


def test_a_stream_is_answered_without_what_training_needs(export_folder: Path, photo: Path) -> None:
    Path("q.jsonl").write_text(lines({"image": "photo.png", "question": "where?"}))
    code = (
        "import sys; from vqa_cli.cli import app; app(sys.argv[1:], standalone_mode=False);"
        " print(*sys.modules)"
    )
    command = ["ask", "--batch", "q.jsonl", "-m", str(export_folder)]
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (HEAVY - {"onnxruntime"}) & set(done.stdout.split()) == set()
    assert {"http.client", "ssl", "readline"} & set(done.stdout.split()) == set()


def test_a_reader_who_goes_away_ends_it_quietly(export_folder: Path, photo: Path) -> None:
    text = lines({"image": "photo.png", "question": "where?"}) * 5000
    Path("q.jsonl").write_text(text)
    with start("--batch", "q.jsonl", "-m", export_folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["answer"] in ANSWERS
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, "")


def test_a_table_may_have_the_semicolons_of_a_spreadsheet(
    export_folder: Path, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "asked.csv").write_text(f"image;question\n{photo};what, and where?\n")
    result = ask("--batch", tmp_path / "asked.csv", "-m", export_folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["question"] == "what, and where?"
