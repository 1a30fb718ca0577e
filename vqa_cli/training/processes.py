"""The processes of one launch: how they join, wait for one another, and notice that one is gone.

Gradients and scores go through accelerate, where a process that does not answer for `SILENCE` ends
the others. Waits for work of unknown length (rank 0 prepares the data, a rank encodes its shards)
have a group of their own without such a limit: a process that dies ends them all the same, since
its connections close.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import torch.distributed as dist
from accelerate import Accelerator, InitProcessGroupKwargs

from vqa_cli.device import Device
from vqa_cli.errors import ModelError
from vqa_cli.models.extraction_loop import Processes

SILENCE = timedelta(minutes=10)
PATIENCE = timedelta(days=30)

LOST = (
    *("Connection closed by peer", "Connection reset by peer", "Broken pipe", "timed out"),
    *("Timed out", "TCPStore", "gloo", "NCCL"),
)
"""What torch says where another process is gone; there is no type of error for it alone."""


class LostProcessError(ModelError):
    """Another process of this launch is gone, or does not answer."""


def join(device: Device) -> Accelerator:
    """Join the other processes of this launch, if there are any."""
    with lost_ones_told("Begin again"):
        accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="bf16" if device.precision == "bfloat16" else "no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=SILENCE)],
        )
        if accelerator.num_processes > 1:
            _patient_group()  # now that all of them are here
    return accelerator


def is_alone_unasked() -> bool:
    """Whether `accelerate launch --cpu` was asked for several processes, and started this one.

    It leaves several on a CPU to mpirun, and says nothing where that is not used.
    """
    return "ACCELERATE_USE_CPU" in os.environ and (
        "MASTER_ADDR" in os.environ and "RANK" not in os.environ and not dist.is_initialized()
    )


def together(accelerator: Accelerator) -> Processes:
    """Which of the processes this is, for work that they share."""
    return Processes(accelerator.process_index, accelerator.num_processes, wait_for_everyone)


def wait_for_everyone() -> None:
    """Wait until all processes are here, however long that takes."""
    if dist.is_initialized():
        dist.barrier(group=_patient_group())


@contextmanager
def main_first(accelerator: Accelerator) -> Iterator[None]:
    """Run the block on rank 0, and then on the others, which find what it left."""
    if not accelerator.is_main_process:
        wait_for_everyone()
    yield
    if accelerator.is_main_process:
        wait_for_everyone()


@contextmanager
def lost_ones_told(advice: str) -> Iterator[None]:
    """Turn what torch says of a process that is gone into a LostProcessError with `advice`."""
    try:
        yield
    except RuntimeError as error:
        several = os.environ.get("WORLD_SIZE", "1") != "1"
        told = next((words for words in LOST if words in str(error)), "")
        if not several or not told:
            raise
        raise LostProcessError(
            f"another process of this launch has stopped, or did not answer ({told}); what it said "
            f"stands above, unless it was killed. {advice}"
        ) from error


@cache
def _patient_group() -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(group, dist.ProcessGroup)
    return group
