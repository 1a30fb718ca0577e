"""OK-VQA: questions that need outside knowledge, in the files and by the names of VQA v1."""

from __future__ import annotations

from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.vqa_files import holds, read_release

NAME = "ok-vqa"
DESCRIPTION = (
    "OpenEnded_mscoco_train2014_questions.json with mscoco_train2014_annotations.json (val2014 "
    "likewise), whose answers have a raw_answer; images in train2014/ and val2014/"
)


def detect(source: Source) -> bool:
    """As VQA v1, with a raw_answer in each answer."""
    return holds(source, "OK-VQA")


def read(source: Source) -> Reading:
    """The answers are the stemmed ones, which the official score compares.

    Raises DataError where questions or annotations are missing, or are there twice.
    """
    return read_release(source, "OK-VQA")
