"""Visual question answering: train, check, ask and ship your own model.

import vqa_cli

model = vqa_cli.load("runs/latest")
prediction = model.ask("kitchen.jpg", "what is on the stove?")
print(prediction.answer, prediction.confidence)
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answerer

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(model: str | PathLike[str] | None = None, *, device: str = "auto") -> Answerer:
    """Load a run folder or an exported folder, ready to be asked.

    Without `model`: the environment variable VQA_MODEL, else runs/latest. An exported folder is
    answered by onnxruntime and imports neither torch, transformers nor timm.

    Raises ModelError where the folder is missing, damaged or of a newer format.
    """
    from vqa_cli.inference.loading import load_answerer

    return load_answerer(model, device=device)
