"""Drawing text of any script with the fonts that there are, and never an empty box for a letter.

Pillow brings one font, for the letters of ASCII. For others the system's usual fonts are looked
for; what none of them has loses its accents, or is replaced by a text in brackets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

from PIL import ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc"),
    *("Arial Unicode.ttf", "PingFang.ttc", "AppleSDGothicNeo.ttc", "Hiragino Sans GB.ttc"),
    *("segoeui.ttf", "msyh.ttc", "meiryo.ttc", "malgun.ttf", "seguisym.ttf", "Nirmala.ttc"),
)
"""Fonts of wide coverage that come with Linux, macOS and Windows."""

MISSING = "\U0010ffff"
"""No font has a glyph for this one: it gives what stands for letters that a font lacks."""


def font_for(text: str, size: int) -> Font | None:
    """The first font that can draw `text`; None where there is none."""
    if _needs_shaping(text) and not features.check("raqm"):
        return None
    return next((font for font in _fonts(size) if _has_all(font, text)), None)


def drawable(text: str, size: int, otherwise: str) -> tuple[str, Font]:
    """`text` with a font that can draw it, or without its accents, or else `otherwise`.

    otherwise: of letters of ASCII, which Pillow's own font has.
    """
    text = _visible(text)
    if text and (font := font_for(text, size)):
        return text, font
    plain = _without_accents(text)
    own = _built_in(size)
    return (plain if plain and _has_all(own, plain) else otherwise), own


def shortened(text: str, font: Font, width: float) -> str:
    """`text`, cut to so many pixels."""
    if font.getlength(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = font.getlength(text[:middle] + "...") <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low] + "..."


def is_right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction runs to the left."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def _visible(text: str) -> str:
    """Without control characters, joiners and variation selectors, for which no font has glyphs."""
    kept = (c for c in text if not "\ufe00" <= c <= "\ufe0f" and unicodedata.category(c)[0] != "C")
    return " ".join("".join(kept).split())


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _needs_shaping(text: str) -> bool:
    return any(
        unicodedata.bidirectional(c) in ("R", "AL") or unicodedata.category(c) in ("Mn", "Mc")
        for c in text
    )


def _fonts(size: int) -> Iterator[Font]:
    yield _built_in(size)
    for name in SYSTEM_FONTS:
        if font := _system_font(name, size):
            yield font


@cache
def _built_in(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _system_font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:  # this system does not have it
        return None


def _has_all(font: Font, text: str) -> bool:
    missing = font.getmask(MISSING)
    return all(
        (mask := font.getmask(character)).size != missing.size or bytes(mask) != bytes(missing)
        for character in set(text)
        if character != " "
    )
