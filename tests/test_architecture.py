"""Imports go one way, and the front door is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vqa_cli"
ROOMS = ("cli", "commands", "export", "training", "evaluation", "inference", "models", "data")
"""From the front to the back; everything else in the package is a leaf."""

HEAVY = {"torch", "transformers", "timm", "pandas", "pyarrow", "accelerate", "onnx", "onnxruntime"}
HEAVY |= {"peft"}
UNNEEDED = {"rich", "markdown_it", "pygments", "pydantic", "pydantic_core"}
"""What typer brings along: for pages of help, errors in boxes and values that are not plain."""


def room(module: str) -> int:
    name = module.split(".")[1] if "." in module else ""
    return ROOMS.index(name) if name in ROOMS else len(ROOMS)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_go_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE.parent).with_suffix("")
    if relative.name in ("__init__", "__main__"):
        pytest.skip("the package's own doors")
    here = room(".".join(relative.parts))
    backwards = [m for m in imports(path) if m.startswith("vqa_cli.") and room(m) < here]
    assert backwards == []


@pytest.mark.parametrize(
    "path", sorted(p for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE), ids=str
)
def test_init_files_import_nothing(path: Path) -> None:
    assert list(imports(path)) == []


def test_the_front_door_is_light() -> None:
    code = "import vqa_cli.cli, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (HEAVY | UNNEEDED | {"numpy", "PIL"}) & set(done.stdout.split()) == set()


def test_only_one_room_knows_timm_and_transformers() -> None:
    users = {
        library: {
            path.name
            for path in PACKAGE.rglob("*.py")
            if any(name.split(".")[0] == library for name in imports(path))
        }
        for library in ("timm", "transformers")
    }
    assert users == {
        "timm": {"image_encoder.py", "augmentation.py"},
        "transformers": {"question_encoder.py"},
    }
