"""Every setting, once: its default, its help text and its check.

Each dataclass is one concern. The command line's options are made from the fields (see
`vqa_cli.commands.options`), so a default stands here and nowhere else. `--config FILE` sets any
of them from TOML, one table a concern:

    [model]
    fusion = "cross"

    [train]
    epochs = 20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vqa_cli.settings import Settings, setting

PRESETS = ("auto", "tiny", "small", "base")
FUSIONS = ("concat", "attention", "cross", "joint")
TUNING = r"frozen|full|bitfit|ia3|last:[1-9]\d*|(lora|adalora|prompt)(:[1-9]\d*)?"
TUNINGS = "frozen, last:N, full, lora[:RANK], adalora[:RANK], ia3, bitfit or prompt[:TOKENS]"
RESIZES = ("squash", "letterbox")
SPLIT_BY = ("image", "question")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
OBJECTIVES = ("auto", "cross-entropy", "binary")
CLASS_WEIGHTS = ("none", "balanced", "root")
SCHEDULES = ("cosine", "linear", "constant")
ADVERSARIES = ("none", "fgm", "pgd")
STRENGTHS = ("none", "light", "medium", "strong")
TRACKERS = ("none", "tensorboard", "wandb")


@dataclass(frozen=True)
class PrepareSettings(Settings):
    """How raw files become a prepared dataset."""

    section: ClassVar[str] = "prepare"

    format: str = setting("auto", "Dataset layout; see --list-formats.")
    val_share: float = setting(
        0.1, "Share of the images for val, where absent; 0 for none.", low=0, below=1
    )
    test_share: float = setting(
        0.1, "Share of the images for test, where the data has no splits at all.", low=0, below=1
    )
    split_by: str = setting(
        "image",
        "What is never split apart in splits that are made; question leaks images.",
        choices=SPLIT_BY,
    )
    split_seed: int = setting(0, "Seed of the splits that are made.", low=0)
    top: int = setting(3000, "Keep the most frequent answers of train, at most so many.", low=1)
    min_count: int = setting(1, "Keep answers that train has at least so often.", low=1)
    language: str | None = setting(
        None, "Keep the questions of this language alone, where the data says it (SLAKE: en, zh)."
    )
    skip_bad: bool = setting(False, "Leave out unusable rows instead of stopping.")
    no_images: bool = setting(
        False, "Take questions and answers alone: for statistics and for scoring predictions."
    )
    max_pixels: int = setting(100_000_000, "Refuse images of more pixels.", low=1)


@dataclass(frozen=True)
class ModelSettings(Settings):
    """Which encoders, how they are fused, and how much of them learns.

    None means: as the preset says, or as docs/defaults.md does.
    """

    section: ClassVar[str] = "model"

    preset: str = setting("auto", "Encoders and sizes that fit together.", choices=PRESETS)
    image_encoder: str | None = setting(
        None, "A timm name, a local folder, or NAME@FILE.safetensors."
    )
    question_encoder: str | None = setting(
        None, "A BERT-like Hugging Face name, a local folder, or gru or lstm from scratch."
    )
    fusion: str | None = setting(
        None, "How image and question meet; default: by what learns.", choices=FUSIONS
    )
    image_tuning: str | None = setting(
        None, f"What learns in the image encoder: {TUNINGS}.", pattern=TUNING, example=TUNINGS
    )
    question_tuning: str | None = setting(
        None, f"What learns in the question encoder: {TUNINGS}.", pattern=TUNING, example=TUNINGS
    )
    width: int | None = setting(
        None, "Width of fusion and head; default: by preset and fusion.", low=8, high=8192
    )
    layers: int = setting(2, "Layers of the cross fusion.", low=1, high=48)
    dropout: float | None = setting(
        None, "Dropout in fusion and head; default: by what learns.", low=0, below=1
    )
    image_size: int | None = setting(
        None, "Side of the encoder's input in pixels; default: the encoder's own.", low=8, high=4096
    )
    resize: str = setting(
        "squash", "Keep the whole image by squashing or by letterboxing it.", choices=RESIZES
    )
    max_question_tokens: int = setting(64, "Cut longer questions.", low=4, high=512)


@dataclass(frozen=True)
class TrainSettings(Settings):
    """The fine-tuning recipe."""

    section: ClassVar[str] = "train"

    epochs: int | None = setting(
        None, "Passes over train; default: by preset and number of questions.", low=1
    )
    batch_size: int | str | None = setting(
        None,
        "Questions a step, over all processes; auto: the largest that fits; default: by number of "
        "questions.",
        low=1,
        word="auto",
    )
    accumulation: int = setting(
        1, "Parts in which a step's batch is computed, to need less memory.", low=1
    )
    learning_rate: float | None = setting(
        None, "Peak rate of fusion and head; default: by what learns.", above=0
    )
    encoder_learning_rate: float | None = setting(
        None, "Peak rate of the encoders; default: by what of them learns.", above=0
    )
    schedule: str = setting("cosine", "How the rate falls after the warm-up.", choices=SCHEDULES)
    warmup: float | None = setting(
        None, "Share of the steps with a rising rate; default: by what learns.", low=0, high=1
    )
    weight_decay: float | None = setting(
        None, "AdamW's decoupled weight decay; default: by what learns.", low=0
    )
    max_gradient_norm: float = setting(1.0, "Clip the gradient to this norm.", above=0)
    ema: float = setting(
        0.0, "Decay of the averaged weights that are scored and kept; 0: none.", low=0, below=1
    )
    patience: int | None = setting(
        None, "Stop after so many epochs without a better val score.", low=1
    )
    max_minutes: float | None = setting(
        None, "Stop cleanly within this time, with the best weights so far.", above=0
    )
    unfreeze_every: int | None = setting(
        None, "Epochs after which the next lower layer of the encoders learns too.", low=1
    )
    objective: str = setting(
        "auto",
        "What is minimised; auto: binary where questions have several annotators.",
        choices=OBJECTIVES,
    )
    label_smoothing: float | None = setting(
        None, "Probability spread over all answers; default: by what learns.", low=0, below=1
    )
    class_weights: str = setting(
        "none", "Weigh rare answers more: by frequency, or by its root.", choices=CLASS_WEIGHTS
    )
    consistency: float = setting(
        0.0, "Weight: a question means the same with a perturbed view of its image.", low=0
    )
    contrastive: float = setting(
        0.0, "Weight: a question is nearest to its own image of those in the batch.", low=0
    )
    matching: float = setting(
        0.0, "Weight: tell a question's own image from another one of the batch.", low=0
    )
    adversarial: str = setting(
        "none", "Learn from perturbed question embeddings as well.", choices=ADVERSARIES
    )
    adversarial_size: float = setting(
        0.1, "Length of that perturbation, as a share of the embeddings' own.", above=0
    )
    seed: int = setting(0, "Seed of weights, order, dropout and augmentation.", low=0)


@dataclass(frozen=True)
class AugmentSettings(Settings):
    """How training sees more than the data has; never with an effect on what is right."""

    section: ClassVar[str] = "augment"

    image_augmentation: str = setting(
        "none", "How strongly images are changed, where no question forbids.", choices=STRENGTHS
    )
    views: int = setting(
        4, "Views kept of each input of a frozen encoder, the plain one among them.", low=2, high=64
    )
    augmentation_words: str | None = setting(
        None,
        "TOML file of further words that forbid a change or must not be left out; see "
        "docs/training.md.",
    )
    word_dropout: float = setting(0.0, "Probability that a word is left out.", low=0, below=1)
    synonyms: str | None = setting(None, "TOML file of words that may replace one another.")
    templates: str | None = setting(None, "TOML file of other ways to put a question.")


@dataclass(frozen=True)
class ContinueSettings(Settings):
    """Which run a new one goes on from, with other data; see docs/training.md."""

    section: ClassVar[str] = "continue"

    from_run: str | None = setting(None, "Go on from this run's model and answers.", flag="--from")
    replay: str | None = setting(
        None, "Old dataset whose train questions are asked again, with --from."
    )
    replay_share: float | None = setting(
        None, "Share of an epoch that is replayed; default: half.", above=0, below=1
    )


@dataclass(frozen=True)
class TrackSettings(Settings):
    """Who else hears of a run; history.csv and the curves are always written."""

    section: ClassVar[str] = "track"

    track: str = setting("none", "Send the curves to a tracker as well.", choices=TRACKERS)


@dataclass(frozen=True)
class DeviceSettings(Settings):
    """Where it runs."""

    section: ClassVar[str] = "device"

    device: str = setting("auto", "Where to compute.", choices=DEVICES)
    precision: str = setting("auto", "Arithmetic of the encoders' passes.", choices=PRECISIONS)
    threads: int | None = setting(
        None, "CPU threads; default: what this process may use.", low=1, high=1024
    )
    offline: bool = setting(False, "Never use the network (HF_HUB_OFFLINE=1 does the same).")
