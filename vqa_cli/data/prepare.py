"""From raw files to a prepared dataset: read, check, split, count, write."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vqa_cli.config import PrepareSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.detect import choose_layout
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Finding, Findings
from vqa_cli.data.folder import is_prepared, read_info
from vqa_cli.data.gathering import Gathered, gather
from vqa_cli.data.image_files import ImageFinder
from vqa_cli.data.layout import Layout, Reading
from vqa_cli.data.leaks import Leaks
from vqa_cli.data.row_images import MadeImages, SourceImages, UnseenImages
from vqa_cli.data.source import Source
from vqa_cli.data.writing import whole_folder, write_content, write_info
from vqa_cli.errors import DataError, GateError


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made, or would make.

    out: the prepared folder; None where nothing was written. splits: rows by split; made: those
    splits that the source did not bring. answers: size of the answer vocabulary. coverage: by
    split, the share of the answered questions that have an answer in it (the upper bound of any
    model's accuracy). problems: what was found; rows of the unusable ones are left out. leaks,
    statistics: see `vqa_cli.data.leaks` and `vqa_cli.data.statistics`. stops: why it is not
    written.
    """

    out: Path | None
    format: str
    splits: dict[str, int]
    made: tuple[str, ...]
    images: int
    answers: int
    coverage: dict[str, float]
    problems: tuple[Finding, ...]
    leaks: Leaks
    statistics: dict[str, Any]
    stops: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        out = None if self.out is None else str(self.out)
        return {"out": out, "format": self.format, **self.described()}

    def described(self) -> dict[str, Any]:
        """What dataset.json says of it."""
        return {
            "splits": self.splits,
            "made_splits": list(self.made),
            "images": self.images,
            "answers": self.answers,
            "coverage": self.coverage,
            "problems": [finding.to_json() for finding in self.problems],
            "leaks": self.leaks,
            "statistics": self.statistics,
        }


@dataclass(frozen=True)
class _Source:
    """A source that was looked into, but not read yet."""

    path: Path
    raw: Source
    layout: Layout
    reading: Reading
    finder: ImageFinder
    settings: PrepareSettings

    @property
    def makes_images(self) -> bool:
        return self.reading.makes_images and not self.settings.no_images

    def gather(self, folder: Path, findings: Findings, report: Reporter) -> Gathered:
        """Read and check everything; images that must be made are written into `folder`."""
        report.notice(f"reading {self.path} ({self.layout.NAME})")
        images = SourceImages(self.finder)
        if self.settings.no_images:
            images = UnseenImages(self.finder)
        elif self.makes_images:
            images = MadeImages(self.finder, folder)
        return gather(self.path, self.reading, images, self.settings, findings, report)

    def result(self, out: Path | None, gathered: Gathered, findings: Findings) -> Prepared:
        counts = {
            split: int((gathered.usable & (gathered.codes == code)).sum())
            for code, split in enumerate(SPLITS)
        }
        return Prepared(
            out=out,
            format=self.layout.NAME,
            splits={split: count for split, count in counts.items() if count},
            made=gathered.made,
            images=len(gathered.images),
            answers=len(gathered.vocabulary),
            coverage=gathered.coverage,
            problems=tuple(findings),
            leaks=gathered.leaks,
            statistics=gathered.statistics,
            stops=(*self._unusable(findings), *gathered.stops),
        )

    def _unusable(self, findings: Findings) -> list[str]:
        if not findings.unusable_rows or self.settings.skip_bad:
            return []
        count = f"{findings.unusable_rows:,} row(s) cannot be used"
        return [f"{count}; mend them, or leave them out with --skip-bad"]


def prepare(
    source: Path,
    out: Path | None,
    settings: PrepareSettings,
    report: Reporter = SILENT,
    images: Path | None = None,
    *,
    strict: bool = False,
) -> Prepared:
    """Read `source` (a folder, or a file of questions), check it, and write a prepared dataset.

    out: where; default: see `default_out`. images: the folder that images are looked up in;
    default: the source's.

    Raises DataError where the source cannot be read, or has rows that cannot be used and
    `settings.skip_bad` is off, or where `out` holds something else; GateError where anything at
    all was found and it is `strict`. Nothing is written then.
    """
    opened = _open(source, settings, images)
    raw = opened.raw
    target = (out or default_out(raw)).resolve()
    info: dict[str, Any] = {
        "name": raw.name,
        "format": opened.layout.NAME,
        "source": {},
        "image_root": "." if opened.makes_images else _relative(opened.finder.root, target),
        "settings": settings.to_mapping(),
    }
    if out is None:
        report.notice(f"writing to {target}")
    _check_target(target, info, is_default=out is None, report=report)
    findings = Findings()
    with ThreadPoolExecutor(1) as beside, whole_folder(target) as folder:
        digests = beside.submit(raw.digests, opened.reading.files)
        gathered = opened.gather(folder, findings, report)
        info["source"] = {"files": digests.result()}
        result = opened.result(out or target, gathered, findings)
        if strict and (found := [*result.stops, *map(str, findings)]):
            raise GateError(f"{source}: is not without problems, as --strict wants it:", found)
        if result.stops:
            raise DataError(f"{source}: {result.stops[0]}:", _in_order(result, findings))
        write_content(folder, gathered)
        write_info(folder, {**info, **result.described()})
    return result


def check(
    source: Path,
    settings: PrepareSettings,
    report: Reporter = SILENT,
    images: Path | None = None,
) -> Prepared:
    """Examine everything that `prepare` does, and write nothing.

    `stops` of the result says why `prepare` would stop.

    Raises DataError where the source cannot be read or has no usable row.
    """
    opened = _open(source, settings, images)
    findings = Findings()
    with TemporaryDirectory(prefix="vqa-") as folder:
        gathered = opened.gather(Path(folder), findings, report)
    return opened.result(None, gathered, findings)


def _open(source: Path, settings: PrepareSettings, images: Path | None) -> _Source:
    raw = Source(source)
    if is_prepared(raw.root):
        raise DataError(f"{source}: is prepared already; to prepare it anew, name its source")
    layout = choose_layout(raw, settings.format)
    reading = layout.read(raw)
    finder = ImageFinder(
        _image_root(raw, images), reading.image_folders, relocated=images is not None
    )
    return _Source(source, raw, layout, reading, finder, settings)


def _in_order(result: Prepared, findings: Findings) -> list[str]:
    """Everything that was found, what stops first."""
    unusable = [str(finding) for finding in findings if finding.unusable]
    others = [f"besides: {finding}" for finding in findings if not finding.unusable]
    return [*result.stops[1:], *unusable, *others]


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
