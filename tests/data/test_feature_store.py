from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from vqa_cli.data import writer_lock as module
from vqa_cli.data.feature_cache import clear_store, features_folder, list_stores, user_cache
from vqa_cli.data.feature_store import FeatureStore, size
from vqa_cli.errors import DataError

WIDTH = 4


def name(item: object) -> str:
    return hashlib.sha256(str(item).encode()).hexdigest()


def tokens_of(item: int, count: int) -> np.ndarray:
    return np.random.default_rng(item).normal(size=(count, WIDTH)).astype(np.float16)


def filled(folder: Path, shards: list[list[tuple[int, int]]], **key: object) -> FeatureStore:
    """A store with shards of (item, number of tokens)."""
    store = FeatureStore.open(folder, {"kind": "image", **key}, WIDTH)
    with store.writing():
        for shard in shards:
            tokens = np.concatenate([tokens_of(*item) for item in shard])
            store.write_shard([name(item) for item, _ in shard], tokens, [n for _, n in shard])
    return store


def shard_bytes(store: FeatureStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.glob("*.safetensors")}


def test_what_was_written_is_read_back_at_once_and_later(tmp_path: Path) -> None:
    fresh = filled(tmp_path, [[(0, 3), (1, 3)], [(2, 3)]])
    later = FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH)
    for store in (fresh, later):
        rows = store.lookup([name(item) for item in (2, 0, 2, 1)])
        gathered = store.gather(rows)
        assert gathered.dtype == np.float16
        assert np.array_equal(gathered, np.stack([tokens_of(i, 3) for i in (2, 0, 2, 1)]))
        assert len(store) == 3


def test_ragged_rows_are_padded_and_masked(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 1), (1, 4)], [(2, 2)]])
    rows = store.lookup([name(2), name(1), name(0)])
    assert store.lengths(rows).tolist() == [2, 4, 1]
    tokens, mask = store.gather_padded(rows)
    assert (tokens.shape, tokens.dtype, mask.dtype) == ((3, 4, WIDTH), np.float16, np.int64)
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert np.array_equal(tokens[0, :2], tokens_of(2, 2))
    assert np.array_equal(tokens[1], tokens_of(1, 4))
    assert not tokens[0, 2:].any()
    with pytest.raises(ValueError, match="gather_padded"):
        store.gather(rows)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=4), st.data()
)
def test_any_rows_of_any_shards(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[list[int]], data: st.DataObject
) -> None:
    numbers = iter(range(100))
    shards = [[(next(numbers), count) for count in shard] for shard in lengths]
    items = [item for shard in shards for item in shard]
    store = filled(tmp_path_factory.mktemp("any"), shards)
    wanted = data.draw(st.lists(st.sampled_from(items), max_size=10))
    tokens, mask = store.gather_padded(store.lookup([name(item) for item, _ in wanted]))
    assert mask.sum(axis=1).tolist() == [count for _, count in wanted]
    for row, item in enumerate(wanted):
        assert np.array_equal(tokens[row, : item[1]], tokens_of(*item))


def test_nothing_asked_nothing_given(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 3)]])
    rows = store.lookup([])
    assert store.gather(rows).shape == (0, 0, WIDTH)
    assert store.gather_padded(rows)[0].shape == (0, 0, WIDTH)


def test_tokens_are_memory_mapped(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 3)]])
    base = store._shards[0].tokens
    assert isinstance(base.base, np.memmap)
    assert not base.flags.writeable


def test_opening_and_asking_write_nothing(tmp_path: Path) -> None:
    store = FeatureStore.open(tmp_path / "features", {"kind": "image"}, WIDTH)
    assert store.missing([name(1), name(0), name(1)]) == [name(1), name(0)]
    with pytest.raises(KeyError):
        store.lookup([name(1)])
    assert list(tmp_path.iterdir()) == []


def test_missing_and_contains(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 1)]])
    assert name(0) in store
    assert name(1) not in store
    assert store.missing([name(2), name(0), name(1)]) == [name(2), name(1)]


def test_each_key_has_a_store_of_its_own(tmp_path: Path) -> None:
    key = {"kind": "image", "encoder": "e", "transform": {"height": 8}, "precision": "float32"}
    filled(tmp_path, [[(0, 1)]], **key)
    assert len(FeatureStore.open(tmp_path, key, WIDTH)) == 1
    assert len(FeatureStore.open(tmp_path, dict(reversed(key.items())), WIDTH)) == 1
    others = [
        {"encoder": "f"},
        {"transform": {"height": 9}},
        {"precision": "bfloat16"},
        {"kind": "question"},
    ]
    for other in others:
        assert len(FeatureStore.open(tmp_path, key | other, WIDTH)) == 0
    assert len(FeatureStore.open(tmp_path, key, WIDTH + 1)) == 0


def test_later_items_are_appended(tmp_path: Path) -> None:
    reader = filled(tmp_path, [[(0, 2), (1, 2)]])
    rows, before = reader.lookup([name(0), name(1)]), shard_bytes(reader)
    writer = filled(tmp_path, [[(2, 2)]])
    assert shard_bytes(writer).items() > before.items()
    reader.refresh()
    assert reader.lookup([name(0), name(1)]).tolist() == rows.tolist()
    assert np.array_equal(reader.gather(reader.lookup([name(2)]))[0], tokens_of(2, 2))


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    first = filled(tmp_path / "a", [[(0, 2), (1, 3)]])
    second = filled(tmp_path / "b", [[(0, 2), (1, 3)]])
    assert shard_bytes(first) == shard_bytes(second)
    again = filled(tmp_path / "a", [[(0, 2), (1, 3)]])
    assert shard_bytes(again) == shard_bytes(second)
    assert len(again) == 2


def test_a_shard_is_plain_safetensors(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 2), (1, 3)]])
    (path,) = store.folder.glob("*.safetensors")
    content = load_file(path)
    assert content["offsets"].tolist() == [0, 2, 5]
    assert content["tokens"].shape == (5, WIDTH)
    assert content["keys"][1].tobytes().hex() == name(1)


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "long header", "zeros", "other"])
def test_a_damaged_shard_counts_as_missing_and_is_replaced(tmp_path: Path, damage: str) -> None:
    store = filled(tmp_path, [[(0, 2)], [(1, 2)]])
    (path,) = (p for p in store.folder.glob("*.safetensors") if p.name in _name_of_shard(0))
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[:-1],
            "empty": b"",
            "header": data[:8] + b"{" * (len(data) - 8),
            "long header": b"\xff" * 8 + data[8:],
            "zeros": bytes(len(data)),
            "other": data.replace(b'"keys"', b'"nope"'),
        }[damage]
    )
    store = FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH)
    assert store.damaged == (path,)
    assert store.missing([name(0), name(1)]) == [name(0)]
    with store.writing():
        assert not path.exists()
        store.write_shard([name(0)], tokens_of(0, 2), [2])
    assert path.read_bytes() == data
    assert store.damaged == ()
    assert np.array_equal(store.gather(store.lookup([name(0)]))[0], tokens_of(0, 2))


def _name_of_shard(*items: int) -> str:
    return hashlib.sha256("".join(map(name, items)).encode()).hexdigest()[:16] + ".safetensors"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    before = sorted(store.folder.iterdir())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left.*what was written before is kept"):
        store.write_shard([name(1)], tokens_of(1, 2), [2])
    assert sorted(store.folder.iterdir()) == before
    assert len(FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH)) == 1


def test_lengths_that_do_not_fit_are_a_bug(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    with pytest.raises(ValueError, match="1 keys, 1 lengths, 2 tokens"):
        store.write_shard([name(1)], tokens_of(1, 2), [3])


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    left = store.folder / ".abc.safetensors.123.tmp"
    left.write_bytes(b"half")
    assert len(FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH)) == 1
    with store.writing():
        assert not left.exists()


HOLDER = """
import sys
from pathlib import Path
from vqa_cli.data.feature_store import FeatureStore
with FeatureStore.open(Path(sys.argv[1]), {"kind": "image"}, 4).writing():
    print("locked", flush=True)
    sys.stdin.readline()
"""


class Notices:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.told = threading.Event()

    def notice(self, text: str) -> None:
        self.notices.append(text)
        self.told.set()

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None: ...


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that writes the store until it reads a line or is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_writer_is_told_who_writes(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    store = FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH)
    message = f"is being written by process {holder.pid}"
    with pytest.raises(DataError, match=message), store.writing(wait=False):
        pass
    (info,) = list_stores(tmp_path)
    with pytest.raises(DataError, match=message):
        clear_store(info)


def test_a_second_writer_waits_even_for_one_that_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    report, entered = Notices(), threading.Event()

    def write() -> None:
        with FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH).writing(report):
            entered.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert report.told.wait(20)
    assert not entered.is_set()
    holder.kill()
    writer.join(20)
    assert entered.is_set()
    folder = FeatureStore.open(tmp_path, {"kind": "image"}, WIDTH).folder
    waiting = f"waiting for process {holder.pid}, which is writing features: {folder}"
    assert report.notices == [waiting]


def test_a_lock_whose_file_was_cleared_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    real, calls = module._try_lock, []

    def cleared_meanwhile(lock: int) -> bool:
        calls.append(lock)
        if len(calls) == 1:
            shutil.rmtree(store.folder)
        return real(lock)

    monkeypatch.setattr(module, "_try_lock", cleared_meanwhile)
    with store.writing():
        assert len(calls) == 2
        assert (store.folder / ".lock").exists()


def test_space_is_checked_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    assert store.bytes_for(10, 1000) == 1000 * WIDTH * 2 + 10 * 40
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000_000))
    store.check_space(10, 1000)
    with pytest.raises(DataError, match=r"need 8\.0 GB, and only 1\.0 GB are free.*vqa cache"):
        store.check_space(1, 1_000_000_000)


def test_the_size_is_known_beforehand(tmp_path: Path) -> None:
    shard = [(item, 50) for item in range(100)]
    store = filled(tmp_path, [shard])
    (written,) = (len(data) for data in shard_bytes(store).values())
    assert store.bytes_for(100, 5000) <= written <= store.bytes_for(100, 5000) + 1000


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FeatureStore.open(tmp_path / "file", {"kind": "image"}, WIDTH)
    with pytest.raises(DataError, match="cannot be written"), store.writing():
        pass


def test_where_features_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert features_folder(tmp_path) == tmp_path / "features"
    assert features_folder() == tmp_path / "cache" / "vqa" / "features"
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and real(path, mode))
    assert features_folder(tmp_path) == tmp_path / "cache" / "vqa" / "features"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache" / "vqa"


def test_stores_are_listed_and_cleared(tmp_path: Path) -> None:
    images = filled(tmp_path, [[(0, 2)], [(1, 2)]])
    questions = filled(tmp_path, [[(0, 2)]], kind="question")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "key.json").write_text('{"kind": "something else"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "key.json").write_text("{")
    (images.folder / "notes.txt").write_text("mine")
    found = list_stores(tmp_path)
    assert [(info.folder, info.kind, info.shards) for info in found] == [
        (images.folder, "image", 2),
        (questions.folder, "question", 1),
    ]
    assert found[0].bytes == sum(map(len, shard_bytes(images).values()))
    assert found[0].key["width"] == WIDTH
    for info in found:
        clear_store(info)
    assert list_stores(tmp_path) == []
    assert [path.name for path in images.folder.iterdir()] == ["notes.txt"]
    assert not questions.folder.exists()
    assert (tmp_path / "mine" / "key.json").exists()


def test_features_of_a_cleared_store_stay_readable_where_they_are_open(tmp_path: Path) -> None:
    store = filled(tmp_path, [[(0, 2)]])
    clear_store(list_stores(tmp_path)[0])
    assert np.array_equal(store.gather(store.lookup([name(0)]))[0], tokens_of(0, 2))


def test_sizes_for_people() -> None:
    assert [size(n) for n in (0, 999, 1500, 2_000_000, 15_900_000_000, 3 * 10**15)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "2.0 MB",
        "15.9 GB",
        "3000.0 TB",
    ]


def test_torch_is_not_needed() -> None:
    program = (
        "import sys, vqa_cli.data.feature_store, vqa_cli.data.feature_cache;"
        "sys.exit(str({'torch', 'pandas', 'pyarrow'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.stderr == b"" or done.stderr == b"\n"
