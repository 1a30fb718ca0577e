"""Measure what each trick of the trade brings on this CPU, in extraction and in training.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/tricks.py [--threads 2] [--no-compile]

Prints CPU milliseconds an item, summed over the threads, without and with each trick: the least
of a few runs taken in turns, since other work on the machine only adds to it (docs/performance.md).
Waiting threads must then not spin, hence the environment variable. Encoders are the benchmarks'
own; the questions are DAQUAR's where it is at hand.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import encoders
from benchmarks.training import show
from vqa_cli.config import ModelSettings
from vqa_cli.memory import keep_freed_memory
from vqa_cli.models.building import BuiltModel, build_model
from vqa_cli.models.vqa_model import VQAModel

REPETITIONS = 4
IMAGES, QUESTIONS, TRAINED_IMAGES = 8, 128, 13  # 13 images have about 128 questions on easy-VQA
USUAL = {-1: 64 << 20, -3: 32 << 20}
"""Above which sizes glibc trims and maps, as soon as it has seen large tensors (mallopt(3))."""

KINDS = ("eager", "sdpa")

Step = Callable[[], object]


def cpu_seconds(steps: Sequence[Step]) -> list[float]:
    """The least CPU time of each step, which are run in turns."""
    least = [float("inf")] * len(steps)
    for repetition in range(REPETITIONS + 1):
        for place, step in enumerate(steps):
            began = time.process_time()
            step()
            taken = time.process_time() - began
            if repetition:  # the first one warms up
                least[place] = min(least[place], taken)
    return least


class Work:
    """One forward or training pass, and variants of it."""

    def __init__(self, name: str, module: Any, items: int, *, trains: bool) -> None:
        self.name, self.module, self.items, self.trains = name, module, items, trains

    def step(self, *inputs: Tensor, precision: torch.dtype = torch.float32) -> Step:
        """A pass over `inputs`; a training pass also computes all gradients."""
        module, trains = self.module, self.trains

        def run() -> None:
            module.train(trains)
            low = torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16)
            with low, nullcontext() if trains else torch.inference_mode():
                output = module(*inputs)
            if trains:
                output.float().square().mean().backward()
                module.zero_grad()

        return run


class Questions(nn.Module):
    """The question encoder as a module of its own."""

    def __init__(self, model: VQAModel) -> None:
        super().__init__()
        self.encoder = model.question_encoder

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        encoded: Tensor = self.encoder.encode(self.encoder.embed(input_ids), mask)
        return encoded


class Answers(nn.Module):
    """Fusion and head over stored tokens."""

    def __init__(self, model: VQAModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_tokens: Tensor, question_tokens: Tensor, mask: Tensor) -> Tensor:
        index = torch.arange(len(mask)) % len(image_tokens)
        stored = {"image_tokens": image_tokens, "question_tokens": question_tokens}
        logits: Tensor = self.model(index, mask, **stored)
        return logits


@contextmanager
def attention(module: nn.Module, kind: str) -> Iterator[None]:
    """Let transformers compute attention by `kind` inside the block."""
    model: Any = next(m for m in module.modules() if hasattr(m, "set_attn_implementation"))
    before = model.config._attn_implementation
    model.set_attn_implementation(kind)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def within(context: Callable[[], Any], step: Step) -> Step:
    """The same step inside a context."""

    def run() -> None:
        with context():
            step()

    return run


def forgetting() -> None:
    """Return freed memory to the system, as the C library does by itself."""
    for name, value in USUAL.items():
        ctypes.CDLL(None).mallopt(name, value)
    ctypes.CDLL(None).malloc_trim(0)


def after(before: Step, step: Step) -> Step:
    """The same step three times, with something done before."""

    def run() -> None:
        before()
        for _ in range(3):
            step()

    return run


def compared(work: Work, trick: str, without: Step, having: Step, times: int = 1) -> str:
    """One line of the table."""
    slow, fast = cpu_seconds([without, having])
    unit = 1000 / work.items / times
    return f"{work.name}|{trick}|{slow * unit:.2f}|{fast * unit:.2f}|{slow / fast:.2f}"


def compiled(work: Work, *inputs: Tensor) -> str:
    """torch.compile, with what compiling costs."""
    module = Work(
        work.name, torch.compile(work.module, dynamic=True), work.items, trains=work.trains
    )
    step, began = module.step(*inputs), time.process_time()
    step()
    cost = time.process_time() - began
    line = compared(work, "torch.compile", work.step(*inputs), step)
    return f"{line} after {cost:.0f} CPU seconds of compiling"


def padded(ids: Sequence[Sequence[int]], built: BuiltModel) -> tuple[Tensor, Tensor]:
    input_ids, mask = built.preprocessor.pad(ids)
    return torch.from_numpy(input_ids), torch.from_numpy(mask)


def bucketed(work: Work, ids: Sequence[Sequence[int]], built: BuiltModel) -> str:
    """Batches of questions of like length, beside batches as they come."""
    few = list(ids[: 8 * QUESTIONS])
    orders = (few, sorted(few, key=len))
    batches = [
        [padded(order[start : start + QUESTIONS], built) for start in range(0, len(few), QUESTIONS)]
        for order in orders
    ]

    def run(order: list[tuple[Tensor, Tensor]]) -> Step:
        steps = [work.step(*batch) for batch in order]
        return lambda: [step() for step in steps]

    mixed, alike = map(run, batches)
    return compared(work, "length bucketing", mixed, alike, times=len(few) // QUESTIONS)


def questions(daquar: Path) -> list[str]:
    """Real questions where they are at hand, else drawn ones."""
    file = daquar / "data_train.csv"
    if not file.is_file():
        from benchmarks.prepare import drawn

        return [row.question for row in drawn(2000)]
    return [
        line.rsplit(",", 2)[0] for line in file.read_text(encoding="utf-8").splitlines()[1:2001]
    ]


def lines(built: BuiltModel, texts: Sequence[str], *, compiles: bool) -> Iterator[str]:
    """Measure everything."""
    model = built.model
    size = built.preprocessor.transform.height
    ids = built.preprocessor.token_ids(texts)
    nchw, few = torch.randn(IMAGES, 3, size, size), torch.randn(TRAINED_IMAGES, 3, size, size)
    nhwc = nchw.contiguous(memory_format=torch.channels_last)
    few_nhwc = few.contiguous(memory_format=torch.channels_last)
    batch = padded(ids[:QUESTIONS], built)
    stored = torch.randn(120, model.image_encoder.tokens, model.image_encoder.width)
    said = torch.randn(QUESTIONS, batch[0].shape[1], model.question_encoder.width)
    works = {
        "images": (Work("images, extraction", model.image_encoder, IMAGES, trains=False), (nhwc,)),
        "questions": (
            Work("questions, extraction", Questions(model), QUESTIONS, trains=False),
            batch,
        ),
        "train images": (
            Work("images, training", model.image_encoder, TRAINED_IMAGES, trains=True),
            (few_nhwc,),
        ),
        "train questions": (
            Work("questions, training", Questions(model), QUESTIONS, trains=True),
            batch,
        ),
        "frozen": (
            Work("fusion and head, training", Answers(model), QUESTIONS, trains=True),
            (stored, said, batch[1]),
        ),
    }
    for work, given in works.values():
        kept = after(keep_freed_memory, work.step(*given))
        freed = after(forgetting, work.step(*given))
        yield compared(work, "freed memory is kept", freed, kept, times=3)
    keep_freed_memory()
    for name, plain in {"images": nchw, "train images": few}.items():
        work, given = works[name]
        yield compared(work, "channels_last", work.step(plain), work.step(*given))
    for work, given in works.values():
        low = work.step(*given, precision=torch.bfloat16)
        yield compared(work, "bfloat16 autocast", work.step(*given), low)
    for name in ("questions", "train questions"):
        work, given = works[name]
        step = work.step(*given)
        eager, fused = (within(partial(attention, work.module, k), step) for k in KINDS)
        yield compared(work, "fused attention (SDPA)", eager, fused)
        yield bucketed(work, ids, built)
    for name in ("images", "questions", "frozen") if compiles else ():
        yield compiled(works[name][0], *works[name][1])


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure the tricks of the trade.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--daquar", type=Path, default=Path("../shared/data/daquar"))
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    np.random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        image = encoders.efficientnet_lite0(Path(folder) / "lite0")
        built = build_model(
            ModelSettings(
                image_encoder=str(image),
                question_encoder=str(encoders.minilm()),
                image_tuning="full",
                question_tuning="full",
            ),
            questions=[],
            answers=500,
            seed=0,
            offline=True,
        )
    head = "work|trick|without, CPU ms an item|with|ratio"
    found = [head]
    for line in lines(built, questions(options.daquar), compiles=not options.no_compile):
        print(line, file=sys.stderr, flush=True)
        found.append(line)
    show(found)


if __name__ == "__main__":
    main()
