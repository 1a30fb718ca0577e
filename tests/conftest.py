from pathlib import Path

import hypothesis
import pytest

from tests.drawing import write_shapes
from tests.tiny_runs import export_folder, photo, ready_graphs, run_folder  # noqa: F401

# The same examples each time, and no time limit that a busy machine would break.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def no_image_journals_of_the_user(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tests check of images is kept with their other files."""
    cache = tmp_path_factory.getbasetemp() / "user-cache"
    monkeypatch.setattr("vqa_cli.data.image_journal.user_cache", lambda: cache)


@pytest.fixture
def shapes_folder(tmp_path: Path) -> Path:
    """A folder with images/ (a dozen, 16x16) and questions.csv (three questions about each)."""
    return write_shapes(tmp_path / "shapes")
