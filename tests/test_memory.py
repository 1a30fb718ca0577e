import gc

import pytest

from vqa_cli.memory import without_garbage_collection


@pytest.fixture(autouse=True)
def collecting():
    gc.enable()
    yield
    gc.enable()


def test_nothing_is_collected_in_the_block_alone():
    with without_garbage_collection():
        assert not gc.isenabled()
        with without_garbage_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_fails_leaves_it_on():
    @without_garbage_collection()
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()


def test_what_the_caller_turned_off_stays_off():
    gc.disable()
    with without_garbage_collection():
        pass
    assert not gc.isenabled()
