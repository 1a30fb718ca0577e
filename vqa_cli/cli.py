"""The command line: registers the commands, and turns an expected error into one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vqa_cli import __version__
from vqa_cli.commands.ask import ask
from vqa_cli.commands.cache import cache
from vqa_cli.commands.evaluate import evaluate
from vqa_cli.commands.export import export
from vqa_cli.commands.finetune import finetune
from vqa_cli.commands.info import info
from vqa_cli.commands.prepare import prepare
from vqa_cli.errors import VQAError


class Commands(TyperGroup):
    """The one place where an expected error becomes a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that `ctx` holds."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except VQAError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(130) from error
        except BrokenPipeError as error:
            # The reader went away, as `head` does. Python would complain once more when it
            # flushes stdout at exit, so stdout is pointed somewhere harmless first.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error
        return result


app = typer.Typer(name="vqa", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)
for command in (prepare, finetune, evaluate, ask, export, info, cache):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Train, check, ask and ship your own visual question answering model."""


def main() -> None:
    """Run the command line."""
    app(prog_name="vqa")
