"""Where feature stores lie, which there are, and how to be rid of them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa_cli.data.feature_shards import SUFFIX
from vqa_cli.data.feature_store import KEY_FILE, KIND, FeatureStore
from vqa_cli.data.writer_lock import LOCK_FILE
from vqa_cli.errors import DataError

FEATURES = "features"


def user_cache() -> Path:
    """The user's folder for what can be computed again: $XDG_CACHE_HOME/vqa or ~/.cache/vqa."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "vqa"


def features_folder(prepared: Path | None = None) -> Path:
    """Where features are kept: with the prepared dataset, else in the user's cache.

    The latter also where the prepared folder cannot be written.
    """
    if prepared is None:
        return user_cache() / FEATURES
    folder = prepared / FEATURES
    writable = os.access(folder if folder.is_dir() else prepared, os.W_OK | os.X_OK)
    return folder if writable else user_cache() / FEATURES


@dataclass(frozen=True)
class StoreInfo:
    """One store on the disk: `shards` files, `bytes` in all; `key` says what made it."""

    folder: Path
    kind: str
    shards: int
    bytes: int
    key: dict[str, Any]


def list_stores(features: Path) -> list[StoreInfo]:
    """The stores below a features folder, by name; whatever else lies there is left out."""
    stores = []
    for path in sorted(features.glob(f"*/{KEY_FILE}")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["kind"] != KIND:
                continue
            key, kind = dict(content["key"]), str(content["key"]["kind"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not ours
        sizes = [file.stat().st_size for file in path.parent.glob(f"*{SUFFIX}")]
        stores.append(StoreInfo(path.parent, kind, len(sizes), sum(sizes), key))
    return stores


def clear_store(info: StoreInfo) -> None:
    """Delete a store: the files that are ours, and the folder where nothing else is in it.

    Raises DataError where a process is writing it, or where it cannot be deleted.
    """
    store = FeatureStore(info.folder, info.key, int(info.key["width"]))
    with store.writing(wait=False):
        try:
            for path in [*info.folder.glob(f"*{SUFFIX}"), info.folder / KEY_FILE]:
                path.unlink(missing_ok=True)
            (info.folder / LOCK_FILE).unlink(missing_ok=True)
            if not any(info.folder.iterdir()):
                info.folder.rmdir()
        except OSError as error:
            raise DataError(f"{info.folder}: cannot be deleted: {error}") from error
