"""From raw files to a prepared dataset: read, check, split, count, write."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa_cli.config import PrepareSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.detect import choose_layout
from vqa_cli.data.findings import Finding, Findings
from vqa_cli.data.folder import is_prepared, read_info
from vqa_cli.data.gathering import gather
from vqa_cli.data.image_files import ImageFinder
from vqa_cli.data.layout import Reading
from vqa_cli.data.row_images import MadeImages, SourceImages, UnseenImages
from vqa_cli.data.source import Source
from vqa_cli.data.writing import whole_folder, write_content, write_info
from vqa_cli.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made.

    out: the prepared folder. splits: rows by split; made: those splits that the source did not
    bring. answers: size of the answer vocabulary. coverage: by split, the share of the answered
    questions that have an answer in it (the upper bound of any model's accuracy).
    problems: what was found; rows of the unusable ones were left out.
    """

    out: Path
    format: str
    splits: dict[str, int]
    made: tuple[str, ...]
    images: int
    answers: int
    coverage: dict[str, float]
    problems: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "format": self.format,
            "splits": self.splits,
            "made_splits": list(self.made),
            "images": self.images,
            "answers": self.answers,
            "coverage": self.coverage,
            "problems": [finding.to_json() for finding in self.problems],
        }


def prepare(
    source: Path,
    out: Path | None,
    settings: PrepareSettings,
    report: Reporter = SILENT,
    images: Path | None = None,
) -> Prepared:
    """Read `source` (a folder, or a file of questions), check it, and write a prepared dataset.

    out: where; default: see `default_out`. images: the folder that images are looked up in;
    default: the source's.

    Raises DataError where the source cannot be read, or has rows that cannot be used and
    `settings.skip_bad` is off, or where `out` holds something else. Nothing is written then.
    """
    raw = Source(source)
    if is_prepared(raw.root):
        raise DataError(f"{source}: is prepared already; to prepare it anew, name its source")
    layout = choose_layout(raw, settings.format)
    reading = layout.read(raw)
    target = (out or default_out(raw)).resolve()
    image_root = _image_root(raw, images)
    makes_images = reading.makes_images and not settings.no_images
    info = {
        "name": raw.name,
        "format": layout.NAME,
        "source": {"files": raw.digests(reading.files)},
        "image_root": "." if makes_images else _relative(image_root, target),
        "settings": settings.to_mapping(),
    }
    if out is None:
        report.notice(f"writing to {target}")
    _check_target(target, info, is_default=out is None, report=report)
    report.notice(f"reading {source} ({layout.NAME})")
    findings = Findings()
    finder = ImageFinder(image_root, reading.image_folders, relocated=images is not None)
    with whole_folder(target) as folder:
        row_images = _row_images(finder, folder, reading, settings)
        gathered = gather(source, reading, row_images, settings, findings, report)
        counts = write_content(folder, gathered)
        result = Prepared(
            out=out or target,
            format=layout.NAME,
            splits=counts,
            made=gathered.made,
            images=len(gathered.images),
            answers=len(gathered.vocabulary),
            coverage=gathered.coverage,
            problems=tuple(findings),
        )
        described = {k: v for k, v in result.to_json().items() if k not in ("out", "format")}
        write_info(folder, {**info, **described})
    return result


def _row_images(
    finder: ImageFinder, folder: Path, reading: Reading, settings: PrepareSettings
) -> SourceImages:
    if settings.no_images:
        return UnseenImages(finder)
    return MadeImages(finder, folder) if reading.makes_images else SourceImages(finder)


def default_out(source: Source) -> Path:
    """Where a source is prepared unless told otherwise.

    `.vqa` inside its folder (`.vqa-NAME` for a single file), so that it is found again; in the
    current folder where the source's cannot be written.
    """
    name = ".vqa" if source.path.is_dir() else f".vqa-{source.name}"
    if os.access(source.root, os.W_OK):
        return source.root / name
    return Path.cwd() / f"{source.name}-prepared"


def _image_root(source: Source, images: Path | None) -> Path:
    if images is None:
        return source.root
    if not images.is_dir():
        raise DataError(f"--images {images}: no such folder")
    return images.resolve()


def _relative(root: Path, target: Path) -> str:
    """Relative to the prepared folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(root, target)).as_posix()
    except ValueError:  # on another drive
        return str(root)


def _check_target(
    target: Path, info: dict[str, Any], *, is_default: bool, report: Reporter
) -> None:
    """Raises DataError where something else lies in `target`, or where it cannot be written."""
    parent = next(folder for folder in target.parents if folder.exists())
    if not os.access(parent, os.W_OK):
        raise DataError(f"{target}: cannot be written; name another place with --out DIR")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not is_prepared(target):
        raise DataError(
            f"{target}: exists and is no prepared dataset; name another place with --out DIR"
        )
    if is_default:
        report.notice("replacing the earlier preparation there")
        return
    earlier = read_info(target)
    if any(earlier.get(key) != info[key] for key in ("name", "format", "image_root", "settings")):
        raise DataError(
            f"{target}: holds another prepared dataset ({earlier.get('name')}, "
            f"{earlier['format']}, or other settings); name another place with --out DIR, or "
            "remove it first"
        )
