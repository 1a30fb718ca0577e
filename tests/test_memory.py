import gc
import platform
import subprocess
import sys

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


FAULTS = """
import resource, sys
from vqa_cli.memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def fill():
    before = faults()
    bytearray(50_000_000)  # cleared, and freed at once
    return faults() - before

if sys.argv[1] == "keep":
    assert keep_freed_memory()
fill()
print(fill())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told so")
@pytest.mark.parametrize(("how", "kept"), [("keep", True), ("", False)])
def test_freed_memory_is_there_for_the_next_batch(how, kept):
    # The system hands out memory page by page: what is kept needs none of its 12,207 pages anew.
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    assert (int(done.stdout) < 100) is kept
