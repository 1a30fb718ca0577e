"""A clear word where torch's companion packages do not fit the installed torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vqa_cli.errors import ModelError


@contextmanager
def explained_imports() -> Iterator[None]:
    """Turn torchvision's cryptic import failure into what to do about it.

    timm and transformers import torchvision. Its compiled operators must match torch, so a CPU
    build of torch beside torchvision's default wheel fails with "operator torchvision::nms does
    not exist", far from the cause.
    """
    try:
        yield
    except (RuntimeError, ImportError) as error:
        if "torchvision" not in str(error):
            raise
        raise ModelError(
            f"the installed torchvision does not fit the installed torch ({error}); install both "
            "from the same index, as shown in README.md under 'CUDA or CPU'"
        ) from error
