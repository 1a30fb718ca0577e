"""What a continued run has to do with the old data: what is replayed of it, how it is scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError
from vqa_cli.training.batches import Rows

if TYPE_CHECKING:
    import pandas as pd

_REPLAY = 7
"""Parts the random choice of what is replayed from others of the same seed."""


def record(data: PreparedDataset) -> dict[str, Any]:
    """Return what a run's config says of a dataset, so that it can be found again."""
    return {
        "folder": str(data.folder.resolve()),
        "images": str(data.image_root),
        "fingerprint": data.fingerprint,
    }


def reopen(recorded: Mapping[str, Any]) -> PreparedDataset:
    """Open a dataset that `record` described. Raises DataError where it is gone or has changed."""
    folder = Path(recorded["folder"])
    data = PreparedDataset.open(folder, Path(recorded["images"]))
    if data.fingerprint != recorded["fingerprint"]:
        raise DataError(f"{folder}: has changed since then")
    return data


@dataclass(frozen=True)
class OldSplit:
    """Questions of the data that a run was trained on, by which forgetting is measured."""

    data: PreparedDataset
    split: str

    @classmethod
    def find(cls, recorded: Mapping[str, Any]) -> OldSplit:
        """Take test, else val, of the data that a run's config describes.

        Raises DataError, saying why, where nothing can be scored.
        """
        if "fingerprint" not in recorded:
            raise DataError("the run does not say on which data it was trained")
        data = reopen(recorded)
        data.images()
        for split in ("test", "val"):
            if split in data.splits and any(map(len, data.rows(split)["answers"])):
                return cls(data, split)
        raise DataError(f"{data.folder}: has neither a test nor a val split with answers")


def replayed(old: pd.DataFrame, new: int, share: float, seed: int) -> Rows:
    """Choose the rows of `old` that make up `share` of an epoch with `new` other questions.

    All of them where there are not enough. The choice is drawn once for a run.
    """
    count = round(share / (1 - share) * new)
    if count >= len(old):
        return np.arange(len(old))
    random = np.random.default_rng([seed, _REPLAY])
    return np.sort(random.choice(len(old), count, replace=False))


def leaks(old: OldSplit, new: PreparedDataset) -> Iterator[str]:
    """Tell which scores may be too high, since their images were learned from, by content.

    old: is scored before and after learning from `new`; its train split was learned from before.
    """
    digests = {data: _digests(data) for data in (old.data, new)}

    def shown(data: PreparedDataset, split: str) -> list[str]:
        return [digests[data][image] for image in data.rows(split)["image"]]

    def told(split: str, seen: PreparedDataset, of: PreparedDataset, which: str) -> Iterator[str]:
        learned = set(shown(seen, "train"))
        asked = shown(of, split)
        if count := sum(digest in learned for digest in asked):
            yield (
                f"{count:,} of {len(asked):,} questions of {split} of {of.folder} are about images "
                f"that train of {seen.folder} has: {which} may be too high"
            )

    if old.data.fingerprint == new.fingerprint:
        return
    yield from told(old.split, new, old.data, "the old score after the training")
    for split in ("val", "test"):
        if split in new.splits and "train" in old.data.splits:
            yield from told(split, old.data, new, "the new score")


def _digests(data: PreparedDataset) -> dict[str, str]:
    """The SHA-256 of each image."""
    images = data.images()
    return dict(zip(images["image"], images["sha256"], strict=True))
