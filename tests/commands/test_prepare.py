import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.data.layouts import daquar, daquar_csv, write_text
from tests.drawing import write_csv
from vqa_cli.cli import app
from vqa_cli.data.prepared import PreparedDataset

COLUMNS = ("image", "question", "answer")


def vqa(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["prepare", *map(str, arguments)])


def failed(result: Result, told: str, code: int = 1) -> bool:
    """Whether it ended with this exit code, with a message on stderr and nothing on stdout."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") or "\nerror: " in result.stderr
    assert told in result.stderr, result.stderr
    return True


def test_a_folder_is_prepared_and_summed_up(tmp_path: Path, shapes_folder: Path) -> None:
    result = vqa(shapes_folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"prepared {tmp_path / 'out'} (generic, 12 images)",
        "         questions  images  answer in train  in vocabulary  most frequent answer",
        "  train         30      10           100.0%         100.0%  no (20.0%)",
        "  val            3       1           100.0%         100.0%  blue (33.3%)",
        "  test           3       1           100.0%         100.0%  blue (33.3%)",
        "  splits made here: train, val, test",
        "  answer vocabulary: 7 answers, from train only (0 of them seen once)",
        "  scripts of the questions: Latin 36",
        "no problems",
    ]
    assert "reading" in result.stderr
    assert PreparedDataset.open(tmp_path / "out").splits == ("train", "val", "test")


def test_json_is_one_object_alone_on_stdout(tmp_path: Path, shapes_folder: Path) -> None:
    (shapes_folder / "images" / "000.png").unlink()
    result = vqa(shapes_folder, "--out", tmp_path / "out", "--json", "--skip-bad", "-q")
    answer = json.loads(result.stdout)
    assert answer["out"] == str(tmp_path / "out")
    assert answer["format"] == "generic"
    assert sum(answer["splits"].values()) == 33
    assert answer["answers"] == 7
    assert answer["problems"][0] == {
        "problem": "image that is missing",
        "unusable": True,
        "rows": 3,
        "of": None,
        "examples": ["000.png (questions-1)", "000.png (questions-2)", "000.png (questions-3)"],
    }
    assert result.stderr == ""


def test_the_default_place_is_said_on_stderr(shapes_folder: Path) -> None:
    result = vqa(shapes_folder)
    assert result.exit_code == 0
    assert f"writing to {shapes_folder / '.vqa'}" in result.stderr
    again = vqa(shapes_folder, "--top", "3")
    assert again.exit_code == 0
    assert "replacing the earlier preparation" in again.stderr


def test_left_out_rows_stand_in_the_summary(shapes_folder: Path) -> None:
    (shapes_folder / "images" / "000.png").unlink()
    assert "  - unusable: image that is missing: 3 rows" in vqa(shapes_folder, "--skip-bad").stdout


def test_formats_are_listed(tmp_path: Path) -> None:
    lines = vqa("--list-formats").stdout.splitlines()
    assert {"daquar", "daquar-csv", "easy-vqa", "generic", "vqa-v2"} <= {
        line.split()[0] for line in lines
    }
    listed = json.loads(vqa("--list-formats", "--json").stdout)
    assert [entry["format"] for entry in listed["formats"]] == [line.split()[0] for line in lines]


def test_wrong_usage_exits_2(shapes_folder: Path) -> None:
    assert failed(vqa(), "SOURCE is missing", code=2)
    assert failed(vqa(shapes_folder, "--format", "daquarcsv"), "did you mean daquar-csv?", code=2)
    assert failed(vqa(shapes_folder, "--val-share", "1"), "--val-share must be in", code=2)


def test_no_such_folder(tmp_path: Path) -> None:
    assert failed(vqa(tmp_path / "gone"), f"{tmp_path / 'gone'}: no such file or folder")


def test_an_unknown_layout(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "hello")
    result = vqa(tmp_path)
    assert failed(result, "is of no known layout; found were notes.txt. Known are:")
    assert "  - easy-vqa: " in result.stderr


def test_an_ambiguous_layout(tmp_path: Path) -> None:
    daquar(tmp_path)
    daquar_csv(tmp_path)
    assert failed(vqa(tmp_path), "could be daquar or daquar-csv")
    assert vqa(tmp_path, "--format", "daquar-csv").exit_code == 0


def test_missing_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "questions.csv", ("image", "query", "anwser"), [])
    result = vqa(tmp_path)
    assert failed(result, "questions.csv: lacks the column answer; needed are image, question")
    assert "present are image, query, anwser; is anwser the answer?" in result.stderr


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("gone.png", "q?", "x"), "image that is missing: 1 row, e.g. gone.png (questions-37)"),
        (("text.png", "q?", "x"), "image file that holds no image: 1 row, e.g. "),
        (("000.png", "", "x"), "question that is empty: 1 row, e.g. questions-37"),
        (("000.png", "q?", " "), "answer that is empty: 1 row, e.g. questions-37"),
        (("../000.png", "q?", "x"), "image path that climbs out of the folder: 1 row"),
    ],
)
def test_rows_that_cannot_be_used(row: tuple[str, ...], told: str, shapes_folder: Path) -> None:
    write_text(shapes_folder / "images" / "text.png", "no image")
    with (shapes_folder / "questions.csv").open("a") as stream:
        stream.write(",".join(row) + "\n")
    result = vqa(shapes_folder)
    assert failed(result, "1 row(s) cannot be used")
    assert told in result.stderr
    assert not (shapes_folder / ".vqa").exists()
    assert vqa(shapes_folder, "--skip-bad").exit_code == 0


def test_no_usable_row(tmp_path: Path) -> None:
    write_csv(tmp_path / "questions.csv", COLUMNS, [("gone.png", "q?", "x")])
    assert failed(vqa(tmp_path, "--skip-bad"), "has no usable row")


def test_a_test_file_that_shares_no_answer_with_train(shapes_folder: Path) -> None:
    (shapes_folder / "questions.csv").rename(shapes_folder / "train.csv")
    write_csv(shapes_folder / "test.csv", COLUMNS, [("000.png", "q?", "rot")] * 10)
    assert failed(vqa(shapes_folder), "test shares no answer with train (10 question(s), e.g. ")


def test_a_place_that_is_taken(tmp_path: Path, shapes_folder: Path) -> None:
    write_text(tmp_path / "out" / "thesis.txt", "years of work")
    assert failed(vqa(shapes_folder, "--out", tmp_path / "out"), "is no prepared dataset")


def test_ctrl_c_exits_130_and_leaves_nothing(
    shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vqa_cli.data.image_checks.image_facts", stop)
    result = vqa(shapes_folder)
    assert result.exit_code == 130
    assert sorted(path.name for path in shapes_folder.iterdir()) == ["images", "questions.csv"]
