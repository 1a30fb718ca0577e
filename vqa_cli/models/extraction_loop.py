"""Encoding whatever a store lacks, shard by shard, loading ahead of the encoder.

Several processes may do it together: each takes every n-th shard.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vqa_cli.console import Reporter
from vqa_cli.data.feature_store import FeatureStore, size
from vqa_cli.device import Device
from vqa_cli.errors import ModelError

BATCHES_AHEAD = 3


@dataclass(frozen=True)
class Processes:
    """Which process of how many this is, and how to wait for the others."""

    rank: int = 0
    count: int = 1
    wait_for_everyone: Callable[[], None] = lambda: None


ALONE = Processes()


@dataclass(frozen=True)
class Extraction:
    """What was done: `computed` items by this process, of `missing` by all; `cached` were there.

    seconds_forward is the part of `seconds` (wall time) inside the encoder.
    """

    cached: int
    missing: int
    computed: int
    seconds: float
    seconds_forward: float


@dataclass(frozen=True)
class Work:
    """What differs between images and questions; `lengths` has all items, in their order."""

    kind: str
    lengths: dict[str, int]
    per_shard: int
    batch_size: int
    load: Callable[[Sequence[str]], tuple[Tensor, ...]]
    encode: Callable[..., Tensor]


def run(
    work: Work,
    encoder: nn.Module,
    store: FeatureStore,
    device: Device,
    report: Reporter,
    processes: Processes,
) -> Extraction:
    """Encode the items that the store lacks, together with the other processes."""
    started = time.perf_counter()
    if store.damaged:
        report.warn(f"{len(store.damaged)} damaged file(s) in {store.folder} are made anew")
    with ExitStack() as stack:
        # Rank 0 holds the lock for all. Between the first two meetings nobody writes, so that
        # every process finds the same items missing and makes the same plan.
        if processes.rank == 0 and store.missing(work.lengths):
            stack.enter_context(store.writing(report))
        processes.wait_for_everyone()
        store.refresh()
        missing = store.missing(work.lengths)
        _announce(work, store, missing, report)
        if missing:
            store.check_space(len(missing), sum(work.lengths[key] for key in missing))
        processes.wait_for_everyone()
        size_of_shard = max(1, work.per_shard // work.batch_size) * work.batch_size
        mine = chunks(missing, size_of_shard)[processes.rank :: processes.count]
        forward = _encode_shards(work, mine, encoder, store, device, report) if mine else 0.0
        processes.wait_for_everyone()
    store.refresh()
    return Extraction(
        cached=len(work.lengths) - len(missing),
        missing=len(missing),
        computed=sum(map(len, mine)),
        seconds=time.perf_counter() - started,
        seconds_forward=forward,
    )


def _announce(work: Work, store: FeatureStore, missing: list[str], report: Reporter) -> None:
    everything = f"{len(work.lengths):,} {work.kind}s"
    if not missing:
        report.notice(f"{work.kind} features: all {everything} found in {store.folder}")
        return
    needed = size(store.bytes_for(len(missing), sum(work.lengths[key] for key in missing)))
    report.notice(
        f"{work.kind} features: encoding {len(missing):,} of {everything}, "
        f"{needed} into {store.folder}"
    )


def _encode_shards(
    work: Work,
    shards: Sequence[Sequence[str]],
    encoder: nn.Module,
    store: FeatureStore,
    device: Device,
    report: Reporter,
) -> float:
    """Encode `shards` and keep them; gives the seconds inside the encoder."""
    total, done, forward = sum(map(len, shards)), 0, 0.0
    batches = [batch for shard in shards for batch in chunks(shard, work.batch_size)]
    training = encoder.training
    encoder.to(device.name).eval()
    report.progress(f"{work.kind} features", 0, total)
    try:
        with closing(_prefetched(work.load, batches)) as loaded:
            for shard in shards:
                parts: list[NDArray[np.float16]] = []
                for batch in chunks(shard, work.batch_size):
                    inputs = next(loaded)
                    began = time.perf_counter()
                    tokens = _forward(work, inputs, device)
                    forward += time.perf_counter() - began
                    parts += [tokens[row, : work.lengths[key]] for row, key in enumerate(batch)]
                    done += len(batch)
                    report.progress(f"{work.kind} features", done, total)
                store.write_shard(shard, np.concatenate(parts), [work.lengths[k] for k in shard])
    finally:
        encoder.train(training)
    return forward


@torch.inference_mode()
def _forward(work: Work, inputs: tuple[Tensor, ...], device: Device) -> NDArray[np.float16]:
    """Run one batch: float16 (B,N,D) in memory."""
    with torch.autocast(device.type, torch.bfloat16, enabled=device.precision == "bfloat16"):
        tokens = work.encode(*(tensor.to(device.name) for tensor in inputs)).to(torch.float16)
    if not torch.isfinite(tokens).all():
        raise ModelError(
            f"the {work.kind} encoder gives values that 16 bits cannot hold (above 65,504, or "
            f"NaN); use another one, or let it learn: --{work.kind}-tuning full"
        )
    return tokens.cpu().numpy()


def _prefetched(
    load: Callable[[Sequence[str]], tuple[Tensor, ...]], batches: Sequence[Sequence[str]]
) -> Generator[tuple[Tensor, ...], None, None]:
    """Load some batches ahead; two at a time, so that reading goes on while one is assembled."""
    waiting: deque[Future[tuple[Tensor, ...]]] = deque()
    with ThreadPoolExecutor(2) as pool:
        try:
            for batch in batches:
                waiting.append(pool.submit(load, batch))
                if len(waiting) > BATCHES_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def chunks(items: Sequence[str], count: int) -> list[Sequence[str]]:
    return [items[start : start + count] for start in range(0, len(items), count)]
