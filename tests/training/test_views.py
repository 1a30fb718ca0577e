"""Views while training: from pixels and from stored tokens, and what they do to a run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.drawing import write_shapes
from tests.training.small_runs import Listener, StopAt, history, same, train
from vqa_cli.data.feature_store import FeatureStore
from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.data.tokenizer import train_wordpiece
from vqa_cli.errors import SettingsError
from vqa_cli.training.augmentation import drawn_views
from vqa_cli.training.finetune import resume
from vqa_cli.training.run_folder import find_unfinished
from vqa_cli.training.split_data import ImageTokens, Inputs, Pixels, SplitData, ViewTokens

FROZEN = {"image_tuning": "frozen", "question_tuning": "frozen"}
TUNINGS = {"pixels": {}, "features": FROZEN}
STRONG = {"image_augmentation": "strong"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


@pytest.fixture(scope="module", params=TUNINGS)
def runs(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], Path, Path]:
    """The tuning, a run without augmentation, and one with it."""
    tuning, out = TUNINGS[request.param], tmp_path_factory.mktemp(request.param)
    plain = train(folder, out / "plain", model=tuning, epochs=2).run
    return tuning, plain, train(folder, out / "strong", model=tuning, augment=STRONG, epochs=2).run


Runs = tuple[dict[str, str], Path, Path]


def test_augmentation_changes_what_is_learned(runs: Runs) -> None:
    _, plain, strong = runs
    assert not same(plain, strong)


def test_val_sees_the_images_as_they_are(folder: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 1e-30, "encoder_learning_rate": 1e-30, "epochs": 1}
    plain = train(folder, tmp_path / "plain", **still).run
    strong = train(folder, tmp_path / "strong", augment=STRONG, **still).run
    (a,), (b,) = history(plain), history(strong)
    assert a["loss"] != b["loss"]
    assert a["val_loss"] == b["val_loss"]


def test_a_stop_and_a_resume_change_nothing(runs: Runs, folder: Path, tmp_path: Path) -> None:
    tuning, _, strong = runs
    middle = StopAt(6)  # of the second epoch of four steps
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", middle, model=tuning, augment=STRONG, epochs=2)
    assert same(resume(*find_unfinished(tmp_path / "run")).run, strong)


def test_stored_views_are_found_again(folder: Path, tmp_path: Path) -> None:
    medium = {"image_augmentation": "medium", "views": 3}
    first, second = Listener(), Listener()
    one = train(folder, tmp_path / "one", first, model=FROZEN, augment=medium, epochs=1).run
    other = train(folder, tmp_path / "other", second, model=FROZEN, augment=medium, epochs=1).run
    assert any("image features: encoding" in said for said in first.said)
    assert any("image features: all" in said for said in second.said)
    assert any(
        said.startswith("image augmentation medium, 3 views of each image: mirror ")
        for said in first.said
    )
    assert same(one, other)
    more = train(folder, tmp_path / "more", model=FROZEN, augment=medium | {"views": 2}, epochs=1)
    assert not same(one, more.run)


def test_words_of_ones_own_forbid_as_the_others_do(
    runs: Runs, folder: Path, tmp_path: Path
) -> None:
    """With every change forbidden it is the plain run; the run keeps the words it began with."""
    tuning, plain, _ = runs
    words = tmp_path / "words.toml"
    topics = ("side", "direction", "size", "detail")
    words.write_text("[mine]\n" + "".join(f'{topic} = ["shape*"]\n' for topic in topics))
    augment = STRONG | {"augmentation_words": str(words)}
    listener = StopAt(1)
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", listener, model=tuning, augment=augment, epochs=2)
    said = " ".join(listener.said)
    assert re.search(r" erase 0 % of (\d+) images; \1 of them unchanged", said)
    assert "judged by words in en, de, fr, es, zh, vi, mine alone" in said
    words.unlink()
    assert same(resume(*find_unfinished(tmp_path / "run")).run, plain)


def test_wrong_words_stop_before_anything_is_made(folder: Path, tmp_path: Path) -> None:
    augment = STRONG | {"augmentation_words": str(tmp_path / "missing.toml")}
    with pytest.raises(SettingsError, match=r"--augmentation-words .*cannot be read"):
        train(folder, tmp_path / "run", augment=augment)
    assert not (tmp_path / "run").exists()


def test_pixels_are_shown_as_drawn_and_kept_as_they_are(folder: Path) -> None:
    files = sorted((folder / "images").iterdir())[:5]
    preprocessor = Preprocessor(ImageTransform(8, 8), train_wordpiece(["what"]), 16)
    seen = []

    def show(pixels: np.ndarray, image: int, draw: int) -> np.ndarray:
        seen.append((image, draw))
        return 255 - pixels

    pixels = Pixels(files, preprocessor, 2, view=show)
    rows = np.array([3, 1])
    plain = preprocessor.images([files[3], files[1]])
    for _ in range(2):  # read, and from memory
        assert np.array_equal(pixels(rows)["pixel_values"], plain)
        shown = pixels(rows, 4)["pixel_values"]
        negative = np.stack([255 - preprocessor.pixels(files[row]) for row in rows])
        assert np.array_equal(shown, preprocessor.normalize(negative))
    assert sorted(seen) == [(1, 4)] * 2 + [(3, 4)] * 2


def stored(tmp_path: Path, images: int, views: int) -> tuple[FeatureStore, np.ndarray]:
    """A store with one token a view; its value is the view's row."""
    store = FeatureStore.open(tmp_path, {"kind": "image"}, 1)
    keys = [f"{row:064x}" for row in range(images * views)]
    with store.writing():
        store.write_shard(keys, np.arange(len(keys), dtype=np.float16)[:, None], [1] * len(keys))
    return store, store.lookup(keys).reshape(images, views)


def test_stored_views_are_shown_as_drawn(tmp_path: Path) -> None:
    store, rows = stored(tmp_path, images=6, views=4)
    hashes = np.arange(6, dtype=np.uint64) * np.uint64(977)
    tokens = ViewTokens(ImageTokens(store, rows.reshape(-1)), 4, hashes)
    images = np.array([5, 0, 2])
    assert tokens(images)["image_tokens"].flatten().tolist() == [20, 0, 8]
    for draw in (0, 1, 9):
        expected = images * 4 + drawn_views(hashes[images], draw, 4)
        assert tokens(images, draw)["image_tokens"].flatten().tolist() == expected.tolist()


def draws(images: np.ndarray, draw: int | None = None) -> Inputs:
    return {"pixel_values": torch.tensor([-1 if draw is None else draw] * len(images))}


@pytest.mark.parametrize(("draw", "other"), [(6, 7), (7, 6)])
def test_a_second_view_is_the_other_one_of_the_pair(draw: int, other: int) -> None:
    rows = np.arange(3)
    data = SplitData(rows, rows, draws, lambda questions, draw=None: {}, ["a", "b", "c"], True)
    inputs = data.inputs(rows, draw)
    assert inputs["pixel_values"].tolist() == [draw] * 3
    assert inputs["second_pixel_values"].tolist() == [other] * 3
    assert "second_pixel_values" not in data.inputs(rows)
    alone = SplitData(rows, rows, draws, lambda questions, draw=None: {}, ["a", "b", "c"])
    assert "second_pixel_values" not in alone.inputs(rows, draw)


def test_views_that_no_frozen_encoder_would_get_are_refused(folder: Path, tmp_path: Path) -> None:
    learning = {"image_tuning": "full"}
    with pytest.raises(SettingsError, match=r"--views 3 .* one that learns.*leave --views out"):
        train(folder, tmp_path / "run", model=learning, augment=STRONG | {"views": 3}, epochs=1)
    assert not (tmp_path / "run").exists()
