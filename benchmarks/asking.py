"""Measure how soon `vqa` answers and shows its help, and how fast it asks many questions.

    python benchmarks/asking.py [--daquar FOLDER] [--run RUN --export EXPORT] [--rounds 9]

All are ratios of what was measured in turns: each peer and `vqa` as whole processes, one after the
other, `--rounds` times; the ratio is the median of the rounds', so that other work on the machine
weighs on both. Python's bytecode is cached for all of them, as it is in an installed package.

Asked are the model that ships with the package, and MiniLM with EfficientNet-Lite0, fine-tuned for
an epoch on DAQUAR here, unless RUN and EXPORT name one that is there already.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import data
from benchmarks.run import FROZEN_PAIR, pretrained_flags, rule_below, vqa
from vqa_cli.model_folder import DEMO_MODEL

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
QUESTION = "what is on the table?"
PHOTOS, DRAWN = 256, 2048
"""Images in a batch: enough for seconds of work."""

COLD, FASTER, HELP, RATE = 1.5, 8.0, 1.3, 0.85


@dataclass(frozen=True)
class Model:
    """An exported folder, with the run that it is of, where that is known, and some images."""

    name: str
    export: Path
    run: Path | None
    images: tuple[Path, ...]


@dataclass(frozen=True)
class Line:
    """One line of the table. ratio: as `target` says; seconds: the medians of peer and ours."""

    what: str
    peer: str
    seconds: tuple[float, float] | None
    ratio: float
    target: str
    reached: bool

    def __str__(self) -> str:
        clock = "{:.2f} s|{:.2f} s".format(*self.seconds) if self.seconds else "-|-"
        return (
            f"{self.what}|{self.peer}|{clock}|{self.ratio:.2f}|{self.target}"
            f"|{'yes' if self.reached else 'NO'}"
        )


def taking_turns(
    commands: Sequence[Sequence[str]], rounds: int, environment: dict[str, str]
) -> list[list[float]]:
    """Wall seconds of each command in each round; one round before is to warm up.

    Raises SystemExit where one of them fails.
    """
    seconds: list[list[float]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for command, spent in zip(commands, seconds, strict=True):
            began = time.perf_counter()
            ended = subprocess.run(
                command, capture_output=True, text=True, env=environment, check=False
            )
            if ended.returncode:
                raise SystemExit(f"{' '.join(command)}:\n{ended.stderr[-2000:]}")
            if number:
                spent.append(time.perf_counter() - began)
    return seconds


def ours_over(what: str, peer: str, seconds: Sequence[Sequence[float]], limit: float) -> Line:
    """The line of a peer that ours may take `limit` times as long as; seconds: peer's, ours."""
    ratio = median(ours / theirs for theirs, ours in zip(*seconds, strict=True))
    medians = (median(seconds[0]), median(seconds[1]))
    return Line(what, peer, medians, ratio, f"<= {limit:g} x", ratio <= limit)


def cold_start(model: Model, rounds: int, environment: dict[str, str]) -> list[Line]:
    """One question about one image, as a whole process."""
    image = str(model.images[0])
    bare = [PYTHON, str(HERE / "asking_bare.py"), str(model.export), image, QUESTION]
    ask = [PYTHON, "-m", "vqa_cli", "ask", image, QUESTION, "-m", str(model.export)]
    seconds = taking_turns([bare, ask], rounds, environment)
    what = f"one answer, {model.name}"
    lines = [ours_over(what, "bare onnxruntime process", seconds, COLD)]
    if model.run is not None:
        usual = [PYTHON, str(HERE / "asking_usual.py"), str(model.run), image, QUESTION]
        theirs, ours = taking_turns([usual, ask], max(1, rounds // 3), environment)
        ratio = median(a / b for a, b in zip(theirs, ours, strict=True))
        medians = (median(theirs), median(ours))
        peer, target = "torch, transformers and timm", f">= {FASTER:g} x faster"
        lines.append(Line(what, peer, medians, ratio, target, ratio >= FASTER))
    return lines


def showing_help(rounds: int, environment: dict[str, str]) -> list[Line]:
    """`vqa --help` and `vqa ask --help`."""
    lines = []
    for arguments in (["--help"], ["ask", "--help"]):
        minimal = [PYTHON, str(HERE / "asking_typer.py"), *arguments]
        seconds = taking_turns(
            [minimal, [PYTHON, "-m", "vqa_cli", *arguments]], rounds, environment
        )
        what = f"`vqa {' '.join(arguments)}`"
        lines.append(ours_over(what, "minimal typer program", seconds, HELP))
    return lines


def rate(model: Model, each: int, rounds: int, environment: dict[str, str], folder: Path) -> Line:
    """Many images, with so many questions about each."""
    asked = ("what is on the table?", "how many chairs are there in the room?", "what color is it?")
    questions = folder / f"{each}.jsonl"
    with questions.open("w", encoding="utf-8") as file:
        for image in model.images:
            for question in asked[:each]:
                file.write(json.dumps({"image": str(image), "question": question}) + "\n")
    command = [str(HERE / "asking_rate.py"), str(model.export), str(questions)]
    ended = subprocess.run(
        [PYTHON, *command, "--rounds", str(rounds)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    rates: dict[str, float] = json.loads(ended.stdout)
    ours = rates.pop("asking")
    best = max(rates, key=lambda name: rates[name])
    ratio = ours / rates[best]
    what = f"batch, {each} question(s) an image, {model.name}: {ours:.0f} questions a second"
    peer = f"{best}: {rates[best]:.0f}"
    return Line(what, peer, None, ratio, f">= {RATE:g} x the rate", ratio >= RATE)


def demo(folder: Path) -> Model:
    """The model that ships with the package, and pictures like those that it learned from."""
    shapes = folder / "shapes"
    draw = [PYTHON, str(HERE.parent / "examples" / "shapes.py"), str(shapes)]
    subprocess.run([*draw, "--images", str(DRAWN)], check=True, capture_output=True)
    images = tuple(sorted((shapes / "images").iterdir())[:DRAWN])
    return Model("the demo model", DEMO_MODEL, None, images)


def photos(daquar: Path, run: Path | None, export: Path | None, folder: Path) -> Model:
    """MiniLM and EfficientNet-Lite0, and DAQUAR's photos."""
    images = tuple(sorted((daquar / "images").iterdir())[:PHOTOS])
    if run is None or export is None:
        view = data.daquar_view(daquar, "csv", folder / "daquar-csv")
        prepared, run, export = (folder / name for name in ("prepared", "run", "export"))
        vqa(["prepare", str(view), "--out", str(prepared)], folder / "prepare")
        flags = [*FROZEN_PAIR, "--epochs=1", *pretrained_flags(folder / "encoders")]
        vqa(["finetune", str(prepared), *flags, "--out", str(run)], folder / "finetune")
        vqa(["export", str(run), "--out", str(export)], folder / "export")
    return Model("MiniLM + EfficientNet-Lite0", export, run, images)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure asking beside its peers.")
    parser.add_argument("--daquar", type=Path, default=Path("../shared/data/daquar"))
    parser.add_argument("--run", type=Path)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    head = "what|peer|peer's time|our time|ratio|target|reached"
    show(head, rule_below(head))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PYTHONPATH": str(HERE.parent),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        models = [demo(folder)]
        if arguments.daquar.is_dir():
            models.append(photos(arguments.daquar, arguments.run, arguments.export, folder))
        else:
            print(f"{arguments.daquar}: no such folder; left out: its photos", file=sys.stderr)
        show(*showing_help(arguments.rounds, environment))
        for model in models:
            show(*cold_start(model, arguments.rounds, environment))
            for each in (1, 3):
                show(rate(model, each, max(1, arguments.rounds // 2), environment, folder))


def show(*lines: object) -> None:
    """Print lines of the table as they are known: all of it takes minutes."""
    for line in lines:
        print(f"| {str(line).replace('|', ' | ')} |", flush=True)


if __name__ == "__main__":
    main()
