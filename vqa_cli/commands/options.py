"""Command-line options made from the settings dataclasses.

A command that is decorated with `with_settings(TrainSettings, ...)` gets one option for each
field, `--config FILE`, `-q` and `-v`; it receives the resolved settings and a console. A flag on
the command line wins over the config file, which wins over the dataclass's default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer

from vqa_cli.console import Console
from vqa_cli.errors import SettingsError
from vqa_cli.settings import Settings, flag_of, read_config_file, unusable

S = TypeVar("S", bound=Settings)
_TYPES = {"int": int, "float": float, "bool": bool, "str": str}


class Resolved:
    """The settings of one call: `resolved[TrainSettings]`.

    given: the flags that stood on the command line, for commands on which some have no say.
    named: the names of the settings that stood there or in the config file.
    """

    def __init__(
        self,
        values: Mapping[type[Settings], Settings],
        given: tuple[str, ...] = (),
        named: tuple[str, ...] = (),
    ) -> None:
        self._values = dict(values)
        self.given = given
        self.named = named

    def __getitem__(self, cls: type[S]) -> S:
        return cast(S, self._values[cls])


def with_settings(*classes: type[Settings]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `classes`, passed to it as `settings` and `console`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        kept = [p for p in own.parameters.values() if p.name not in ("settings", "console")]

        @wraps(command)
        def run(**arguments: Any) -> None:
            flags = {cls: {n: arguments.pop(n) for n in cls.names()} for cls in classes}
            console = Console(verbosity=arguments.pop("verbose") - arguments.pop("quiet"))
            settings = resolve(flags, arguments.pop("config") if classes else None)
            if classes:
                arguments["settings"] = settings
            try:
                command(**arguments, console=console)
            finally:
                console.close()

        added = [_parameter(cls, spec) for cls in classes for spec in fields(cast(Any, cls))]
        signature = own.replace(parameters=[*kept, *added, *_common(bool(classes))])
        cast(Any, run).__signature__ = signature
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return run

    return decorate


def resolve(
    flags: Mapping[type[Settings], Mapping[str, Any]], config: Path | None = None
) -> Resolved:
    """Merge flags (None: not given) over the config file over the defaults.

    Raises SettingsError with the problems of all sections at once.
    """
    tables = read_config_file(config, flags) if config else {}
    values: dict[type[Settings], Settings] = {}
    named: list[str] = []
    problems: list[str] = []
    for cls, given in flags.items():
        merged = {
            **tables.get(cls.section, {}),
            **{k: v for k, v in given.items() if v is not None},
        }
        named += merged
        try:
            values[cls] = cls.from_mapping(merged)
        except SettingsError as error:
            problems += error.problems or (error.message,)
    if problems:
        raise unusable(problems)
    given_flags = tuple(
        flag_of(spec)
        for cls, given in flags.items()
        for spec in fields(cast(Any, cls))
        if given.get(spec.name) is not None
    )
    return Resolved(values, given_flags, tuple(named))


def _parameter(cls: type[Settings], spec: Field[Any]) -> inspect.Parameter:
    kind = _TYPES[str(spec.type).split(" | ")[0]]
    word = spec.metadata["word"]
    flag = flag_of(spec)
    if kind is bool and not flag.startswith("--no-"):
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    choices = spec.metadata["choices"]
    option = typer.Option(
        flag,
        help=_help(spec),
        metavar="|".join(choices) or (f"{kind.__name__}|{word}" if word else None),
        show_default=False,
        rich_help_panel=f"{cls.section.capitalize()} settings",
        autocompletion=_completion(choices) if choices else None,
        parser=_number_or_word(kind) if word else None,
    )
    return inspect.Parameter(
        spec.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _number_or_word(kind: type) -> Callable[[str], Any]:
    """Read a number; what is none stays a text, for the settings to judge."""

    def parse(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            return text

    return parse


def _help(spec: Field[Any]) -> str:
    """Give the help text with the default in it.

    Not Typer's own default, which would hide whether the flag stood on the command line.
    """
    if spec.default is None or spec.default is False:
        return str(spec.metadata["help"])
    return f"{spec.metadata['help'].removesuffix('.')} (default: {spec.default})."


def _completion(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def _common(with_config: bool) -> list[inspect.Parameter]:
    quiet = typer.Option(
        "--quiet", "-q", count=True, help="Say less on stderr.", show_default=False
    )
    verbose = typer.Option(
        "--verbose", "-v", count=True, help="Say more on stderr.", show_default=False
    )
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("quiet", keyword, default=0, annotation=Annotated[int, quiet]),
        inspect.Parameter("verbose", keyword, default=0, annotation=Annotated[int, verbose]),
    ]
    if with_config:
        config = typer.Option("--config", help="Read settings from a TOML file.", dir_okay=False)
        annotation = Annotated[Path | None, config]
        common.insert(0, inspect.Parameter("config", keyword, default=None, annotation=annotation))
    return common
