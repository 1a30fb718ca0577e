"""The prepared dataset on disk: opening and reading it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vqa_cli.config import PrepareSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.detect import choose_layout
from vqa_cli.data.example import SPLITS
from vqa_cli.data.folder import ANSWERS_FILE, IMAGES_FILE, is_prepared, read_info, split_file
from vqa_cli.data.prepare import default_out, prepare
from vqa_cli.data.shared_values import SharedValues
from vqa_cli.data.source import Source
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError
from vqa_cli.files import sha256
from vqa_cli.memory import without_garbage_collection

if TYPE_CHECKING:
    import pandas as pd


class PreparedDataset:
    """A prepared dataset, opened for reading.

    folder: where it lies. info: the content of dataset.json. image_root: what the images are
    relative to. vocabulary: the answers of train. splits: the names of those present, in the
    order train, val, test. fingerprint: equal for equal content.
    """

    def __init__(self, folder: Path, info: dict[str, Any], image_root: Path) -> None:
        self.folder = folder
        self.info = info
        self.image_root = image_root
        self.splits = tuple(split for split in SPLITS if split in info["splits"])
        self.fingerprint: str = info["fingerprint"]

    @classmethod
    def open(cls, path: Path | str, images: Path | str | None = None) -> Self:
        """Open a prepared folder; `images` replaces the image root that it records.

        Raises DataError where there is none, or where it is damaged or of a newer format.
        """
        folder = Path(path)
        if not is_prepared(folder):
            raise DataError(
                f"{folder}: is no prepared dataset; make one with vqa prepare SOURCE --out {folder}"
            )
        info = read_info(folder)
        root = Path(images) if images is not None else folder / info["image_root"]
        if not root.is_dir():
            hint = "" if images is not None else "; say where the images are with --images DIR"
            raise DataError(f"{folder}: its image folder {root} does not exist{hint}")
        for name, recorded in info["content"].items():
            file = folder / name
            if not file.is_file() or file.stat().st_size != recorded["bytes"]:
                state = "is damaged" if file.is_file() else "is missing"
                raise DataError(f"{file}: {state}; run vqa prepare again")
        dataset = cls(folder, info, root.resolve())
        if images is not None:
            dataset._check_relocation()
        return dataset

    def _check_relocation(self) -> None:
        first = self.images()["image"].iloc[0]
        if not (self.image_root / first).is_file():
            raise DataError(
                f"--images {self.image_root}: holds no {first}; name the folder that the images' "
                f"paths in {self.folder} are relative to"
            )

    @cached_property
    def vocabulary(self) -> AnswerVocabulary:
        return AnswerVocabulary.load(self._intact(ANSWERS_FILE))

    def rows(self, split: str) -> pd.DataFrame:
        """The rows of a split, in the order of the source; the columns are those of `Example`.

        `answers` and `choices` hold lists of str, `extra` a JSON text; what a row lacks is None.
        Raises DataError where there is no such split or where its file is damaged.
        """
        if split not in self.splits:
            raise DataError(f"{self.folder}: has no split {split}; it has {', '.join(self.splits)}")
        return self._frame(split_file(split))

    @property
    def has_images(self) -> bool:
        """Whether it was prepared with its images."""
        return not self.info["settings"]["no_images"]

    def images(self) -> pd.DataFrame:
        """Every image in use: image, sha256 (hex), bytes, width, height (upright, in pixels).

        Raises DataError where the dataset was prepared without images.
        """
        if not self.has_images:
            raise DataError(
                f"{self.folder}: was prepared with --no-images, for statistics and for scoring "
                "predictions; a model needs the images: run vqa prepare again without it"
            )
        return self._frame(IMAGES_FILE)

    @without_garbage_collection()
    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._intact(name)
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: is damaged: {error}; run vqa prepare again") from error
        # Plain Python values: pandas' own conversion makes arrays of lists and NaN of None.
        shared = SharedValues()
        return pd.DataFrame(
            {
                field.name: table.column(field.name).to_numpy()
                if pa.types.is_integer(field.type)
                else pd.Series(shared.of(table.column(field.name)), dtype=object)
                for field in table.schema
            }
        )

    def _intact(self, name: str) -> Path:
        path = self.folder / name
        try:
            intact = sha256(path) == self.info["content"][name]["sha256"]
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error}; run vqa prepare again") from error
        if not intact:
            raise DataError(f"{path}: is damaged (other content than recorded); prepare it again")
        return path


def open_or_prepare(
    path: Path | str,
    settings: PrepareSettings | None = None,
    report: Reporter = SILENT,
    images: Path | None = None,
) -> PreparedDataset:
    """Open a prepared folder; prepare a raw one first, in its default place.

    An earlier preparation is used again if its source is unchanged. Settings that are all at
    their defaults mean: as it was prepared before.

    Raises DataError as `PreparedDataset.open` and `prepare` do.
    """
    path = Path(path)
    if is_prepared(path):
        return PreparedDataset.open(path, images)
    source = Source(path)
    out = default_out(source)
    wanted = settings or PrepareSettings()
    if is_prepared(out):
        earlier = read_info(out)
        if wanted == PrepareSettings():
            wanted = PrepareSettings.from_mapping(earlier["settings"])
        if earlier["settings"] == wanted.to_mapping() and _is_current(out, source, images):
            report.notice(f"{path} is prepared already: using {out}")
            return PreparedDataset.open(out)
    report.notice(f"{path} is not prepared yet, or has changed: preparing it first")
    for finding in prepare(path, None, wanted, report, images).problems:
        report.warn(str(finding))
    return PreparedDataset.open(out)


def _is_current(out: Path, source: Source, images: Path | None) -> bool:
    """Whether the files of `source` and their images are those that `out` was made from."""
    try:
        dataset = PreparedDataset.open(out)
        reading = choose_layout(source, dataset.info["format"]).read(source)
        if source.digests(reading.files) != dataset.info["source"]["files"]:
            return False
        used = dataset.images() if dataset.has_images else None
    except DataError:  # damaged, or no longer readable: prepare says what is wrong
        return False
    if images is not None and images.resolve() != dataset.image_root:
        return False
    return used is None or all(
        _size(dataset.image_root / image) == size
        for image, size in zip(used["image"], used["bytes"], strict=True)
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
