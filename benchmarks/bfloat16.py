"""Measure whether bfloat16 autocast is faster than float32 on this CPU.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/bfloat16.py --threads 2 --batch 32

Prints CPU time summed over the threads, the least of a few runs taken in turns: on a machine that
others use as well it says more than wall time does. Waiting threads must then not spin, hence the
environment variable. `vqa_cli.device` rests on this table (docs/performance.md).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import timm
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

REPETITIONS = 4

Step = Callable[[], object]


def bert(layers: int, width: int, heads: int, vocabulary: int = 30_522) -> BertModel:
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    return BertModel(config)


def forward(model: nn.Module, inputs: Tensor) -> Step:
    model.eval()

    def step() -> None:
        with torch.inference_mode():
            model(inputs)

    return step


def training_step(model: nn.Module, inputs: Tensor) -> Step:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> None:
        given = model(inputs)
        output = given if isinstance(given, Tensor) else given.last_hidden_state
        output.float().square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def cpu_seconds(step: Step) -> dict[bool, float]:
    """The least CPU time of a step, in float32 (False) and in bfloat16 (True)."""
    least = {False: float("inf"), True: float("inf")}
    for repetition in range(REPETITIONS + 1):
        for bfloat16, before in least.items():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                began = time.process_time()
                step()
                taken = time.process_time() - began
            if repetition:  # the first one warms up
                least[bfloat16] = min(before, taken)
    return least


def steps(batch: int) -> dict[str, Callable[[], Step]]:
    images = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    questions = torch.randint(0, 8192, (128, 16))

    def timm_model(name: str) -> nn.Module:
        return timm.create_model(name, num_classes=0)

    return {
        "efficientnet_lite0 forward": lambda: forward(timm_model("efficientnet_lite0"), images),
        "resnet50 forward": lambda: forward(timm_model("resnet50"), images),
        "vit_small forward": lambda: forward(timm_model("vit_small_patch16_224"), images),
        "MiniLM-L6 forward, 128x16": lambda: forward(bert(6, 384, 12), questions),
        "vit_small training": lambda: training_step(timm_model("vit_small_patch16_224"), images),
        "BERT 4x256 training, 128x16": lambda: training_step(bert(4, 256, 4, 8192), questions),
        "MiniLM-L6 training, 128x16": lambda: training_step(bert(6, 384, 12), questions),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="images a batch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.batch} images a batch")
    for name, make in steps(options.batch).items():
        taken = cpu_seconds(make())
        line = f"float32 {taken[False]:6.3f} s  bfloat16 {taken[True]:6.3f} s"
        print(f"{name:28} {line}  ratio {taken[False] / taken[True]:.2f}", flush=True)


if __name__ == "__main__":
    main()
