"""Charts side by side as an SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa_cli.evaluation.report.charts import LEFT, RIGHT, WIDTH, style
from vqa_cli.evaluation.report.markup import Html, tag
from vqa_cli.evaluation.report.training_charts import Drawing

GAP, HEAD = 20, 40
SAMPLE, CHARACTER = 18, 6.5
"""Lengths of a legend's piece of line, and of a character of its name, roughly."""


def picture(title: str, drawings: Sequence[Drawing]) -> str:
    """One row of charts, each below its title and legend, in light or dark as its reader sees."""
    height = max(drawn.chart.height for drawn in drawings)
    width = len(drawings) * (WIDTH + GAP) + GAP
    return tag(
        "svg",
        tag("title", title),
        tag("style", Html(f"\n{style()}.paper {{ fill: var(--paper); }}\n{_TITLE}\n")),
        tag("rect", width="100%", height="100%", class_="paper"),
        *(part for place, drawn in enumerate(drawings) for part in _placed(place, drawn)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {HEAD + height + GAP // 2}",
        width=width,
        height=HEAD + height + GAP // 2,
    )


_TITLE = "svg text.title { fill: var(--ink); font-weight: 600; font-size: 13px; }"


def _placed(place: int, drawn: Drawing) -> Iterator[Html]:
    left = GAP + place * (WIDTH + GAP)
    yield tag("text", drawn.title, x=left + LEFT, y=HEAD - 12, class_="title")
    right: float = left + WIDTH - RIGHT
    for class_, name in reversed(drawn.legend):
        start = right - CHARACTER * len(name)
        yield tag("text", name, x=start, y=HEAD - 12)
        line = {"x1": start - SAMPLE - 6, "x2": start - 6, "y1": HEAD - 16, "y2": HEAD - 16}
        yield tag("line", **line, class_=class_)
        right = start - SAMPLE - 24
    yield drawn.chart.svg(drawn.label, x=left, y=HEAD, width=WIDTH, height=drawn.chart.height)
