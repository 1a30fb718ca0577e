"""Which split a name means: `my_train.csv`, `validation`, `dev`."""

from __future__ import annotations

import re

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def split_of(name: str) -> str | None:
    """The split that a file's name or a split column's value says: `my_train.csv` -> `train`."""
    words = re.split(r"[^a-z]+", name.rsplit(".", 1)[0].lower())
    found = {_WORDS[word] for word in words if word in _WORDS}
    return found.pop() if len(found) == 1 else None
