from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa_cli.data.cells import RowError
from vqa_cli.data.conversations import conversation_examples
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings

TURN = {"user": "Is it red?", "assistant": "Yes.", "source": None}


def read(row: dict[str, Any]) -> tuple[list[Example], list[str]]:
    findings = Findings()
    examples = list(conversation_examples(row, "row-1", "train", findings))
    return examples, [str(finding) for finding in findings]


def test_turns_become_examples() -> None:
    silent = {"user": "And blue?", "assistant": " "}
    examples, problems = read({"images": [b"data"], "texts": [TURN, "hello", silent]})
    assert examples == [
        Example(
            image="row-1",
            question=question,
            answers=answers,
            question_id=f"row-1-{number}",
            split="train",
            image_bytes=b"data",
        )
        for number, question, answers in ((1, "Is it red?", ("Yes.",)), (3, "And blue?", ()))
    ]
    assert problems == ["turn that has no user and assistant: 1 row, e.g. row-1-2"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"images": [], "texts": [TURN]}, "row with several images, or none: '0 images'"),
        ({"images": None, "texts": [TURN]}, "row with several images, or none: '0 images'"),
        ({"images": [b"a", b"b"], "texts": [TURN]}, "row with several images, or none: '2 images'"),
        ({"images": [b"a"], "texts": "hello"}, "texts that are no list of turns"),
        ({"images": [b"a"], "texts": [{"user": ["a"]}]}, "question that is no text"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        read(row)


CELLS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(("user", "assistant", "source", "bytes")), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(st.fixed_dictionaries({"images": CELLS, "texts": CELLS}))
def test_any_row_is_read_or_refused(row: dict[str, Any]) -> None:
    try:
        read(row)
    except RowError:
        return
