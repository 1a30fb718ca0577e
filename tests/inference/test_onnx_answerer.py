"""An exported folder over streams of images; what a single one says is in tests/commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from tests.tiny_runs import draw_photo
from vqa_cli.errors import DataError
from vqa_cli.inference.loading import load_answerer
from vqa_cli.inference.onnx_answerer import OnnxAnswerer

QUESTIONS = ["where?", "what color is it?"]


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(11)]
    for number, path in enumerate(paths):
        draw_photo(number).save(path)
    return paths


@pytest.fixture
def answerer(export_folder: Path) -> OnnxAnswerer:
    found = load_answerer(export_folder)
    assert isinstance(found, OnnxAnswerer)
    found.readers = 2
    return found


def test_an_image_says_the_same_alone_and_in_a_stream(
    answerer: OnnxAnswerer, images: list[Path]
) -> None:
    alone = [next(iter(answerer.scores([(image, QUESTIONS)]))) for image in images]
    for together in (1, 2, 4):
        answerer.together = together
        stream = answerer.scores([(image, QUESTIONS) for image in images])
        for one, other in zip(alone, stream, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_stream_has_an_encoder_for_one_thread_and_a_single_image_needs_none(
    answerer: OnnxAnswerer, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[InferenceSession] = []
    lone = answerer._open_lone_encoder
    monkeypatch.setattr(
        answerer, "_open_lone_encoder", lambda: (opened.append(lone()), opened[-1])[1]
    )
    answerer.ask(images[0], QUESTIONS)
    assert not opened
    list(answerer.predict([(image, QUESTIONS) for image in images]))
    assert [one.get_session_options().intra_op_num_threads for one in opened] == [1]


def test_one_bad_image_leaves_those_that_are_read_with_it(
    answerer: OnnxAnswerer, images: list[Path]
) -> None:
    images[5].write_bytes(b"no image")
    items = [(image, QUESTIONS) for image in images]
    found = list(answerer.attempt(items))
    assert [place for place, one in enumerate(found) if isinstance(one, DataError)] == [5]
    images[5].unlink()
    wanted = list(answerer.predict([item for item in items if item[0] != images[5]]))
    assert [one for one in found if not isinstance(one, DataError)] == wanted
