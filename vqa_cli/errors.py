"""Every expected error, in one tree.

    VQAError                 exit code 1: a failure, explained in one line
    ├── DataError            a dataset, an image or a question that cannot be used
    ├── ModelError           a checkpoint, an encoder or an exported folder that cannot be used
    ├── DeviceError          a device or precision that this machine does not have
    ├── SettingsError        exit code 2: a setting with an impossible value
    ├── GateError            exit code 3: the work was done, a threshold was not reached
    └── UnsureError          exit code 4: no answer above --min-confidence

A message says what is wrong, where, with which value, and what to do next. Anything else that
reaches the user is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class VQAError(Exception):
    """An expected failure: one line, or one line and a list of `problems`."""

    exit_code = 1

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  - {problem}" for problem in self.problems)])


class DataError(VQAError):
    """A dataset, an image or a question that cannot be used."""


class ModelError(VQAError):
    """A checkpoint, an encoder or an exported folder that cannot be used."""


class DeviceError(VQAError):
    """A device or a precision that this machine does not have."""


class SettingsError(VQAError):
    """A setting with an impossible value; `problems` lists all of them."""

    exit_code = 2


class GateError(VQAError):
    """The work was done, but a threshold that the user set was not reached."""

    exit_code = 3


class UnsureError(VQAError):
    """At least one question has no answer above the confidence that the user asked for."""

    exit_code = 4
