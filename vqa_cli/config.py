"""Every setting, once: its default, its help text and its check.

Each dataclass is one concern. The command line's options are made from the fields (see
`vqa_cli.commands.options`), so a default stands here and nowhere else. `--config FILE` sets any
of them from TOML, one table a concern:

    [model]
    fusion = "cross"

    [train]
    epochs = 20
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from vqa_cli.errors import SettingsError

PRESETS = ("auto", "tiny", "small", "base")
FUSIONS = ("concat", "attention", "cross", "joint")
TUNINGS = ("frozen", "full")
RESIZES = ("squash", "letterbox")
SPLIT_BY = ("image", "question")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
OBJECTIVES = ("auto", "cross-entropy", "binary")


def setting(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    flag: str = "",
) -> Any:
    """A dataclass field with its help text and its bounds (`low`/`high` inclusive)."""
    bounds = {"low": low, "high": high, "above": above, "below": below}
    metadata = {"help": help, "choices": choices, "bounds": bounds, "flag": flag}
    return field(default=default, metadata=metadata)


def flag_of(spec: Field[Any]) -> str:
    """The command-line flag of a field: `image_size` -> `--image-size`."""
    return spec.metadata.get("flag") or f"--{spec.name.replace('_', '-')}"


class Settings:
    """Base of the settings dataclasses: validates itself, reports all problems at once."""

    section: ClassVar[str]

    def __post_init__(self) -> None:
        if problems := list(self.problems()):
            raise unusable(problems)

    def problems(self) -> Iterable[str]:
        """Yield one line for each field whose value is impossible."""
        for spec in fields(cast(Any, self)):
            value = getattr(self, spec.name)
            if value is not None and (problem := _problem(spec, value)):
                yield problem

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(spec.name for spec in fields(cast(Any, cls)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; an unknown name is an error that suggests the nearest."""
        if unknown := [name for name in values if name not in cls.names()]:
            raise unusable(
                [
                    f"[{cls.section}] has no setting {name}{_nearest(name, cls.names())}"
                    for name in unknown
                ]
            )
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        return asdict(cast(Any, self))


def unusable(problems: Sequence[str]) -> SettingsError:
    """One problem is told in one line, several in a list."""
    if len(problems) == 1:
        return SettingsError(problems[0])
    return SettingsError(f"{len(problems)} settings cannot be used:", problems)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _problem(spec: Field[Any], value: Any) -> str | None:
    flag = flag_of(spec)
    if choices := spec.metadata.get("choices"):
        if value not in choices:
            return f"{flag} must be one of {', '.join(choices)}, got {value!r}"
        return None
    wanted = str(spec.type).removesuffix(" | None")
    if wanted in ("int", "float"):
        numeric = isinstance(value, int) or (wanted == "float" and isinstance(value, float))
        if not numeric or isinstance(value, bool):
            number = "a whole number" if wanted == "int" else "a number"
            return f"{flag} must be {number}, got {value!r}"
        return _bounds_problem(flag, value, spec.metadata["bounds"])
    if wanted == "bool" and not isinstance(value, bool):
        return f"{flag} must be true or false, got {value!r}"
    if wanted == "str" and not isinstance(value, str):
        return f"{flag} must be a text, got {value!r}"
    return None


def _bounds_problem(flag: str, value: float, bounds: Mapping[str, float | None]) -> str | None:
    low, high, above, below = (bounds[key] for key in ("low", "high", "above", "below"))
    inside = (
        value == value  # NaN is never inside
        and (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )
    if inside:
        return None
    left = f"({above:g}" if above is not None else f"[{low:g}" if low is not None else "(-inf"
    right = f"{below:g})" if below is not None else f"{high:g}]" if high is not None else "inf)"
    return f"{flag} must be in {left}, {right}, got {value}"


@dataclass(frozen=True)
class PrepareSettings(Settings):
    """How raw files become a prepared dataset."""

    section: ClassVar[str] = "prepare"

    format: str = setting("auto", "Dataset layout; see --list-formats.")
    val_share: float = setting(
        0.1, "Share of the images for val, where absent; 0 for none.", low=0, below=1
    )
    test_share: float = setting(
        0.1, "Share of the images for test, where the data has no splits at all.", low=0, below=1
    )
    split_by: str = setting(
        "image",
        "What is never split apart in splits that are made; question leaks images.",
        choices=SPLIT_BY,
    )
    split_seed: int = setting(0, "Seed of the splits that are made.", low=0)
    top: int = setting(3000, "Keep the most frequent answers of train, at most so many.", low=1)
    min_count: int = setting(1, "Keep answers that train has at least so often.", low=1)
    language: str | None = setting(
        None, "Keep the questions of this language alone, where the data says it (SLAKE: en, zh)."
    )
    skip_bad: bool = setting(False, "Leave out unusable rows instead of stopping.")
    no_images: bool = setting(
        False, "Take questions and answers alone: for statistics and for scoring predictions."
    )
    max_pixels: int = setting(100_000_000, "Refuse images of more pixels.", low=1)


@dataclass(frozen=True)
class ModelSettings(Settings):
    """Which encoders, how they are fused, and how much of them learns.

    None means: as the preset says.
    """

    section: ClassVar[str] = "model"

    preset: str = setting("auto", "Encoders and sizes that fit together.", choices=PRESETS)
    image_encoder: str | None = setting(
        None, "A timm name, a local folder, or NAME@FILE.safetensors."
    )
    question_encoder: str | None = setting(None, "A BERT-like Hugging Face name or a local folder.")
    fusion: str = setting("attention", "How image and question meet.", choices=FUSIONS)
    image_tuning: str | None = setting(None, "What learns in the image encoder.", choices=TUNINGS)
    question_tuning: str | None = setting(
        None, "What learns in the question encoder.", choices=TUNINGS
    )
    width: int | None = setting(None, "Width of fusion and head.", low=8, high=8192)
    layers: int = setting(2, "Layers of the cross fusion.", low=1, high=48)
    dropout: float = setting(0.1, "Dropout in fusion and head.", low=0, below=1)
    image_size: int | None = setting(
        None, "Side of the encoder's input in pixels; default: the encoder's own.", low=8, high=4096
    )
    resize: str = setting(
        "squash", "Keep the whole image by squashing or by letterboxing it.", choices=RESIZES
    )
    max_question_tokens: int = setting(64, "Cut longer questions.", low=4, high=512)


@dataclass(frozen=True)
class TrainSettings(Settings):
    """The fine-tuning recipe."""

    section: ClassVar[str] = "train"

    epochs: int | None = setting(
        None, "Passes over train; default: by preset and number of questions.", low=1
    )
    batch_size: int = setting(128, "Questions a step, over all processes.", low=1)
    learning_rate: float = setting(1e-3, "Peak rate of fusion and head.", above=0)
    encoder_learning_rate: float | None = setting(
        None, "Peak rate of the encoders; default: by preset.", above=0
    )
    objective: str = setting(
        "auto",
        "What is minimised; auto: binary where questions have several annotators.",
        choices=OBJECTIVES,
    )
    weight_decay: float = setting(0.01, "AdamW's decoupled weight decay.", low=0)
    warmup: float = setting(0.05, "Share of the steps with a rising rate.", low=0, high=1)
    label_smoothing: float = setting(0.0, "Probability spread over all answers.", low=0, below=1)
    max_gradient_norm: float = setting(1.0, "Clip the gradient to this norm.", above=0)
    seed: int = setting(0, "Seed of weights, order and dropout.", low=0)

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.objective == "binary" and self.label_smoothing:
            yield "--label-smoothing belongs to --objective cross-entropy"


@dataclass(frozen=True)
class DeviceSettings(Settings):
    """Where it runs."""

    section: ClassVar[str] = "device"

    device: str = setting("auto", "Where to compute.", choices=DEVICES)
    precision: str = setting("auto", "Arithmetic of the encoders' passes.", choices=PRECISIONS)
    threads: int | None = setting(
        None, "CPU threads; default: what this process may use.", low=1, high=1024
    )
    offline: bool = setting(False, "Never use the network (HF_HUB_OFFLINE=1 does the same).")


def read_config_file(path: Path, known: Iterable[type[Settings]]) -> dict[str, dict[str, Any]]:
    """Read a TOML file of settings: {section: {name: value}}.

    Raises SettingsError where the file is missing, no TOML, or has a section nobody knows.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"--config {path}: cannot be read: {error.strerror or error}"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"--config {path}: is no text in UTF-8: {error}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"--config {path}: no valid TOML: {error}") from error
    sections = [cls.section for cls in known]
    problems = [
        f"[{name}] is no section{_nearest(name, sections)}; known are {', '.join(sections)}"
        if name not in sections
        else f"{name} must be a table of settings"
        for name, table in tables.items()
        if name not in sections or not isinstance(table, dict)
    ]
    if problems:
        raise unusable([f"--config {path}: {problem}" for problem in problems])
    return tables
