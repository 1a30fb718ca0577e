"""Commands are listed without being imported, and are themselves when called."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from typing import Any

import pytest
import typer

import vqa_cli.commands
from vqa_cli.cli import COMMANDS, app

GROUP: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_the_first_of_the_help(name: str) -> None:
    command = GROUP.commands[name]
    first, *_ = command.loaded.help.split("\n\n")
    assert command.help == " ".join(first.split())
    assert command.name == command.loaded.name == name


def test_every_command_is_listed() -> None:
    modules = {module.name for module in pkgutil.iter_modules(vqa_cli.commands.__path__)}
    assert set(COMMANDS) <= modules
    assert list(GROUP.commands) == list(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "imported"), [(("--help",), set()), (("info", "--help"), {"info"})]
)
def test_only_what_is_called_is_imported(arguments: tuple[str, ...], imported: set[str]) -> None:
    code = (
        "import sys, vqa_cli.cli\n"
        "try: vqa_cli.cli.app(sys.argv[1:])\n"
        "except SystemExit: print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    modules = set(ended.stdout.splitlines()[-1].split())
    assert {name for name in COMMANDS if f"vqa_cli.commands.{name}" in modules} == imported
    assert "pydantic" not in modules
