"""What a dataset is made of: how many of what, by split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.encoding import Places, encode
from vqa_cli.data.example import SPLITS
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import Mask, Rows
from vqa_cli.data.splits import TRAIN, Codes

MOST = 20
"""Of types, languages and scripts, so many are listed; the others are counted together."""
OTHER = "(other)"
_SCRIPTS = {
    # Kana before Han, since Japanese has both.
    "Japanese": r"[\p{Hiragana}\p{Katakana}]",
    "Hangul": r"\p{Hangul}",
    "Han": r"\p{Han}",
    "Cyrillic": r"\p{Cyrillic}",
    "Greek": r"\p{Greek}",
    "Arabic": r"\p{Arabic}",
    "Hebrew": r"\p{Hebrew}",
    "Devanagari": r"\p{Devanagari}",
    "Bengali": r"\p{Bengali}",
    "Tamil": r"\p{Tamil}",
    "Thai": r"\p{Thai}",
    "Latin": r"\p{Latin}",
}
_LANGUAGE = r'"language": "(?P<language>[^"\\]*)"'

Coded = tuple[Places, list[str]]
"""For each row (N,) a place in the names, or -1."""


def statistics(
    rows: Rows, usable: Mask, codes: Codes, answers: RowAnswers, main_of: Places
) -> dict[str, Any]:
    """Counts by split, as plain values for JSON.

    main_of (N,): the answer that each row gives first of all, as a place in `answers.keys`, or -1.
    upper_bound: the share of the answered questions with at least one answer that train gives.
    """
    train = usable & (codes == TRAIN)
    known = answers.any_of(answers.keys_given(train))
    columns: dict[str, Coded] = {
        "question_types": _column(rows, "question_type"),
        "answer_types": _column(rows, "answer_type"),
        **_languages(rows),
    }
    described: dict[str, Any] = {}
    for code, split in enumerate(SPLITS):
        chosen = usable & (codes == code)
        if not chosen.any():
            continue
        answered = chosen & rows.answered
        described[split] = {
            "questions": int(chosen.sum()),
            "images": len(np.unique(rows.image_of[chosen])),
            "answered": int(answered.sum()),
            **_balance(main_of[answered], answers),
            "upper_bound": _share(known[answered]) if train.any() else None,
            **{name: _counts(column, chosen) for name, column in columns.items()},
        }
    return described


def _share(known: Mask) -> float | None:
    return float(known.mean()) if len(known) else None


def _balance(main_of: Places, answers: RowAnswers) -> dict[str, Any]:
    """How evenly the answers of some rows are spread."""
    counts = np.bincount(main_of[main_of >= 0], minlength=len(answers.keys))
    if not counts.any():
        return {"distinct_answers": 0, "answers_seen_once": 0, "most_frequent": None}
    most = int(counts.argmax())
    return {
        "distinct_answers": int((counts > 0).sum()),
        "answers_seen_once": int((counts == 1).sum()),
        "most_frequent": {
            "answer": answers.keys[most],
            "share": float(counts[most] / counts.sum()),
        },
    }


def _counts(column: Coded, chosen: Mask) -> dict[str, int]:
    """How many of the chosen rows have each name, most first; empty where none has one."""
    codes, names = column
    of_name = np.bincount(codes[chosen & (codes >= 0)], minlength=len(names)).tolist()
    ranked = sorted(
        ((name, count) for name, count in zip(names, of_name, strict=True) if count),
        key=lambda pair: (-pair[1], pair[0]),
    )
    counted = dict(ranked[:MOST])
    if others := sum(count for _, count in ranked[MOST:]):
        counted[OTHER] = others
    return counted


def _column(rows: Rows, name: str) -> Coded:
    """A text column of all rows."""
    return _encoded([batch.column(name) for batch in rows.batches(_all(rows), name)])


def _encoded(columns: list[Any]) -> Coded:
    codes, names = encode(columns)
    return codes, names.to_pylist()


def _languages(rows: Rows) -> dict[str, Coded]:
    """The language of each row as the source says it; where it says none, the questions' scripts.

    A script is no language: Latin may be English or Vietnamese.
    """
    extras = [batch.column("extra") for batch in rows.batches(_all(rows), "extra")]
    said = [_said_language(extra) for extra in extras]
    if any(column.null_count < len(column) for column in said):
        return {"languages": _encoded(said)}
    questions = [batch.column("question") for batch in rows.batches(_all(rows), "question")]
    scripts = [_scripts(column) for column in questions]
    names = [*_SCRIPTS, OTHER]
    return {"scripts": (np.concatenate([np.zeros(0, dtype=np.int32), *scripts]), names)}


def _said_language(extras: Any) -> Any:
    import pyarrow.compute as pc

    found = pc.extract_regex(extras, _LANGUAGE)
    return pc.if_else(pc.is_valid(found), pc.struct_field(found, "language"), None)


def _scripts(questions: Any) -> npt.NDArray[np.int32]:
    """The script of each question, as a place in `_SCRIPTS`, or after all: other."""
    import pyarrow.compute as pc

    names = list(_SCRIPTS)
    ascii_only = pc.string_is_ascii(questions).to_numpy(zero_copy_only=False)
    script_of = np.full(len(questions), len(names), dtype=np.int32)
    script_of[ascii_only] = names.index("Latin")
    for place, pattern in reversed(list(enumerate(_SCRIPTS.values()))):
        if ascii_only.all():
            break
        has = pc.match_substring_regex(questions, pattern).to_numpy(zero_copy_only=False)
        script_of[has & ~ascii_only] = place
    return script_of


def _all(rows: Rows) -> Mask:
    return np.ones(len(rows), dtype=bool)
