"""Files that are whole or absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vqa_cli.files import replacing, sha256, write_json, write_text


@pytest.fixture
def shared() -> Iterator[None]:
    """A umask under which everybody may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("shared")
def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    with replacing(tmp_path / "weights.safetensors") as temporary:
        save_file({"a": np.zeros(3)}, temporary)
    write_text(tmp_path / "text", "words")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_what_fails_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"ä": 1})
    digest = sha256(path)
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert sha256(path) == digest
    assert json.loads(path.read_text(encoding="utf-8")) == {"ä": 1}
