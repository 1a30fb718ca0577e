from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vqa_cli.data import feature_store
from vqa_cli.data.feature_store import FeatureStore
from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.data.tokenizer import train_wordpiece
from vqa_cli.device import Device
from vqa_cli.errors import DataError, ModelError
from vqa_cli.models import extraction
from vqa_cli.models.extraction import (
    View,
    extract_images,
    extract_questions,
    open_image_store,
    open_question_store,
    question_key,
    weights_digest,
)
from vqa_cli.models.extraction_loop import Processes

CPU = Device("cpu", "float32", 1, "a test")
BFLOAT16 = Device("cpu", "bfloat16", 1, "a test")
WORDS = ["is", "it", "red", "or", "blue", "what", "colour", "the", "cat", "on", "mat"]


SEEDING = threading.Lock()
"""Threads that stand for processes share torch's one generator, which processes do not."""


class GridEncoder(nn.Module):
    """(B,3,8,8) -> (B,4,6): a small convolution; remembers what it was given."""

    tokens = 4
    width = 6

    def __init__(self) -> None:
        super().__init__()
        with SEEDING:
            torch.manual_seed(0)
            self.convolution = nn.Conv2d(3, 6, kernel_size=4, stride=4)
        self.dropout = nn.Dropout(0.5)
        self.shapes: list[tuple[int, ...]] = []
        self.stop_after: int | None = None
        self.gradients: list[bool] = []

    def forward(self, pixel_values: Tensor) -> Tensor:
        if self.stop_after is not None and len(self.shapes) >= self.stop_after:
            raise KeyboardInterrupt
        self.shapes.append(tuple(pixel_values.shape))
        self.gradients.append(torch.is_grad_enabled())
        return self.dropout(self.convolution(pixel_values)).flatten(2).transpose(1, 2)


class WordEncoder(nn.Module):
    """Token ids -> (Q,L,5), each token mixed with the mean of its question's unmasked ones."""

    width = 5

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(200, 5)
        self.shapes: list[tuple[int, ...]] = []

    def embed(self, input_ids: Tensor) -> Tensor:
        self.shapes.append(tuple(input_ids.shape))
        return self.embedding(input_ids)

    def encode(self, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
        mask = attention_mask[..., None].to(embeddings.dtype)
        return embeddings + (embeddings * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)


@pytest.fixture
def preprocessor() -> Preprocessor:
    return Preprocessor(ImageTransform(8, 8), train_wordpiece(WORDS), 16)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "IMAGES_PER_SHARD", 4)
    monkeypatch.setattr(extraction, "QUESTIONS_PER_SHARD", 4)


def draw(folder: Path, count: int, start: int = 0) -> list[tuple[Path, str]]:
    files = []
    folder.mkdir(exist_ok=True)
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 11, 3)).astype(np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        files.append((path, hashlib.sha256(path.read_bytes()).hexdigest()))
    return files


def run_images(
    tmp_path: Path,
    preprocessor: Preprocessor,
    files: Sequence[tuple[Path, str]],
    encoder: GridEncoder | None = None,
    device: Device = CPU,
    **options: object,
) -> tuple[FeatureStore, extraction.Extraction]:
    encoder = encoder or GridEncoder()
    store = open_image_store(tmp_path / "features", encoder, preprocessor.transform, device)
    options = {"batch_size": 2} | options
    return store, extract_images(encoder, preprocessor, files, store, device, **options)


def shard_bytes(store: FeatureStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.glob("*.safetensors")}


def test_features_are_what_the_encoder_gives(tmp_path: Path, preprocessor: Preprocessor) -> None:
    files = draw(tmp_path / "images", 7)
    encoder = GridEncoder()
    store, result = run_images(tmp_path, preprocessor, files, encoder)
    assert (result.cached, result.missing, result.computed) == (0, 7, 7)
    assert 0 < result.seconds_forward <= result.seconds
    encoder.eval()
    with torch.inference_mode():
        pixels = preprocessor.images([path for path, _ in files])
        expected = encoder(torch.from_numpy(pixels)).numpy()
    gathered = store.gather(store.lookup([digest for _, digest in files]))
    assert gathered.dtype == np.float16
    assert np.allclose(gathered, expected, atol=2e-3)
    # fp16's own rounding and no more: half a unit in the last place, and a little for batching
    assert np.abs(gathered - expected).max() <= np.abs(expected).max() * 2**-11 * 1.1


def test_fixed_shapes_evaluation_mode_and_no_gradients(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    encoder = GridEncoder().train()
    run_images(tmp_path, preprocessor, draw(tmp_path / "images", 5), encoder)
    assert encoder.shapes == [(2, 3, 8, 8)] * 3
    assert encoder.gradients == [False] * 3
    assert encoder.training


def test_the_batch_size_is_chosen_where_it_is_not_given(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    encoder = GridEncoder()
    run_images(tmp_path, preprocessor, draw(tmp_path / "images", 3), encoder, batch_size=None)
    assert encoder.shapes == [(extraction.CPU_BATCH, 3, 8, 8)]


def test_a_second_run_finds_everything_and_says_so(
    tmp_path: Path, preprocessor: Preprocessor, reporter: Recorder
) -> None:
    files = draw(tmp_path / "images", 5)
    first, _ = run_images(tmp_path, preprocessor, files, report=reporter)
    encoder = GridEncoder()
    second, result = run_images(tmp_path, preprocessor, files, encoder, report=reporter)
    assert (result.cached, result.missing, result.computed) == (5, 0, 0)
    assert encoder.shapes == []
    assert "encoding 5 of 5 images, " in reporter.notices[0]
    assert reporter.notices[1] == f"image features: all 5 images found in {first.folder}"
    assert reporter.stages[-1] == ("image features", 5, 5)
    keys = [digest for _, digest in files]
    assert np.array_equal(first.gather(first.lookup(keys)), second.gather(second.lookup(keys)))


def test_an_image_that_is_there_twice_is_encoded_once(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    files = draw(tmp_path / "images", 3)
    copy = tmp_path / "images" / "copy.png"
    copy.write_bytes(files[0][0].read_bytes())
    store, result = run_images(tmp_path, preprocessor, [*files, (copy, files[0][1])])
    assert result.computed == len(store) == 3


def test_new_images_are_appended(tmp_path: Path, preprocessor: Preprocessor) -> None:
    files = draw(tmp_path / "images", 6)
    store, _ = run_images(tmp_path, preprocessor, files)
    before = shard_bytes(store)
    store, result = run_images(tmp_path, preprocessor, files + draw(tmp_path / "images", 3, 6))
    assert (result.cached, result.computed) == (6, 3)
    assert shard_bytes(store).items() > before.items()


def test_the_order_of_the_files_does_not_matter(tmp_path: Path, preprocessor: Preprocessor) -> None:
    files = draw(tmp_path / "images", 9)
    one, _ = run_images(tmp_path / "a", preprocessor, files)
    other, _ = run_images(tmp_path / "b", preprocessor, files[::-1])
    assert shard_bytes(one) == shard_bytes(other)


@pytest.mark.parametrize("batches", range(5))
def test_a_stop_loses_at_most_the_shard_in_flight(
    tmp_path: Path, preprocessor: Preprocessor, batches: int
) -> None:
    files = draw(tmp_path / "images", 10)
    whole, _ = run_images(tmp_path / "whole", preprocessor, files)
    encoder = GridEncoder()
    encoder.stop_after = batches  # batches of 2 in shards of 4
    with pytest.raises(KeyboardInterrupt):
        run_images(tmp_path, preprocessor, files, encoder)
    assert encoder.training  # as it was before
    store, result = run_images(tmp_path, preprocessor, files)
    assert result.cached == batches // 2 * 4
    assert shard_bytes(store) == shard_bytes(whole)


def test_a_lost_shard_is_made_again_with_the_same_bytes(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    files = draw(tmp_path / "images", 10)
    store, _ = run_images(tmp_path, preprocessor, files)
    before = shard_bytes(store)
    for lost in sorted(before):
        (store.folder / lost).unlink()
        store, result = run_images(tmp_path, preprocessor, files)
        assert result.computed in (2, 4)
        assert shard_bytes(store) == before


def test_a_damaged_shard_is_told_and_made_again(
    tmp_path: Path, preprocessor: Preprocessor, reporter: Recorder
) -> None:
    files = draw(tmp_path / "images", 6)
    store, _ = run_images(tmp_path, preprocessor, files)
    before = shard_bytes(store)
    path = store.folder / min(before)
    path.write_bytes(path.read_bytes()[:-1])
    store, result = run_images(tmp_path, preprocessor, files, report=reporter)
    assert result.missing == result.computed > 0
    assert reporter.warnings == [f"1 damaged file(s) in {store.folder} are made anew"]
    assert shard_bytes(store) == before


SLOW = """
import sys, time
from pathlib import Path
from tests.models.test_extraction import CPU, GridEncoder, WORDS, extraction
from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.data.tokenizer import train_wordpiece

class Slow(GridEncoder):
    def forward(self, pixel_values):
        if len(self.shapes) >= 3:
            print("working", flush=True)
            time.sleep(60)
        return super().forward(pixel_values)

Slow.__name__ = "GridEncoder"
extraction.IMAGES_PER_SHARD = 4
folder, *images = map(Path, sys.argv[1:])
preprocessor = Preprocessor(ImageTransform(8, 8), train_wordpiece(WORDS), 16)
encoder = Slow()
store = extraction.open_image_store(folder, encoder, preprocessor.transform, CPU)
files = [(path, __import__("hashlib").sha256(path.read_bytes()).hexdigest()) for path in images]
extraction.extract_images(encoder, preprocessor, files, store, CPU, batch_size=2)
"""


def test_a_killed_process_loses_at_most_the_shard_in_flight(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    files = draw(tmp_path / "images", 10)
    whole, _ = run_images(tmp_path / "whole", preprocessor, files)
    arguments = [str(tmp_path / "features"), *(str(path) for path, _ in files)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"working\n"
        process.send_signal(signal.SIGKILL)
    store, result = run_images(tmp_path, preprocessor, files)
    assert result.cached == 4
    assert shard_bytes(store) == shard_bytes(whole)


def several(count: int, work: Callable[[Processes], None]) -> None:
    """Run `work` in `count` threads that meet as processes of a launch do."""
    barrier = threading.Barrier(count, timeout=20)

    def wait() -> None:
        barrier.wait()

    threads = [
        threading.Thread(target=work, args=(Processes(rank, count, wait),)) for rank in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_share_the_work(
    tmp_path: Path, preprocessor: Preprocessor, count: int
) -> None:
    files = draw(tmp_path / "images", 18)
    alone, _ = run_images(tmp_path / "alone", preprocessor, files)
    results: dict[int, extraction.Extraction] = {}
    stores: dict[int, FeatureStore] = {}

    def work(processes: Processes) -> None:
        # The second one is late everywhere, as processes are.
        time.sleep(0.1 * processes.rank)
        store, result = run_images(tmp_path, preprocessor, files, processes=processes)
        stores[processes.rank], results[processes.rank] = store, result

    several(count, work)
    assert sum(result.computed for result in results.values()) == 18
    assert all(result.missing == 18 for result in results.values())
    assert min(result.computed for result in results.values()) >= 4
    for store in stores.values():
        assert len(store) == 18
        assert shard_bytes(store) == shard_bytes(alone)

    results.clear()
    several(count, work)  # everything is there: nobody waits for anybody in vain
    assert all(result.cached == 18 for result in results.values())


def test_more_processes_than_shards(tmp_path: Path, preprocessor: Preprocessor) -> None:
    files = draw(tmp_path / "images", 2)
    computed: list[int] = []

    def work(processes: Processes) -> None:
        store, result = run_images(tmp_path, preprocessor, files, processes=processes)
        computed.append(result.computed)
        assert len(store) == 2

    several(3, work)
    assert sorted(computed) == [0, 0, 2]


def test_bfloat16_has_features_of_its_own(tmp_path: Path, preprocessor: Preprocessor) -> None:
    files = draw(tmp_path / "images", 2)
    exact, _ = run_images(tmp_path, preprocessor, files)
    rough, result = run_images(tmp_path, preprocessor, files, device=BFLOAT16)
    assert result.computed == 2
    assert exact.folder != rough.folder
    keys = [digest for _, digest in files]
    first, second = exact.gather(exact.lookup(keys)), rough.gather(rough.lookup(keys))
    assert not np.array_equal(first, second)
    assert np.allclose(first, second, atol=0.05)


def test_a_changed_image_is_not_taken_for_the_old_one(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    files = draw(tmp_path / "images", 3)
    Image.new("RGB", (4, 4)).save(files[1][0])
    with pytest.raises(DataError, match=r"1\.png: has changed since the dataset was prepared"):
        run_images(tmp_path, preprocessor, files)


def test_images_that_cannot_be_read(tmp_path: Path, preprocessor: Preprocessor) -> None:
    path = tmp_path / "bad.png"
    path.write_text("no image")
    files = [(path, hashlib.sha256(path.read_bytes()).hexdigest())]
    with pytest.raises(DataError, match=r"bad\.png: is not an image"):
        run_images(tmp_path, preprocessor, files)
    path.unlink()
    with pytest.raises(DataError, match=r"bad\.png: cannot be read"):
        run_images(tmp_path, preprocessor, files)
    good = draw(tmp_path / "images", 1)
    with pytest.raises(DataError, match="99 pixels, more than the limit of 98"):
        run_images(tmp_path, preprocessor, good, max_pixels=98)
    # and the lock is free again
    assert run_images(tmp_path, preprocessor, good)[1].computed == 1


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_values_that_16_bits_cannot_hold(
    tmp_path: Path, preprocessor: Preprocessor, value: float
) -> None:
    encoder = GridEncoder()
    nn.init.constant_(encoder.convolution.bias, value)
    with pytest.raises(ModelError, match=r"16 bits cannot hold .* --image-tuning full"):
        run_images(tmp_path, preprocessor, draw(tmp_path / "images", 1), encoder)


def test_space_is_checked_before_anything_is_encoded(
    tmp_path: Path, preprocessor: Preprocessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: FeatureStore, items: int, tokens: int) -> None:
        raise DataError(f"no room for {items} items of {tokens} tokens")

    monkeypatch.setattr(FeatureStore, "check_space", refuse)
    encoder = GridEncoder()
    with pytest.raises(DataError, match="no room for 3 items of 12 tokens"):
        run_images(tmp_path, preprocessor, draw(tmp_path / "images", 3), encoder)
    assert encoder.shapes == []


def test_nothing_to_do(tmp_path: Path, preprocessor: Preprocessor) -> None:
    store, result = run_images(tmp_path, preprocessor, [])
    assert (len(store), result.missing) == (0, 0)


def questions_of(preprocessor: Preprocessor) -> list[list[int]]:
    texts = ["what", "what colour", "is it red", "is it blue", "what is on the mat", "cat", "what"]
    return preprocessor.token_ids(texts)


def test_question_features_are_what_the_encoder_gives(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    token_ids, encoder = questions_of(preprocessor), WordEncoder()
    store = open_question_store(tmp_path, encoder, CPU)
    result = extract_questions(encoder, preprocessor, token_ids, store, CPU, batch_size=2)
    assert (result.computed, len(store)) == (6, 6)
    assert encoder.shapes == [(2, 3), (2, 5), (2, 7)]
    tokens, mask = store.gather_padded(store.lookup(map(question_key, token_ids)))
    input_ids, attention_mask = preprocessor.pad(token_ids)
    assert np.array_equal(mask, attention_mask)
    with torch.inference_mode():
        given = encoder.encode(
            encoder.embed(torch.from_numpy(input_ids)), torch.from_numpy(attention_mask)
        )
    assert np.allclose(tokens, given.numpy() * mask[..., None], atol=2e-3)


def test_questions_of_a_short_last_batch_and_a_second_run(
    tmp_path: Path, preprocessor: Preprocessor
) -> None:
    token_ids, encoder = questions_of(preprocessor)[:3], WordEncoder()
    store = open_question_store(tmp_path, encoder, CPU)
    extract_questions(encoder, preprocessor, token_ids, store, CPU, batch_size=4)
    assert encoder.shapes == [(4, 5)]
    again = extract_questions(encoder, preprocessor, token_ids, store, CPU, batch_size=4)
    assert (again.cached, again.computed) == (3, 0)
    other = open_question_store(tmp_path, encoder, CPU)
    rows = other.lookup(map(question_key, token_ids))
    assert np.array_equal(other.gather_padded(rows)[0], store.gather_padded(rows)[0])


def test_keys() -> None:
    assert question_key([1, 2]) == question_key(np.array([1, 2], dtype=np.int32))
    assert len({question_key(ids) for ids in ([1], [1, 0], [0, 1], [256])}) == 4


def test_the_digest_knows_weights_buffers_and_architecture() -> None:
    def digest(change: Callable[[nn.Sequential], object] = lambda module: None) -> str:
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        with torch.no_grad():
            change(module)
        return weights_digest(module)

    assert digest() == digest()
    assert digest(lambda module: module.eval()) == digest()
    assert digest(lambda module: module[0].weight[0, 0, 0, 0].add_(1e-6)) != digest()
    assert digest(lambda module: module[1].running_mean.add_(1)) != digest()
    assert digest(lambda module: setattr(module[0], "stride", (2, 2))) != digest()
    assert digest(lambda module: module.to(memory_format=torch.channels_last)) == digest()


def mirrored(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[:, ::-1]


def inverted(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - pixels


def view_key(digest: str, number: int) -> str:
    return f"{number:02x}{digest[:62]}"


def views_of(files: Sequence[tuple[Path, str]]) -> dict[str, View]:
    changes = (mirrored, inverted)
    return {
        view_key(digest, number): View(digest, change)
        for _, digest in files
        for number, change in enumerate(changes, start=1)
    }


def test_views_are_what_the_encoder_gives_of_changed_pixels(
    tmp_path: Path,
    preprocessor: Preprocessor,
) -> None:
    files = draw(tmp_path / "images", 5)
    encoder = GridEncoder()
    store, result = run_images(tmp_path, preprocessor, files, encoder, views=views_of(files))
    assert (result.missing, result.computed, len(store)) == (15, 15, 15)
    encoder.eval()
    for number, change in enumerate((lambda pixels: pixels, mirrored, inverted)):
        pixels = np.stack([change(preprocessor.pixels(path)) for path, _ in files])
        with torch.inference_mode():
            expected = encoder(torch.from_numpy(preprocessor.normalize(pixels))).numpy()
        keys = [view_key(digest, number) if number else digest for _, digest in files]
        assert np.allclose(store.gather(store.lookup(keys)), expected, atol=2e-3)


def test_views_come_to_images_that_are_there(
    tmp_path: Path,
    preprocessor: Preprocessor,
) -> None:
    files = draw(tmp_path / "images", 5)
    plain, _ = run_images(tmp_path, preprocessor, files)
    before = shard_bytes(plain)
    store, result = run_images(tmp_path, preprocessor, files, views=views_of(files))
    assert (result.cached, result.computed) == (5, 10)
    assert shard_bytes(store).items() > before.items()
    encoder = GridEncoder()
    _, again = run_images(tmp_path, preprocessor, files, encoder, views=views_of(files))
    assert (again.cached, again.computed, encoder.shapes) == (15, 0, [])


def test_an_image_is_read_once_for_the_views_of_a_batch(
    tmp_path: Path,
    preprocessor: Preprocessor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, read = draw(tmp_path / "images", 6), []
    original = extraction._read_pixels

    def counted(*arguments: object) -> NDArray[np.uint8]:
        read.append(arguments[2])
        return original(*arguments)

    monkeypatch.setattr(extraction, "_read_pixels", counted)
    run_images(tmp_path, preprocessor, files, views=views_of(files), batch_size=3)
    assert sorted(read) == sorted(digest for _, digest in files)


@pytest.mark.parametrize("batches", [1, 4])
def test_a_stop_among_the_views(
    tmp_path: Path,
    preprocessor: Preprocessor,
    batches: int,
) -> None:
    files = draw(tmp_path / "images", 6)
    whole, _ = run_images(tmp_path / "whole", preprocessor, files, views=views_of(files))
    encoder = GridEncoder()
    encoder.stop_after = batches
    with pytest.raises(KeyboardInterrupt):
        run_images(tmp_path, preprocessor, files, encoder, views=views_of(files))
    store, result = run_images(tmp_path, preprocessor, files, views=views_of(files))
    assert result.cached == batches // 2 * 4
    assert shard_bytes(store) == shard_bytes(whole)


def test_several_processes_share_the_views(
    tmp_path: Path,
    preprocessor: Preprocessor,
) -> None:
    files = draw(tmp_path / "images", 6)
    alone, _ = run_images(tmp_path / "alone", preprocessor, files, views=views_of(files))
    stores: dict[int, FeatureStore] = {}

    def work(processes: Processes) -> None:
        stores[processes.rank], _ = run_images(
            tmp_path, preprocessor, files, views=views_of(files), processes=processes
        )

    several(2, work)
    assert all(shard_bytes(store) == shard_bytes(alone) for store in stores.values())


def test_views_count_when_the_disk_is_measured(
    tmp_path: Path,
    preprocessor: Preprocessor,
    reporter: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Room for the images and not for their views: that is told before anything is computed."""
    files = draw(tmp_path / "images", 6)
    plain = 6 * (4 * 6 * 2 + 40)
    usage = type("Usage", (), {"free": feature_store.SPARE_BYTES + plain})
    monkeypatch.setattr(feature_store.shutil, "disk_usage", lambda folder: usage)
    run_images(tmp_path / "plain", preprocessor, files)
    encoder = GridEncoder()
    with pytest.raises(DataError, match="the features need"):
        run_images(tmp_path, preprocessor, files, encoder, views=views_of(files), report=reporter)
    assert encoder.shapes == []
    assert "encoding 18 of 18 images" in reporter.notices[0]


class Recorder:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.warnings: list[str] = []
        self.stages: list[tuple[str, int, int]] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        self.stages.append((stage, done, total))


@pytest.fixture
def reporter() -> Recorder:
    return Recorder()
