"""An evaluation as a table for people, in percent."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from vqa_cli.evaluation.further import Row, Section, further_sections
from vqa_cli.evaluation.intervals import Comparison, Interval
from vqa_cli.evaluation.metrics import Share, metric_title
from vqa_cli.evaluation.result import EvaluationResult

BASELINE_TITLES = {
    "majority": "majority answer",
    "per_question_type": "best answer of the question type",
    "question_only": "look-up of the question",
    "vocabulary_upper_bound": "best possible with the vocabulary",
}
ABLATION_TITLES = {
    "blank_images": "the model, with blank images",
    "shuffled_images": "the model, with other images",
}
ROWS_SHOWN = 12
"""No section is longer; the JSON object has all."""


def as_text(result: EvaluationResult) -> str:
    """The accuracy, the blind baselines beside it, then the rest; no newline at the end."""
    sections: list[Section] = [
        ("", [("", "%", "questions"), _share_row("accuracy", result.overall)]),
        ("without looking at the image", _blind_rows(result)),
        ("by answer type", _share_rows(result.per_answer_type)),
        ("by question type", _share_rows(result.per_question_type)),
        ("by right answer", _share_rows(result.per_answer)),
        *further_sections(result.further),
    ]
    width = max(cell_len(label) for _, rows in sections for label, _, _ in rows) + 2
    lines = [_headline(result)]
    for title, rows in sections:
        if rows:
            lines += ["", title] if title else []
            lines += [_line(row, width) for row in rows]
        if not title:
            lines += _beside_the_accuracy(result, width)
    return "\n".join(lines + _calibration_lines(result))


def _headline(result: EvaluationResult) -> str:
    unscored = result.without_answers
    return f"{result.split}: {metric_title(result.metric)}" + (
        f"; {unscored:,} more without answers are not scored" if unscored else ""
    )


def _beside_the_accuracy(result: EvaluationResult, width: int) -> list[str]:
    """How sure the number is, what it is worth, and what it is compared with."""
    lines = []
    if result.interval:
        lines.append(_line(("95 % interval", _range(result.interval), ""), width))
    lines += [f"  leak: {leak}" for leak in result.leaks]
    if result.comparison:
        lines += ["", *_comparison_lines(result.comparison, width)]
    return lines


def _comparison_lines(comparison: Comparison, width: int) -> list[str]:
    lines = [
        f"compared with {comparison.baseline}",
        _line(("its accuracy", _percent(comparison.accuracy), ""), width),
        _line(("difference", f"{100 * comparison.difference:+.2f}", ""), width),
    ]
    if comparison.interval:
        lines.append(_line(("95 % interval", _range(comparison.interval, "+"), ""), width))
    lines.append(f"  better on {comparison.better:,}, worse on {comparison.worse:,} questions")
    if comparison.mcnemar_p is not None:
        p = comparison.mcnemar_p
        lines[-1] += f" (McNemar's test: p {f'= {p:.3f}' if p >= 0.001 else '< 0.001'})"
    return lines


def _blind_rows(result: EvaluationResult) -> list[Row]:
    return [
        (titles[name], _percent(share), "")
        for titles, shares in (
            (BASELINE_TITLES, result.baselines),
            (ABLATION_TITLES, result.ablations),
        )
        for name, share in shares.items()
    ]


def _share_rows(groups: Mapping[str, Share]) -> list[Row]:
    rows = [_share_row(name, share) for name, share in groups.items()]
    if len(rows) <= ROWS_SHOWN:
        return rows
    return [*rows[: ROWS_SHOWN - 1], (f"and {len(rows) - ROWS_SHOWN + 1:,} more (--json)", "", "")]


def _share_row(label: str, share: Share) -> Row:
    return " ".join(label.split()), f"{share.percent:.2f}", f"{share.questions:,}"


def _calibration_lines(result: EvaluationResult) -> list[str]:
    if not (found := result.calibration):
        return []
    sure, error = _percent(found.mean_confidence), _percent(found.expected_error)
    half = next(risk for coverage, risk in found.risk_coverage if coverage >= 0.5)
    calibration = f"mean confidence {sure} %, calibration error {error} %"
    return ["", f"{calibration}; of the surest half {_percent(1 - half)} % are right"]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _range(interval: Interval, sign: str = "") -> str:
    return f"{100 * interval.low:{sign}.2f} to {100 * interval.high:{sign}.2f}"


def _line(row: Row, width: int) -> str:
    label, percent, questions = row
    padding = " " * (width - cell_len(label))  # the letters of some scripts are two columns wide
    return f"  {label}{padding}{percent:>6}{questions:>12}".rstrip()
