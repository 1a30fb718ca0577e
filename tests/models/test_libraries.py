import pytest

from vqa_cli.errors import ModelError
from vqa_cli.models.libraries import explained_imports


def test_a_torchvision_that_does_not_fit_is_explained() -> None:
    with pytest.raises(ModelError, match="CUDA or CPU"), explained_imports():
        raise RuntimeError("operator torchvision::nms does not exist")


def test_other_failures_are_left_alone() -> None:
    with pytest.raises(ImportError, match="numpy"), explained_imports():
        raise ImportError("numpy is missing")
