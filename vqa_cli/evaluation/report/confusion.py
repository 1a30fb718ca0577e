"""Which answer is taken for which: a table whose cells lead to the questions they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqa_cli.evaluation.report.bars import gallery_link, one_line
from vqa_cli.evaluation.report.markup import Html, joined, tag


def confusion(found: Mapping[str, Any], classes: Mapping[str, str]) -> Html:
    """The table.

    found: `answers`, and `counts` with a row for each right answer and a column for each predicted
    one; a further column counts all others. classes: by which name the gallery knows an answer.
    """
    answers: list[str] = found["answers"]
    head = tag(
        "tr",
        tag("th", "right ↓ answered →", scope="col"),
        *(tag("th", tag("span", one_line(name)), scope="col", dir="auto") for name in answers),
        tag("th", tag("span", "any other"), scope="col"),
    )
    rows = [_row(place, answers, counts, classes) for place, counts in enumerate(found["counts"])]
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="confusion")
    note = (
        "Each row holds the questions with one right answer, by what the model answered: the "
        "stronger the colour, the larger the share of the row. A cell leads to its questions."
    )
    return joined(tag("p", note, class_="quiet"), tag("div", table, class_="wide-table"))


def _row(place: int, answers: list[str], counts: list[int], classes: Mapping[str, str]) -> Html:
    truth = answers[place]
    total = sum(counts)
    cells = []
    for column, count in enumerate(counts):
        known = column < len(answers)
        link = _link(truth, answers[column], classes) if known and count else None
        text = f"{count:,}" if count else ""
        cells.append(
            tag(
                "td",
                tag("a", text, href=link) if link else text,
                class_="same" if column == place else None if known else "any",
                style=f"--share:{100 * count / total:.0f}%" if count else None,
            )
        )
    return tag("tr", tag("th", one_line(truth), scope="row", dir="auto"), *cells)


def _link(truth: str, answer: str, classes: Mapping[str, str]) -> str:
    return gallery_link(truth=classes.get(truth, truth), answer=classes.get(answer, answer))
