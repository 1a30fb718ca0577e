"""How well a model answers when it does not see the image that it is asked about.

What is left of its accuracy it owes to the questions alone, not to the images (Goyal et al.,
"Making the V in VQA Matter", CVPR 2017).

- `blank_images`: each image is of one colour, the mean that the encoder's input is normalised by,
  so that the encoder sees (nearly) zeros.
- `shuffled_images`: each image is replaced by another one of the split, the same one for all of
  its questions. The images, told apart by their content, are put in one random circle, and each
  stands for the one before it, so that none stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.example import Example
from vqa_cli.evaluation.predictions import Group, Predicted, by_image, predict

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.data.preprocessor import ImageTransform
    from vqa_cli.inference.answerer import Answerer

SEED = 0
_QUESTIONS_AT_ONCE = 64  # about one blank image, which bounds the memory for their answers


def ablate(
    answerer: Answerer,
    dataset: PreparedDataset,
    questions: Sequence[Example],
    report: Reporter = SILENT,
) -> dict[str, list[Predicted]]:
    """Answer the questions without their images: name of the ablation -> predictions.

    Where all questions are about the same picture there is none to shuffle it with.
    """
    groups = {"blank_images": list(_blank(questions, answerer.preprocessor.transform))}
    table = dataset.images()
    contents = dict(zip(table["image"], table["sha256"], strict=True))
    if others := shuffled([q.image for q in questions], contents):
        groups["shuffled_images"] = [
            (dataset.image_root / others[questions[places[0]].image], places)
            for _, places in by_image(questions, Path())
        ]
    found = {}
    for name, asked in groups.items():
        report.notice(f"answering again with {name.replace('_', ' ')}")
        found[name] = predict(answerer, questions, asked, report=report)
    return found


def _blank(questions: Sequence[Example], transform: ImageTransform) -> Iterator[Group]:
    image = np.empty((transform.height, transform.width, 3), dtype=np.uint8)
    image[:] = [round(255 * value) for value in transform.mean]
    for start in range(0, len(questions), _QUESTIONS_AT_ONCE):
        yield image, range(start, min(start + _QUESTIONS_AT_ONCE, len(questions)))


def shuffled(images: Sequence[str], contents: Mapping[str, str]) -> dict[str, str]:
    """For each image another one with another content; empty where all contents are the same.

    images: their names, with repetitions. contents: name -> hash. The same every time.
    """
    first: dict[str, str] = {}
    for image in images:
        first.setdefault(contents[image], image)
    if len(first) < 2:
        return {}
    circle = np.random.default_rng(SEED).permutation(list(first)).tolist()
    stand_in = {
        here: first[there] for here, there in zip(circle, [*circle[1:], circle[0]], strict=True)
    }
    return {image: stand_in[contents[image]] for image in images}
