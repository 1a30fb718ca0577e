"""What is wrong with a dataset: every kind of problem with its count and a few examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 3
_MAX_LENGTH = 200


@dataclass
class Finding:
    """One kind of problem.

    unusable: the rows cannot be used, so preparing stops unless they are left out by --skip-bad;
    other findings are told, and the work goes on.
    of: how many rows there are in which it could have been found, where that says more; else 0.
    """

    problem: str
    unusable: bool
    count: int = 0
    of: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = f"{self.count:,} row{'s' if self.count != 1 else ''}"
        if self.of:
            rows = f"{self.count:,} of {self.of:,} rows"
        if not self.examples:
            return f"{self.problem}: {rows}" if self.count else self.problem
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.problem}: {rows}, e.g. {', '.join(self.examples)}{more}"

    def to_json(self) -> dict[str, Any]:
        return {
            "problem": self.problem,
            "unusable": self.unusable,
            "rows": self.count,
            "of": self.of or None,
            "examples": self.examples,
        }


class Findings:
    """The problems of one dataset, in the order in which their kinds were first met."""

    def __init__(self) -> None:
        self._kinds: dict[str, Finding] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kinds.values())

    def unusable(self, problem: str, *examples: str, count: int = 1) -> None:
        """Count rows that cannot be used; the examples say where and with which value."""
        self._add(problem, count, examples, unusable=True)

    def told(self, problem: str, *examples: str, count: int = 1, of: int = 0) -> None:
        """Count rows that are used all the same; `of`: see `Finding`."""
        self._add(problem, count, examples, unusable=False)
        self._kinds[problem].of = of

    def note(self, problem: str) -> None:
        """Tell something that is wrong with no row in particular."""
        self._add(problem, 0, (), unusable=False)

    def _add(self, problem: str, count: int, examples: Iterable[str], *, unusable: bool) -> None:
        finding = self._kinds.setdefault(problem, Finding(problem, unusable))
        finding.count += count
        for example in map(_printable, examples):
            if len(finding.examples) < MAX_EXAMPLES and example not in finding.examples:
                finding.examples.append(example)

    @property
    def unusable_rows(self) -> int:
        return sum(finding.count for finding in self if finding.unusable)


def _printable(text: str) -> str:
    """One short line that every terminal and file can take, whatever the dataset holds."""
    text = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."
