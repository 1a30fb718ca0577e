"""What confidences are worth, drawn: reliability, and risk against coverage."""

from __future__ import annotations

from vqa_cli.evaluation.reliability import Calibration
from vqa_cli.evaluation.report.charts import Chart, data_table, figure, share_axis
from vqa_cli.evaluation.report.markup import Html

ROWS = 10
"""Lines of the risk-coverage table, spread evenly over the curve."""


def reliability(calibration: Calibration) -> Html:
    """Accuracy within each bin of confidence, beside the diagonal where both are equal."""
    chart = Chart(share_axis("confidence"), share_axis("accuracy"))
    for found in calibration.bins:
        hint = (
            f"{found.questions:,} questions with confidence {100 * found.low:.0f} to "
            f"{100 * found.high:.0f} %: {100 * found.accuracy:.1f} % right"
        )
        chart.bar(found.low, found.high, found.accuracy, "area", hint)
    chart.line([(0, 0), (1, 1)], "ideal")
    largest = max(found.questions for found in calibration.bins)
    for found in calibration.bins:
        radius = 2 + 5 * (found.questions / largest) ** 0.5  # the dot's area grows with the bin
        hint = f"{found.questions:,} questions"
        chart.dot((found.mean_confidence, found.accuracy), "dot", hint, round(radius, 1))
    error = f"{100 * calibration.expected_error:.2f} %"
    rows = [
        (
            f"{100 * b.low:.0f}–{100 * b.high:.0f} %",
            f"{b.questions:,}",
            f"{100 * b.mean_confidence:.1f} %",
            f"{100 * b.accuracy:.1f} %",
        )
        for b in calibration.bins
    ]
    return figure(
        chart.svg(f"Reliability diagram: expected calibration error {error}."),
        "Does a confidence of 80 % mean that 80 % are right? Below the dashed line the model is "
        f"too sure of itself, above it too modest. The mean distance is {error}; a larger dot "
        "stands for more questions.",
        [("area", "accuracy"), ("line ideal", "as it should be")],
        data_table(("confidence", "questions", "mean", "right"), rows),
    )


def risk_coverage(calibration: Calibration) -> Html:
    """The share of errors among the answers that are kept, as fewer and fewer are kept."""
    curve = [(0.0, calibration.risk_coverage[0][1]), *calibration.risk_coverage]
    chart = Chart(share_axis("answered, the most confident first"), share_axis("wrong of these"))
    everything = curve[-1][1]
    chart.line([(0, everything), (1, everything)], "ideal")
    chart.line(curve, "model")
    step = max(1, len(calibration.risk_coverage) // ROWS)
    chosen = calibration.risk_coverage[::-step][::-1]
    for coverage, risk in chosen:
        hint = f"answering {100 * coverage:.0f} %, {100 * risk:.1f} % of the answers are wrong"
        chart.dot((coverage, risk), "dot", hint, 3)
    half = min(calibration.risk_coverage, key=lambda point: abs(point[0] - 0.5))
    return figure(
        chart.svg(
            f"Risk-coverage curve: {100 * everything:.1f} % wrong when everything is answered, "
            f"{100 * half[1]:.1f} % when the most confident {100 * half[0]:.0f} % are."
        ),
        "What is won by answering only where the model is sure (--min-confidence). The lower the "
        "curve runs to the left, the better its confidence tells right from wrong; area under it: "
        f"{calibration.risk_coverage_area:.4f}.",
        [("line model", "most confident first"), ("line ideal", "at random")],
        data_table(
            ("answered", "wrong of these"),
            [(f"{100 * coverage:.0f} %", f"{100 * risk:.2f} %") for coverage, risk in chosen],
        ),
    )
