"""How much a question weighs in the loss, so that rare answers are not drowned by frequent ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vqa_cli.training.objective import SoftTargets


def question_weights(kind: str, targets: SoftTargets) -> NDArray[np.float32]:
    """Return each question's weight (Q,): mean 1 over those with a target, 0 for the others.

    - `balanced`: an answer c weighs n / (C * n_c), as in scikit-learn's `compute_class_weight`
      (after King and Zeng, "Logistic Regression in Rare Events Data", 2001), n_c being how many of
      the n questions have it and C how many answers occur;
    - `root`: the root of that, which lies between `balanced` and `none`;
    - `none`: all weigh 1.

    A question with several answers has each to the share that its score has of their sum: it counts
    with these shares in n_c, and weighs the mean of its answers' weights under them.
    """
    entries = np.diff(targets.starts)  # (Q,)
    taught = entries > 0
    if kind == "none":
        return taught.astype(np.float32)
    question = np.repeat(np.arange(len(entries)), entries)  # (entries,)
    totals = np.bincount(question, weights=targets.scores, minlength=len(entries))
    shares = targets.scores / totals[question]
    frequency = np.bincount(targets.classes, weights=shares)  # n_c
    rarity = 1.0 / frequency[targets.classes]
    if kind == "root":
        rarity = np.sqrt(rarity)
    weights = np.bincount(question, weights=shares * rarity, minlength=len(entries))
    return (weights / weights[taught].mean()).astype(np.float32)
