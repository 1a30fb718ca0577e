"""Which column of a table is meant by each field of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from vqa_cli.errors import DataError

NEEDED = ("image", "question", "answer")
CONVERSATION = ("images", "texts")
"""The columns of tables with several questions a row (The Cauldron)."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "image_path", "image_file", "image_filename", "image_file_name", "file_name"),
        *("filename", "image_name", "img_path", "img_name", "img", "picture", "image_id", "img_id"),
    ),
    "question": ("question", "query"),
    "answer": ("answers", "answer", "label", "direct_answers"),
    "question_id": ("question_id", "questionid", "qid"),
    "question_type": ("question_type",),
    "answer_type": ("answer_type",),
    "answer_kind": ("answer_kind",),
    "answerable": ("answerable",),
    "choices": ("choices", "multiple_choices"),
    "correct_choice": ("correct_choice", "correct_choice_idx"),
    "group": ("group",),
    "split": ("split", "set"),
}


def matched(names: Sequence[str]) -> dict[str, str]:
    """The column that is meant by each field that the table has."""
    plain = {re.sub(r"[\s-]+", "_", name.strip().lower()): name for name in reversed(names)}
    return {
        field: plain[found]
        for field, aliases in ALIASES.items()
        if (found := next((alias for alias in aliases if alias in plain), None))
    }


def is_conversation(names: Sequence[str]) -> bool:
    return set(CONVERSATION) <= set(names) and "question" not in matched(names)


def holds_questions(names: Sequence[str]) -> bool:
    """Whether a table with these columns is one of questions about images."""
    return is_conversation(names) or {"image", "question"} <= matched(names).keys()


def needed_columns(path: Path, names: Sequence[str], *, answered: bool = True) -> dict[str, str]:
    """The matched columns of a table of questions.

    Raises DataError that names those that are missing (an answer only if `answered`) and those
    that could be meant, or one that is there twice.
    """
    found = matched(names)
    needed = NEEDED if answered else NEEDED[:2]
    if missing := [name for name in needed if name not in found]:
        hints = [_hint(name, names, set(found.values())) for name in missing]
        raise DataError(
            f"{path}: lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"needed are {', '.join(NEEDED)} (or answers), present are "
            f"{', '.join(names) or 'none'}{''.join(hints)}"
        )
    if twice := [name for name in found.values() if names.count(name) > 1]:
        raise DataError(f"{path}: has several columns called {twice[0]}; keep one of them")
    return found


def _hint(missing: str, names: Sequence[str], taken: set[str]) -> str:
    lowered = {name.lower(): name for name in names if name not in taken}
    for alias in ALIASES[missing]:
        if close := get_close_matches(alias, list(lowered), n=1, cutoff=0.7):
            return f"; is {lowered[close[0]]} the {missing}? Then rename it"
    return ""
