"""What counts as a word of a question, and the question's tokens without it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from vqa_cli.data.preprocessor import Preprocessor, normalize_question

# Where no spaces part the words: each ideograph alone, and runs of one of Japanese' two scripts.
# Scripts that have neither, such as Thai, are parted at spaces only.
_PIECE = re.compile(
    "[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|[\u3041-\u309f]+|[\u30a0-\u30ff]+"
    "|[^\\s\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)


@dataclass(frozen=True)
class Span:
    """A word, at characters `start` to `end` of the question as `normalize_question` gives it."""

    text: str
    start: int
    end: int


def words_of(question: str) -> list[Span]:
    """The words of a question, in order: what spaces part, without the punctuation around it.

    Chinese and Japanese, which have no spaces, are parted by script (see `_PIECE`). A question
    of punctuation alone is one word. Raises DataError where the question is empty.
    """
    text = normalize_question(question)
    spans = []
    for match in _PIECE.finditer(text):
        start, end = match.span()
        while start < end and _is_punctuation(text[start]):
            start += 1
        while start < end and _is_punctuation(text[end - 1]):
            end -= 1
        if start < end:
            spans.append(Span(text[start:end], start, end))
    return spans or [Span(text, 0, len(text))]


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def without_each_word(preprocessor: Preprocessor, question: str) -> Iterator[list[int]]:
    """Yield the question's token ids without its first word, without its second, and so on.

    The tokens of a word are left out, rather than its letters: of a question that is too long
    for the model no other words come into sight, and a word behind the cut changes nothing. The
    only word of a question is replaced instead of left out, by unknown tokens (by padding tokens
    where the tokenizer knows no unknown one), so that no question is ever empty.
    """
    spans = words_of(question)
    encoding = preprocessor.tokenizer.encode(normalize_question(question))
    unknown = _unknown_token_id(preprocessor)
    tokens = list(zip(encoding.ids, encoding.offsets, strict=True))
    for span in spans:
        # What the tokenizer adds, as [CLS], stands for no characters: it starts where it ends.
        hit = [start < span.end and end > span.start for _, (start, end) in tokens]
        others = any(
            start < end and not of_it for (_, (start, end)), of_it in zip(tokens, hit, strict=True)
        )
        if others and len(spans) > 1:
            yield [token for (token, _), of_it in zip(tokens, hit, strict=True) if not of_it]
        else:
            yield [
                unknown if of_it else token for (token, _), of_it in zip(tokens, hit, strict=True)
            ]


def _unknown_token_id(preprocessor: Preprocessor) -> int:
    """The id of [UNK] or <unk>; of padding where there is none, as in byte-level vocabularies."""
    tokenizer = preprocessor.tokenizer
    found = (tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>"))
    return next((token for token in found if token is not None), preprocessor.pad_token_id)
