"""A small evaluation with everything that a report can show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.drawing import save_image
from vqa_cli.data.example import Example
from vqa_cli.data.images import MAX_PIXELS
from vqa_cli.evaluation.evaluate import summarize
from vqa_cli.evaluation.further import further_metrics
from vqa_cli.evaluation.intervals import compare
from vqa_cli.evaluation.metrics import score
from vqa_cli.evaluation.predictions import Predicted, Record
from vqa_cli.evaluation.result import EvaluationResult

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> \"&amp;' <!-- \u2028"
COUNT = 60


def record(example: Example, *answers: tuple[str, float]) -> Record:
    best, sure = answers[0]
    worth = score(example.answers, example.answer_kind, best) if example.answers else None
    return Record(example, Predicted(best, sure, answers), worth)


def draw_records() -> list[Record]:
    """60 questions: every third wrong; then partly right, without answers, hostile, missing."""
    records = []
    for number in range(COUNT):
        truth = "red" if number % 2 else "2"
        example = Example(
            image=f"{number % 5}.png",
            question=f"what color is number {number}?" if number % 2 else f"how many in {number}?",
            answers=(truth,),
            question_id=str(number),
            question_type="what color" if number % 2 else "how many",
            answer_type="other" if number % 2 else "number",
        )
        answer = "blue" if number % 3 == 0 else truth
        sure = (number + 1) / 100
        records.append(record(example, (answer, sure), ("green", 0.01)))
    special = records[4].example
    people = replace(special, answers=("two",) * 2 + ("many",) * 8, answer_kind="annotators")
    records[4] = record(people, ("two", 0.5), ("2", 0.2))
    records[10] = record(replace(special, answers=(), question_id="10"), ("red", 0.3))
    asked = replace(special, question=HOSTILE, answers=(HOSTILE,), question_id=HOSTILE)
    asked = replace(asked, question_type=HOSTILE, answer_type=HOSTILE)
    records[20] = record(asked, (HOSTILE, 0.2), ("no", 0.1))
    records[21] = record(replace(records[21].example, image="gone.png"), ("blue", 0.9))
    return records


@pytest.fixture(scope="session")
def result() -> EvaluationResult:
    records = draw_records()
    scored = [r for r in records if r.score is not None]
    scores = [r.score for r in scored]
    return replace(
        summarize("test", records),
        baselines={"majority": 0.4, "question_only": 0.5, "vocabulary_upper_bound": 0.95},
        ablations={"blank_images": 0.3},
        leaks=(f"5 of 60 questions are about an image of train: {HOSTILE}",),
        comparison=compare(HOSTILE, scores, [0.0] * len(scores), [r.example.image for r in scored]),
        further=further_metrics(records),
    )


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """What a report uses of a PreparedDataset."""
    root = tmp_path_factory.mktemp("images")
    for number in range(5):
        save_image(root / f"{number}.png", shift=number)
    info = {"name": "shapes", "settings": {"max_pixels": MAX_PIXELS}}
    return SimpleNamespace(info=info, image_root=root, has_images=True)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder, as far as a report reads it."""
    folder = tmp_path / "a-run"
    folder.mkdir()
    lines = ["1,2.5,2.75,0.25,1.5", "2,1.5,2.0,0.625,3.0", "3,0.5,2.25,0.5,4.5"]
    text = "\n".join(["epoch,loss,val_loss,val_accuracy,seconds", *lines]) + "\n"
    (folder / "history.csv").write_text(text)
    (folder / "metrics.json").write_text('{"val_accuracy_untrained": 0.125}')
    return folder
