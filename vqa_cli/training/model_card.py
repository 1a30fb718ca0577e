"""The README of a run folder: what the model is, and how to use it."""

from __future__ import annotations

from typing import Any

from vqa_cli import __version__


def model_card(name: str, config: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Describe a finished run from its config and metrics, as Markdown."""
    model, train = config["model"], config["settings"]["train"]
    tuned = {
        encoder: "frozen" if frozen else "tuned" for encoder, frozen in config["frozen"].items()
    }
    question_encoder = model["question_encoder"]
    return f"""\
# {name}

A visual question answering model: a classifier over {model["answers"]:,} answers.

| | |
| --- | --- |
| image encoder | timm {model["image_encoder"]["architecture"]}, {tuned["image_encoder"]} |
| question encoder | {question_encoder["model_type"]}, \
{question_encoder["num_hidden_layers"]} layers of width {question_encoder["hidden_size"]}, \
{tuned["question_encoder"]} |
| fusion | {model["fusion"]}, width {model["width"]} |
| trained on | {config["data"]["questions"]["train"]:,} questions, {train["epochs"]} epochs, \
seed {train["seed"]} |
| val accuracy | {metrics["val_accuracy"]:.4f} (epoch {metrics["best_epoch"]}, selected on val; \
before training {metrics["val_accuracy_untrained"]:.4f}) |
| made with | vqa {__version__} |

Ask it:

    vqa ask IMAGE "QUESTION" -m {name}

It can only choose from the answers in `answers.json`. Its confidence is calibrated on the val
split of its own data, and says little about images of another kind.
"""
