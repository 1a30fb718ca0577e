from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqa_cli.data import json_stream
from vqa_cli.data.json_stream import JsonPeek, decode, entries, lines, members, peek
from vqa_cli.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
FEW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)


@pytest.fixture(params=[1, 7, 1 << 20])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", request.param)


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "file.json"
    path.write_text(text, encoding=encoding, newline="")
    return path


@pytest.mark.usefixtures("_pieces")
@FEW
@given(value=st.lists(VALUES, max_size=6), indent=st.sampled_from([None, 2]))
def test_a_list_is_read_as_json_reads_it(
    tmp_path: Path, value: list[Any], indent: int | None
) -> None:
    text = json.dumps(value, indent=indent)
    assert list(entries(written(tmp_path, text))) == value


@pytest.mark.usefixtures("_pieces")
@FEW
@given(value=st.dictionaries(st.text(max_size=4), VALUES, max_size=5), rows=st.lists(VALUES))
def test_members_and_a_list_under_a_key(
    tmp_path: Path, value: dict[str, Any], rows: list[Any]
) -> None:
    value = {**value, "the rows": rows}
    path = written(tmp_path, json.dumps(value, ensure_ascii=False))
    assert dict(members(path)) == value
    assert list(entries(path, "the rows")) == rows


TREES = st.recursive(
    st.text(max_size=3) | st.sampled_from([float("inf"), 1 << 80, "\ud800", '{"a": 1}, {"a": 2']),
    lambda inner: st.fixed_dictionaries({"a": st.lists(inner, max_size=3)}),
    max_leaves=6,
)


@pytest.mark.usefixtures("_pieces")
@FEW
@given(
    rows=st.lists(st.fixed_dictionaries({"a": st.lists(TREES, max_size=3), "b": TREES})),
    indent=st.sampled_from([None, 1]),
)
def test_objects_that_begin_alike_are_read_as_json_reads_them(
    tmp_path: Path, rows: list[Any], indent: int | None
) -> None:
    """Of those many are decoded at once, up to the last one that seems to begin."""
    path = written(tmp_path, json.dumps({"rows": rows}, indent=indent))
    assert list(entries(path, "rows")) == rows


def test_many_objects_are_decoded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"a": number} for number in range(1000)]
    path = written(tmp_path, json.dumps(rows))
    decoded: list[str] = []

    def counted(text: str) -> Any:
        decoded.append(text)
        return json.loads(text)

    with json_stream._Stream(path) as stream:
        stream._decode_list = counted
        assert list(stream.elements("")) == rows
    assert len(decoded) == 1
    assert len(json.loads(decoded[0])) == 998


class Wanted(TypedDict, total=False):
    a: Any
    parts: list[Wanted]


def test_what_is_not_wanted_may_be_passed_over(tmp_path: Path) -> None:
    rows = [{"a": n, "b": n, "parts": [{"a": 1, "b": 2}, {"b": 3}]} for n in range(1000)]
    found = list(entries(written(tmp_path, json.dumps(rows)), shape=Wanted))
    assert [{"a": row["a"], "parts": [{"a": 1}, {}]} for row in rows[1:-1]] == found[1:-1]
    assert [found[0], found[-1]] == [rows[0], rows[-1]]


@pytest.mark.parametrize("odd", [{"parts": 5}, {"parts": [1]}, 5, None, "text"])
def test_what_is_of_another_shape_comes_whole(odd: Any, tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": 2}, odd, {"a": 3}, {"a": 4}]
    assert list(entries(written(tmp_path, json.dumps(rows)), shape=Wanted)) == rows


def test_a_broken_object_among_many_is_named(tmp_path: Path) -> None:
    rows = "".join(f'{{"a": {number}}},\n' for number in range(1000))
    found: list[Any] = []
    with pytest.raises(DataError, match="line 1001, column 7"):
        found.extend(entries(written(tmp_path, f'[{rows}{{"a": oops}},\n{{"a": 1}}]')))


@pytest.mark.parametrize("text", ['{"a": 1}', "NaN", '"\\ud800"', "1e999", "2" * 30])
def test_one_text_is_decoded_as_json_does(text: str) -> None:
    assert str(decode(text)) == str(json.loads(text))


@pytest.mark.parametrize("text", ["", "{", "[1,]", "01"])
def test_a_broken_text_is_an_error_as_of_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        decode(text)


@pytest.mark.usefixtures("_pieces")
@FEW
@given(values=st.lists(VALUES, max_size=6))
def test_json_lines(tmp_path: Path, values: list[Any]) -> None:
    assert list(lines(written(tmp_path, "\n".join(map(json.dumps, values))))) == values


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a": 1,\r\n"rows": [1,\r\n2]}\r\n', "utf-8-sig")
    assert list(entries(path, "rows")) == [1, 2]


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[1, 2", "line 1, column 6: Expecting ',' delimiter"),
        ('[\n {"a": 1},\n {"a" 2}\n]', "line 3, column 7: Expecting ':' delimiter"),
        ("[1,\n\n  oops]", "line 3, column 3: Expecting value"),
        ("[1] 2", "line 1, column 5: Extra data"),
        ("", "line 1, column 1: Expecting value"),
        ('["open', "line 1, column 2: Unterminated string starting at"),
    ],
)
def test_broken_json_is_named_by_line_and_column(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(DataError) as caught:
        list(entries(written(tmp_path, text)))
    assert f"no valid JSON at {where}" in caught.value.message


@pytest.mark.parametrize("text", ['{"a": 1}', "3", '"text"', "null"])
def test_something_else_than_a_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="must be a list"):
        list(entries(written(tmp_path, text)))


@pytest.mark.parametrize("text", ["[]", '{"info": {}}', '{"rows": {}}'])
def test_something_else_than_an_object_with_the_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match='"rows"'):
        list(entries(written(tmp_path, text), "rows"))


def test_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes('["café"]'.encode("latin-1"))
    with pytest.raises(DataError, match=r"no UTF-8 text \(byte 0xe9"):
        list(entries(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(entries(tmp_path / "none.json"))


def test_nested_too_deeply(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nested too deeply"):
        list(entries(written(tmp_path, "[" * 100_000)))


def test_a_number_too_long(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1, column 2"):
        list(entries(written(tmp_path, f"[{'9' * 6000}]")))


def test_the_memory_is_that_of_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 100)
    path = written(tmp_path, json.dumps({"a": list(range(10_000)), "rows": list(range(10_000))}))
    longest = 0

    def watched() -> Iterator[int]:
        nonlocal longest
        with json_stream._Stream(path) as stream:
            for _ in stream.keys(""):
                for value in stream.elements(""):
                    longest = max(longest, len(stream._text))
                    yield value

    assert list(watched()) == [*range(10_000)] * 2
    assert longest < 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", JsonPeek("list", None)),
        ('[{"a": 1}, {"b": 2}, oops', JsonPeek("list", {"a": 1})),
        ('{"info": {"x": 1}, "none": [], "rows": [{"q": 1}, oops', None),
        ('{"a": 1}\n{"a": 2}\n', JsonPeek("lines", {"a": 1})),
        ('{"a": 1}', JsonPeek("object", None, {"a": 1})),
        ("what is this?", None),
        ("", None),
        ("3", None),
    ],
)
def test_peek(tmp_path: Path, text: str, expected: JsonPeek | None) -> None:
    if expected is None and "rows" in text:
        expected = JsonPeek("object", None, {"info": {"x": 1}}, {"none": None, "rows": {"q": 1}})
    assert peek(written(tmp_path, text)) == expected


def test_what_a_peek_has(tmp_path: Path) -> None:
    found = peek(written(tmp_path, '{"rows": [{"a": 1, "b": 2}], "late": 1}'))
    assert found is not None
    assert found.list_has("rows", "a", "b")
    assert not found.list_has("rows", "a", "c")
    assert not found.list_has("late", "a")
    assert not found.has("rows")
    listed = peek(written(tmp_path, '[{"a": 1}]'))
    assert listed is not None
    assert listed.has("a")
    assert not listed.has("b")
