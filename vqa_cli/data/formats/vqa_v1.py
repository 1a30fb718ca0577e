"""VQA v1: as VQA v2, and the same questions with 18 choices each; photos or abstract scenes."""

from __future__ import annotations

from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.vqa_files import holds, read_release

NAME = "vqa-v1"
DESCRIPTION = (
    "OpenEnded_mscoco_train2014_questions.json or MultipleChoice_... with "
    "mscoco_train2014_annotations.json; abstract_v002 likewise, images in "
    "scene_img_abstract_v002_train2015/"
)


def detect(source: Source) -> bool:
    """As VQA v2, of version 1 by what the file says, or by its name where it doesn't."""
    return holds(source, "VQA v1")


def read(source: Source) -> Reading:
    """Raises DataError where questions or annotations are missing, or are there twice."""
    return read_release(source, "VQA v1")
