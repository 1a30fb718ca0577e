"""What `vqa prepare` shows to people of what it made and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqa_cli.data.prepare import Prepared

_HEADER = ("", "questions", "images", "answer in train", "in vocabulary", "most frequent answer")
_MOST = 6
_ANSWER_WIDTH = 20
_BLOCKS = {
    "question_types": "question types",
    "answer_types": "answer types",
    "languages": "languages",
    "scripts": "scripts of the questions",
}


def summary(result: Prepared) -> str:
    """One page: the splits, what they hold, and every problem."""
    done = "checked, nothing written" if result.out is None else f"prepared {result.out}"
    lines = [f"{done} ({result.format}, {result.images:,} images)"]
    rows = [_HEADER, *(_row(result, split) for split in result.splits)]
    lines += _aligned(rows)
    if result.made:
        lines.append(f"  splits made here: {', '.join(result.made)}")
    lines.append(f"  answer vocabulary: {result.answers:,} answers, from train only{_once(result)}")
    lines += _counted(result.statistics)
    if result.problems:
        lines.append("problems")
        for finding in result.problems:
            left_out = "unusable: " if finding.unusable else ""
            lines.append(f"  - {left_out}{finding}")
    else:
        lines.append("no problems")
    return "\n".join(lines)


def _row(result: Prepared, split: str) -> tuple[str, ...]:
    numbers = result.statistics[split]
    most = numbers["most_frequent"]
    return (
        split,
        f"{numbers['questions']:,}",
        f"{numbers['images']:,}",
        _percent(numbers["upper_bound"]),
        _percent(result.coverage.get(split)),
        f"{_shortened(most['answer'])} ({most['share']:.1%})" if most else "no answers",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _shortened(text: str) -> str:
    return text if len(text) <= _ANSWER_WIDTH else f"{text[: _ANSWER_WIDTH - 3]}..."


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first and the last column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *numbers, last in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=False)]
        yield f"  {first:{widths[0]}}  {'  '.join(cells)}  {last}"


def _once(result: Prepared) -> str:
    train = result.statistics.get("train")
    return f" ({train['answers_seen_once']:,} of them seen once)" if train else ""


def _counted(statistics: dict[str, Any]) -> Iterator[str]:
    """A line for each thing that questions are counted by, over all splits."""
    for name, title in _BLOCKS.items():
        counts: Counter[str] = Counter()
        for numbers in statistics.values():
            counts.update(numbers.get(name, {}))
        if counts:
            ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            listed = [f"{key} {count:,}" for key, count in ranked[:_MOST]]
            if len(ranked) > _MOST:
                listed.append(f"{len(ranked) - _MOST} more")
            yield f"  {title}: {', '.join(listed)}"
