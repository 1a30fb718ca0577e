"""Plain values of the command line, converted without pydantic.

Newer releases of typer convert every value by pydantic, even one that was not given. Importing it
takes longer than all else that a command line needs before its work begins.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, get_args, get_origin

_INT = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")


class NotPlainError(ValueError):
    """A value for typer itself to convert, or to refuse in its own words."""


class PlainValue:
    """Converts the values of one parameter as typer does; what is not plain is left to typer.

    Takes the place of typer's `RuntimeParam`; a release that has none converts as it always did.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value that the command receives."""
        try:
            return _converted(value, param)
        except ValueError:  # also of a `parser`
            param._runtime_param = None
            return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


class PlainParameters:
    """A command, or a group of commands, whose parameters convert plain values by `PlainValue`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return all parameters, --help included, as click does."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            parameter._runtime_param = PlainValue()
        return parameters


def _converted(value: Any, param: Any) -> Any:
    several = param.multiple or param.nargs == -1
    if value is None:
        return () if several else None
    kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
    if get_origin(kind) is list and isinstance(value, (list, tuple)):
        return [_one(item, get_args(kind)[0], info) for item in value]
    if several:
        raise NotPlainError
    return _one(value, kind, info)


def _one(value: Any, kind: Any, info: Any) -> Any:
    if info.parser is not None:
        return info.parser(value)
    if kind is Path:
        return _path(value, info)
    if kind in (bool, str) and type(value) is kind:
        return value
    if kind in (int, float) and not info.clamp:
        return _number(value, kind, info)
    raise NotPlainError


def _number(value: Any, kind: type[int] | type[float], info: Any) -> int | float:
    written = _INT if kind is int else _FLOAT
    if type(value) is not kind and not (isinstance(value, str) and written.fullmatch(value)):
        raise NotPlainError
    number = kind(value)
    # Written so that NaN, which only a default can be, is not plain.
    if not (info.min is None or number >= info.min) or not (info.max is None or number <= info.max):
        raise NotPlainError
    return number


def _path(value: Any, info: Any) -> Path:
    """A path that typer would let pass; what it would refuse is not plain."""
    if not isinstance(value, str) or info.resolve_path or info.allow_dash or info.path_type:
        raise NotPlainError
    wanted = (info.readable and os.R_OK) | (info.writable and os.W_OK)
    if os.path.exists(value):
        allowed = info.dir_okay if os.path.isdir(value) else info.file_okay
        if not allowed or not os.access(value, wanted):
            raise NotPlainError
    elif info.exists:
        raise NotPlainError
    return Path(value)
