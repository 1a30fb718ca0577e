"""Thresholds that a pipeline sets on an evaluation."""

from __future__ import annotations

from vqa_cli.errors import GateError
from vqa_cli.evaluation.result import EvaluationResult

ROUNDING = 1e-9
"""Two means of the same scores in another order may differ by less."""


def check_gates(
    result: EvaluationResult, fail_under: float | None = None, tolerance: float = 0.0
) -> None:
    """Check an evaluation; all in [0, 1].

    fail_under: the least accuracy. tolerance: where the result has a comparison, how much worse
    than the other one it may be.

    Raises GateError where one is not reached.
    """
    problems = []
    found = f"accuracy {result.accuracy:.4f} on {result.split}"
    if fail_under is not None and result.accuracy < fail_under:
        problems.append(f"{found} is below {fail_under:g}")
    compared = result.comparison
    if compared and compared.difference < -tolerance - ROUNDING:
        problems.append(
            f"{found} is {-compared.difference:.4f} below that of {compared.baseline}, where at "
            f"most {tolerance:g} is tolerated"
        )
    if problems:
        raise GateError("; ".join(problems))
