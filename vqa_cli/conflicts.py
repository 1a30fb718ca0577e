"""Settings that are each possible and not together; all of them are told at once.

What depends on the chosen encoders, once they are built, is checked where they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from vqa_cli.config import AugmentSettings, ContinueSettings, ModelSettings, TrainSettings
from vqa_cli.settings import unusable

RECURRENT = ("gru", "lstm")
LAYERED = ("full", "last")
"""What tunings begin with whose layers can be unfrozen one after another."""


def check_together(
    model: ModelSettings,
    train: TrainSettings,
    augment: AugmentSettings,
    continuing: ContinueSettings | None = None,
) -> None:
    """Raise SettingsError with every contradiction among the settings."""
    problems = [*_of_model(model), *_of_training(model, train), *_of_views(train, augment)]
    if problems := problems + list(_of_continuing(continuing or ContinueSettings())):
        raise unusable(problems)


def _of_model(model: ModelSettings) -> Iterator[str]:
    if model.question_encoder in RECURRENT and model.fusion == "joint":
        yield (
            f"--fusion joint runs a BERT-like encoder over question and image, and "
            f"--question-encoder {model.question_encoder} is none: choose another fusion"
        )


def _of_training(model: ModelSettings, train: TrainSettings) -> Iterator[str]:
    if train.objective == "binary" and train.label_smoothing:
        yield "--label-smoothing belongs to --objective cross-entropy, not to binary"
    tunings = (model.image_tuning, model.question_tuning)
    if train.unfreeze_every and not any(t is None or t.startswith(LAYERED) for t in tunings):
        yield "--unfreeze-every needs an encoder with --image-tuning or --question-tuning full"
    if train.patience and train.epochs and train.patience >= train.epochs:
        yield f"--patience {train.patience} can never stop a run of --epochs {train.epochs}"
    if isinstance(train.batch_size, int) and train.accumulation > train.batch_size:
        yield (
            f"--accumulation {train.accumulation} cuts --batch-size {train.batch_size} into "
            "parts of less than a question"
        )
    if train.adversarial == "none" and train.adversarial_size != TrainSettings().adversarial_size:
        yield "--adversarial-size is for --adversarial fgm or pgd, which is none"


def _of_views(train: TrainSettings, augment: AugmentSettings) -> Iterator[str]:
    if train.consistency and augment.image_augmentation == "none":
        yield "--consistency compares views of an image, so it needs --image-augmentation"
    unchanged = augment.image_augmentation == "none" and not augment.word_dropout
    if augment.augmentation_words and unchanged:
        yield "--augmentation-words is for --image-augmentation or --word-dropout; there is neither"
    plain = unchanged and not augment.synonyms and not augment.templates
    if plain and augment.views != AugmentSettings().views:
        yield (
            f"--views {augment.views} are views of changed images or questions, and nothing is "
            "changed: --image-augmentation, --word-dropout, --synonyms or --templates do that"
        )


def _of_continuing(continuing: ContinueSettings) -> Iterator[str]:
    if continuing.replay and not continuing.from_run:
        yield "--replay asks old questions again that a run has learned: name it with --from"
    if continuing.replay_share and not continuing.replay:
        yield "--replay-share is a share of what --replay names, and there is no --replay"
