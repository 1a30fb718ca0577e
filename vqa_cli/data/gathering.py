"""Everything about a dataset that is decided before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vqa_cli.config import PrepareSettings
from vqa_cli.console import Reporter
from vqa_cli.data.checks import ImageFacts, check_images, collect
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.row_images import SourceImages, of_language
from vqa_cli.data.rows import Mask, Rows
from vqa_cli.data.split_checks import any_known, check_splits, count_answers, usable_rows
from vqa_cli.data.splits import TRAIN, Codes, assign_splits
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError


@dataclass(frozen=True)
class Gathered:
    """rows (N of them), which are usable (N,), the split of each (N,) as a place in `SPLITS`.

    made: the splits that the source did not bring. images: those of the usable rows.
    coverage: by split, the share of the answered questions with an answer in the vocabulary.
    """

    rows: Rows
    usable: Mask
    codes: Codes
    made: tuple[str, ...]
    images: list[ImageFacts]
    vocabulary: AnswerVocabulary
    coverage: dict[str, float]


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
    images: list[ImageFacts] = []
    if not settings.no_images:
        images = _checked_images(rows, usable, row_images, settings, findings, report)
    _stop_if_unusable(source, bool(usable.any()), settings, findings)
    codes, made = assign_splits(rows, usable, settings, findings)
    train_answers = count_answers(rows, usable & (codes == TRAIN))
    vocabulary = AnswerVocabulary.build(
        train_answers, top=settings.top, min_count=settings.min_count
    )
    if train_answers and not len(vocabulary):
        raise DataError(
            f"{source}: --min-count {settings.min_count} keeps no answer; the most frequent one "
            f"stands in train {max(train_answers.values())} times"
        )
    check_splits(rows, usable, codes, made, train_answers, findings)
    coverage = _coverage(rows, usable, codes, vocabulary)
    return Gathered(rows, usable, codes, made, images, vocabulary, coverage)


def _checked_images(
    rows: Rows,
    usable: Mask,
    row_images: SourceImages,
    settings: PrepareSettings,
    findings: Findings,
    report: Reporter,
) -> list[ImageFacts]:
    """Check the images of the usable rows, drop the rows of those that cannot be read."""
    names = rows.images
    places = np.unique(rows.image_of[usable])
    used = [names[place] for place in places]
    unwritten = row_images.write(settings.max_pixels, report)
    facts = check_images(row_images.root, used, settings.max_pixels, report)
    facts = [
        replace(fact, problem=unwritten[fact.image]) if fact.image in unwritten else fact
        for fact in facts
    ]
    rows_of = np.bincount(rows.image_of[usable], minlength=len(names))
    for place, image in zip(places, facts, strict=True):
        if image.problem:
            count = int(rows_of[place])
            findings.unusable("image that is unreadable", image.problem, count=count)
    bad = [place for place, image in zip(places, facts, strict=True) if image.problem]
    usable &= ~np.isin(rows.image_of, bad)
    return [image for image in facts if not image.problem]


def _stop_if_unusable(
    source: Path, some: bool, settings: PrepareSettings, findings: Findings
) -> None:
    problems = [str(finding) for finding in findings if finding.unusable]
    if not some:
        raise DataError(f"{source}: has no usable row", problems)
    if problems and not settings.skip_bad:
        raise DataError(
            f"{source}: {findings.unusable_rows:,} row(s) cannot be used; mend them, or leave "
            "them out with --skip-bad:",
            problems,
        )


def _coverage(
    rows: Rows, usable: Mask, codes: Codes, vocabulary: AnswerVocabulary
) -> dict[str, float]:
    """By split, the share of the answered questions that have an answer in the vocabulary."""
    shares: dict[str, float] = {}
    for code, split in enumerate(SPLITS):
        answered = usable & (codes == code) & rows.answered
        if answered.any():
            known = any_known(rows, answered, lambda answer: vocabulary.index(answer) is not None)
            shares[split] = float(known.mean())
    return shares
