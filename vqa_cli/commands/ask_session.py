"""`vqa ask -i`: one question after another about an image that is encoded once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vqa_cli.commands.ask_output import Asking
from vqa_cli.errors import DataError
from vqa_cli.inference.answerer import Answerer, Floats
from vqa_cli.inference.image_sources import open_image, shown

PROMPT = "? "
HISTORY_LINES = 1000
HELP = """\
Type a question about the image, or
  :open FILE   ask about another image
  :top N       give the N best answers, with their confidence
  :help        say this
  :quit        end; so does Ctrl-D"""


def ask_in_turn(asking: Asking, image: str | None) -> None:
    """Answer the lines of stdin until it ends, or `:quit`.

    On a terminal there are a prompt and a history. Elsewhere what fails is counted as in a batch:
    raises DataError at the end where anything did, UnsureError where an answer is missing.
    """
    if sys.stdin is None:  # the caller closed it
        raise DataError("-i reads questions on stdin, which is closed")
    session = Session(asking, asking.load())
    on_terminal = sys.stdin.isatty()
    if image is not None:
        session.open(image)
    if on_terminal:
        asking.console.notice(f"{session.about()} :help says what else there is; :quit ends.")
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]  # no line ends it
    for number, line in enumerate(_typed() if on_terminal else sys.stdin, 1):
        if not session.take(line.strip(), number):
            break
    if not on_terminal:
        asking.answers.finish(asking.console)


class Session:
    """One image, and what is asked about it."""

    def __init__(self, asking: Asking, answerer: Answerer) -> None:
        self._asking = asking
        self._answerer = answerer
        self._image = ""
        self._tokens: Floats | None = None

    def about(self) -> str:
        """Say what is asked about."""
        if self._tokens is None:
            return "There is no image yet; :open FILE takes one."
        return f"Ask about {shown(self._image)}."

    def open(self, image: str) -> None:
        """Ask about this image from now on. Raises DataError where it cannot be read."""
        source = open_image(os.path.expanduser(image), allow_url=self._asking.allow_url)
        self._tokens = self._answerer.look(source)
        self._image = image

    def take(self, line: str, number: int) -> bool:
        """Do what a line says; what is wrong with it is told. Returns whether to go on."""
        if line in (":quit", ":q"):
            return False
        try:
            if line.startswith(":"):
                self._command(*line.partition(" ")[::2])
            elif line:
                self._ask(line)
        except DataError as error:
            record = {"line": number, "image": shown(self._image) or None, "question": line}
            print(f"error: {error}", file=sys.stderr, flush=True)
            self._asking.answers.fail(str(error), f"line {number:,}: ", record)
        self._asking.answers.flush()
        return True

    def _command(self, name: str, value: str) -> None:
        console, value = self._asking.console, value.strip()
        if name == ":open" and value:
            self.open(value)
            console.notice(self.about())
        elif name == ":top" and value.isdecimal() and int(value) > 0:
            self._asking.answers.top_k = int(value)
        elif name == ":help":
            print(HELP, file=sys.stderr, flush=True)
        else:
            wanted = {":open": ":open FILE", ":top": ":top N, N at least 1"}
            raise DataError(
                f"{name} {value}".strip() + f": write {wanted.get(name, ':help for what there is')}"
            )

    def _ask(self, question: str) -> None:
        if self._tokens is None:
            raise DataError(self.about())
        answers = self._asking.answers
        (prediction,) = self._answerer.ask_about(self._tokens, [question], top_k=answers.top_k)
        self._asking.warn_if_cut(self._answerer, question)
        answers.write(shown(self._image), prediction)


def _typed() -> Iterator[str]:
    """What is typed at the prompt, until Ctrl-D or Ctrl-C."""
    with _history():
        while True:
            try:
                yield _line()
            except (EOFError, KeyboardInterrupt):
                print(file=sys.stderr)  # the shell's prompt begins on a line of its own
                return


def _line() -> str:
    if sys.stdout.isatty():
        return input(PROMPT)  # with readline's editing
    print(PROMPT, end="", file=sys.stderr, flush=True)  # answers go into a file
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


@contextmanager
def _history() -> Iterator[None]:
    """Keep what is typed for the next session, where Python has readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    path = history_file()
    with suppress(OSError):  # there is none yet
        readline.read_history_file(path)
    readline.set_history_length(HISTORY_LINES)
    try:
        yield
    finally:
        with suppress(OSError):  # a home that cannot be written costs the history alone
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            readline.write_history_file(path)


def history_file() -> Path:
    """Where the history is kept, by the XDG specification of base directories."""
    home = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state"
    return folder / "vqa" / "ask_history"
