"""The metrics beside the accuracy: which a split defines, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.classes import CONFUSED, Labels, most_frequent_answers
from vqa_cli.evaluation.consistency import consistency
from vqa_cli.evaluation.metrics import Metric
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.ranking import CUTOFFS, one_vs_rest_auc, top_k_accuracy
from vqa_cli.evaluation.tasks import answerability, direct_answer, multiple_choice
from vqa_cli.evaluation.wordnet import WordNet
from vqa_cli.evaluation.wups import THRESHOLDS, wups
from vqa_cli.memory import without_garbage_collection

Row = tuple[str, str, str]
"""A label, a share in percent, and how many questions it is of ("" where that is no news)."""

Section = tuple[str, list[Row]]
CONFUSIONS_SHOWN = 5


@without_garbage_collection()
def further_metrics(
    records: Sequence[Record],
    *,
    top_k: int = CUTOFFS[-1],
    metric: Metric = "auto",
    watched: Sequence[str] = (),
    vocabulary: AnswerVocabulary | None = None,
    wordnet: Path | None = None,
) -> dict[str, Any]:
    """All further metrics that are defined for these records; JSON, shares from 0 to 1.

    records: of a whole split. top_k: no more of the answers to a question are looked at.
    metric: what the records were scored by. watched: the answers (`questions.watched_in`) whose
    probabilities stand in each record's `predicted.watched`. vocabulary: the model's answers; None
    for predictions from elsewhere. wordnet: WordNet's folder (`wordnet.find_wordnet`), where WUPS
    is wanted.

    Keys, of which those are absent that are not defined: top_k, macro, confusion, auc,
    answerability, multiple_choice, direct_answer, consistency, wups.

    Raises what `WordNet` raises.
    """
    scored = [record for record in records if record.score is not None]
    found = {
        "answerability": answerability(records, watched),
        "multiple_choice": multiple_choice(records, vocabulary),
        "direct_answer": direct_answer(records),
    }
    if scored:
        labels = Labels.of(scored)
        frequent = most_frequent_answers((record.example for record in scored), CONFUSED)
        found |= {
            "top_k": top_k_accuracy(scored, top_k, metric),
            "macro": labels.macro(),
            "confusion": labels.confusion(frequent),
            "auc": one_vs_rest_auc(scored, labels, watched),
            "consistency": consistency(scored),
        }
        if wordnet:
            with WordNet(wordnet) as opened:
                found["wups"] = wups(scored, opened)
    return {name: result for name, result in found.items() if result}


def further_sections(further: Mapping[str, Any]) -> list[Section]:
    """What `further_metrics` found as sections of a table for people, in percent."""
    sections = [(title, rows(further[name])) for name, title, rows in _SHOWN if name in further]
    return [section for section in sections if section[1]]


def _row(label: str, share: float, questions: int | None = None) -> Row:
    return label, f"{100 * share:.2f}", "" if questions is None else f"{questions:,}"


def _top_k_rows(found: Mapping[str, float]) -> list[Row]:
    return [_row(f"right among the best {k}", share) for k, share in found.items() if k != "1"]


def _macro_rows(found: Mapping[str, Any]) -> list[Row]:
    return [_row(name, found[key]) for key, name in _MACRO_TITLES.items()]


def _confusion_rows(found: Mapping[str, Any]) -> list[Row]:
    answers, counts = found["answers"], found["counts"]
    confused = [
        (count, sum(row), right, other)
        for right, row in zip(answers, counts, strict=True)
        for other, count in zip(answers, row, strict=False)
        if other != right and count
    ]
    confused.sort(key=lambda one: -one[0])
    return [
        _row(f"{right}, answered as {other}", count / asked, count)
        for count, asked, right, other in confused[:CONFUSIONS_SHOWN]
    ]


def _auc_rows(found: Mapping[str, Any]) -> list[Row]:
    return [_row(f"mean of {len(found['answers'])} answers", found["mean"])]


def _answerability_rows(found: Mapping[str, Any]) -> list[Row]:
    average_precision = _row("average precision", found["average_precision"], found["questions"])
    return [average_precision, _row("F1", found["f1"])]


def _multiple_choice_rows(found: Mapping[str, Any]) -> list[Row]:
    shares = [_row("accuracy", found["accuracy"], found["questions"])]
    if "choices_out_of_vocabulary" in found:
        shares.append(_row("choices not in the vocabulary", found["choices_out_of_vocabulary"]))
        shares.append(_row("right ones not in it", found["correct_out_of_vocabulary"]))
    return shares


def _direct_answer_rows(found: Mapping[str, Any]) -> list[Row]:
    return [_row("accuracy", found["accuracy"], found["questions"])]


def _consistency_rows(found: Mapping[str, Any]) -> list[Row]:
    rows = []
    if entailed := found.get("entailed"):
        label = "entailed questions right where the first is"
        rows.append(_row(label, entailed["consistency"], entailed["questions"]))
        rows.append(_row("entailed questions in this split", entailed["coverage"]))
    if groups := found.get("groups"):
        rows.append(_row("groups with all answers right", groups["consistency"], groups["groups"]))
    return rows


def _wups_rows(found: Mapping[str, Any]) -> list[Row]:
    return [_row(f"at {threshold}", found[str(threshold)]) for threshold in THRESHOLDS]


_MACRO_TITLES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_SHOWN: tuple[tuple[str, str, Callable[[Any], list[Row]]], ...] = (
    ("top_k", "top-k accuracy", _top_k_rows),
    ("macro", "averaged over the answers, each counting once", _macro_rows),
    ("auc", "area under the ROC curve, one answer against the rest", _auc_rows),
    ("multiple_choice", "multiple choice", _multiple_choice_rows),
    ("direct_answer", "direct answers, as A-OKVQA scores them", _direct_answer_rows),
    ("answerability", "telling unanswerable questions", _answerability_rows),
    ("consistency", "consistency", _consistency_rows),
    ("wups", "WUPS", _wups_rows),
    ("confusion", "most often confused", _confusion_rows),
)
