"""The README of a run folder: what the model is, and how to use it."""

from __future__ import annotations

from typing import Any

from vqa_cli import __version__


def model_card(name: str, config: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Describe a finished run from its config and metrics, as Markdown."""
    model, train = config["model"], config["settings"]["train"]
    chosen = config["settings"]["model"]
    question_encoder = model["question_encoder"]
    layers = _size(question_encoder, "num_hidden_layers", "n_layers")
    return f"""\
# {name}

A visual question answering model: a classifier over {model["answers"]:,} answers.

| | |
| --- | --- |
| image encoder | timm {model["image_encoder"]["architecture"]}, {chosen["image_tuning"]} |
| question encoder | {question_encoder["model_type"]}, \
{layers} {"layer" if layers == 1 else "layers"} of width \
{_size(question_encoder, "hidden_size", "dim")}, \
{chosen["question_tuning"]} |
| fusion | {model["fusion"]}, width {model["width"]} |
| trained on | {config["data"]["questions"]["train"]:,} questions, {train["epochs"]} epochs, \
seed {train["seed"]} |
| val accuracy | {metrics["val_accuracy"]:.4f} (epoch {metrics["best_epoch"]}, selected on val; \
before training {metrics["val_accuracy_untrained"]:.4f}) |
{_continued(config, metrics)}| made with | vqa {__version__} |

![The loss and the accuracy on val, epoch by epoch](curves.svg)

Ask it:

    vqa ask IMAGE "QUESTION" -m {name}

It can only choose from the answers in `answers.json`. Its confidence is calibrated on the val
split of its own data, and says little about images of another kind.
"""


def _continued(config: dict[str, Any], metrics: dict[str, Any]) -> str:
    """The rows about the run that this one went on from, where there is one."""
    if "continued" not in config:
        return ""
    continued, old = config["continued"], metrics["old"]
    scores = (
        f"not scored: {old['missing']}"
        if "missing" in old
        else f"{old['accuracy']:.4f} (before training {old['accuracy_before']:.4f})"
    )
    replay = continued["replay"]
    kept = f"its {continued['answers']:,} answers kept"
    again = f", {replay['folder']} replayed" if replay else ""
    return (
        f"| continued from | {continued['run']}, {kept}{again} |\n"
        f"| old {old.get('split', 'data')} accuracy | {scores} |\n"
    )


def _size(encoder: dict[str, Any], *names: str) -> int:
    """Look a size up by the names that transformers' configurations have for it."""
    return next(encoder[name] for name in names if name in encoder)
