from collections.abc import Iterator

import pytest

from tests.drawing import write_shapes
from tests.training.crashing import Crashing


@pytest.fixture(scope="session")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashing]:
    """Real processes, in a folder with prepared `data` of 13 images, 11 of them in train."""
    folder = tmp_path_factory.mktemp("crashing")
    write_shapes(folder / "shapes", count=13)
    with Crashing(folder) as program:
        prepared = program.run("prepare", "shapes", "--out", "data")
        assert prepared.code == 0, prepared.said
        yield program
