"""Which layout a source has. A new layout is a new module in `vqa_cli.data.formats`."""

from __future__ import annotations

import os
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import cast

from vqa_cli.data import formats
from vqa_cli.data.layout import Layout
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError, SettingsError

_SHOWN = 12


@cache
def layouts() -> dict[str, Layout]:
    """Every known layout by its name, in the order of the names."""
    modules = [
        cast(Layout, import_module(f"{formats.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(formats.__path__)
    ]
    return {module.NAME: module for module in sorted(modules, key=lambda module: module.NAME)}


def claims(source: Source) -> list[str]:
    """The names of the layouts that recognise the source."""
    return [name for name, layout in layouts().items() if layout.detect(source)]


def choose_layout(source: Source, name: str = "auto") -> Layout:
    """The layout called `name`; `auto`: the one that recognises the source.

    Raises SettingsError for an unknown name, and DataError where no layout or several of them
    recognise the source.
    """
    known = layouts()
    if name != "auto":
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingsError(f"--format {name}: known are auto, {', '.join(known)}{hint}")
        return known[name]
    found = claims(source)
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise DataError(
            f"{source.path}: could be {' or '.join(found)}; say which with --format {found[0]}"
            f" (or {', '.join(found[1:])})"
        )
    raise DataError(
        f"{source.path}: is of no known layout; found were {_content(source)}"
        f"{_annotations_alone(source)}. Known are:",
        [f"{layout.NAME}: {layout.DESCRIPTION}" for layout in sorted(known.values(), key=_is_own)],
    )


def _is_own(layout: Layout) -> bool:
    """False, which comes first, for the layout of one's own data: what most people have."""
    return layout.NAME != "generic"


def _annotations_alone(source: Source) -> str:
    """What to do about annotations whose questions are missing."""
    for file in source.files:
        found = source.peek(file)
        if found and found.list_has("annotations", "question_id"):
            return f"; {file} holds annotations, put the file with their questions beside it"
    return ""


def _content(source: Source) -> str:
    """What lies in the source, for a person to see what was looked at."""
    if source.files:
        names = list(source.files)
    else:
        with os.scandir(source.root) as entries:
            names = sorted(e.name + ("/" if e.is_dir() else "") for e in entries)
    if not names:
        return "no files at all"
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")
