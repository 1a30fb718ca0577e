"""What each objective beside the main one does to a run: its weights, its history, its resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.drawing import draw_shapes, write_csv, write_shapes
from tests.training.small_runs import Listener, StopAt, history, same, train, weights
from vqa_cli.errors import SettingsError
from vqa_cli.training.finetune import resume
from vqa_cli.training.run_folder import find_unfinished

WAYS = ("what color is the {}?", "name the color of the {}", "the color of this {} is", "{} color?")
VIEWS = {"image_augmentation": "strong"}
FROZEN = {"image_tuning": "frozen", "question_tuning": "frozen"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shapes of which not all are asked the same words, so that there are negatives."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    drawn = draw_shapes(folder / "images", 24)
    rows = [
        (image, WAYS[(int(image[:3]) + more) % 4].format("shape"), color)
        for image, _, color in drawn[::3]
        for more in (0, 1)
    ]
    write_csv(folder / "questions.csv", ("image", "question", "answer"), rows)
    return folder


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(folder, tmp_path_factory.mktemp("runs") / "plain", epochs=1).run


@pytest.fixture(scope="module")
def plain_views(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "views"
    return train(folder, out, epochs=1, augment=VIEWS).run


def losses(run: Path) -> list[dict[str, float]]:
    """The columns of history.csv that are losses, in order."""
    return [
        {name: x for name, x in epoch.items() if name.endswith("loss")} for epoch in history(run)
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"class_weights": "balanced"},
        {"class_weights": "root"},
        {"contrastive": 1.0},
        {"matching": 1.0},
        {"adversarial": "fgm"},
        {"adversarial": "pgd"},
    ],
    ids=lambda settings: "-".join(map(str, *settings.items())),
)
def test_an_objective_changes_what_is_learned(
    folder: Path, plain: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    made = train(folder, tmp_path / "run", epochs=1, **settings).run
    assert weights(made).keys() == weights(plain).keys()
    assert not same(made, plain)


def test_consistency_changes_what_is_learned(
    folder: Path, plain_views: Path, tmp_path: Path
) -> None:
    made = train(folder, tmp_path / "run", epochs=1, augment=VIEWS, consistency=1.0).run
    assert not same(made, plain_views)


def test_the_adversary_is_as_strong_as_it_is_told(folder: Path, tmp_path: Path) -> None:
    weak, strong = (
        train(folder, tmp_path / f"{size}", epochs=1, adversarial="fgm", adversarial_size=size).run
        for size in (0.01, 1.0)
    )
    assert not same(weak, strong)


def test_the_auxiliary_losses_are_in_the_history_and_fall(tmp_path: Path) -> None:
    """Where the question names the colour of its image, and so says which images are wrong."""
    folder = tmp_path / "shapes"
    drawn = draw_shapes(folder / "images", 36)
    rows = [
        (image, f"is the {color} thing a circle?", "yes" if shape == "circle" else "no")
        for (image, _, color), (_, _, shape) in zip(drawn[::3], drawn[1::3], strict=True)
    ]
    write_csv(folder / "questions.csv", ("image", "question", "answer"), rows)
    used = {"consistency": 0.5, "contrastive": 0.5, "matching": 0.5}
    light = {"image_augmentation": "light"}
    made = train(
        folder, tmp_path / "run", epochs=40, augment=light, schedule="constant", **used
    ).run
    first, *_, last = losses(made)
    assert list(first)[1:-1] == ["consistency_loss", "contrastive_loss", "matching_loss"]
    assert first["consistency_loss"] > 0
    for name in ("loss", "contrastive_loss", "matching_loss"):
        assert last[name] < 0.9 * first[name]


def test_only_what_is_used_is_in_the_history(plain: Path) -> None:
    assert list(losses(plain)[0]) == ["loss", "val_loss"]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ({}, {"contrastive": 1.0, "adversarial": "pgd", "class_weights": "root"}),
        (FROZEN, {"matching": 1.0, "consistency": 1.0, "adversarial": "fgm"}),
    ],
    ids=["learning", "frozen"],
)
def test_a_stopped_run_resumes_to_the_same_weights(
    folder: Path, tmp_path: Path, model: dict[str, Any], settings: dict[str, Any]
) -> None:
    both: dict[str, Any] = {"model": model, "augment": VIEWS, "epochs": 2, **settings}
    whole = train(folder, tmp_path / "whole", **both).run
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "stopped", StopAt(2), **both)
    stopped = resume(*find_unfinished(tmp_path / "stopped")).run
    assert same(whole, stopped)
    assert losses(whole) == losses(stopped)


def test_parts_of_a_batch_cost_what_the_whole_does(folder: Path, tmp_path: Path) -> None:
    """Of all but contrastive and matching, whose negatives are those of a part."""
    settings: dict[str, Any] = {"consistency": 1.0, "adversarial": "fgm", "class_weights": "root"}
    whole, parts = (
        train(
            folder,
            tmp_path / f"{count}",
            model={"dropout": 0.0},
            augment=VIEWS,
            epochs=1,
            accumulation=count,
            **settings,
        ).run
        for count in (1, 4)
    )
    assert not same(whole, parts)  # or nothing was cut
    for name in ("loss", "consistency_loss"):
        assert history(whole)[0][name] == pytest.approx(history(parts)[0][name], rel=1e-3)
    a, b = weights(whole), weights(parts)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize("settings", [{"matching": 1.0}, {"contrastive": 1.0}], ids=str)
def test_where_all_images_are_asked_the_same_the_user_is_told(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    listener = Listener()
    asked_alike = write_shapes(tmp_path / "shapes", count=12)
    train(asked_alike, tmp_path / "run", listener, epochs=2, **settings)
    [name] = settings
    assert sum(f"--{name} has nothing to learn from" in text for text in listener.said) == 1


def test_contrastive_with_both_encoders_frozen_says_why_not(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"both are frozen: .*--matching"):
        train(folder, tmp_path / "run", model=FROZEN, contrastive=1.0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "model",
    [
        {"question_encoder": "gru"},
        {"question_tuning": "prompt:2", "fusion": "cross"},
        {"question_tuning": "frozen", "fusion": "joint"},
    ],
    ids=lambda model: "-".join(model.values()),
)
def test_objectives_go_with_every_kind_of_question_encoder(
    folder: Path, tmp_path: Path, model: dict[str, Any]
) -> None:
    used = {"contrastive": 1.0, "matching": 1.0, "adversarial": "pgd"}
    [epoch] = losses(train(folder, tmp_path / "run", model=model, epochs=1, **used).run)
    assert all(0 < x < 10 for x in epoch.values())
