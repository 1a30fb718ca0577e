"""What people bring that cannot be used: each is a clear message, and nothing half-written."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.formats.pathvqa_fixture import write_pickle
from tests.data.formats.reading import read
from tests.data.layouts import write_text
from tests.drawing import save_image, write_csv
from vqa_cli.config import PrepareSettings
from vqa_cli.data.prepare import prepare
from vqa_cli.errors import DataError

HEADER = "image,question,answer\n"


def csv_of(image: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        save_image(folder.parent / "outside.png")
        save_image(folder / "images/a.png")
        write_csv(folder / "questions.csv", ("image", "question", "answer"), [(image, "q?", "x")])

    return write


def text(name: str, content: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        save_image(folder / "images/a.png")
        write_text(folder / name, content)

    return write


def content(name: str, data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)

    return write


def table(**columns: list[object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        save_image(folder / "images/a.png")
        pq.write_table(pa.table(columns), folder / "questions.parquet")

    return write


def running_pickle(folder: Path) -> None:
    entry = {"image": "train_0001", "question": "q?", "answer": pytest.approx}
    write_pickle(folder / "qas/train/train_qa.pkl", [entry])


TRIPLES = '[["what is red?", "circle", 0],\n ["is it red?", "yes" 0]]'
ROW = json.dumps({"image": "a.png", "question": "q?", "answer": "x"})
TWO_ENCODINGS = f"{HEADER}a.png,größe?,x\n".encode() + "a.png,größe?,x\n".encode("cp1252")

UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "broken JSON": (
        text("train/questions.json", TRIPLES),
        r"questions.json: no valid JSON at line 2, column 23",
    ),
    "broken line of JSON": (
        text("questions.jsonl", f'{ROW}\n{{"image": "a.png", "question"}}\n'),
        r"no JSON object: 1 row, e.g. line 2, column 30 \(Expecting ':' delimiter\)",
    ),
    "two encodings": (
        content("questions.csv", TWO_ENCODINGS),
        r"questions.csv: is no UTF-8 text \(byte 0xf6 in line 3\); save it as UTF-8",
    ),
    "UTF-16": (
        content("questions.tsv", codecs.BOM_UTF16_LE + "image\tquestion".encode("utf-16-le")),
        r"questions.tsv: is UTF-16 text; save it as UTF-8",
    ),
    "columns missing": (
        table(picture=["a.png"], text=["q?"]),
        (
            r"lacks the columns question, answer; needed are image, question, answer "
            r"\(or answers\), present are picture, text"
        ),
    ),
    "no parquet": (text("questions.parquet", "PAR1"), r"questions.parquet: no readable parquet"),
    "NaN": (
        table(image=["a.png"], question=["q?"], answer=[math.nan]),
        r"answer that is NaN \(an empty cell\): 1 row, e.g. 'q\?' \(questions.parquet row 1\)",
    ),
    "null": (
        table(image=["a.png"], question=["q?"], answer=pa.array([None], pa.string())),
        r"answer that is empty: 1 row, e.g. questions-1",
    ),
    "no row": (text("questions.csv", HEADER), r"has no usable row"),
    "path that climbs out": (
        csv_of("../outside.png"),
        r"image path that climbs out of the folder: 1 row, e.g. ../outside.png \(questions-1\)",
    ),
    "path that climbs out in Windows' spelling": (
        csv_of("images\\..\\..\\outside.png"),
        r"image path that climbs out of the folder: 1 row",
    ),
    "absolute path": (csv_of("/etc/a.png"), r"image with an absolute path \(give it relative\)"),
    "absolute path on a drive": (csv_of("C:\\a.png"), r"image with an absolute path"),
    "URL": (csv_of("https://example.org/a.png"), r"image given as a URL \(download it first\)"),
    "name in another case": (csv_of("A.png"), r"name in another case: 1 row, e.g. A.png \(there"),
    "annotations without questions": (
        text("annotations.json", '{"annotations": [{"question_id": 1, "answers": []}]}'),
        r"annotations.json holds annotations, put the file with their questions beside it",
    ),
    "pickle that runs code": (running_pickle, r"train_qa.pkl: holds more than plain data"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_it_is_an_error_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    write, problem = UNUSABLE[case]
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    write(source)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as caught:
        prepare(source, out, PrepareSettings())
    messages = "\n".join([str(caught.value), *caught.value.problems])
    assert re.search(problem, messages), messages
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("questions.csv", ["image,question,answer", "a.png,größe?,x"]),
        ("questions.tsv", ["image\tquestion\tanswer", "a.png\tgröße?\tx"]),
        (
            "questions.jsonl",
            ['{"image": "a.png",   "question": "größe?", "answer": "x"}'],
        ),
        ("train/questions.json", ["[", '["größe?", "x", 0]', "]"]),
        ("all_qa_pairs.txt", ["größe in the image1 ?", "x"]),
        ("All_QA_Pairs_train.txt", ["image1|größe?|x"]),
        ("train.csv", [",question,answer,img_id,type", "0,größe?,x,1,0"]),
    ],
)
def test_byte_order_marks_and_line_ends_change_nothing(
    name: str, lines: list[str], start: str, end: str, tmp_path: Path
) -> None:
    write_text(tmp_path / name, start + end.join([*lines, ""]))
    (example,), problems = read(tmp_path)
    assert problems == []
    assert (example.question.rstrip("?"), example.answers) == ("größe", ("x",))


def test_images_whose_names_differ_in_case_alone_are_told(tmp_path: Path) -> None:
    for name, color in (("a.png", "red"), ("A.png", "blue")):
        save_image(tmp_path / "source/images" / name, color)
    rows = [("a.png", "q?", "red"), ("A.png", "q?", "blue")]
    write_csv(tmp_path / "source/train.csv", ("image", "question", "answer"), rows)
    prepared = prepare(tmp_path / "source", tmp_path / "out", PrepareSettings())
    assert any(
        "name differs only in case from another's" in str(problem) for problem in prepared.problems
    )
