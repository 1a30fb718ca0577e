import json
import shutil

import numpy as np
import pytest

from tests.evaluation.fakes import MemoryDataset, question
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError, ModelError
from vqa_cli.evaluation import recalibration
from vqa_cli.evaluation.calibration import fit_confidence
from vqa_cli.evaluation.recalibration import recalibrate
from vqa_cli.inference.loading import load_answerer
from vqa_cli.model_folder import DEMO_MODEL, Confidence, write_confidence

ANSWERS = ("red", "blue", "green")


class Sure:
    """Answers by fixed logits, one row a question, whose numbers are in their texts."""

    def __init__(self, logits, activation):
        self.table = np.asarray(logits, dtype=np.float32)
        self.vocabulary = AnswerVocabulary.build({a: 9 - n for n, a in enumerate(ANSWERS)})
        self.confidence = Confidence(1.0, activation)

    def look_up(self, features, digests):
        return None

    def scores(self, items, *, report):
        for _, questions in items:
            yield self.table[[int(text) for text in questions]]


def val(count, generator):
    """Questions about a few images, of which some have no answer, or one that nobody knows."""
    answers = [*ANSWERS, "zebra"]
    rows = [
        question(n, f"{n % 5}.png", str(n), *([answers[generator.integers(4)]] if n % 7 else []))
        for n in range(count)
    ]
    return MemoryDataset(val=rows)


def run_in(tmp_path):
    (tmp_path / "calibration.json").write_text(
        '{"temperature": 1.0, "ceiling": 1.0, "weights_sha256": "ab"}'
    )
    return tmp_path


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_temperature_is_that_of_val(tmp_path, activation):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (60, 3)).astype(np.float32)
    dataset, model = val(60, generator), Sure(logits, activation)
    found = recalibrate(model, run_in(tmp_path), dataset)
    asked = [(n, q.answers[0]) for n, q in enumerate(dataset.examples("val")) if q.answers]
    rows = logits[[n for n, _ in asked]]
    right = [float(ANSWERS[row.argmax()] == a) for row, (_, a) in zip(rows, asked, strict=True)]
    expected = fit_confidence(rows, right, activation)
    before = Confidence(1.0, activation)
    assert (found.before, found.after, found.questions) == (before, expected, len(asked))
    assert model.confidence == expected
    assert json.loads((tmp_path / "calibration.json").read_text()) == {
        "temperature": expected.temperature,
        "ceiling": expected.ceiling,
        "activation": activation,
        "weights_sha256": "ab",
    }


def test_many_questions_are_thinned_out(tmp_path, monkeypatch):
    monkeypatch.setattr(recalibration, "QUESTIONS", 10)
    generator = np.random.default_rng(0)
    model = Sure(generator.normal(size=(60, 3)), "softmax")
    assert recalibrate(model, run_in(tmp_path), val(60, generator)).questions == 10


def test_nothing_to_fit_on(tmp_path):
    folder, model = run_in(tmp_path), Sure(np.zeros((9, 3)), "softmax")
    with pytest.raises(DataError, match="does not have; prepare"):
        recalibrate(model, folder, MemoryDataset(test=[question(1, "a.png", "0", "red")]))
    strange = MemoryDataset(val=[question(1, "a.png", "0", "zebra"), question(2, "a.png", "1")])
    with pytest.raises(DataError, match=r"none of the 2 questions of val has an answer that"):
        recalibrate(model, folder, strange)
    assert json.loads((tmp_path / "calibration.json").read_text())["temperature"] == 1.0


@pytest.mark.parametrize("kind", ["run_folder", "export_folder"])
def test_a_folder_is_as_good_as_before(kind, request, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(request.getfixturevalue(kind), folder)
    activation = load_answerer(folder, device="cpu").confidence.activation
    write_confidence(folder, Confidence(0.625, activation))
    assert load_answerer(folder, device="cpu").confidence.temperature == 0.625
    (folder / "calibration.json").unlink()
    with pytest.raises(ModelError, match=r"calibration\.json"):
        write_confidence(folder, Confidence(0.5, activation))


def test_the_packages_own_model_is_left_as_it_is():
    before = (DEMO_MODEL / "calibration.json").read_bytes()
    generator = np.random.default_rng(0)
    model = Sure(generator.normal(size=(60, 3)), "softmax")
    with pytest.raises(ModelError, match="belongs to the package: copy"):
        recalibrate(model, DEMO_MODEL, val(60, generator))
    assert (DEMO_MODEL / "calibration.json").read_bytes() == before
