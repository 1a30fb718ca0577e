"""Images whose tokens training stored are answered about without being read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import CONFIDENCE, QUESTIONS, draw_photo, tiny_preprocessor, tiny_vocabulary
from vqa_cli.data.images import ImageSource
from vqa_cli.files import sha256
from vqa_cli.inference.stored_tokens import Read, StoredTokens, encode_fresh
from vqa_cli.inference.torch_answerer import TorchAnswerer

PHOTOS = 5


@pytest.fixture
def photos(tmp_path: Path) -> dict[Path, str]:
    """Image files and the digests of their content."""
    files = [tmp_path / f"{number}.png" for number in range(PHOTOS)]
    for number, file in enumerate(files):
        draw_photo(number).save(file)
    return {file: sha256(file) for file in files}


def tiny_answerer() -> TorchAnswerer:
    from tests.tiny_runs import tiny_model
    from vqa_cli.device import Device

    device = Device("cpu", "float32", 1, "")
    return TorchAnswerer(tiny_model(), tiny_preprocessor(), tiny_vocabulary(), CONFIDENCE, device)


def store_all(answerer: TorchAnswerer, photos: dict[Path, str], features: Path) -> None:
    """Do to these images what training does."""
    from vqa_cli.models.extraction import extract_images, open_image_store

    encoder, preprocessor = answerer.model.image_encoder, answerer.preprocessor
    store = open_image_store(features, encoder, preprocessor.transform, answerer.device)
    extract_images(encoder, preprocessor, list(photos.items()), store, answerer.device)


def confidences(answerer: TorchAnswerer, photos: dict[Path, str]) -> np.ndarray:
    items = [(file, QUESTIONS) for file in photos]
    return np.concatenate([answerer.probabilities(rows) for rows in answerer.scores(items)])


def test_stored_images_are_not_read_and_answered_alike(photos, tmp_path):
    answerer, features = tiny_answerer(), tmp_path / "features"
    wanted = confidences(answerer, photos)
    *stored, fresh = photos
    store_all(answerer, {file: photos[file] for file in stored}, features)
    found = answerer.look_up(features, photos)
    assert found is not None
    assert len(found) == PHOTOS - 1
    for file in stored:
        file.unlink()
    assert fresh.is_file()
    np.testing.assert_allclose(confidences(answerer, photos), wanted, atol=1e-3)


def test_tokens_of_other_weights_are_not_taken(photos, tmp_path):
    answerer, features = tiny_answerer(), tmp_path / "features"
    store_all(answerer, photos, features)
    next(answerer.model.image_encoder.parameters()).data.add_(1)
    assert not answerer.look_up(features, photos)


def test_without_stored_features_nothing_is_looked_for(photos, tmp_path):
    assert tiny_answerer().look_up(tmp_path / "features", photos) is None


def test_what_cannot_tell_its_tokens_encodes_every_image(photos, tmp_path):
    store_all(tiny_answerer(), photos, tmp_path / "features")
    answerer = FakeAnswerer()
    assert answerer.look_up(tmp_path / "features", photos) is None
    list(answerer.predict([(file, QUESTIONS) for file in photos]))
    assert sum(answerer.encoded) == PHOTOS


@pytest.mark.parametrize("fresh", [(), (0, 1, 2), (1,), (0, 2)])
def test_each_image_keeps_its_place(fresh):
    images: list[Read] = [
        np.full((4, 4, 3), place, np.uint8)
        if place in fresh
        else np.full((2, 5), place, np.float16)
        for place in range(3)
    ]

    def encode(pixels: np.ndarray) -> np.ndarray:
        return np.broadcast_to(pixels[:, :1, :1, 0], (len(pixels), 2, 5)).astype(np.float32)

    tokens = encode_fresh(images, encode)
    assert tokens.dtype == np.float32
    assert tokens.shape == (3, 2, 5)
    assert tokens[:, 0, 0].tolist() == [0, 1, 2]


def test_only_files_are_known():
    class Nothing:
        def __contains__(self, key: object) -> bool:
            return False

    found = StoredTokens(Nothing(), {Path("a.png"): "0" * 64})
    others: list[ImageSource] = [Path("a.png"), "a.png", b"", draw_photo()]
    assert [found.find(image) for image in others] == [None] * 4
