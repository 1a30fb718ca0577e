"""A picture of an explanation: the question, where the model looked, and its answers.

Pillow alone. Heat is shown by a colour map whose lightness only rises (matplotlib's inferno, at
five points), over the image in dark grey, with an outline at half of the highest heat and a mark
on the peak: it can be read by colour-blind people and on a grey print.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vqa_cli.inference.answerer import Floats
from vqa_cli.inference.explanation import Explanation
from vqa_cli.inference.explanation_question import draw_question
from vqa_cli.inference.explanation_text import drawable, shortened
from vqa_cli.inference.prediction import Answer

MARGIN, GAP = 24, 12
SMALL = 15
PANEL = 440
WIDE = 2.0
"""Images wider than this, in parts of their height, stand below one another."""
ROW = SMALL + 12

WHITE, BLACK, GREY, LIGHT = (255, 255, 255), (20, 20, 20), (110, 110, 110), (225, 225, 225)
INFERNO = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))


def colors_of(heat: Floats) -> NDArray[np.float64]:
    """The colour map: heat (...) in [0, 1] -> RGB (..., 3) from 0 to 255."""
    points = np.linspace(0, 1, len(INFERNO))
    channels = np.array(INFERNO, dtype=float).T
    return np.stack([np.interp(heat, points, channel) for channel in channels], axis=-1)


def draw(image: Image.Image, explanation: Explanation) -> Image.Image:
    """Draw an explanation of an answer about `image`, which is upright and RGB."""
    small = _fitted(image)
    panels = [("the image", small)]
    panels.append(("where the answer needs it", overlay(small, explanation.heat)))
    if explanation.attention is not None:
        panels.append(("what the fusion attends to", overlay(small, explanation.attention)))
    below = small.width > WIDE * small.height
    step_x = 0 if below else small.width + GAP
    step_y = small.height + ROW + GAP if below else 0
    inside = max(2 * PANEL + GAP, small.width + step_x * (len(panels) - 1))
    question = draw_question(explanation, inside)
    top = MARGIN + question.height + GAP
    bottom = top + ROW + small.height + step_y * (len(panels) - 1) + GAP
    answers = explanation.prediction.answers
    height = bottom + 3 * ROW + len(answers) * (ROW + 4) + MARGIN
    canvas = Image.new("RGB", (inside + 2 * MARGIN, height), WHITE)
    canvas.paste(question, (MARGIN, MARGIN))
    pen = ImageDraw.Draw(canvas)
    for number, (caption, panel) in enumerate(panels):
        x, y = MARGIN + step_x * number, top + step_y * number
        _line(pen, (x, y), caption, max(small.width, PANEL // 2))
        canvas.paste(panel, (x, y + ROW))
    _legend(canvas, pen, bottom, explanation)
    _answers(pen, bottom + 3 * ROW, inside, answers, explanation.answer)
    return canvas


def overlay(image: Image.Image, heat: Floats) -> Image.Image:
    """Lay a heat map (rows, columns) over an RGB image of any size."""
    wide = Image.fromarray(heat).resize(image.size, Image.Resampling.BICUBIC)
    fine = np.clip(np.asarray(wide, dtype=np.float32), 0, 1)
    grey = np.asarray(image.convert("L"), dtype=float)[..., None] * 0.75
    opacity = 0.8 * fine[..., None] ** 0.7
    mixed = grey * (1 - opacity) + colors_of(fine) * opacity
    picture = Image.fromarray(np.rint(mixed).astype(np.uint8))
    if heat.any():
        _mark(picture, fine)
    return picture


def _mark(picture: Image.Image, heat: Floats) -> None:
    """Draw the outline of what is at least half as hot as the peak, and a ring on the peak."""
    hot = np.pad(heat >= 0.5, 1, mode="edge")
    inner = hot[2:, 1:-1] & hot[:-2, 1:-1] & hot[1:-1, 2:] & hot[1:-1, :-2]
    outline = Image.fromarray((hot[1:-1, 1:-1] & ~inner).astype(np.uint8) * np.uint8(255))
    picture.paste(WHITE, mask=outline)
    y, x = (int(place) for place in np.unravel_index(int(heat.argmax()), heat.shape))
    pen = ImageDraw.Draw(picture)
    for radius, color in ((8, BLACK), (7, WHITE), (5, BLACK)):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=color)


def _fitted(image: Image.Image) -> Image.Image:
    """Shrink or enlarge to a panel; the pixels of what is tiny stay visible as squares."""
    below = image.width > WIDE * image.height
    room = (2 * PANEL + GAP, PANEL) if below else (PANEL, int(1.5 * PANEL))
    ratio = min(room[0] / image.width, room[1] / image.height)
    size = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    resampling = Image.Resampling.NEAREST if ratio > 3 else Image.Resampling.BICUBIC
    return image.resize(size, resampling, reducing_gap=3.0)


def _legend(canvas: Image.Image, pen: ImageDraw.ImageDraw, top: int, told: Explanation) -> None:
    """The colours from cold to hot, and what the hottest place is worth."""
    if told.peak is None:
        _line(pen, (MARGIN, top), "The answer needs nothing of the image.", PANEL * 2)
        return
    colors = colors_of(np.linspace(0, 1, PANEL // 2, dtype=np.float32))
    bar = Image.fromarray(np.rint(colors).astype(np.uint8)[None]).resize((PANEL // 2, SMALL))
    x = _line(pen, (MARGIN, top), "not needed", PANEL) + GAP
    canvas.paste(bar, (x, top + 3))
    _line(pen, (x + bar.width + GAP, top), "needed most", PANEL)
    lost = f"{told.confidence:.2f}, and {told.hidden_confidence:.2f} with the hottest place hidden"
    x = _line(pen, (MARGIN, top + ROW), told.answer, PANEL, "[the answer]") + GAP // 2
    _line(pen, (x, top + ROW), lost, PANEL)


def _answers(
    pen: ImageDraw.ImageDraw, top: int, width: int, answers: Sequence[Answer], told: str
) -> None:
    """A line an answer: its text, a bar, and its confidence; the explained one in black."""
    first, length = MARGIN + PANEL // 2, width - PANEL // 2 - 60
    for number, answer in enumerate(answers, 1):
        color = BLACK if answer.text == told else GREY
        room = PANEL // 2 - GAP
        _line(pen, (MARGIN, top), answer.text, room, f"[answer {number}]", color)
        pen.rectangle((first, top + 2, first + length, top + SMALL + 4), fill=LIGHT)
        filled = round(length * min(1.0, answer.confidence))
        if filled:
            pen.rectangle((first, top + 2, first + filled, top + SMALL + 4), fill=color)
        _line(pen, (first + length + GAP, top), f"{answer.confidence:.2f}", 60, "", color)
        top += ROW + 4


def _line(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    width: int,
    otherwise: str = "",
    color: tuple[int, int, int] = GREY,
) -> int:
    """Write a text of at most so many pixels; return where it ends."""
    text, font = drawable(text, SMALL, otherwise)
    text = shortened(text, font, width)
    pen.text(place, text, color, font)
    return int(place[0] + font.getlength(text))
