"""What a continued run has to do with the old data: what is replayed of it, how it is scored.

All of it stands in the run's config.json, so that the run is resumed with the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_REPLAY = 7
"""Parts the random choice of what is replayed from others of the same seed."""


@dataclass(frozen=True)
class Recorded:
    """A dataset as a run's config describes it."""

    folder: str
    images: str
    fingerprint: str

    @classmethod
    def of(cls, data: PreparedDataset) -> Recorded:
        return cls(str(data.folder.resolve()), str(data.image_root), data.fingerprint)

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Recorded:
        """Read what stands in a config. Raises DataError where it says nothing of its data."""
        try:
            return cls(config["folder"], config["images"], config["fingerprint"])
        except KeyError as error:
            raise DataError("the run does not say on which data it was trained") from error

    def open(self) -> PreparedDataset:
        """Open it. Raises DataError where it is gone or has changed."""
        data = PreparedDataset.open(self.folder, self.images)
        if data.fingerprint != self.fingerprint:
            raise DataError(f"{self.folder}: has changed since then")
        return data


@dataclass(frozen=True)
class OldData:
    """The old data, opened.

    scored: the dataset and split by which forgetting is measured; missing: why there is none.
    replay: the dataset whose train questions are asked again, as `share` of an epoch.
    """

    scored: tuple[PreparedDataset, str] | None
    missing: str
    replay: PreparedDataset | None
    share: float

    @classmethod
    def find(
        cls, trained_on: Mapping[str, Any], replay: PreparedDataset | None, share: float
    ) -> OldData:
        """Look for the data that a run's config says it was `trained_on`.

        Raises DataError where there is nothing to replay in `replay`.
        """
        if replay is not None and "train" not in replay.splits:
            raise DataError(f"--replay {replay.folder}: has no train split, so nothing to replay")
        try:
            data = Recorded.read(trained_on).open()
            data.images()  # says what to do where it was prepared without
            return cls((data, _scorable(data)), "", replay, share)
        except DataError as error:
            return cls(None, error.message, replay, share)

    @classmethod
    def reopen(cls, config: Mapping[str, Any]) -> OldData:
        """Open again what `record` gave. Raises DataError where replay is gone or has changed."""
        scored, missing, replay = config["scored"], config["missing"], config["replay"]
        opened = None
        try:
            if scored is not None:
                opened = (Recorded.read(scored).open(), scored["split"])
        except DataError as error:
            missing = error.message
        again = Recorded.read(replay).open() if replay is not None else None
        return cls(opened, missing, again, config["share"])

    def record(self) -> dict[str, Any]:
        """Return plain values, for config.json."""
        scored, replay = self.scored, self.replay
        return {
            "scored": {**asdict(Recorded.of(scored[0])), "split": scored[1]} if scored else None,
            "missing": self.missing,
            "replay": asdict(Recorded.of(replay)) if replay else None,
            "share": self.share,
        }

    def told(self, before: float, after: float | None) -> dict[str, Any]:
        """Return what metrics.json says: the accuracy on the old data, or why it is not known."""
        if self.scored is None or after is None:
            return {"missing": self.missing}
        data, split = self.scored
        found = {"data": str(data.folder), "split": split, "questions": len(data.rows(split))}
        return {**found, "accuracy_before": before, "accuracy": after}

    def replayed(self, new: int, seed: int) -> pd.DataFrame | None:
        """Return the rows that are asked again, beside `new` other questions.

        As many as make up `share` of all, or all there are; drawn once for a run.
        """
        if self.replay is None:
            return None
        rows = self.replay.rows("train")
        count = round(self.share / (1 - self.share) * new)
        if count >= len(rows):
            return rows
        random = np.random.default_rng([seed, _REPLAY])
        return rows.iloc[np.sort(random.choice(len(rows), count, replace=False))]

    def leaks(self, new: PreparedDataset) -> Iterator[str]:
        """Tell which scores may be too high, since their images, by content, were learned from."""
        if self.scored is None or self.scored[0].fingerprint == new.fingerprint:
            return
        old, split = self.scored
        yield from _shared(old, split, new, "the old score after the training")
        for other in ("val", "test"):
            if other in new.splits and "train" in old.splits:
                yield from _shared(new, other, old, "the new score")


def _scorable(data: PreparedDataset) -> str:
    for split in ("test", "val"):
        if split in data.splits and any(map(len, data.rows(split)["answers"])):
            return split
    raise DataError(f"{data.folder}: has neither a test nor a val split with answers")


def _shared(
    asked: PreparedDataset, split: str, learned: PreparedDataset, which: str
) -> Iterator[str]:
    seen, shown = set(_contents(learned, "train")), _contents(asked, split)
    if count := sum(content in seen for content in shown):
        yield (
            f"{count:,} of {len(shown):,} questions of {split} of {asked.folder} are about "
            f"images that train of {learned.folder} has: {which} may be too high"
        )


def _contents(data: PreparedDataset, split: str) -> list[str]:
    """The SHA-256 of each question's image."""
    images = data.images()
    digest = dict(zip(images["image"], images["sha256"], strict=True))
    return [digest[image] for image in data.rows(split)["image"]]
