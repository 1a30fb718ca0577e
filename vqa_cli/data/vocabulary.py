"""The answer vocabulary: what the model can answer. Standard library only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import AnswerKind
from vqa_cli.errors import DataError, VQAError
from vqa_cli.files import RESTORE

FORMAT_VERSION = 1


def countable_answers(answers: Sequence[str], kind: AnswerKind | str) -> Sequence[str]:
    """The answers that a model can be asked to give: of a `set` the first one, else all."""
    return answers[:1] if kind == "set" else answers


@dataclass(frozen=True)
class AnswerVocabulary:
    """The answers a model chooses from, most frequent first; ties in the order of their keys.

    One that has `grown` holds those of its beginning first, then the further ones.

    answers: surface forms, one for each `answer_key`: the most frequent one in train.
    counts: how often train gives each answer, in any of its surface forms.
    train_answers: how many answers train gives in all, those outside the vocabulary included.
    train_distinct: how many distinct ones.
    """

    answers: tuple[str, ...]
    counts: tuple[int, ...]
    train_answers: int
    train_distinct: int

    def __len__(self) -> int:
        return len(self.answers)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {answer_key(answer): index for index, answer in enumerate(self.answers)}

    def index(self, answer: str) -> int | None:
        """The class of `answer`, compared by `answer_key`; None where it is not among them."""
        return self._index.get(answer_key(answer))

    @property
    def coverage(self) -> float:
        """The share, from 0 to 1, of train's answers that the vocabulary holds."""
        return sum(self.counts) / self.train_answers if self.train_answers else 0.0

    @classmethod
    def build(
        cls,
        answers: Iterable[str] | Mapping[str, int],
        *,
        top: int | None = None,
        min_count: int = 1,
    ) -> Self:
        """Count `answers` (of train only, please), or take them as already counted.

        Keeps those given at least `min_count` times, at most `top` of them. Answers without any
        character but spaces are no class and are left out.
        """
        totals: Counter[str] = Counter()
        surfaces: dict[str, tuple[int, str]] = {}
        # Sorted, so that of two surface forms that are as frequent the same one always wins.
        for surface, count in sorted(Counter(answers).items()):
            if not (key := answer_key(surface)):
                continue
            totals[key] += count
            if key not in surfaces or count > surfaces[key][0]:
                surfaces[key] = (count, " ".join(surface.split()))
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        kept = [(key, count) for key, count in ranked if count >= min_count][:top]
        return cls(
            answers=tuple(surfaces[key][1] for key, _ in kept),
            counts=tuple(count for _, count in kept),
            train_answers=sum(totals.values()),
            train_distinct=len(totals),
        )

    def grown(self, further: AnswerVocabulary) -> AnswerVocabulary:
        """These answers with their numbers and spellings, then those of `further` that are new.

        Counts are added up. Distinct answers that neither vocabulary holds may be the same ones;
        they count as different.
        """
        shared = [self.index(answer) for answer in further.answers]
        counts = list(self.counts)
        for index, count in zip(shared, further.counts, strict=True):
            if index is not None:
                counts[index] += count
        added = [place for place, index in enumerate(shared) if index is None]
        return AnswerVocabulary(
            answers=(*self.answers, *(further.answers[place] for place in added)),
            counts=(*counts, *(further.counts[place] for place in added)),
            train_answers=self.train_answers + further.train_answers,
            train_distinct=self.train_distinct + further.train_distinct - len(shared) + len(added),
        )

    def save(self, path: Path) -> None:
        """Write `answers.json`; the same vocabulary always gives the same bytes."""
        content = {
            "format_version": FORMAT_VERSION,
            "train_answers": self.train_answers,
            "train_distinct": self.train_distinct,
            "answers": [
                {"answer": answer, "count": count}
                for answer, count in zip(self.answers, self.counts, strict=True)
            ],
        }
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path, *, error: type[VQAError] = DataError) -> Self:
        """Read `answers.json`. Raises `error` where it is missing, damaged or of a newer format."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["format_version"]
            if version != FORMAT_VERSION:
                raise error(
                    f"{path}: has format version {version}, this vqa knows {FORMAT_VERSION}; "
                    "use a newer vqa, or make the folder again"
                )
            entries = [(str(entry["answer"]), int(entry["count"])) for entry in content["answers"]]
            vocabulary = cls(
                answers=tuple(answer for answer, _ in entries),
                counts=tuple(count for _, count in entries),
                train_answers=int(content["train_answers"]),
                train_distinct=int(content["train_distinct"]),
            )
        except OSError as problem:
            raise error(
                f"{path}: the answer vocabulary cannot be read: {problem.strerror or problem}; "
                f"{RESTORE}"
            ) from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise error(
                f"{path}: no answer vocabulary, or a damaged one ({problem}); {RESTORE}"
            ) from problem
        if len(vocabulary._index) != len(entries):
            raise error(
                f"{path}: the answer vocabulary is damaged: an answer stands there twice; {RESTORE}"
            )
        return vocabulary
