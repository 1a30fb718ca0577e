from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, settings

from tests.drawing import write_shapes
from tests.tiny_runs import export_folder, photo, ready_graphs, run_folder  # noqa: F401

# The same examples each time, and no time limit that a busy machine would break.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

# The same examples on every machine, however slow or busy it is.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture
def shapes_folder(tmp_path: Path) -> Path:
    """A folder with images/ (a dozen, 16x16) and questions.csv (three questions about each)."""
    return write_shapes(tmp_path / "shapes")
