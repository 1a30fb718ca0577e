"""Everything about a dataset that is decided before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vqa_cli.config import PrepareSettings
from vqa_cli.console import Reporter
from vqa_cli.data.checks import collect
from vqa_cli.data.duplicate_rows import asked_pairs, check_duplicates
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_checks import Contents, check_images, examine_images
from vqa_cli.data.image_files import MISSING_IMAGE, tell_case_twins
from vqa_cli.data.image_journal import ImageFacts
from vqa_cli.data.layout import Reading
from vqa_cli.data.leaks import Leaks, check_leaks
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.row_images import SourceImages, of_language
from vqa_cli.data.rows import Mask, Rows
from vqa_cli.data.split_checks import check_answers, usable_rows
from vqa_cli.data.splits import TRAIN, Codes, assign_splits
from vqa_cli.data.statistics import statistics
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError


@dataclass(frozen=True)
class Gathered:
    """rows (N of them), which are usable (N,), the split of each (N,) as a place in `SPLITS`.

    made: the splits that the source did not bring. images: those of the usable rows.
    coverage: by split, the share of the answered questions with an answer in the vocabulary.
    statistics: what there is how often, by split. leaks: what splits have in common.
    stops: what forbids to go on and train with it, whatever rows are left out.
    """

    rows: Rows
    usable: Mask
    codes: Codes
    made: tuple[str, ...]
    images: list[ImageFacts]
    vocabulary: AnswerVocabulary
    coverage: dict[str, float]
    statistics: dict[str, Any]
    leaks: Leaks
    stops: tuple[str, ...]


def gather(
    source: Path,
    reading: Reading,
    row_images: SourceImages,
    settings: PrepareSettings,
    findings: Findings,
    report: Reporter,
) -> Gathered:
    """Read and check everything, and decide each row's split; no table is written yet."""
    examples = reading.examples(findings)
    if settings.language:
        examples = of_language(examples, settings.language, source)
    rows = collect(examples, row_images, findings)
    usable = usable_rows(rows, findings)
    rows_of = np.bincount(rows.image_of[usable], minlength=len(rows.images))
    tell_case_twins(zip(rows.images, rows_of.tolist(), strict=True), findings)
    contents, facts = Contents.without_images(rows), []
    if not settings.no_images:
        facts = _image_facts(rows, usable, row_images, settings, report)
        usable, contents = examine_images(rows, usable, facts, findings)
    if not usable.any():
        unusable = [finding for finding in findings if finding.unusable]
        missing = any(finding.problem == MISSING_IMAGE for finding in unusable)
        hint = "; say with --images DIR where the images are, or use --no-images" if missing else ""
        raise DataError(f"{source}: has no usable row{hint}", [str(each) for each in unusable])
    answers = RowAnswers.of(rows)
    main_of = answers.main()
    codes, made = assign_splits(rows, usable, contents.of, main_of, settings, findings)
    train_answers = answers.counts(usable & (codes == TRAIN))
    vocabulary = AnswerVocabulary.build(
        train_answers, top=settings.top, min_count=settings.min_count
    )
    stops = check_answers(rows, usable, codes, made, answers, findings)
    if train_answers and not len(vocabulary):
        stops.append(
            f"--min-count {settings.min_count} keeps no answer; the most frequent one stands in "
            f"train {max(train_answers.values())} times"
        )
    pairs = asked_pairs(rows, contents.of)
    check_duplicates(rows, usable, codes, pairs, findings)
    return Gathered(
        rows=rows,
        usable=usable,
        codes=codes,
        made=made,
        images=[image for image in facts if not image.problem],
        vocabulary=vocabulary,
        coverage=_coverage(rows, usable, codes, answers, vocabulary),
        statistics=statistics(rows, usable, codes, answers, main_of),
        leaks=check_leaks(rows, usable, codes, contents, pairs, findings),
        stops=tuple(stops),
    )


def _image_facts(
    rows: Rows, usable: Mask, row_images: SourceImages, settings: PrepareSettings, report: Reporter
) -> list[ImageFacts]:
    """Check the images of the usable rows."""
    names = rows.images
    used = [names[place] for place in np.unique(rows.image_of[usable])]
    unwritten = row_images.write(settings.max_pixels, report)
    facts = check_images(
        row_images.root, used, settings.max_pixels, report, keep=not row_images.makes
    )
    return [
        replace(fact, kind="damaged", problem=unwritten[fact.image])
        if fact.image in unwritten
        else fact
        for fact in facts
    ]


def _coverage(
    rows: Rows, usable: Mask, codes: Codes, answers: RowAnswers, vocabulary: AnswerVocabulary
) -> dict[str, float]:
    """By split, the share of the answered questions that have an answer in the vocabulary."""
    known = answers.any_of(answers.keys_that(lambda key: vocabulary.index(key) is not None))
    shares: dict[str, float] = {}
    for code, split in enumerate(SPLITS):
        answered = usable & (codes == code) & rows.answered
        if answered.any():
            shares[split] = float(known[answered].mean())
    return shares
