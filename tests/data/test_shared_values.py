from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.shared_values import SharedValues

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=3)))
LISTS = st.lists(st.one_of(st.none(), st.lists(st.text(max_size=2), max_size=3)))


def chunked(values, type_, size):
    chunks = [values[start : start + size] for start in range(0, len(values), size)]
    return pa.chunked_array([pa.array(chunk, type_) for chunk in chunks], type_)


@given(TEXTS, st.integers(1, 4), st.booleans())
def test_texts_are_those_of_arrow(values, size, encoded):
    column = chunked(values, pa.string(), size)
    column = column.dictionary_encode() if encoded else column
    assert SharedValues().of(column).tolist() == values


@given(LISTS, st.integers(1, 4))
def test_lists_are_those_of_arrow(values, size):
    column = chunked(values, pa.list_(pa.string()), size)
    assert list(SharedValues().of(column)) == values


def test_a_slice_is_read_from_where_it_begins():
    column = pa.chunked_array([pa.array([["a"], None, ["b", "c"], []]).slice(1, 3)])
    assert list(SharedValues().of(column)) == [None, ["b", "c"], []]


def test_other_values_stay_what_they_are():
    assert SharedValues().of(pa.chunked_array([[True, None, False]])).tolist() == [
        True,
        None,
        False,
    ]


def test_equal_texts_are_one_object():
    shared = SharedValues()
    left = shared.of(chunked(["a cat", "a dog", "a cat"], pa.string(), 2))
    right = shared.of(chunked([["a dog", "a cat"], ["a cat"]], pa.list_(pa.string()), 1))
    assert left[0] is left[2] is right[0][1] is right[1][0]
    assert left[1] is right[0][0]


def test_lists_are_each_row_s_own():
    one, other = SharedValues().of(chunked([["a"], ["a"]], pa.list_(pa.string()), 2))
    one.append("b")
    assert other == ["a"]


@pytest.mark.parametrize("type_", [pa.string(), pa.list_(pa.string()), pa.bool_()])
def test_no_rows_are_no_values(type_):
    assert SharedValues().of(pa.chunked_array([], type_)).shape == (0,)
