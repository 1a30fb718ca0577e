"""`--report DIR`: an evaluation as one HTML page that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vqa_cli.console import SILENT, Reporter
from vqa_cli.errors import DataError
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.report.calibration_charts import reliability, risk_coverage
from vqa_cli.evaluation.report.confusion import confusion
from vqa_cli.evaluation.report.gallery import choose, class_names, data_elements, gallery_data
from vqa_cli.evaluation.report.history import read_history
from vqa_cli.evaluation.report.markup import Html, tag
from vqa_cli.evaluation.report.page import GENERATOR, page, section
from vqa_cli.evaluation.report.sections import by_type, comparison, further, headline
from vqa_cli.evaluation.report.thumbnails import make_thumbnails
from vqa_cli.evaluation.report.training_charts import training_charts
from vqa_cli.evaluation.result import EvaluationResult
from vqa_cli.files import replacing

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset

PAGE = "index.html"


def check_report_folder(folder: Path, *, force: bool = False) -> None:
    """Find out before the work is done whether a report can be written to `folder`.

    Raises DataError where it is a file, where it holds something that is no report, or where it
    holds an earlier report, which `force` allows to replace.
    """
    if folder.is_file():
        raise DataError(f"--report {folder}: is a file; name a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not _is_report(folder / PAGE):
        raise DataError(
            f"--report {folder}: holds something that is no report, and nothing is overwritten; "
            "name a new folder"
        )
    if not force:
        raise DataError(f"--report {folder}: holds an earlier report; --force replaces it")


def _is_report(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return GENERATOR in file.read(4096)
    except OSError:
        return False


def write_report(
    folder: Path,
    result: EvaluationResult,
    dataset: PreparedDataset,
    *,
    run: Path | None,
    force: bool = False,
    report: Reporter = SILENT,
) -> Path:
    """Write the page and return its path; whole or not at all.

    run: the folder of the model, whose training curves are drawn; None for predictions made
    elsewhere.

    Raises what `check_report_folder` raises, ModelError for a damaged history.csv, and DataError
    where the page cannot be written.
    """
    check_report_folder(folder, force=force)
    sections = _sections(result, run)
    shown = choose(result.records)
    thumbnails = _thumbnails(shown, dataset, report)
    data = gallery_data(shown, len(result.records), pictures=bool(thumbnails))
    title = f"{dataset.info['name']}: {result.split}"
    model = f"model {run.name}" if run else "predictions made elsewhere"
    text = page(title, [model], sections, data_elements(data, thumbnails))
    path = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            # Half of a surrogate pair, which a JSON file can hold, is no text.
            temporary.write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise DataError(
            f"--report {folder}: cannot be written: {error.strerror or error}; name another place"
        ) from error
    return path


def _sections(result: EvaluationResult, run: Path | None) -> list[tuple[str, str, Html]]:
    """What the result has; parts that it lacks are left out."""
    found = [section("accuracy", "Accuracy", headline(result))]
    if result.comparison:
        found.append(section("comparison", "Comparison", comparison(result.comparison)))
    classes = class_names(result.records)
    if tables := by_type(result, classes):
        found.append(section("types", "By type", tag("div", *tables, class_="columns packed")))
    if result.calibration:
        drawn = [reliability(result.calibration), risk_coverage(result.calibration)]
        found.append(section("calibration", "Confidence", tag("div", *drawn, class_="columns")))
    if tables := further(result.further):
        packed = tag("div", *tables, class_="columns packed")
        found.append(section("further", "More metrics", packed))
    if confused := result.further.get("confusion"):
        found.append(section("confusion", "Confusion", confusion(confused, classes)))
    if run and (curves := training_charts(read_history(run))):
        found.append(section("training", "Training", tag("div", *curves, class_="columns")))
    return found


def _thumbnails(
    records: Sequence[Record], dataset: PreparedDataset, report: Reporter
) -> list[str | None]:
    """One an image, in the order of `gallery_data`; empty where there is not a single one."""
    if not dataset.has_images:
        return []
    images = list(dict.fromkeys(record.example.image for record in records))
    max_pixels = dataset.info["settings"]["max_pixels"]
    paths = [dataset.image_root / image for image in images]
    made = make_thumbnails(paths, report, max_pixels=max_pixels)
    if missing := made.count(None):
        report.warn(f"{missing:,} of {len(made):,} images cannot be read, and have no thumbnail")
    return made if missing < len(made) else []
