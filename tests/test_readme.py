"""What the README (and the pages in docs/) tell people to type can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.drawing import save_image
from vqa_cli.cli import app
from vqa_cli.commands.options import resolve
from vqa_cli.config import (
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    Settings,
    TrainSettings,
)

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SETTINGS: tuple[type[Settings], ...] = (
    ModelSettings,
    TrainSettings,
    DeviceSettings,
    PrepareSettings,
)
GROUP: Any = typer.main.get_command(app)


def block(language: str) -> str:
    """Return the README's one block in `language`."""
    (text,) = [text for name, text in FENCED.findall(README) if name == language]
    return str(text)


def typed_lines() -> list[str]:
    """Return what follows `vqa` in each line of the README that one can type."""
    started = re.compile(
        r"^(?:    |\$ )(?:vqa|(?:accelerate|torchrun) .*vqa_cli) (.*)", re.MULTILINE
    )
    return [line for line in started.findall(README) if not line.startswith("--")]


@pytest.mark.parametrize("line", typed_lines())
def test_every_command_line_can_be_parsed(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)
    context = GROUP.commands[name].make_context(name, arguments)
    given = {cls: {n: context.params.get(n) for n in cls.names()} for cls in SETTINGS}
    resolve(given)  # raises where a value is impossible


def test_there_are_command_lines() -> None:
    assert {line.split()[0] for line in typed_lines()} == set(GROUP.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_exists(page: Path) -> None:
    """Those named in running text: `vqa evaluate --fail-under`, `--skip-bad`."""
    flags = {"--help", "--version", "--install-completion"}
    for command in GROUP.commands.values():
        for parameter in command.loaded.params:
            flags |= {*parameter.opts, *parameter.secondary_opts}
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for span in re.findall(r"`([^`\n]+)`", text):
        words = span.split()
        if words[0] == "vqa" and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in GROUP.commands, span
        if words[0] == "vqa" or words[0].startswith("--"):
            assert {w.rstrip(",") for w in words if w.startswith("--")} <= flags, span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(anchor_of, headings), target


def anchor_of(heading: str) -> str:
    """What a heading is called in links: letters, digits and hyphens alone."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_section_that_an_error_names_is_there() -> None:
    assert "\n## CUDA or CPU\n" in README


def test_every_make_target_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


def test_the_python_example_runs(
    run_folder: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = block("python")
    for written, real in (("runs/latest", run_folder), ("kitchen.jpg", photo)):
        assert f'"{written}"' in code
        code = code.replace(f'"{written}"', repr(str(real)))
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * 3


def test_the_configuration_example_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(block("toml"), encoding="utf-8")
    assert resolve({cls: {} for cls in SETTINGS}, path)[TrainSettings].epochs == 20


def test_the_example_of_own_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "questions.csv").write_text(block("csv"), encoding="utf-8")
    for name in ("kitchen", "street"):
        save_image(tmp_path / f"images/{name}.png", "red" if name == "street" else "blue")
        (tmp_path / f"images/{name}.png").rename(tmp_path / f"images/{name}.jpg")
    result = CliRunner().invoke(app, ["prepare", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "2 images" in result.output
