"""Memory: making millions of objects without being held up, and keeping what is needed again."""

from __future__ import annotations

import ctypes
import gc
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_NEVER, _LARGEST = -1, (1 << 31) - 1


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """For work that makes many objects which hold no cycles; also a decorator.

    To look for cycles in them again and again takes a fifth of the time, and finds none.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def return_freed_memory() -> None:
    """Return to the system what is kept for later, so that what is in use can be measured."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Keep what is freed for what is allocated next; give whether that is possible.

    Each batch needs the same large tensors as the one before. The C library's way is to return
    them to the system and to have them zeroed again, page by page, which takes a third of an
    encoder's time on a CPU (docs/performance.md). Only glibc can be told so (mallopt(3)), for
    tensors below 2 GiB.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # One arena for all threads: those of the others give back what they can.
    wanted = {_M_TRIM_THRESHOLD: _NEVER, _M_MMAP_THRESHOLD: _LARGEST, _M_ARENA_MAX: 1}
    return all(mallopt(name, value) == 1 for name, value in wanted.items())
