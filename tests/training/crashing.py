"""Runs `vqa` commands in processes that are killed; started as a program by `Crashing`.

Python and torch are imported once, each command then runs in a process forked from that: a second
instead of ten. A command is killed by SIGKILL, by itself before the k-th change that it makes to
the file system, or by its parent after some time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: `killed`, else with an exit code; how many changes it had made."""

    killed: bool
    code: int
    changes: int
    seconds: float
    said: str


class Crashing:
    """A program in which commands run; a context manager.

    save_seconds: how often a state is saved besides the ends of epochs; 0: after each step.
    """

    def __init__(self, folder: Path, save_seconds: float = 0.0) -> None:
        self.folder = folder
        self._program = subprocess.Popen(
            [sys.executable, __file__, str(save_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait()
        assert self._program.stdout is not None
        self._program.stdout.close()

    def run(
        self,
        *arguments: str | Path,
        at_change: int | None = None,
        after_seconds: float | None = None,
    ) -> Ended:
        """Run `vqa ARGUMENTS`, killed as the keywords say."""
        order = {
            "arguments": [str(argument) for argument in arguments],
            "at_change": at_change,
            "after_seconds": after_seconds,
            "log": str(self.folder / "said.txt"),
        }
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(json.dumps(order), file=self._program.stdin, flush=True)
        ended = json.loads(self._program.stdout.readline())
        return Ended(**ended, said=Path(order["log"]).read_text(errors="replace"))


def _serve(save_seconds: float) -> None:
    """Run the commands that stdin names, one a line, and tell how each ended."""
    from vqa_cli.training import finetune, recipe  # noqa: F401 - what all the commands need

    recipe.SAVE_SECONDS = save_seconds
    for line in sys.stdin:
        order = json.loads(line)
        counter, told = os.pipe()
        began = time.monotonic()
        child = os.fork()
        if not child:
            os.close(counter)
            _run(order, told)
        os.close(told)
        status = _wait(child, order["after_seconds"])
        with os.fdopen(counter, "rb") as stream:
            changes = len(stream.read())
        killed = os.WIFSIGNALED(status)
        answer = {
            "killed": killed,
            "code": os.WTERMSIG(status) if killed else os.WEXITSTATUS(status),
            "changes": changes,
            "seconds": time.monotonic() - began,
        }
        print(json.dumps(answer), flush=True)


def _wait(child: int, seconds: float | None) -> int:
    deadline = time.monotonic() + seconds if seconds is not None else None
    while deadline is not None and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.001)
    if deadline is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _run(order: dict[str, Any], told: int) -> None:
    """Be the command; never returns."""
    from vqa_cli.cli import main

    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    made = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **keywords: Any) -> Any:
            nonlocal made
            if made == order["at_change"]:
                os.kill(os.getpid(), signal.SIGKILL)
            made += 1
            os.write(told, b".")
            return change(*arguments, **keywords)

        return counting

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    sys.argv = ["vqa", *order["arguments"]]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
