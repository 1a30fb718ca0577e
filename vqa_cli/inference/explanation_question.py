"""The question of an explanation, drawn with its words tinted by their importance."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from PIL import Image, ImageDraw

from vqa_cli.data.preprocessor import normalize_question
from vqa_cli.inference.explanation import NOTHING, Explanation
from vqa_cli.inference.explanation_text import Font, drawable, is_right_to_left, shortened
from vqa_cli.inference.explanation_words import words_of

SIZE = 22
LINE = SIZE + 24
PADDING, SPACE = 4, 5
MAX_LINES = 6
"""Of a longer question only the beginning is drawn."""

WHITE, BLACK, LIGHT, ORANGE = (255, 255, 255), (20, 20, 20), (225, 225, 225), (240, 130, 30)


@dataclass(frozen=True)
class _Box:
    """A word where it stands: its share of the highest importance, from 0 to 1."""

    text: str
    font: Font
    left: int
    width: int
    line: int
    share: float


def draw_question(explanation: Explanation, width: int) -> Image.Image:
    """Draw the question in lines of so many pixels, from right to left where it is read so.

    A word of importance is tinted, and the bar below it says how much: both are relative to the
    most important word. Words that speak against the answer look as those that do not matter.
    """
    question = normalize_question(explanation.prediction.question)
    boxes = _boxes(question, _shares(explanation), width)
    canvas = Image.new("RGB", (width, LINE * (boxes[-1].line + 1)), WHITE)
    pen = ImageDraw.Draw(canvas)
    mirrored = is_right_to_left(question)
    for box in boxes:
        left = width - box.left - box.width if mirrored else box.left
        top, right = box.line * LINE, left + box.width - 1
        red, green, blue = (round(255 + (value - 255) * box.share) for value in ORANGE)
        pen.rectangle((left, top, right, top + SIZE + 10), fill=(red, green, blue))
        pen.text((left + PADDING, top + 3), box.text, BLACK, box.font)
        pen.rectangle((left, top + SIZE + 12, right, top + SIZE + 15), fill=LIGHT)
        if bar := round(box.width * box.share):
            pen.rectangle((left, top + SIZE + 12, left + bar - 1, top + SIZE + 15), fill=BLACK)
    return canvas


def _shares(explanation: Explanation) -> list[float]:
    values = [word.importance for word in explanation.words]
    highest = max(values)
    return [max(0.0, value / highest) if highest >= NOTHING else 0.0 for value in values]


def _boxes(question: str, shares: list[float], width: int) -> list[_Box]:
    """Set the words in lines."""
    boxes: list[_Box] = []
    left = line = 0
    for number, (text, spaced) in enumerate(_pieces(question)):
        text, font = drawable(text, SIZE, f"[word {number + 1}]")
        text = shortened(text, font, width - 2 * PADDING)
        length = int(font.getlength(text)) + 2 * PADDING
        if left + length > width:
            left, line = 0, line + 1
            if line == MAX_LINES:
                return boxes
        boxes.append(_Box(text, font, left, length, line, shares[number]))
        left += length + (SPACE if spaced else 1)
    return boxes


def _pieces(question: str) -> list[tuple[str, bool]]:
    """Each word with the punctuation beside it, and whether a space follows."""
    spans = words_of(question)
    cuts = [0]
    for one, other in itertools.pairwise(spans):
        between = question[one.end : other.start]
        cuts.append(one.end + (between.index(" ") if " " in between else len(between)))
    cuts.append(len(question))
    return [
        (question[start:end].strip(), question[end : end + 1] == " ")
        for start, end in itertools.pairwise(cuts)
    ]
