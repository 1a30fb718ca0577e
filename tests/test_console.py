import pytest

from vqa_cli import console as console_module
from vqa_cli.console import Console


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


def test_a_short_stage_prints_no_line(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    Console().progress("training", 30, 30)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_progress_is_redrawn_in_place(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module.sys.stderr, "isatty", lambda: True, raising=False)
    console = Console()
    console.progress("reading", 0, 2)
    clock[0] = 1.0
    console.progress("reading", 1, 2)
    console.notice("found something")
    clock[0] = 2.0
    console.progress("reading", 2, 2)
    err = capsys.readouterr().err
    assert "\r\x1b[2Kreading: 1/2 in 1 s, 1 s left\r\x1b[2Kfound something\n" in err
    assert err.endswith("reading: 2/2 in 2 s\n")
