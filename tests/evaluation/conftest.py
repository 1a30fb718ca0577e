import pytest

from tests.evaluation.fakes import small_dataset, small_model


@pytest.fixture
def dataset():
    return small_dataset()


@pytest.fixture
def model():
    return small_model()
