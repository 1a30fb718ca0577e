from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vqa_cli.cli import app
from vqa_cli.console import SILENT
from vqa_cli.data.feature_store import FeatureStore, size
from vqa_cli.data.image_journal import ImageFacts, ImageJournal, Stamp

KEY = "ab" * 32


def fill(features: Path) -> FeatureStore:
    store = FeatureStore.open(features, {"kind": "image"}, 8)
    with store.writing():
        store.write_shard([KEY], np.zeros((100, 8), np.float16), [100])
    return store


def bytes_of(store: FeatureStore) -> int:
    return sum(path.stat().st_size for path in store.folder.glob("*.safetensors"))


@pytest.fixture(autouse=True)
def cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def vqa(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["cache", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("place", ["", ".vqa"])
def test_features_of_a_dataset(tmp_path: Path, place: str) -> None:
    data = tmp_path / "data"
    store = fill(data / place / "features")
    code, out, _ = vqa(data)
    assert code == 0
    taken = size(bytes_of(store)).split()
    assert out.splitlines()[0].split() == [*taken, "image", str(store.folder)]
    assert out.splitlines()[1].split() == [*taken, "in", "all"]
    assert KEY in FeatureStore.open(data / place / "features", {"kind": "image"}, 8)


def test_features_in_the_users_cache(cache_home: Path) -> None:
    store = fill(cache_home / "vqa" / "features")
    code, out, _ = vqa("--json")
    assert code == 0
    listed = {"folder": str(store.folder), "kind": "image", "bytes": bytes_of(store)}
    assert json.loads(out) == {"stores": [listed], "bytes": bytes_of(store), "cleared": False}


def test_clear_removes_the_features_and_nothing_else(tmp_path: Path, cache_home: Path) -> None:
    data = tmp_path / "data"
    store = fill(data / "features")
    other = fill(cache_home / "vqa" / "features")
    (data / "train.parquet").write_text("")
    (data / "features" / "notes").mkdir()
    taken = size(bytes_of(store)).split()
    code, out, _ = vqa(data, "--clear")
    assert code == 0
    assert out.splitlines()[-1].split() == [*taken, "deleted"]
    assert not store.folder.exists()
    assert (data / "train.parquet").exists()
    assert (data / "features" / "notes").exists()
    assert other.folder.exists()


def test_checked_images_are_listed_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqa_cli.data.image_journal.user_cache", lambda: tmp_path / "own")
    journal = ImageJournal(tmp_path, 100)
    journal.add([(Stamp(7, 1000), ImageFacts("a.png", "5e", 7))], SILENT)
    taken = journal.path.stat().st_size
    listed = {"folder": str(journal.path), "kind": "checked", "bytes": taken}
    assert json.loads(vqa("--json")[1])["stores"] == [listed]
    assert json.loads(vqa(tmp_path, "--json")[1])["stores"] == []
    code, out, _ = vqa("--clear")
    assert code == 0
    assert out.splitlines()[0].split()[2:] == ["checked", str(journal.path)]
    assert not journal.path.exists()


def test_nothing_there(tmp_path: Path, cache_home: Path) -> None:
    code, out, err = vqa()
    assert (code, out) == (0, "")
    assert err == f"no features in {cache_home / 'vqa' / 'features'}\n"
    assert json.loads(vqa(tmp_path, "--json")[1]) == {"stores": [], "bytes": 0, "cleared": False}
    assert vqa("--clear")[0] == 0


def test_no_such_folder(tmp_path: Path) -> None:
    code, out, err = vqa(tmp_path / "none")
    assert (code, out) == (1, "")
    assert "no such folder" in err
    assert len(err.splitlines()) == 1


def test_a_store_that_is_being_written_is_not_cleared(tmp_path: Path) -> None:
    store = fill(tmp_path / "features")
    with store.writing():
        code, _, err = vqa(tmp_path, "--clear")
    assert code == 1
    assert "is being written by process" in err
    assert KEY in FeatureStore.open(tmp_path / "features", {"kind": "image"}, 8)
