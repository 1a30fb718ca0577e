"""The command line: registers the commands, and turns an expected error into one line."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vqa_cli import __version__
from vqa_cli.commands.lazy import LazyCommand
from vqa_cli.commands.values import PlainParameters
from vqa_cli.errors import VQAError

COMMANDS = {
    "prepare": "Check a dataset, split it, count its answers, and write it in one form.",
    "finetune": "Fine-tune a model on a dataset; the result is a run folder.",
    "evaluate": "Score a model, or predictions made elsewhere, on one split of a dataset.",
    "ask": "Answer questions about an image: one line per question, the answer alone.",
    "export": (
        "Write a model as two ONNX graphs that answer without torch, and prove that they agree."
    ),
    "info": "Say what a file or a folder is, with the main facts.",
    "cache": "Show what the features of frozen encoders take on the disk; --clear deletes them.",
}
"""Each command with the first line of its help; a test holds them to the commands."""

REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EMFILE, errno.ENFILE),
}
"""What a system refuses in the course of things; no bug of ours, so no traceback."""


class Commands(PlainParameters, TyperGroup):
    """The one place where an expected error becomes a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that `ctx` holds."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:  # it is None where the caller closed it
                sys.stdout.flush()
        except VQAError as error:
            print(f"{_speaker()}error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            if not _speaker():
                print("interrupted", file=sys.stderr)
            raise typer.Exit(130) from error
        except BrokenPipeError as error:
            _discard_stdout()
            raise typer.Exit(0) from error
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            place = f"{error.filename}: " if error.filename else ""
            print(f"{_speaker()}error: {place}{error.strerror}", file=sys.stderr)
            raise typer.Exit(1) from error
        return result


app = typer.Typer(name="vqa", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _later() -> None:
    """Never called: a `LazyCommand` imports the function that is."""


for name, line in COMMANDS.items():
    app.command(name, cls=LazyCommand, help=line)(_later)


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


def _speaker() -> str:
    """Who speaks, where it is not the first of several processes that were launched together."""
    rank = os.environ.get("RANK", "0")
    return f"rank {rank}: " if rank != "0" and "WORLD_SIZE" in os.environ else ""


def _discard_stdout() -> None:
    """Point stdout somewhere harmless: its reader went away, as `head` does.

    Python would complain once more when it flushes stdout at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _press_again(lost: Any) -> None:
    """Press Ctrl-C again, where it came while Python cleaned up an object, which throws it away."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    import _thread
    from threading import Timer

    Timer(0.01, _thread.interrupt_main).start()  # not here, where it would be thrown away as well


def main() -> None:
    """Run the command line."""
    sys.unraisablehook = _press_again
    try:
        app(prog_name="vqa")
    except SystemExit as end:
        # What is printed before a command runs (--help, --version) does not pass `Commands.invoke`,
        # and typer and rich take a closed pipe for a failure.
        code = 0 if isinstance(end.__context__, BrokenPipeError) else end.code
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
        raise SystemExit(code) from None
