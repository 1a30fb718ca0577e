"""Plain values are converted as typer converts them, and all others by typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperCommand

from vqa_cli.commands.values import PlainParameters


class Plain(PlainParameters, TyperCommand):
    pass


def everything(
    words: Annotated[list[str], typer.Argument()],
    count: Annotated[int, typer.Option(min=-5, max=100)] = 1,
    share: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.5,
    free: float | None = None,
    text: str | None = None,
    place: Annotated[Path | None, typer.Option(dir_okay=False)] = None,
    there: Annotated[Path | None, typer.Option(exists=True)] = None,
    halved: Annotated[Any, typer.Option(parser=lambda text: int(text) // 2)] = None,
    flag: bool = False,
    loud: Annotated[int, typer.Option("--loud", "-l", count=True)] = 0,
) -> None:
    """Take one of each kind."""


def command(cls: type[TyperCommand]) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(cls=cls)(everything)
    return typer.main.get_command(app)


def parsed(arguments: list[str], *, plainly: bool) -> tuple[dict[str, Any], str]:
    """What the parameters become, and with which message typer refuses."""
    made = command(Plain if plainly else TyperCommand)
    try:
        params = made.make_context("all", list(arguments)).params
    except Exception as error:  # typer's own copy of click has no public name for its errors
        return {}, f"{type(error).__name__}: {getattr(error, 'message', error)}"
    # NaN equals nothing, and 1 equals 1.0 and True.
    return {name: (type(value), repr(value)) for name, value in params.items()}, ""


NUMBERS = st.one_of(
    st.sampled_from(["", " 1", "1_0", "٣", "1e3", "nan", "inf", "-0", "+7", "1.", ".5", "0x1"]),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=4).filter(lambda text: "\0" not in text),
)


@given(NUMBERS, st.sampled_from(["count", "share", "free", "halved"]))
def test_numbers_are_those_of_typer(text: str, option: str) -> None:
    arguments = ["word", f"--{option}={text}"]
    assert parsed(arguments, plainly=True) == parsed(arguments, plainly=False)


@pytest.mark.parametrize("option", ["place", "there"])
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_paths_are_those_of_typer(option: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    arguments = ["word", f"--{option}", str(tmp_path / kind)]
    assert parsed(arguments, plainly=True) == parsed(arguments, plainly=False)


@pytest.mark.parametrize(
    "arguments",
    [[], ["a"], ["a", "b", "--flag", "-ll"], ["a", "--text", ""], ["a", "--no-flag", "--text=x"]],
)
def test_the_rest_is_that_of_typer(arguments: list[str]) -> None:
    assert parsed(arguments, plainly=True) == parsed(arguments, plainly=False)


def test_what_is_refused_is_refused_in_the_words_of_typer() -> None:
    _, message = parsed(["a", "--share", "2"], plainly=True)
    assert "less than or equal to 1" in message


def test_plain_values_need_no_conversion_by_typer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("typer.core.build_runtime_param", None)
    new = tmp_path / "new"
    line = ["a", "--count=3", "--share=0.25", "--halved=8", f"--place={new}", "-l"]
    params = command(Plain).make_context("all", line).params
    assert params == {
        "words": ["a"],
        "count": 3,
        "share": 0.25,
        "free": None,
        "text": None,
        "place": new,
        "there": None,
        "halved": 4,
        "flag": False,
        "loud": 1,
    }
    with pytest.raises(TypeError):
        command(Plain).make_context("all", ["a", "--count=1_0"])
