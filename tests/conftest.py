from pathlib import Path

import pytest

from tests.drawing import write_shapes
from tests.tiny_runs import export_folder, photo, run_folder  # noqa: F401


@pytest.fixture
def shapes_folder(tmp_path: Path) -> Path:
    """A folder with images/ (a dozen, 16x16) and questions.csv (three questions about each)."""
    return write_shapes(tmp_path / "shapes")
