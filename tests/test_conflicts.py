import pytest

from vqa_cli.config import AugmentSettings, ContinueSettings, ModelSettings, TrainSettings
from vqa_cli.conflicts import check_together
from vqa_cli.errors import SettingsError


def check(**given: object) -> None:
    settings = [
        cls.from_mapping({name: value for name, value in given.items() if name in cls.names()})
        for cls in (ModelSettings, TrainSettings, AugmentSettings, ContinueSettings)
    ]
    check_together(*settings)  # type: ignore[arg-type]


def test_the_defaults_go_together() -> None:
    check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"question_encoder": "gru", "fusion": "joint"}, "--fusion joint runs a BERT-like"),
        ({"objective": "binary", "label_smoothing": 0.1}, "--label-smoothing belongs to"),
        (
            {"unfreeze_every": 2, "image_tuning": "frozen", "question_tuning": "lora"},
            "--unfreeze-every needs an encoder",
        ),
        ({"patience": 5, "epochs": 5}, "--patience 5 can never stop a run of --epochs 5"),
        ({"batch_size": 4, "accumulation": 8}, "--accumulation 8 cuts --batch-size 4"),
        ({"consistency": 0.5}, "--consistency compares views"),
        ({"replay": "old"}, "--replay asks old questions again .* --from"),
        ({"from_run": "old", "replay_share": 0.5}, "--replay-share is a share of what --replay"),
        ({"adversarial_size": 0.5}, "--adversarial-size is for --adversarial"),
        ({"augmentation_words": "words.toml"}, "--augmentation-words is for"),
        ({"views": 8}, "--views 8 are views of changed images or questions"),
    ],
)
def test_a_contradiction_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check(**given)


@pytest.mark.parametrize(
    "changed",
    [
        {"image_augmentation": "light"},
        {"word_dropout": 0.1},
        {"synonyms": "words.toml"},
        {"templates": "words.toml"},
    ],
)
def test_views_of_what_is_changed(changed: dict[str, object]) -> None:
    check(views=8, **changed)


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        check(consistency=1.0, patience=9, epochs=3, question_encoder="lstm", fusion="joint")
    assert len(caught.value.problems) == 3
