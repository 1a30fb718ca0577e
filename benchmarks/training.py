"""Measure how fast `vqa finetune` trains, as ratios to the usual loop, and where its time goes.

    python benchmarks/training.py [--daquar FOLDER] [--parts usual grouped] [--rounds 2] [--out DIR]

Two parts, each printed as a table:

- usual: DAQUAR's csv split, EfficientNet-Lite0 and MiniLM, ten epochs, against
  `benchmarks/usual_loop.py` with the same frozen encoders and with encoders that learn. Ours is
  the whole command, from its start to the finished run folder: first with nothing stored, then
  with the features there. Of the usual loop so many steps are measured, and ten epochs are
  extrapolated from their rate; its own start and its scoring of val are not counted.
- grouped: easy-VQA with an image encoder that learns, about ten questions an image, against the
  same model, fed an image (and a question) for every question.

Everything is taken in turns, so that whatever else the machine does falls on all alike. Targets
hold for the best of the rounds. CPU time, which other work lengthens less, stands beside the
clock's. With --accuracy N both train N epochs in full, for the accuracy.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import data
from benchmarks.run import rule_below, vqa

EPOCHS, BATCH = 10, 128
HEAD = {"fusion": "concat", "width": "1024", "dropout": "0.3"}
USUAL_STEPS = {"frozen": 7, "full": 4}
GROUPED_STEPS = 24
RECIPE = (
    *("--learning-rate=0.001", "--weight-decay=0.01", "--warmup=0.05", "--label-smoothing=0"),
    f"--batch-size={BATCH}",
)
"""What the usual loop has."""
TARGETS = {"frozen": 12.0, "full": 30.0}
SHARE_ENCODERS, SHARE_PASSES, GROUPED = 0.85, 0.70, 5.0

Measured = dict[str, Any]


def script(name: str, arguments: Sequence[str], log: Path) -> Measured:
    """Run a benchmark of this folder; return the JSON it prints, with `wall` and `cpu`.

    These are its seconds in all, on the clock and of all its threads.

    Raises SystemExit with the end of its log where it fails.
    """
    path = Path(__file__).parent / name
    began, spent = time.perf_counter(), children_seconds()
    with log.open("w", encoding="utf-8") as stderr:
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)}: failed\n{log.read_text()[-2000:]}")
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return {**found, "wall": time.perf_counter() - began, "cpu": children_seconds() - spent}


def children_seconds() -> float:
    """CPU seconds of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Usual:
    """DAQUAR beside the usual loop."""

    def __init__(self, daquar: Path, out: Path) -> None:
        from benchmarks import encoders

        self.out, self.prepared = out, out / "daquar"
        source = data.daquar_view(daquar, "csv", out / "daquar-csv")
        make = ["prepare", str(source), "--out", str(self.prepared), "--split-by=question"]
        counts = vqa(make, out / "prepare")[0]["splits"]
        self.questions = counts["train"]
        image = encoders.efficientnet_lite0(out / "efficientnet-lite0")
        self.encoders = [f"--image-encoder={image}", f"--question-encoder={encoders.minilm()}"]
        self.head = [f"--{name}={value}" for name, value in HEAD.items()]

    def ours(self, name: str, epochs: int = EPOCHS) -> Measured:
        """Fine-tune with frozen encoders."""
        run = self.out / name
        frozen = ["--image-tuning=frozen", "--question-tuning=frozen"]
        flags = [*self.encoders, *self.head, *frozen, *RECIPE, f"--epochs={epochs}", f"--out={run}"]
        found = script("clocked.py", ["--", str(self.prepared), *flags], self.out / f"{name}.log")
        shutil.rmtree(run)
        return found

    def theirs(self, tuning: str, *further: str) -> Measured:
        """The usual loop."""
        flags = [*self.encoders, *self.head, f"--tuning={tuning}", *further]
        log = self.out / f"usual-{tuning}.log"
        return script("usual_loop.py", [str(self.prepared), *flags], log)

    def round(self, number: int) -> Measured:
        """Everything once, in turns."""
        shutil.rmtree(self.prepared / "features", ignore_errors=True)
        found: Measured = {}
        for tuning, steps in USUAL_STEPS.items():
            name = {"frozen": "first", "full": "second"}[tuning]
            found[name] = self.ours(f"{name}-{number}")
            found[tuning] = self.theirs(tuning, f"--steps={steps}")
        return found

    def table(self, rounds: Sequence[Measured]) -> list[str]:
        """Ratios by round, and the best of them beside the target."""
        seen = self.questions * EPOCHS
        lines = ["what|each round|best|target|reached"]
        for tuning, target in TARGETS.items():
            rates = [r[tuning]["questions_per_second"] for r in rounds]
            hours = [seen / rate for rate in rates]
            times = [r["first"]["wall"] for r in rounds]
            ratios = [h / t for h, t in zip(hours, times, strict=True)]
            each = "; ".join(
                f"{h:,.0f} s at {rate:.1f} questions/s : {t:.0f} s = {ratio:.1f}"
                for h, rate, t, ratio in zip(hours, rates, times, ratios, strict=True)
            )
            title = f"usual loop, {tuning} encoders (extrapolated) : ours from nothing"
            lines.append(f"{title}|{each}|{max(ratios):.1f}|>= {target:g}|{yes(ratios, target)}")
            spent = [
                (seen * r[tuning]["cpu_seconds_a_question"], r["first"]["cpu"]) for r in rounds
            ]
            each = "; ".join(f"{u:,.0f} : {o:,.0f} s = {u / o:.1f}" for u, o in spent)
            best = max(u / o for u, o in spent)
            lines.append(f"the same in CPU time|{each}|{best:.1f}||")
        for title, name, part, whole, target in (
            ("encoders in the feature stage", "first", "encoders", "features", SHARE_ENCODERS),
            ("passes in a second run's training", "second", "passes", "training", SHARE_PASSES),
        ):
            found = [r[name]["seconds"] for r in rounds]
            shares = [f[part] / f[whole] for f in found]
            each = "; ".join(
                f"{f[part]:.1f} of {f[whole]:.1f} s = {share:.1%}"
                for f, share in zip(found, shares, strict=True)
            )
            lines.append(f"{title}|{each}|{max(shares):.1%}|>= {target:.0%}|{yes(shares, target)}")
        wholes = [(r["second"]["seconds"]["passes"], r["second"]["wall"]) for r in rounds]
        each = "; ".join(f"{p:.1f} of {w:.1f} s = {p / w:.1%}" for p, w in wholes)
        lines.append(f"passes in the whole second command|{each}|||")
        return lines

    def rates(self, rounds: Sequence[Measured]) -> list[str]:
        """What else was measured, for extrapolations."""
        lines = ["what|each round"]
        for kind in ("images", "questions"):
            each = [r["first"]["encoded"][kind] for r in rounds]
            rates = ", ".join(f"{e['items'] / e['seconds']:,.1f}" for e in each)
            lines.append(f"features, {kind} a second|{rates}")
        rates = ", ".join(f"{r['second']['steps_per_second'] * BATCH:,.0f}" for r in rounds)
        lines.append(f"frozen training, questions a second|{rates}")
        parts = sorted({part for r in rounds for part in r["second"]["seconds"]})
        for part in parts:
            each_part = ", ".join(f"{r['second']['seconds'].get(part, 0):.1f}" for r in rounds)
            lines.append(f"second run, seconds: {part}|{each_part}")
        walls = ", ".join(f"{r['second']['wall']:.0f}" for r in rounds)
        lines.append(f"second run, seconds: the whole command|{walls}")
        return lines

    def accuracy(self, epochs: int) -> list[str]:
        """Both train so many epochs in full, with the same schedule."""
        ours = self.ours("accuracy", epochs)
        theirs = self.theirs("frozen", f"--epochs={epochs}")
        best = max(theirs["val_accuracy"])
        val = ours["finetune"]["val_accuracy"]
        return [
            "what|seconds|best val accuracy",
            f"ours, {epochs} epochs in full|{ours['wall']:.0f}|{val:.4f}",
            f"usual loop, frozen, {epochs} epochs in full|{theirs['seconds']:.0f}|{best:.4f}",
        ]


class Grouped:
    """easy-VQA beside the same model fed one image a question."""

    def __init__(self, out: Path) -> None:
        from benchmarks import encoders

        self.out, self.prepared = out, out / "easy-vqa"
        vqa(["prepare", str(data.easy_vqa()), "--out", str(self.prepared)], out / "prepare-easy")
        image = encoders.efficientnet_lite0(out / "efficientnet-lite0")
        pair = [f"--image-encoder={image}", f"--question-encoder={encoders.minilm()}"]
        self.models = {
            "tiny from scratch": ["--preset=tiny"],
            "EfficientNet-Lite0 full, MiniLM frozen": [*pair, "--image-tuning=full"],
        }

    def rate(self, model: str, *flags: str, steps: int) -> tuple[float, float]:
        """Questions a second of training, by the clock and a CPU second."""
        run = self.out / "grouped"
        arguments = [*flags, f"--steps={steps}", "--", str(self.prepared), *self.models[model]]
        log = self.out / "grouped.log"
        arguments += [f"--out={run}", "--epochs=10", f"--batch-size={BATCH}"]
        found = script("clocked.py", arguments, log)
        shutil.rmtree(run)
        return found["steps_per_second"] * BATCH, BATCH / found["cpu_seconds_a_step"]

    def round(self) -> Measured:
        """Everything once, in turns."""
        return {
            model: (
                self.rate(model, steps=GROUPED_STEPS),
                self.rate(model, "--one-image-a-question", steps=GROUPED_STEPS // 4),
            )
            for model in self.models
        }

    def table(self, rounds: Sequence[Measured]) -> list[str]:
        """Ratios by round, and the best of them beside the target."""
        lines = ["easy-VQA, questions|each round, grouped : one image each|best|target|reached"]
        for model in self.models:
            for place, per in enumerate(("second", "CPU second")):
                pairs = [(g[place], s[place]) for g, s in (r[model] for r in rounds)]
                ratios = [grouped / single for grouped, single in pairs]
                each = "; ".join(f"{g:,.0f} : {s:,.0f} = {g / s:.1f}" for g, s in pairs)
                target = f">= {GROUPED:g}|{yes(ratios, GROUPED)}"
                lines.append(f"{model}, a {per}|{each}|{max(ratios):.1f}|{target}")
        return lines


def yes(found: Sequence[float], target: float) -> str:
    """Whether the best of `found` reaches the target."""
    return "yes" if max(found) >= target else "NO"


def show(lines: Sequence[str]) -> None:
    """Print a Markdown table."""
    head, *rest = lines
    for line in (head, rule_below(head), *rest):
        print(f"| {line.replace('|', ' | ')} |")
    print(flush=True)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure how fast fine-tuning is.")
    parser.add_argument("--daquar", type=Path, default=Path("../shared/data/daquar"))
    parser.add_argument("--parts", nargs="+", choices=["usual", "grouped"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--accuracy", type=int, metavar="EPOCHS", help="also train so many in full")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    parts = arguments.parts or ["usual", "grouped"]
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        usual = Usual(arguments.daquar, Path(folder)) if "usual" in parts else None
        grouped = Grouped(Path(folder)) if "grouped" in parts else None
        beside, together = [], []
        for number in range(arguments.rounds):
            if usual:
                beside.append(usual.round(number))
            if grouped:
                together.append(grouped.round())
        if usual:
            show(usual.table(beside))
            show(usual.rates(beside))
            if arguments.accuracy:
                show(usual.accuracy(arguments.accuracy))
        if grouped:
            show(grouped.table(together))


if __name__ == "__main__":
    main()
