"""VQA v2: questions and annotations in two JSON files a split, images in COCO's folders."""

from __future__ import annotations

from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.vqa_files import holds, read_release

NAME = "vqa-v2"
DESCRIPTION = (
    "v2_OpenEnded_mscoco_train2014_questions.json with v2_mscoco_train2014_annotations.json "
    "(val2014, test2015 likewise); images in train2014/ and so on"
)


def detect(source: Source) -> bool:
    """A JSON file with a list "questions" of an image_id, a question and a question_id each."""
    return holds(source, "VQA v2")


def read(source: Source) -> Reading:
    """Raises DataError where questions or annotations are missing, or are there twice."""
    return read_release(source, "VQA v2")
