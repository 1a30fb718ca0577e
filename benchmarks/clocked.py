"""`vqa finetune` with clocks around its parts, for `benchmarks/training.py`.

    python benchmarks/clocked.py [--steps N] [--one-image-a-question] [--in-memory] -- PREPARED ...

Prints one JSON object. `seconds` are wall time: `training`, `passes` (forward and backward of
whatever learns, and the forward passes of scoring val), `features`, `encoders` (their forward
passes in the feature stage), and other parts of the training stage. Beside them stand
`steps_per_second`, `cpu_seconds_a_step` of all threads, `encoded` (items by kind, with their
seconds) and what `vqa finetune --json` prints.

With --steps it ends after so many steps. With --in-memory features are copied from their files
into memory first. With --one-image-a-question nothing is shared within a batch.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from accelerate import Accelerator
from torch.optim import AdamW

from vqa_cli.cli import app
from vqa_cli.data import feature_store
from vqa_cli.data.feature_shards import Shard
from vqa_cli.models.extraction_loop import Extraction
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.training import image_inputs, question_inputs, recipe, step
from vqa_cli.training.batches import Rows
from vqa_cli.training.learner import Learner, each_question
from vqa_cli.training.split_data import Inputs, SplitData
from vqa_cli.training.validation import Validation

WARM_UP_STEPS = 3
"""Not counted in the rate: images are decoded for the first time, torch chooses its kernels."""


class EnoughError(Exception):
    """As many steps were taken as were wanted."""


class Clocks:
    """Seconds by name; what runs inside a part of the same name counts once."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.ends: list[float] = []
        self.processor: list[float] = []
        self.encoded: dict[str, dict[str, float]] = {}
        self._inside: set[str] = set()

    def around(self, owner: Any, name: str, part: str) -> None:
        """Time every call of `owner.name` as `part`."""
        setattr(owner, name, self.timed(getattr(owner, name), part))

    def timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            if part in self._inside:
                return call(*arguments, **named)
            self._inside.add(part)
            began = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds[part] += time.perf_counter() - began
                self._inside.discard(part)

        return timed

    def note(self, owner: Any, name: str, kind: str) -> None:
        """Keep what every call of `owner.name` encoded."""
        call: Callable[..., Extraction] = getattr(owner, name)

        def noted(*arguments: Any, **named: Any) -> Extraction:
            done = call(*arguments, **named)
            self.encoded[kind] = {"items": done.computed, "seconds": done.seconds}
            self.seconds["encoders"] += done.seconds_forward
            return done

        setattr(owner, name, noted)

    def changing(self, owner: Any, name: str, change: Callable[[Any], Any]) -> None:
        """Let `change` have the last word in every call of `owner.name`."""
        call = getattr(owner, name)
        setattr(owner, name, lambda *arguments: change(call(*arguments)))

    def stopping(self, call: Callable[..., Any], steps: int | None) -> Callable[..., Any]:
        """Note when each step ended, and stop after so many."""

        def counted(*arguments: Any, **named: Any) -> Any:
            done = call(*arguments, **named)
            self.ends.append(time.perf_counter())
            self.processor.append(time.process_time())
            if len(self.ends) == steps:
                raise EnoughError
            return done

        return counted


def one_image_a_question(call: Callable[..., Inputs]) -> Callable[..., Inputs]:
    """Give each question an image and a row of its own, as if no other asked about it.

    In training only, where inputs are asked for with a draw: scoring val is not measured here.
    """

    def inputs(data: SplitData, rows: Rows, draw: int | None = None) -> Inputs:
        given = call(data, rows, draw)
        if draw is None:
            return given
        given = each_question(given)
        images = given["image_index"]
        pixels = given["pixel_values"].index_select(0, images)
        given["pixel_values"] = pixels.contiguous(memory_format=torch.channels_last)
        given["image_index"] = images.new_tensor(range(len(images)))
        return given

    return inputs


def copied(shard: Shard) -> Shard:
    """A shard whose tokens are no mapped file any more."""
    return replace(shard, tokens=np.array(shard.tokens))


def main() -> None:
    """Read the command line, train, print."""
    parser = argparse.ArgumentParser(description="Fine-tune with clocks around the parts.")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--one-image-a-question", action="store_true")
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("finetune", nargs="+", help="what `vqa finetune` is given")
    options = parser.parse_args()
    clocks = Clocks()
    clocks.around(Learner, "forward", "passes")
    clocks.around(Accelerator, "backward", "passes")
    clocks.around(VQAModel, "forward", "passes")
    clocks.around(Accelerator, "clip_grad_norm_", "clipping")
    clocks.around(AdamW, "step", "optimiser")
    clocks.around(Validation, "score", "scoring val, with its passes")
    clocks.around(recipe, "save_state", "saving")
    clocks.around(recipe, "save_best", "saving")
    clocks.around(recipe.Trainer, "train", "training")
    if options.one_image_a_question:
        SplitData.inputs = one_image_a_question(SplitData.inputs)  # type: ignore[method-assign]
    if options.in_memory:
        clocks.changing(feature_store, "open_shard", copied)
    step.Stepper.take = clocks.stopping(step.Stepper.take, options.steps)  # type: ignore[method-assign]
    clocks.note(image_inputs, "extract_images", "images")
    clocks.note(question_inputs, "extract_questions", "questions")
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            app(["finetune", *options.finetune, "--json"], standalone_mode=False)
    except EnoughError:
        printed = io.StringIO("{}")
    ends = clocks.ends[WARM_UP_STEPS - 1 :]
    result = json.loads(printed.getvalue())
    clocks.seconds["features"] = result.get("seconds_features", 0.0)
    rate = (len(ends) - 1) / (ends[-1] - ends[0])
    processor = clocks.processor[-1] - clocks.processor[WARM_UP_STEPS - 1]
    print(
        json.dumps(
            {
                "seconds": clocks.seconds,
                "steps_per_second": rate,
                "cpu_seconds_a_step": processor / (len(ends) - 1),
                "encoded": clocks.encoded,
                "finetune": result,
            }
        )
    )


if __name__ == "__main__":
    main()
