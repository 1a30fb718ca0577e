"""An evaluation as a table for people, in percent."""

from __future__ import annotations

from rich.cells import cell_len

from vqa_cli.evaluation.metrics import Share
from vqa_cli.evaluation.result import EvaluationResult

METRIC_TITLES = {
    "vqa-accuracy": "official VQA accuracy",
    "exact-match": "exact match",
    "exact-match-first": "exact match with the first answer",
}
BASELINE_TITLES = {
    "majority": "majority answer",
    "per_question_type": "best answer of the question type",
    "question_only": "look-up of the question",
    "vocabulary_upper_bound": "best possible with the vocabulary",
}
Row = tuple[str, str, str]


def as_text(result: EvaluationResult) -> str:
    """The accuracy, the blind baselines beside it, then each type; without a newline at the end."""
    sections: list[tuple[str, list[Row]]] = [
        ("", [("", "%", "questions"), _share_row("accuracy", result.overall)]),
        ("without looking at the image", _baseline_rows(result.baselines)),
        ("by answer type", [_share_row(*group) for group in result.per_answer_type.items()]),
        ("by question type", [_share_row(*group) for group in result.per_question_type.items()]),
    ]
    width = max(cell_len(label) for _, rows in sections for label, _, _ in rows) + 2
    lines = [_headline(result)]
    for title, rows in sections:
        if rows:
            lines += ["", title] if title else []
            lines += [_line(row, width) for row in rows]
    if result.calibration:
        sure, error = result.calibration.mean_confidence, result.calibration.expected_error
        lines += ["", f"mean confidence {100 * sure:.2f} %, calibration error {100 * error:.2f} %"]
    return "\n".join(lines)


def _headline(result: EvaluationResult) -> str:
    metric = " and ".join(METRIC_TITLES[name] for name in result.metric.split("+"))
    unscored = result.without_answers
    return f"{result.split}: {metric}" + (
        f"; {unscored:,} more without answers are not scored" if unscored else ""
    )


def _baseline_rows(baselines: dict[str, float]) -> list[Row]:
    return [(BASELINE_TITLES[name], f"{100 * share:.2f}", "") for name, share in baselines.items()]


def _share_row(label: str, share: Share) -> Row:
    return " ".join(label.split()), f"{share.percent:.2f}", f"{share.questions:,}"


def _line(row: Row, width: int) -> str:
    label, percent, questions = row
    padding = " " * (width - cell_len(label))  # the letters of some scripts are two columns wide
    return f"  {label}{padding}{percent:>6}{questions:>12}".rstrip()
