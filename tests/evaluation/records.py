"""Records in a word: what a question's answers are, what was predicted, what that is worth."""

from itertools import count

from vqa_cli.data.example import Example
from vqa_cli.evaluation.metrics import score
from vqa_cli.evaluation.predictions import Predicted, Record

_numbers = count()


def record(answers, predicted, kind="alternatives", **more):
    """A scored record; `answers` and `predicted` are one text each, or several.

    Of several predicted answers the first is the answer, the others come after it in the ranking.
    more: fields of the example, or `choice` and `watched` of the prediction.
    """
    given = (answers,) if isinstance(answers, str) else tuple(answers)
    ranked = (predicted,) if isinstance(predicted, str) else tuple(predicted)
    prediction = Predicted(
        ranked[0],
        answers=tuple((answer, 0.5) for answer in ranked) if len(ranked) > 1 else (),
        choice=more.pop("choice", None),
        watched=tuple(more.pop("watched", ())),
    )
    name = more.pop("question_id", str(next(_numbers)))
    example = Example("a.png", "what?", given, name, kind, **more)
    return Record(example, prediction, score(given, kind, ranked[0]) if given else None)
