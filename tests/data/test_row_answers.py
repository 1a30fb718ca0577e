import numpy as np
import pytest

from vqa_cli.data.example import Example
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import Rows


def rows_of(*answers: tuple[str, ...], kind: str = "alternatives") -> Rows:
    table = Rows()
    for number, each in enumerate(answers):
        table.add(Example("a.png", "q?", each, str(number), kind), "a.png")  # type: ignore[arg-type]
    return table


def known(answers: RowAnswers, *keys: str) -> list[bool]:
    return answers.any_of(answers.keys_that(lambda key: key in keys)).tolist()


def test_answers_are_counted_over_all_batches_as_they_are_spelt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vqa_cli.data.rows._BATCH", 2)
    answers = RowAnswers.of(rows_of(*[("red", "Blue", "red")] * 5, ("no",), ("blue",)))
    chosen = np.array([True] * 5 + [False, True])
    assert answers.counts(chosen) == {"red": 10, "Blue": 5, "blue": 1}


def test_of_a_set_the_first_answer_counts() -> None:
    answers = RowAnswers.of(rows_of(("table", "chair"), (), kind="set"))
    assert answers.counts(np.ones(2, dtype=bool)) == {"table": 1}
    assert known(answers, "chair") == [False, False]
    assert known(answers, "table") == [True, False]


def test_every_answer_of_every_row_is_looked_at() -> None:
    answers = RowAnswers.of(rows_of(("x",), ("y", "X "), (), ("y", "z"), ("z", "z", "x")))
    assert known(answers, "x") == [True, True, False, False, True]


def test_answers_that_rows_give_are_known_by_their_key_and_no_answer_never_is() -> None:
    answers = RowAnswers.of(rows_of(("Red", ""), ("blue",), kind="annotators"))
    given = answers.keys_given(np.array([True, False]))
    assert [key for key, is_given in zip(answers.keys, given, strict=True) if is_given] == ["red"]


def test_the_main_answer_is_the_most_frequent_one_then_the_first_in_the_alphabet() -> None:
    answers = RowAnswers.of(
        rows_of(("b", "a", "B"), (), ("d", "c"), ("c", "d"), ("z",), kind="annotators")
    )
    main = answers.main().tolist()
    assert [None if place < 0 else answers.keys[place] for place in main] == [
        *("b", None, "c", "c", "z")
    ]


def test_no_rows_have_no_answers() -> None:
    answers = RowAnswers.of(Rows())
    assert answers.keys == []
    assert answers.main().tolist() == []
    assert answers.counts(np.zeros(0, dtype=bool)) == {}
