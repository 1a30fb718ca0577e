"""The numbers of an evaluation as the page's sections: each a title and what stands below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqa_cli.evaluation.further import further_sections
from vqa_cli.evaluation.intervals import Comparison, Interval
from vqa_cli.evaluation.metrics import metric_title
from vqa_cli.evaluation.report.bars import Bar, bar_table, share_bars
from vqa_cli.evaluation.report.markup import Html, joined, tag
from vqa_cli.evaluation.result import EvaluationResult
from vqa_cli.evaluation.table import ABLATION_TITLES, BASELINE_TITLES

UPPER_BOUND = "vocabulary_upper_bound"


def headline(result: EvaluationResult) -> Html:
    """The accuracy, how sure it is, what it is worth beside the blind baselines, and leaks."""
    metric = metric_title(result.metric)
    number = tag("p", f"{result.overall.percent:.2f}", tag("span", " %"), class_="headline")
    counted = f"{result.overall.questions:,} questions"
    if result.without_answers:
        counted += f"; {result.without_answers:,} more without answers are not scored"
    sure = tag("p", _interval_text(result.interval)) if result.interval else None
    summary = tag(
        "div",
        tag("p", f"{metric[0].upper()}{metric[1:]}", class_="metric"),
        number,
        sure,
        tag("p", counted, class_="quiet"),
        _verdict(result),
        class_="summary",
    )
    table = bar_table("Beside what can be reached otherwise", _beside(result))
    return joined(_leaks(result.leaks), tag("div", summary, table, class_="split"))


def _interval_text(interval: Interval) -> str:
    low, high = 100 * interval.low, 100 * interval.high
    return f"95 % interval: {low:.2f} to {high:.2f} % (clustered by image)"


def _verdict(result: EvaluationResult) -> Html | None:
    """The distance to the best blind baseline, in words."""
    blind = {name: share for name, share in result.baselines.items() if name != UPPER_BOUND}
    if not blind:
        return None
    best = max(blind, key=lambda name: blind[name])
    points = 100 * (result.accuracy - blind[best])
    side = "above" if points >= 0 else "below"
    text = (
        f"{abs(points):.2f} points {side} the best that was reached without looking at the "
        f"image ({BASELINE_TITLES[best]}, {100 * blind[best]:.2f} %)."
    )
    if result.interval is None or result.interval.low <= blind[best]:
        doubt = tag("strong", "Not clearly better than blind: ")
        return tag("p", doubt, text, class_="verdict bad")
    return tag("p", text, class_="verdict")


def _leaks(leaks: tuple[str, ...]) -> Html | None:
    if not leaks:
        return None
    return tag(
        "div",
        tag("h3", "This number may be too high: the split is not apart from the training data"),
        tag("ul", *(tag("li", leak) for leak in leaks)),
        class_="warning",
        role="note",
    )


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    """In percent."""
    return (100 * interval.low, 100 * interval.high) if interval else None


def _beside(result: EvaluationResult) -> list[Bar]:
    bars = [Bar("accuracy", result.overall.percent, interval=_ends(result.interval))]
    if result.comparison:
        other = result.comparison
        bars.append(Bar(f"baseline {other.baseline}", 100 * other.accuracy, kind="other"))
    bars += [
        Bar(ABLATION_TITLES[name], 100 * share, kind="other")
        for name, share in result.ablations.items()
    ]
    bars += [
        Bar(BASELINE_TITLES[name], 100 * share, kind="bound" if name == UPPER_BOUND else "blind")
        for name, share in result.baselines.items()
    ]
    return bars


def comparison(found: Comparison) -> Html:
    """The difference to the other model, in a sentence and a table."""
    low_high = _ends(found.interval)
    points = f"{100 * found.difference:+.2f} points"
    rows = [
        ("Difference", points),
        ("95 % interval", f"{low_high[0]:+.2f} to {low_high[1]:+.2f}" if low_high else "–"),
        ("Questions scored higher", f"{found.better:,}"),
        ("Questions scored lower", f"{found.worse:,}"),
    ]
    if found.mcnemar_p is not None:
        rows.append(("McNemar's test, p", f"{found.mcnemar_p:.3g}"))
    if low_high is None:
        said = f"{points} against {found.baseline}."
    elif low_high[0] > 0:
        said = f"{points}: better than {found.baseline}, beyond chance."
    elif low_high[1] < 0:
        said = f"{points}: worse than {found.baseline}, beyond chance."
    else:
        said = f"{points}: no difference to {found.baseline} that these questions could show."
    return joined(tag("p", said), _fact_table(rows))


def further(metrics: Mapping[str, Any]) -> list[Html]:
    """A table for each metric beside the accuracy; the confusion has a section of its own."""
    others = {name: found for name, found in metrics.items() if name != "confusion"}
    return [
        _fact_table(
            rows,
            f"{title[0].upper()}{title[1:]}",
            ("", "%", "questions" if any(questions for *_, questions in rows) else ""),
        )
        for title, rows in further_sections(others)
    ]


def _fact_table(
    rows: Sequence[tuple[str, ...]], caption: str | None = None, head: tuple[str, ...] = ()
) -> Html:
    """Names with their values, which are texts already."""
    names = [tag("th", name, scope="col", class_="number") for name in head]
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row", dir="auto"),
            *(tag("td", cell, class_="number") for cell in row[1:]),
        )
        for row in rows
    ]
    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", *names)) if names else None,
        tag("tbody", *body),
        class_="facts",
    )


def by_type(result: EvaluationResult, classes: Mapping[str, str]) -> list[Html]:
    """Bars by answer type, question type and right answer, each with a line at the accuracy.

    classes: by which name the gallery knows an answer.
    """
    answers = share_bars(result.per_answer, "truth", lambda name: classes.get(name, name))
    tables = [
        ("By answer type", share_bars(result.per_answer_type, "answer_type"), "answer type"),
        ("By right answer", answers, "answer"),
        ("By question type", share_bars(result.per_question_type, "question_type"), "type"),
    ]
    mark = result.overall.percent
    return [bar_table(title, bars, what=what, mark=mark) for title, bars, what in tables if bars]
