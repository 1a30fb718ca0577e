"""What `vqa finetune --trials N` tries: the settings, and the values each may take.

The study behind the defaults (benchmarks/defaults.py) searches this very space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Value = str | int | float


class Trial(Protocol):
    """What is needed of an Optuna trial."""

    def suggest_categorical(self, name: str, choices: tuple[Value, ...]) -> Any: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Value, ...]

    def draw(self, trial: Trial, name: str) -> Value:
        value: Value = trial.suggest_categorical(name, self.values)
        return value


@dataclass(frozen=True)
class Range:
    """A number between `low` and `high`, both included; `log`: each factor is as likely.

    Drawn to two significant digits, so that people can read and type what was found.
    """

    low: float
    high: float
    log: bool = False

    def draw(self, trial: Trial, name: str) -> Value:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.2g}")


Axis = Choice | Range

FUSIONS = Choice(("concat", "attention", "cross"))
"""`joint` needs a question encoder that learns, and is as slow as that encoder."""

SMALL_WIDTH = 128
CROSS_WIDTHS = Choice((64, 128))
"""The cross fusion runs its layers over every image token of every question: at width 512 that is
50 times as many multiplications as the attention fusion has, over 49 image tokens of width 1280."""

COMMON: Mapping[str, Axis] = {
    "learning_rate": Range(2e-4, 5e-3, log=True),
    "weight_decay": Range(1e-3, 0.3, log=True),
    "dropout": Range(0.0, 0.5),
    "batch_size": Choice((32, 64, 128, 256)),
    "warmup": Range(0.0, 0.2),
}
FACTOR = 5
"""The encoders' peak rate, where any of them learns: so much less or more than by default."""

SMOOTHING = Range(0.0, 0.2)
"""Only with softmax cross-entropy."""


@dataclass(frozen=True)
class Space:
    """The space for one dataset.

    encoder_rate: the encoders' default rate; None where none learns. width: the preset's.
    questions: those of train. cross_entropy: whether the objective is.
    fixed: the settings that the user named, with their values; they are not searched.
    """

    encoder_rate: float | None
    width: int
    questions: int
    cross_entropy: bool
    fixed: Mapping[str, Any]

    def draw(self, trial: Trial) -> dict[str, Value]:
        """Draw a value for every setting that is searched."""
        drawn: dict[str, Value] = {}
        if "fusion" not in self.fixed:
            drawn["fusion"] = FUSIONS.draw(trial, "fusion")
        fusion = str(self.fixed.get("fusion", drawn.get("fusion")))
        for setting, axis in self.axes(fusion).items():
            drawn[setting] = axis.draw(trial, parameter(setting, fusion))
        return drawn

    def axes(self, fusion: str) -> dict[str, Axis]:
        """Setting -> axis, of all that is searched besides the fusion, once that is known."""
        axes = {**COMMON, "epochs": epochs(self.questions)}
        if fusion != "joint":
            axes["width"] = widths(fusion, self.width)
        if fusion == "cross":
            axes["layers"] = Choice((1, 2))
        if rate := self.encoder_rate:
            axes["encoder_learning_rate"] = Range(rate / FACTOR, rate * FACTOR, log=True)
        if self.cross_entropy:
            axes["label_smoothing"] = SMOOTHING
        return {setting: axis for setting, axis in axes.items() if setting not in self.fixed}

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Name `values` of settings as the study does; those that are not searched are left out."""
        fusion = values["fusion"]
        named = {} if "fusion" in self.fixed else {"fusion": fusion}
        for setting in self.axes(fusion):
            named[parameter(setting, fusion)] = values[setting]
        return named


def parameter(setting: str, fusion: str) -> str:
    """Return the study's name of a setting: a width means another thing for each fusion."""
    return f"width_{fusion}" if setting == "width" else setting


def widths(fusion: str, preset: int) -> Choice:
    """Return widths around the preset's, such that a step of each fusion costs about the same.

    The attention fusion projects every image token, so with large encoders it gets no wider.
    """
    if fusion == "cross":
        return CROSS_WIDTHS
    if fusion == "concat" or preset <= SMALL_WIDTH:
        return Choice((preset // 2, preset, preset * 2))
    return Choice((preset // 4, preset // 2, preset))


def epochs(questions: int) -> Range:
    """From 10,000 to 300,000 questions seen in all, but neither too few nor too many passes."""
    low = min(20, max(5, round(10_000 / questions)))
    high = min(120, max(10, round(300_000 / questions)))
    return Range(low, high, log=True)
