"""Line charts as SVG: inline in the page, or a picture of its own (`picture.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

from vqa_cli.evaluation.report.markup import Html, tag

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 44
"""Margins in the units of the drawing, which is scaled to the width that it is given."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from `low` to `high`, with a line at each tick."""

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    percent: bool = False

    def text(self, value: float) -> str:
        return f"{100 * value:g}" if self.percent else f"{value:g}"


def share_axis(title: str) -> Axis:
    """0 to 100 %."""
    return Axis(f"{title} (%)", 0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), percent=True)


def axis_for(
    title: str, values: Iterable[float], *, percent: bool = False, whole: bool = False
) -> Axis:
    """An axis that holds the values, with about five ticks at round numbers.

    whole: ticks at whole numbers only.
    """
    known = list(values)
    low, high = min(known), max(known)
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = _round_step((high - low) / 5)
    if whole:
        step = max(1.0, step)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if whole:
        return Axis(title, low, high, _ticks(step, ceil(low / step), floor(high / step)))
    ticks = _ticks(step, first, last)
    return Axis(title + (" (%)" if percent else ""), ticks[0], ticks[-1], ticks, percent)


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def _ticks(step: float, first: int, last: int) -> tuple[float, ...]:
    return tuple(round(step * n, 10) for n in range(first, last + 1))


class Chart:
    """A drawing area with two axes."""

    def __init__(self, x: Axis, y: Axis, *, height: int = HEIGHT) -> None:
        self.x_axis, self.y_axis, self.height = x, y, height
        self.bottom = height - BOTTOM
        self._drawn: list[Html] = []

    def x(self, value: float) -> float:
        span = self.x_axis.high - self.x_axis.low
        return round(LEFT + (value - self.x_axis.low) / span * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        span = self.y_axis.high - self.y_axis.low
        return round(self.bottom - (value - self.y_axis.low) / span * (self.bottom - TOP), 1)

    def line(self, points: Sequence[Point], class_: str) -> None:
        """Straight from point to point."""
        places = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        self._drawn.append(tag("polyline", points=places, class_=f"line {class_}"))

    def bar(self, left: float, right: float, top: float, class_: str, hint: str) -> None:
        """From the bottom up to `top`; `hint` is shown where a mouse rests on it."""
        x, y = self.x(left) + 1, self.y(top)
        width, height = round(self.x(right) - x - 1, 1), round(self.bottom - y, 1)
        box = tag("rect", tag("title", hint), x=x, y=y, width=width, height=height, class_=class_)
        self._drawn.append(box)

    def dot(self, point: Point, class_: str, hint: str, radius: float = 4) -> None:
        x, y = point
        self._drawn.append(
            tag("circle", tag("title", hint), cx=self.x(x), cy=self.y(y), r=radius, class_=class_)
        )

    def svg(self, label: str, **place: float) -> Html:
        """The drawing; `label` says in words what it shows.

        place: x, y, width and height, where it is a part of a larger picture.
        """
        return tag(
            "svg",
            *self._grid(),
            *self._drawn,
            viewBox=f"0 0 {WIDTH} {self.height}",
            role="img",
            aria_label=label,
            **place,
        )

    def _grid(self) -> Iterable[Html]:
        right = WIDTH - RIGHT
        for tick in self.y_axis.ticks:
            y = self.y(tick)
            yield tag("line", x1=LEFT, x2=right, y1=y, y2=y, class_="grid")
            yield _text(self.y_axis.text(tick), LEFT - 8, y + 4, "end")
        for tick in self.x_axis.ticks:
            yield _text(self.x_axis.text(tick), self.x(tick), self.bottom + 18, "middle")
        yield tag("line", x1=LEFT, x2=right, y1=self.bottom, y2=self.bottom, class_="axis")
        yield _text(self.x_axis.title, (LEFT + right) / 2, self.height - 6, "middle")
        middle = (TOP + self.bottom) / 2
        turned = f"rotate(-90 14 {middle})"
        yield _text(self.y_axis.title, 14, middle, "middle", transform=turned)


def _text(content: str, x: float, y: float, anchor: str, **more: str) -> Html:
    return tag("text", content, x=round(x, 1), y=round(y, 1), text_anchor=anchor, **more)


def style() -> str:
    """The colours of everything that is drawn, light and dark, and what charts look like."""
    return Path(__file__).with_name("charts.css").read_text(encoding="utf-8")


def figure(
    chart: Html, caption: str, legend: Sequence[tuple[str, str]] = (), more: Html | None = None
) -> Html:
    """A chart with what is said about it. legend: (class of the line, its name)."""
    keys = [tag("span", tag("i", class_=class_), name) for class_, name in legend]
    named = tag("p", *keys, class_="legend") if keys else None
    return tag("figure", chart, named, tag("figcaption", caption), more)


def data_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """A chart's numbers, folded away: for those who can't see it, or want to know exactly."""
    cells = [tag("th", name, scope="col", class_="number") for name in head]
    body = [tag("tr", *(tag("td", cell, class_="number") for cell in row)) for row in rows]
    table = tag("table", tag("thead", tag("tr", *cells)), tag("tbody", *body))
    return tag(
        "details", tag("summary", "The numbers"), tag("div", table, class_="scroll", tabindex=0)
    )
