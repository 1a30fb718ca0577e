"""Rows with several questions about an image: `images` and `texts`, as The Cauldron has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vqa_cli.data.cells import RowError, image_of, text_of
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings


def conversation_examples(
    row: Mapping[str, Any], row_id: str, split: str | None, findings: Findings
) -> Iterator[Example]:
    """Yield one example for each turn, "user" asking and "assistant" answering.

    Turns that cannot be used go to the findings. Raises RowError where the row has not exactly
    one image, or no list of turns.
    """
    images, turns = row.get("images"), row.get("texts")
    if not isinstance(images, list) or len(images) != 1:
        count = len(images) if isinstance(images, list) else 0
        raise RowError("row with several images, or none", f"{count} images")
    if not isinstance(turns, list):
        raise RowError("texts that are no list of turns", type(turns))
    image, content = image_of(images[0], row_id)
    for number, turn in enumerate(turns, start=1):
        turn_id = f"{row_id}-{number}"
        if not isinstance(turn, dict):
            findings.unusable("turn that has no user and assistant", turn_id)
            continue
        answer = text_of(turn.get("assistant"), "answer")
        yield Example(
            image=image,
            question=text_of(turn.get("user"), "question"),
            answers=(answer,) if answer.strip() else (),
            question_id=turn_id,
            split=split,
            image_bytes=content,
            extra={"source": source} if (source := turn.get("source")) else {},
        )
