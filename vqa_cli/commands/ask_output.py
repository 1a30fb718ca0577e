"""What `vqa ask` says on stdout, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vqa_cli.errors import DataError, UnsureError

if TYPE_CHECKING:
    from vqa_cli.console import Console
    from vqa_cli.inference.answerer import Answerer
    from vqa_cli.inference.prediction import Answer, Prediction

UNSURE = "unsure"
NAMED = 5
"""So many failures are named at the end; the records have all of them."""


@dataclass
class Answers:
    """Writes answers, and counts what the exit code depends on.

    min_confidence: an answer below it is not said.
    columns: what begins each plain line, of `image` and `question`.
    """

    as_json: bool
    top_k: int
    min_confidence: float
    columns: Sequence[str] = ()
    asked: int = 0
    unsure: int = 0
    failed: int = 0
    named: list[str] = field(default_factory=list)

    def write(
        self,
        image: str,
        prediction: Prediction,
        ids: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Say what the model answered.

        ids, more: what a JSON record has besides, at its beginning and at its end.
        """
        sure = [a for a in prediction.answers if a.confidence >= self.min_confidence]
        first = self.asked == 0
        self.asked += 1
        self.unsure += not sure
        if self.as_json:
            record = _record(image, prediction, unsure=not sure)
            _say_json({**(ids or {}), **record, **(more or {})})
            return
        lines = [UNSURE] if not sure else [self._line(answer) for answer in sure]
        if self.columns:
            known = {"image": image, "question": prediction.question}
            start = "".join(f"{one_line(known[column])}\t" for column in self.columns)
            lines = [start + line for line in lines]
        elif self.top_k > 1 and not first:
            lines.insert(0, "")
        _say("\n".join(lines))

    def _line(self, answer: Answer) -> str:
        return answer.text if self.top_k == 1 else f"{answer.text}\t{answer.confidence:.2f}"

    def fail(self, error: str, place: str, record: Mapping[str, Any]) -> None:
        """Count what could not be asked, and say so in a record where there are such."""
        self.asked += 1
        self.failed += 1
        if self.as_json:
            if len(self.named) < NAMED:
                self.named.append(f"{place}{error}")
            _say_json({**record, "error": error})

    def flush(self) -> None:
        """Let a reader who waits have what was said."""
        if sys.stdout is not None:
            sys.stdout.flush()

    def finish(self, console: Console) -> None:
        """Raise DataError where something failed, else UnsureError where an answer is missing."""
        unsure = (
            f"{self.unsure:,} of {self.asked:,} question(s) have no answer of confidence"
            f" {self.min_confidence:.10g} or more"
        )
        if self.failed:
            if self.unsure:
                console.warn(unsure)
            failed = f"{self.failed:,} of {self.asked:,} question(s) could not be asked"
            if not self.as_json:  # each was told when it failed
                raise DataError(failed)
            more = [f"and {self.failed - NAMED:,} more"] if self.failed > NAMED else []
            raise DataError(f"{failed}:", [*self.named, *more])
        if self.unsure:
            raise UnsureError(unsure)


@dataclass
class Asking:
    """What every way of asking needs.

    load: loads the model, which takes a while: what the user got wrong is told before.
    """

    load: Callable[[], Answerer]
    answers: Answers
    allow_url: bool
    console: Console

    def warn_if_cut(self, answerer: Answerer, question: str) -> None:
        """Tell of a question of which the model sees the beginning alone."""
        if answerer.is_cut(question):
            tokens = answerer.preprocessor.max_question_tokens
            start = one_line(question)
            self.console.warn(
                f"only the first {tokens} tokens of this question count: {start:.60}…"
            )


def _record(image: str, prediction: Prediction, *, unsure: bool) -> dict[str, Any]:
    return {
        "image": image,
        "question": prediction.question,
        "answer": UNSURE if unsure else prediction.answer,
        "confidence": prediction.confidence,
        "unsure": unsure,
        "answers": [
            {"answer": answer.text, "confidence": answer.confidence}
            for answer in prediction.answers
        ],
    }


def one_line(text: str) -> str:
    """A text without line breaks and tabs."""
    return " ".join(text.split())


def _say_json(record: Mapping[str, Any]) -> None:
    text = json.dumps(record, ensure_ascii=False)
    # Half a surrogate pair, as a file's name that is no UTF-8 has, can be escaped in JSON.
    print(text if _can_say(text) else json.dumps(record))


def _say(text: str) -> None:
    if not _can_say(text):
        text = text.encode(_encoding(), "backslashreplace").decode(_encoding())
    print(text)


def _can_say(text: str) -> bool:
    try:
        text.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"
