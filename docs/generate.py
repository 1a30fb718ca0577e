"""Write the tables of options in docs/commands.md from the commands themselves.

    python docs/generate.py

Between `<!-- options: NAME -->` and `<!-- end -->` stands what this made; the rest of the page is
written by hand. tests/test_docs.py fails where the page is out of date.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import typer

from vqa_cli.cli import app

PAGE = Path(__file__).with_name("commands.md")
BLOCK = re.compile(r"(<!-- options: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
VALUES = {Path: "PATH", str: "TEXT", int: "INT", float: "NUMBER"}


def with_options(page: str) -> str:
    """Return the page with every block of options made anew.

    Raises KeyError for a block of a command that does not exist.
    """
    group: Any = typer.main.get_command(app)

    def block(found: re.Match[str]) -> str:
        return found[1] + describe(group.commands[found[2]].loaded) + found[3]

    return BLOCK.sub(block, page)


def describe(command: Any) -> str:
    """Return usage, help text, arguments and options of one command, as Markdown."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    parameters = inspect.signature(command.callback).parameters
    types = {name: p.annotation for name, p in parameters.items()}
    panels: dict[str | None, list[str]] = {}
    for option in command.params:
        if option not in arguments:
            spelled = spelling(option, types.get(option.name))
            panels.setdefault(option.rich_help_panel, []).append(row(spelled, option))
    lines = ["```text", " ".join(["vqa", command.name, "[OPTIONS]", *map(usage, arguments)]), "```"]
    lines += ["", inspect.cleandoc(command.help), ""]
    if arguments:
        rows = [row(usage(argument), argument) for argument in arguments]
        lines += ["| argument | |", "| --- | --- |", *rows, ""]
    for panel, rows in panels.items():
        section = panel.split()[0].lower() if panel else ""
        heading = f"{panel}, `[{section}]` in a file for `--config`" if panel else "Options"
        lines += [f"| {heading} | |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def usage(argument: Any) -> str:
    """Return an argument as a usage line has it: NAME, [NAME] or NAME..."""
    text = (argument.metavar or argument.name).upper() + ("..." if argument.nargs == -1 else "")
    return text if argument.required else f"[{text}]"


def spelling(option: Any, annotation: Any) -> str:
    """Return how an option is written on a command line: `--top-k INT`, `--model, -m TEXT`."""
    names = " / ".join([", ".join(option.opts), *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    kinds = get_args(get_args(annotation)[0]) or get_args(
        annotation
    )  # of Annotated[int | None, ..]
    return f"{names} {option.metavar or VALUES[kinds[0]]}"


def row(spelled: str, parameter: Any) -> str:
    """Return one line of a table: how it is written, and what it does."""
    text = " ".join((parameter.help or "").split())
    if parameter.show_default and parameter.default:
        text = f"{text.removesuffix('.')} (default: {parameter.default})."
    return f"| `{spelled.replace('|', chr(92) + '|')}` | {text.replace('|', chr(92) + '|')} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_options(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
