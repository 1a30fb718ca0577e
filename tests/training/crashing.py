"""Runs `vqa` commands in processes that get signals; started as a program by `Crashing`.

Python and torch are imported once, each command then runs in a process forked from that: a second
instead of ten. Several processes find one another as those of any launcher do, by RANK, WORLD_SIZE
and the like.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import socket
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

    def run(self, *arguments: str | Path, **kill: Any) -> Ended:
        """Run `vqa ARGUMENTS` in one process; `kill` as for `run_together`."""
        (ended,) = self.run_together(1, *arguments, **kill)
        return ended

    def run_together(
        self,
        ranks: int,
        *arguments: str | Path,
        at_change: int | None = None,
        after_seconds: float | None = None,
        when_there: Path | None = None,
        send: int = signal.SIGKILL,
        to: tuple[int, ...] = (0,),
    ) -> list[Ended]:
        """Run `vqa ARGUMENTS` in `ranks` processes.

        at_change: rank 0 kills itself before so many changes to the file system. The ranks `to`
        are sent the signal `send` after so many seconds, or when a path of the pattern
        `when_there` is there.
        """
        order = {
            "arguments": [str(argument) for argument in arguments],
            "ranks": ranks,
            "at_change": at_change,
            "after_seconds": after_seconds,
            "when_there": str(when_there) if when_there else None,
            "send": send,
            "to": to,
        }
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(json.dumps(order), file=self._program.stdin, flush=True)
        return [
            Ended(**ended, said=(self.folder / f"said-{rank}.txt").read_text(errors="replace"))
            for rank, ended in enumerate(json.loads(self._program.stdout.readline()))
        ]


def _serve(save_seconds: float) -> None:
    """Run the commands that stdin names, one a line, and tell how each ended."""
    from vqa_cli.models import extraction
    from vqa_cli.training import finetune, recipe  # noqa: F401 - what all the commands need

    recipe.SAVE_SECONDS = save_seconds
    extraction.IMAGES_PER_SHARD = 8  # so that a dozen images are shared
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        children = [_start(order, rank) for rank in range(order["ranks"])]
        statuses = _wait([child for child, _ in children], order)
        answers = []
        for status, (_, counter) in zip(statuses, children, strict=True):
            with os.fdopen(counter, "rb") as stream:
                changes = len(stream.read())
            killed = os.WIFSIGNALED(status)
            code = os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
            seconds = time.monotonic() - began
            answers.append({"killed": killed, "code": code, "changes": changes, "seconds": seconds})
        print(json.dumps(answers), flush=True)


def _start(order: dict[str, Any], rank: int) -> tuple[int, int]:
    """Fork a process that is the command; give its id, and where it counts its changes."""
    if rank == 0:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            order["port"] = free.getsockname()[1]
    counter, told = os.pipe()
    child = os.fork()
    if not child:
        os.close(counter)
        _run(order, rank, told)
    os.close(told)
    return child, counter


def _wait(children: list[int], order: dict[str, Any]) -> list[int]:
    """Wait for all children, and send the signal that was ordered."""
    after, there = order["after_seconds"], order["when_there"]
    began, statuses = time.monotonic(), dict[int, int]()
    due = after is not None or there is not None
    while len(statuses) < len(children):
        for child in children:
            if child not in statuses:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    statuses[child] = status
        late = after is not None and time.monotonic() > began + after
        if due and (late or (there is not None and glob.glob(there))):
            due = False
            for child in (children[rank] for rank in order["to"]):
                if child not in statuses:
                    os.kill(child, order["send"])
        time.sleep(0.001)
    return [statuses[child] for child in children]


def _run(order: dict[str, Any], rank: int, told: int) -> None:
    """Be the command; never returns."""
    from vqa_cli.cli import main

    if order["ranks"] > 1:
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": order["ranks"]}
        ranks |= {"LOCAL_WORLD_SIZE": order["ranks"], "MASTER_PORT": order["port"]}
        os.environ.update({name: str(value) for name, value in ranks.items()})
        os.environ["MASTER_ADDR"] = "127.0.0.1"
    log = os.open(f"said-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    made = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **keywords: Any) -> Any:
            nonlocal made
            if made == order["at_change"] and rank == 0:
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
