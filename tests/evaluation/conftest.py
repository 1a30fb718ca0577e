import pytest

from tests.evaluation.fakes import FileNameModel, small_dataset


@pytest.fixture
def dataset():
    return small_dataset()


@pytest.fixture
def model(dataset):
    return FileNameModel(dataset.vocabulary)
