"""Every tiny dataset there is: those of `tests.data.layouts` and of the modules `*_fixture`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tests.data import formats
from tests.data.layouts import LAYOUTS

Fixtures = dict[str, tuple[str, Callable[[Path], None]]]


def _collected() -> Fixtures:
    found: Fixtures = dict(LAYOUTS)
    for module in pkgutil.iter_modules(formats.__path__):
        if module.name.endswith("_fixture"):
            more: Fixtures = import_module(f"{formats.__name__}.{module.name}").LAYOUTS
            assert not found.keys() & more.keys(), f"{module.name}: a name is taken"
            found |= more
    return found


FIXTURES = _collected()
"""What each is called in a test, its layout's name, and what writes it into a folder."""
