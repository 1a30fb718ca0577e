"""Commands whose modules are imported when they are called; to list them, none is.

`vqa ask` should answer at once, and `vqa --help` come at once: what only another command needs, as
the sixty options of finetune, must not cost them time.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from vqa_cli.commands.values import PlainParameters


class LoadedCommand(PlainParameters, TyperCommand):
    """A command of which plain values need no pydantic."""


class LazyCommand(TyperCommand):
    """Stands in the list of commands, with its line of help, until it is called.

    The command itself is the function of the same name in the module of the same name in
    `vqa_cli.commands`.
    """

    @cached_property
    def loaded(self) -> Any:
        """The command itself, with its options."""
        module = import_module(f"vqa_cli.commands.{self.name}")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name, cls=LoadedCommand)(getattr(module, str(self.name)))
        return typer.main.get_command(alone)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Hand over to the command itself: all that typer does with one begins here."""
        return self.loaded.make_context(*arguments, **named)
