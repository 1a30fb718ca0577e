"""HTML whose text is escaped unless it says that it is HTML already.

Questions and answers come from anywhere; a forgotten call of `escape` must not be possible.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

_VOID = frozenset({"col", "img", "input", "link", "meta"})


class Html(str):
    """A text that is HTML."""


def tag(name: str, /, *children: str | None, **attributes: object) -> Html:
    """An element: `tag("th", label, scope="row", class_="wide")`.

    Children that are no `Html` are escaped, None is left out. An attribute's underscores become
    hyphens, one at its end is dropped; it is left out where its value is None.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str | None) -> Html:
    """Several elements, one after the other."""
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(child)
            for child in children
            if child is not None
        )
    )


def embedded_json(value: Any) -> Html:
    """JSON that can stand within a script element: it can't end it, nor begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c"))
