from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.errors import DataError
from vqa_cli.inference import requests
from vqa_cli.inference.line_stream import LineStream
from vqa_cli.inference.requests import (
    Request,
    find_images,
    open_batch,
    requests_about,
)


def from_file(path: Path, content: str | bytes) -> list[Request]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_batch(str(path)) as batch:
        return list(batch.requests)


def test_json_lines_with_ids_and_several_questions(tmp_path: Path) -> None:
    lines = [
        {"image": "a.png", "question": "what?", "id": 7, "answer": "ignored"},
        {"question_id": "q2", "id": None, "image": "b.png", "questions": ["where?", "who?"]},
    ]
    text = "\ufeff" + json.dumps(lines[0]) + "\r\n\n  \n" + json.dumps(lines[1])
    assert from_file(tmp_path / "questions.jsonl", text) == [
        Request("a.png", ("what?",), 1, {"id": 7}),
        Request("b.png", ("where?", "who?"), 4, {"question_id": "q2", "id": None}),
    ]


BROKEN = {
    '{"image": "a.png", "question": "what?"': "is no JSON: ",
    "nonsense": "is no JSON: ",
    "[" * 100_000: "is no JSON: ",
    '{"image": "a.png", "question": "what?", "id": NaN}': "is no JSON: NaN is no value of JSON",
    '["a.png", "what?"]': "is no JSON object",
    "null": "is no JSON object",
    '{"question": "what?"}': "has no image",
    '{"image": "", "question": "what?"}': "its image is empty",
    '{"image": 3, "question": "what?"}': "its image is no text",
    '{"image": "a.png"}': "has no question",
    '{"image": "a.png", "question": null}': "its question is no text",
    '{"image": "a.png", "question": ["what?"]}': "its question is no text",
    '{"image": "a.png", "question": " "}': "the question is empty",
    '{"image": "a.png", "questions": []}': "its questions are no list of texts",
    '{"image": "a.png", "questions": "what?"}': "its questions are no list of texts",
    '{"image": "a.png", "questions": ["what?", 3]}': "its question is no text",
    '{"image": "a.png", "questions": ["what?", ""]}': "the question is empty",
}


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: line[:40])
def test_a_broken_line_is_told_and_the_next_one_is_read(tmp_path: Path, line: str) -> None:
    good = '{"image": "a.png", "question": "what?"}'
    broken, read = from_file(tmp_path / "questions.jsonl", f"{line}\n{good}\n")
    assert broken.error is not None
    assert broken.error.startswith(BROKEN[line])
    assert broken.line == 1
    assert read == Request("a.png", ("what?",), 2)


def test_a_broken_line_says_what_is_known_of_it(tmp_path: Path) -> None:
    (broken,) = from_file(tmp_path / "q", '{"id": [1], "image": "a.png", "question": ""}')
    assert broken == Request("a.png", ("",), 1, {"id": [1]}, "the question is empty; ask something")


def test_other_encodings_are_told(tmp_path: Path) -> None:
    line = '{"image": "a.png", "question": "größe?"}\n'
    (broken,) = from_file(tmp_path / "q.jsonl", line.encode("latin-1"))
    assert broken.error == "is no UTF-8 text (byte 0xf6)"


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(b'{"image":"a","question":"b"}'))))
def test_any_bytes_give_a_request_a_line(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    found = list(requests._from_json(LineStream(BytesIO(text))))
    written = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    filled = [n for n, line in enumerate(written, 1) if line.strip()]
    assert [request.line for request in found] == filled


def test_a_line_that_is_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_LINE", 100)
    long, short = from_file(tmp_path / "q", "x" * 101 + '\n{"image": "a", "question": "b"}')
    assert long.error == "is longer than 100 bytes"
    assert short.error is None


def test_a_table(tmp_path: Path) -> None:
    text = (
        "\ufeffid,image, question ,answer\r\n"
        '1,a.png,"what, where?",x\r\n'
        "\r\n"
        '2,b.png,"two\nlines?",\r\n'
        "3,c.png,who?\n"
        "4,,who?,\n"
    )
    first, second, short, empty = from_file(tmp_path / "questions.csv", text)
    assert first == Request("a.png", ("what, where?",), 2, {"id": "1"})
    assert second == Request("b.png", ("two\nlines?",), 4, {"id": "2"})
    assert (short.line, short.error) == (6, "has 3 cells, the first line has 4")
    assert (empty.line, empty.error) == (7, "its image is empty")
    (row,) = from_file(tmp_path / "questions.tsv", "question\timage\nwhat, who?\ta.png\n")
    assert row == Request("a.png", ("what, who?",), 2)


def test_a_table_with_an_image_in_a_data_uri(tmp_path: Path) -> None:
    uri = "data:;base64," + base64.b64encode(bytes(300_000)).decode()
    (row,) = from_file(tmp_path / "q.csv", f'image,question\n"{uri}",what?\n')
    assert row.image == uri


def test_a_row_in_another_encoding_is_told(tmp_path: Path) -> None:
    text = "image,question\na.png,größe?\n".encode("latin-1") + b"b.png,what?\n"
    broken, read = from_file(tmp_path / "q.csv", text)
    assert (broken.line, broken.error) == (2, "is no UTF-8 text")
    assert read.image == "b.png"


@pytest.mark.parametrize("header", ["", "picture,question", "a.png,what?"])
def test_a_table_without_the_columns_is_refused_at_once(tmp_path: Path, header: str) -> None:
    path = tmp_path / "q.csv"
    path.write_text(f"{header}\na.png,what?\n")
    with pytest.raises(DataError, match=r"q\.csv: lacks the column.* image"), open_batch(str(path)):
        pass


@pytest.mark.parametrize(
    ("content", "total"), [("", 0), ("one", 1), ("one\n", 1), ("one\ntwo", 2), ("one\ntwo\n", 2)]
)
def test_a_files_lines_are_counted_for_the_progress(
    tmp_path: Path, content: str, total: int
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content)
    with open_batch(str(path)) as batch:
        assert batch.total == total


def test_a_batch_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source, message in [
        (str(tmp_path / "gone"), "no such file"),
        (str(tmp_path), "is a folder; --images"),
        ("a\0b", "cannot be read"),
        ("x" * 300, "cannot be read"),
    ]:
        with pytest.raises(DataError, match=message), open_batch(source):
            pass
    terminal: Any = SimpleNamespace(isatty=lambda: True)
    for stdin in (terminal, None):
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(DataError, match="expected on stdin"), open_batch("-"):
            pass


def test_the_images_of_a_folder_or_pattern(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "sub/c.webp", "notes.txt", "sub/deep/d.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(text: str) -> list[str]:
        return [str(Path(name).relative_to(tmp_path)) for name in find_images(f"{tmp_path}{text}")]

    assert found("") == ["a.jpg", "b.PNG", "sub/c.webp", "sub/deep/d.gif"]
    assert found("/*") == ["a.jpg", "b.PNG", "notes.txt"]
    assert found("/**/*.gif") == ["sub/deep/d.gif"]
    (tmp_path / "empty").mkdir()
    for text, message in (("/empty", "no image in this folder"), ("/*.bmp", "in quotes")):
        with pytest.raises(DataError, match=message):
            find_images(f"{tmp_path}{text}")


def test_the_same_questions_about_each_image() -> None:
    batch = requests_about(["a", "b"], ["what?", "who?"])
    assert batch.total == 2
    assert list(batch.requests) == [Request(name, ("what?", "who?")) for name in "ab"]
    with pytest.raises(DataError, match="question is empty"):
        requests_about(["a"], ["what?", " "])
