from pathlib import Path
from typing import Any

import pytest

from tests.data.layouts import write_text
from vqa_cli.data.entries import Entry, answers, examples, folders_around, one_for_each, text, texts
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError


def made(entry: Entry) -> Example:
    question_id = text(entry, "id")
    return Example("a.png", text(entry, "question"), answers(entry), question_id)


def test_entries_that_cannot_be_used_go_to_the_findings() -> None:
    entries = [
        {"id": 7, "question": "Why?", "answer": 2.0},
        {"id": "8", "answer": None},
        {"id": True},
        ["oops"],
    ]
    findings = Findings()
    assert list(examples("a.json", entries, made, findings)) == [
        Example("a.png", "Why?", ("2",), "7"),
        Example("a.png", "", (), "8"),
    ]
    assert [str(finding) for finding in findings] == [
        "id that is no text: 1 row, e.g. True (a.json entry 2)",
        "entry of a.json that is no object: 1 row, e.g. entry 3",
    ]
    assert findings.unusable_rows == 2


@pytest.mark.parametrize(("values", "found"), [(["a", 1], ["a", "1"]), ([], []), (None, [])])
def test_lists_of_texts(values: Any, found: list[str]) -> None:
    assert texts({"x": values}, "x") == found


def test_splits_come_in_their_order_whatever_the_files_are_called(tmp_path: Path) -> None:
    files: dict[str, str | None] = {"a.json": "test", "b.json": "train", "c.json": "val"}
    chosen = one_for_each(Source(tmp_path), files)
    assert list(chosen.items()) == [("train", "b.json"), ("val", "c.json"), ("test", "a.json")]


def test_a_lone_file_of_no_split_is_taken(tmp_path: Path) -> None:
    assert one_for_each(Source(tmp_path), {"a.json": None}) == {None: "a.json"}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("train", "a.json and b.json are both of train; put one of them elsewhere, or name one"),
        (None, r"b.json: which split is it\? Others here say theirs; call it train, val or test"),
    ],
)
def test_what_is_ambiguous_is_an_error(other: str | None, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        one_for_each(Source(tmp_path), {"a.json": "train", "b.json": other})


def test_folders_are_looked_for_beside_the_files_and_above_them(tmp_path: Path) -> None:
    write_text(tmp_path / "CLEVR/questions/a.json", "{}")
    assert folders_around(Source(tmp_path).files, "images", "") == (
        "CLEVR/questions/images",
        "CLEVR/questions",
        "CLEVR/images",
        "CLEVR",
        "images",
        "",
    )
