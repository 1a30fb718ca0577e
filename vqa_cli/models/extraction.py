"""Running frozen encoders over everything once, into the feature store.

While the encoder works on one batch, threads read and resize the images of the next ones. Items
are taken in an order of their own, in shards and batches of a fixed shape: which shard an item
belongs to depends neither on the order of the dataset nor on the number of processes, and a
shard that has to be made again gets the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.feature_store import FeatureStore
from vqa_cli.data.images import MAX_PIXELS
from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.device import Device
from vqa_cli.errors import DataError
from vqa_cli.models.extraction_loop import ALONE, Extraction, Processes, Work, run

if TYPE_CHECKING:
    from vqa_cli.models.image_encoder import ImageEncoder
    from vqa_cli.models.question_encoder import QuestionEncoder

IMAGES_PER_SHARD = 256
QUESTIONS_PER_SHARD = 4096
CPU_BATCH, GPU_BATCH = 8, 64
"""Images. On a CPU a batch whose activations stay in its caches is a fifth faster than 32."""


@dataclass(frozen=True)
class View:
    """A changed image that is kept beside the plain one.

    digest: the content of the image that it is a view of. change: uint8 (H,W,3) -> the same, of
    any thread, any time, with the same result.
    """

    digest: str
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


NO_VIEWS: Mapping[str, View] = {}


def weights_digest(module: nn.Module) -> str:
    """Hex SHA-256 of a module's architecture and all its numbers."""
    digest = hashlib.sha256(repr(module).encode())
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def question_key(token_ids: Sequence[int]) -> str:
    """What a question is called in the store: the hex SHA-256 of its token ids."""
    return hashlib.sha256(np.asarray(token_ids, dtype="<i8").tobytes()).hexdigest()


def open_image_store(
    features: Path, encoder: ImageEncoder, transform: ImageTransform, device: Device
) -> FeatureStore:
    """Open the store of an image encoder's tokens below the folder `features`."""
    key = {
        "kind": "image",
        "encoder": weights_digest(encoder),
        "transform": asdict(transform),
        "precision": device.precision,
    }
    return FeatureStore.open(features, key, encoder.width)


def open_question_store(features: Path, encoder: QuestionEncoder, device: Device) -> FeatureStore:
    """Open the store of a question encoder's tokens below the folder `features`."""
    key = {
        "kind": "question",
        "encoder": weights_digest(encoder),
        "precision": device.precision,
    }
    return FeatureStore.open(features, key, encoder.width)


def extract_images(
    encoder: ImageEncoder,
    preprocessor: Preprocessor,
    files: Sequence[tuple[Path, str]],
    store: FeatureStore,
    device: Device,
    *,
    views: Mapping[str, View] = NO_VIEWS,
    batch_size: int | None = None,
    max_pixels: int = MAX_PIXELS,
    report: Reporter = SILENT,
    processes: Processes = ALONE,
) -> Extraction:
    """Encode the images and views that the store lacks; the encoder is left on the device.

    encoder: pixel_values (B,3,H,W) -> (B,N,D), with N as `tokens` and D as `width`.
    files: each with the hex SHA-256 of its content. views: of these, each by its own name in the
    store (64 hex digits). batch_size: default by device.

    Raises DataError where an image cannot be read or is not the one that was hashed, or where
    the disk has no room; ModelError where the encoder gives what float16 cannot hold.
    """
    count = batch_size or (CPU_BATCH if device.type == "cpu" else GPU_BATCH)
    paths = {digest: path for path, digest in reversed(files)}
    # On a CPU the encoder's own threads want it too.
    threads = device.threads // 2 if device.type == "cpu" else device.threads
    readers = ThreadPoolExecutor(max(1, threads))

    def read(digest: str) -> NDArray[np.uint8]:
        return _read_pixels(preprocessor, paths[digest], digest, max_pixels)

    def source(key: str) -> str:
        return views[key].digest if key in views else key

    def load(keys: Sequence[str]) -> tuple[Tensor, ...]:
        height, width = preprocessor.transform.height, preprocessor.transform.width
        pixels = np.zeros((count, height, width, 3), dtype=np.uint8)
        digests = list(dict.fromkeys(map(source, keys)))  # several views share one reading
        plain = dict(zip(digests, readers.map(read, digests), strict=True))

        def shown(key: str) -> NDArray[np.uint8]:
            return views[key].change(plain[views[key].digest]) if key in views else plain[key]

        for place, image in enumerate(readers.map(shown, keys)):
            pixels[place] = image
        return (torch.from_numpy(preprocessor.normalize(pixels)),)

    def encode(pixel_values: Tensor) -> Tensor:
        return encoder(pixel_values.contiguous(memory_format=torch.channels_last))

    # An image's views follow it, so that most of them are in its batch.
    keys = sorted({*paths, *views}, key=lambda key: (source(key), key in views, key))
    lengths = dict.fromkeys(keys, encoder.tokens)
    work = Work("image", lengths, IMAGES_PER_SHARD, count, load, encode)
    with readers:
        return run(work, encoder, store, device, report, processes)


def extract_questions(
    encoder: QuestionEncoder,
    preprocessor: Preprocessor,
    token_ids: Sequence[Sequence[int]],
    store: FeatureStore,
    device: Device,
    *,
    batch_size: int = 128,
    report: Reporter = SILENT,
    processes: Processes = ALONE,
) -> Extraction:
    """Encode the questions that the store lacks; the encoder is left on the device.

    encoder: `encode(embed(input_ids (Q,L)), attention_mask (Q,L))` -> (Q,L,D), D as `width`.
    token_ids: of each question, not padded; a question is kept as so many tokens.

    Raises DataError where the disk has no room; ModelError where the encoder gives what float16
    cannot hold.
    """
    questions = {question_key(ids): ids for ids in token_ids}

    def load(keys: Sequence[str]) -> tuple[Tensor, ...]:
        rows = [questions[key] for key in keys]
        # Filled up with questions of the batch itself, which need no further padding.
        rows += [rows[0]] * (batch_size - len(rows))
        return tuple(torch.from_numpy(array) for array in preprocessor.pad(rows))

    def encode(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return encoder.encode(encoder.embed(input_ids), attention_mask)

    # Questions of one length side by side need the least padding.
    ordered = sorted(questions, key=lambda key: (len(questions[key]), key))
    lengths = {key: len(questions[key]) for key in ordered}
    work = Work("question", lengths, QUESTIONS_PER_SHARD, batch_size, load, encode)
    return run(work, encoder, store, device, report, processes)


def _read_pixels(
    preprocessor: Preprocessor, path: Path, digest: str, max_pixels: int
) -> NDArray[np.uint8]:
    """Read one image (H,W,3), and make sure that it is the one meant."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataError(
            f"{path}: has changed since the dataset was prepared; run vqa prepare again"
        )
    return preprocessor.pixels(data, max_pixels=max_pixels, name=str(path))
