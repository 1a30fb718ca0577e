import io
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from vqa_cli import console as console_module
from vqa_cli.console import Console, duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(console_module.time, "monotonic", lambda: now[0])
    return now


def test_only_results_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.notice("a notice")
    console.warn("careful")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a notice\nwarning: careful\n"


@pytest.mark.parametrize(
    ("verbosity", "expected"),
    [(-1, ["warning: c"]), (0, ["a", "warning: c"]), (1, ["a", "b", "warning: c"])],
)
def test_verbosity(verbosity: int, expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbosity)
    console.notice("a")
    console.detail("b")
    console.warn("c")
    assert capsys.readouterr().err.splitlines() == expected


def test_without_a_terminal_progress_is_a_line_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    for step in range(31):
        clock[0] = float(step)
        console.progress("training", step, 30, "loss 1.0")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training: 10/30 in 10 s, 20 s left  loss 1.0"
    assert len(lines) == 3


def test_a_stream_of_unknown_length_tells_how_many_are_done(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    for step in range(31):
        clock[0] = float(step)
        console.progress("answering", step * 1000, 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "answering: 10,000 in 10 s"
    assert len(lines) == 3


def test_a_short_stage_prints_no_line(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    Console().progress("training", 30, 30)
    assert capsys.readouterr().err == ""


def test_a_resumed_stage_tells_the_time_left_by_its_own_speed(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    for step in range(900, 912):
        clock[0] = float(step)
        console.progress("training", step, 1000)
    assert "910/1,000 in 10 s, 90 s left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5940, "99 min"), (7260, "2 h 1 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class Terminal:
    """Runs a console at `columns`; knows what is left on the screen."""

    def __init__(self, columns: int, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream = io.StringIO()
        monkeypatch.setattr(self.stream, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys, "stderr", self.stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        self.clock = clock
        self.console = Console()

    def run(self, steps: range, total: int, note: str = "") -> None:
        for step in steps:
            self.clock[0] = float(step)
            self.console.progress("training", step, total, note)

    def screen(self) -> list[str]:
        """Replay what was written: carriage returns, lines erased, the cursor moved up."""
        lines, row = [""], 0
        for piece in re.split(r"(\x1b\[[?\d;]*[A-Za-z]|\r|\n)", self.stream.getvalue()):
            if piece == "\n":
                row += 1
                lines += [""] * (row == len(lines))
            elif piece.endswith("A") and piece.startswith("\x1b["):
                row -= int(piece[2:-1])
            elif piece.endswith("2K"):
                lines[row] = ""
            elif piece != "\r" and not piece.startswith("\x1b["):
                lines[row] += piece
        return lines


@pytest.fixture
def terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    return lambda columns: Terminal(columns, clock, monkeypatch)


NOTE = "epoch 2/10, loss 1.234, best val 0.512 (epoch 1), 8,123 questions/s, memory 612 MB"


def test_on_a_terminal_a_display_is_redrawn_in_place(
    terminal: Callable[[int], Terminal],
) -> None:
    shown = terminal(80)
    shown.run(range(1, 11), 40, NOTE)
    head, *facts = shown.screen()
    assert re.fullmatch(r"training   ━+[╺╸]━+   10/40   30 s left, 9 s so far", head)
    assert facts == [
        "epoch 2/10   loss 1.234   best val 0.512 (epoch 1)   8,123 questions/s",
        "memory 612 MB",
    ]


def test_a_stream_of_unknown_length_is_shown_on_a_terminal(
    terminal: Callable[[int], Terminal],
) -> None:
    shown = terminal(80)
    shown.run(range(1, 11), 0)
    (head,) = shown.screen()
    assert head.startswith("training   ")
    assert "   10" in head
    assert "/" not in head


@pytest.mark.parametrize("columns", [24, 40, 80, 200])
def test_the_display_fits_the_terminal(terminal: Callable[[int], Terminal], columns: int) -> None:
    shown = terminal(columns)
    shown.run(range(1, 11), 40, NOTE)
    lines = shown.screen()
    assert max(map(len, lines)) <= columns
    told = " ".join(lines)
    facts = NOTE.split(", ") if columns >= 40 else ["epoch 2/10", "loss 1.234"]
    assert all(fact in told for fact in facts)
    assert "10/40" in told
    assert ("━" in told) == (columns > 40)


def test_notices_stay_above_the_display_unbroken(terminal: Callable[[int], Terminal]) -> None:
    shown = terminal(40)
    shown.run(range(1, 11), 40)
    shown.console.notice(f"[{'x' * 60}]")
    print("from elsewhere", file=sys.stderr)
    assert shown.screen() == [f"[{'x' * 60}]", "from elsewhere", "training   10/40   30 s left"]


def test_a_display_that_is_done_leaves_one_line(terminal: Callable[[int], Terminal]) -> None:
    shown = terminal(80)
    shown.run(range(41), 40, NOTE)
    assert "\n".join(shown.screen()).rstrip() == f"training: 40/40 in 40 s  {NOTE}"


def test_closing_takes_the_display_away(terminal: Callable[[int], Terminal]) -> None:
    shown = terminal(80)
    shown.run(range(1, 11), 40, NOTE)
    shown.console.close()
    shown.console.close()
    assert "".join(shown.screen()) == ""
    assert sys.stderr is shown.stream


def test_the_next_stage_has_its_own_clock_and_display(
    terminal: Callable[[int], Terminal],
) -> None:
    shown = terminal(80)
    shown.run(range(1, 11), 40)
    shown.console.progress("scoring", 0, 9)
    assert "".join(shown.screen()) == ""
    shown.clock[0] += 1
    shown.console.progress("scoring", 3, 9)
    assert re.fullmatch(r"scoring   ━+[╺╸]━+   3/9   2 s left, 1 s so far", shown.screen()[0])


def test_stdout_is_left_alone(
    terminal: Callable[[int], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    shown = terminal(80)
    shown.run(range(1, 11), 40)
    print("a result")
    assert out.getvalue() == "a result\n"


def test_who_sees_no_display_imports_no_rich() -> None:
    code = "from vqa_cli.console import Console; import sys; Console().notice('x');"
    code += "Console().progress('x', 1, 2); print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
