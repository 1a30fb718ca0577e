"""What lies in the folder of a prepared dataset, by which names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vqa_cli.data.example import SPLITS
from vqa_cli.errors import DataError

FORMAT_VERSION = 2
KIND = "vqa-dataset"
INFO_FILE = "dataset.json"
ANSWERS_FILE = "answers.json"
IMAGES_FILE = "images.parquet"
IMAGES_FOLDER = "images"
_NEEDED = ("format", "source", "image_root", "settings", "splits", "content", "fingerprint")


def split_file(split: str) -> str:
    return f"{split}.parquet"


FILES = frozenset({INFO_FILE, ANSWERS_FILE, IMAGES_FILE, IMAGES_FOLDER, *map(split_file, SPLITS)})


def is_prepared(path: Path) -> bool:
    """Whether `path` is the folder of a prepared dataset, be it damaged or of a newer format."""
    try:
        text = (path / INFO_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return f'"{KIND}"' in text


def read_info(folder: Path) -> dict[str, Any]:
    """The content of dataset.json. Raises DataError where it is damaged or of a newer format."""
    path = folder / INFO_FILE
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        version = info["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is damaged ({error!r}); run vqa prepare again") from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path}: has format version {version}, this vqa knows {FORMAT_VERSION}; use a newer "
            "vqa, or run vqa prepare again"
        )
    if missing := [key for key in _NEEDED if key not in info]:
        raise DataError(f"{path}: is damaged (no {', '.join(missing)}); run vqa prepare again")
    return dict(info)
