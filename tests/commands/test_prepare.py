import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from tests.data.layouts import daquar, daquar_csv, write_text
from tests.drawing import save_image, write_csv
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
    assert "Known are:\n  - generic: questions.csv" in result.stderr
    assert "  - easy-vqa: " in result.stderr


def test_an_ambiguous_layout(tmp_path: Path) -> None:
    daquar(tmp_path)
    daquar_csv(tmp_path)
    assert failed(vqa(tmp_path), "could be daquar or daquar-csv")
    told = CliRunner().invoke(app, ["info", str(tmp_path)]).stdout
    assert f"`vqa prepare {tmp_path} --format daquar`" in told
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


def test_a_check_shows_everything_and_writes_nothing(shapes_folder: Path) -> None:
    with (shapes_folder / "questions.csv").open("a") as stream:
        stream.write("gone.png,q?,x\n000.png,which shape is it?,oval\n")
    before = sorted(shapes_folder.rglob("*"))
    result = vqa(shapes_folder, "--check")
    assert result.exit_code == 1
    assert result.stdout.startswith("checked, nothing written (generic, 12 images)\n")
    assert "train         3" in result.stdout
    assert "- unusable: image that is missing: 1 row, e.g. gone.png" in result.stdout
    assert "- row that has another's image and question, but not its answer: 2" in result.stdout
    assert "1 row(s) cannot be used; mend them, or leave them out with --skip-bad" in result.stderr
    skipping = vqa(shapes_folder, "--check", "--skip-bad", "--json", "-q")
    assert skipping.exit_code == 0
    assert skipping.stderr == ""
    found = json.loads(skipping.stdout)
    assert found["out"] is None
    assert [problem["rows"] for problem in found["problems"]] == [1, 2]
    assert found["statistics"]["train"]["most_frequent"]["share"] > 0
    assert sorted(shapes_folder.rglob("*")) == before


def test_a_check_shows_what_no_skipping_mends(shapes_folder: Path) -> None:
    (shapes_folder / "questions.csv").rename(shapes_folder / "train.csv")
    write_csv(shapes_folder / "test.csv", COLUMNS, [("000.png", "q?", "rot")] * 10)
    result = vqa(shapes_folder, "--check", "--skip-bad", "--min-count", "1000")
    assert result.exit_code == 1
    assert "test question whose answer train never gives: 10 of 10 rows" in result.stdout
    assert "test shares no answer with train" in result.stderr
    assert "; --min-count 1000 keeps no answer" in result.stderr


def test_strict_makes_any_problem_exit_3(shapes_folder: Path) -> None:
    assert vqa(shapes_folder, "--check", "--strict").exit_code == 0
    with (shapes_folder / "questions.csv").open("a") as stream:
        stream.write("000.png,which shape is it?,circle\n")
    assert vqa(shapes_folder, "--check").exit_code == 0
    checked = vqa(shapes_folder, "--check", "--strict")
    assert checked.exit_code == 3
    assert "row that stands there before" in checked.stdout
    assert failed(vqa(shapes_folder, "--strict"), "is not without problems", code=3)
    assert not (shapes_folder / ".vqa").exists()
    assert vqa(shapes_folder).exit_code == 0


def test_a_check_of_images_that_tables_hold_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = save_image(tmp_path / "a.png").read_bytes()
    rows = {"image": [{"bytes": image, "path": None}], "question": ["what?"], "answer": ["red"]}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(rows), tmp_path / "data" / "train.parquet")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    result = vqa(tmp_path / "data", "--check")
    assert result.exit_code == 0, result.output
    assert "1 images" in result.stdout
    assert list((tmp_path / "scratch").iterdir()) == []
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train.parquet"]


def test_the_leaks_of_a_split_are_told_and_recorded(tmp_path: Path, shapes_folder: Path) -> None:
    (shapes_folder / "questions.csv").rename(shapes_folder / "train.csv")
    copy = shapes_folder / "images" / "copy.png"
    copy.write_bytes((shapes_folder / "images" / "000.png").read_bytes())
    rows = [("000.png", "which shape is it?", "circle"), ("copy.png", "what?", "red")]
    write_csv(shapes_folder / "test.csv", COLUMNS, rows)
    result = vqa(shapes_folder, "--out", tmp_path / "out")
    assert "test question about an image of train or val: 1 of 2 rows" in result.stdout
    assert PreparedDataset.open(tmp_path / "out").info["leaks"]["test"] == [
        "test question about an image of train or val: 1 of 2",
        "test question about an image that train or val has under another name: 1 of 2",
        "test question that train or val asks about the same image: 1 of 2",
    ]


def test_daquars_csv_split_leaks_nearly_all_of_its_test_images(tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "shared/data/daquar"
    if not source.is_dir():
        pytest.skip(f"{source} is not there")
    out = tmp_path / "out"
    result = vqa(source, "--format", "daquar-csv", "--no-images", "--out", out, "--json")
    leaks = json.loads(result.stdout)["leaks"]
    assert leaks["test"][0] == "test question about an image of train or val: 2,485 of 2,494"


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
