"""What a settings dataclass is: fields with a help text and bounds, checked when it is made.

`vqa_cli.config` holds the settings themselves.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, asdict, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from vqa_cli.errors import SettingsError


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
    word: str = "",
    pattern: str = "",
    example: str = "",
) -> Any:
    """A dataclass field with its help text and its bounds (`low`/`high` inclusive).

    word: what may stand instead of a number, as `auto`. pattern: a regular expression that a text
    must match whole; `example` says to people what it allows.
    """
    bounds = {"low": low, "high": high, "above": above, "below": below}
    metadata = {"help": help, "choices": choices, "bounds": bounds, "flag": flag, "word": word}
    return field(default=default, metadata={**metadata, "pattern": pattern, "example": example})


def flag_of(spec: Field[Any]) -> str:
    """The command-line flag of a field: `image_size` -> `--image-size`."""
    return spec.metadata.get("flag") or f"--{spec.name.replace('_', '-')}"


def flags_of(settings: Settings) -> list[str]:
    """Give the flags and values that stand for `settings`; what has its default is left out."""
    found: list[str] = []
    for spec in fields(cast(Any, settings)):
        value, flag = getattr(settings, spec.name), flag_of(spec)
        if value == spec.default:
            continue
        if isinstance(value, bool):
            found.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            found += [flag, str(value)]
    return found


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
    word = spec.metadata.get("word")
    if word and value == word:
        return None
    wanted = str(spec.type).removesuffix(" | None").removesuffix(" | str")
    if wanted in ("int", "float"):
        numeric = isinstance(value, int) or (wanted == "float" and isinstance(value, float))
        if not numeric or isinstance(value, bool):
            number = "a whole number" if wanted == "int" else "a number"
            either = f" or {word}" if word else ""
            return f"{flag} must be {number}{either}, got {value!r}"
        return _bounds_problem(flag, value, spec.metadata["bounds"])
    if wanted == "bool" and not isinstance(value, bool):
        return f"{flag} must be true or false, got {value!r}"
    if wanted == "str" and not isinstance(value, str):
        return f"{flag} must be a text, got {value!r}"
    if (pattern := spec.metadata["pattern"]) and not re.fullmatch(pattern, value):
        return f"{flag} must be {spec.metadata['example']}, got {value!r}"
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
