"""Tables of shares with a bar each: one form for baselines, types and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from vqa_cli.evaluation.metrics import Share
from vqa_cli.evaluation.report.markup import Html, tag

SHOWN = 12
"""Rows of a table that are seen at once; the others are folded away."""


@dataclass(frozen=True)
class Bar:
    """One row.

    percent: 0 to 100. interval: its ends, in percent. questions: None where it says nothing.
    kind: how the bar is drawn: model, other, blind or bound. link: what of the gallery it shows.
    """

    label: str
    percent: float
    questions: int | None = None
    interval: tuple[float, float] | None = None
    kind: str = "model"
    link: str | None = None


def share_bars(
    shares: Mapping[str, Share], field: str, key: Callable[[str], str] = str
) -> list[Bar]:
    """One bar a type; each leads to the gallery's questions whose `field` is `key` of its name."""
    return [
        Bar(one_line(name), share.percent, share.questions, link=gallery_link(**{field: key(name)}))
        for name, share in shares.items()
    ]


def one_line(text: str) -> str:
    return " ".join(text.split())


def gallery_link(**wanted: str) -> str:
    """The address within the page that shows these questions; the gallery's script reads it."""
    return f"#{urlencode(wanted)}"


def bar_table(
    caption: str, bars: Sequence[Bar], *, what: str = "", mark: float | None = None
) -> Html:
    """The bars as a table, the first ones open; "" where there are none.

    what: the heading of the labels. mark: a percentage that a line across all bars shows.
    """
    if not bars:
        return Html()
    shown, hidden = bars[:SHOWN], bars[SHOWN:]
    if len(hidden) == 1:
        shown, hidden = bars, []
    first = _table(caption, shown, what, mark)
    if not hidden:
        return tag("div", first)
    more = _table(f"{caption}, the others", hidden, what, mark)
    return tag("div", first, tag("details", tag("summary", f"{len(hidden):,} more"), more))


def _table(caption: str, bars: Sequence[Bar], what: str, mark: float | None) -> Html:
    counted = any(bar.questions is not None for bar in bars)
    head = tag(
        "tr",
        tag("th", what, scope="col"),
        tag("td"),
        tag("th", "%", scope="col", class_="number"),
        tag("th", "questions", scope="col", class_="number") if counted else None,
    )
    rows = [_row(bar, counted) for bar in bars]
    style = None if mark is None else f"--mark:{mark:.2f}%"
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", head),
        tag("tbody", *rows),
        class_="bars" if mark is None else "bars marked",
        style=style,
    )


def _row(bar: Bar, counted: bool) -> Html:
    label = tag("a", bar.label, href=bar.link) if bar.link else bar.label
    fill = tag("span", class_="fill", style=f"width:{bar.percent:.2f}%")
    whisker = None
    if bar.interval:
        low, high = bar.interval
        whisker = tag("span", class_="whisker", style=f"left:{low:.2f}%;width:{high - low:.2f}%")
    questions = "" if bar.questions is None else f"{bar.questions:,}"
    return tag(
        "tr",
        tag("th", label, scope="row", dir="auto"),
        tag("td", tag("span", fill, whisker, class_="track", aria_hidden="true"), class_="bar"),
        tag("td", f"{bar.percent:.2f}", class_="number"),
        tag("td", questions, class_="number") if counted else None,
        class_=bar.kind,
    )
