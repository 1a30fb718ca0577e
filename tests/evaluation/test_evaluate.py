import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.fakes import FileNameModel, MemoryDataset, question, small_dataset
from vqa_cli.data.feature_cache import features_folder
from vqa_cli.errors import DataError
from vqa_cli.evaluation.evaluate import Scoring, answer, evaluate, is_scorable


def test_a_model_is_scored_beside_the_baselines(dataset, model):
    result = evaluate(dataset, "test", model)
    found = result.to_json()
    assert {key: found[key] for key in list(found)[:14]} == {
        "split": "test",
        "metric": "exact-match",
        "questions": 4,
        "questions_without_answers": 1,
        "accuracy": 0.75,
        "interval": [0.5, 1.0],
        "per_answer_type": {
            "other": {"questions": 3, "accuracy": pytest.approx(2 / 3)},
            "yes/no": {"questions": 1, "accuracy": 1.0},
        },
        "per_question_type": {
            "colour": {"questions": 2, "accuracy": 1.0},
            "shape": {"questions": 2, "accuracy": 0.5},
        },
        "per_answer": {
            "Yes": {"questions": 1, "accuracy": 1.0},
            "circle": {"questions": 1, "accuracy": 1.0},
            "red": {"questions": 1, "accuracy": 1.0},
            "square": {"questions": 1, "accuracy": 0.0},
        },
        "baselines": {
            "majority": 0.25,
            "per_question_type": 0.5,
            "question_only": 0.5,
            "vocabulary_upper_bound": 0.75,
        },
        "ablations": {},
        "calibration": {
            "expected_calibration_error": pytest.approx(0.05),
            "mean_confidence": pytest.approx(0.8),
            "risk_coverage_area": pytest.approx((0 + 1 / 4 + 1 / 3 + 1 / 4) / 4),
            "bins": [
                {
                    "low": 12 / 15,
                    "high": 13 / 15,
                    "questions": 4,
                    "mean_confidence": pytest.approx(0.8),
                    "accuracy": 0.75,
                }
            ],
            "risk_coverage": [[0.25, 0.0], [0.5, 0.25], [0.75, pytest.approx(1 / 3)], [1.0, 0.25]],
        },
        "leaks": [],
        "comparison": None,
    }
    assert list(found)[14:] == ["top_k", "macro", "confusion", "auc"]
    json.dumps(found, allow_nan=False)


def test_each_image_is_given_once_with_all_its_questions(dataset, model):
    result = evaluate(dataset, "test", model)
    assert model.seen == [
        (Path("photos/red.png"), ["what colour?", "what shape?", "where?"]),
        (Path("photos/circle.png"), ["what shape?"]),
        (Path("photos/yes.png"), ["is it red?"]),
    ]
    asked = [record.example.question_id for record in result.records]
    assert asked == ["11", "12", "13", "14", "15"]
    assert [record.predicted.answer for record in result.records] == [
        "red",
        "circle",
        "red",
        "yes",
        "red",
    ]
    assert [record.score for record in result.records] == [1, 1, 0, 1, None]


def test_the_upper_bound_is_that_of_the_models_own_vocabulary(dataset):
    model = FileNameModel("yes", "square", "red", "circle")
    result = evaluate(dataset, "test", model)
    assert result.baselines["vocabulary_upper_bound"] == 1.0


def test_top_k_answers_are_kept(dataset, model):
    result = evaluate(dataset, "test", model, Scoring(top_k=3))
    assert [len(record.predicted.answers) for record in result.records] == [3] * 5


def write(path, entries):
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_a_file_of_predictions_is_scored(dataset, tmp_path):
    entries = [{"question_id": n, "answer": "yes"} for n in (15, 14, 13)]
    entries += [{"question_id": "11", "answer": "Red", "extra": 1}]
    entries += [{"question_id": 12, "answer": "oval"}]
    result = evaluate(dataset, "test", write(tmp_path / "results.json", entries))
    assert result.accuracy == 0.5
    assert result.calibration is None
    assert result.to_json()["calibration"] is None
    assert result.baselines["vocabulary_upper_bound"] == 0.5


def test_a_split_without_answers_cannot_be_scored(dataset, model):
    with pytest.raises(DataError, match=r"split val has an answer.*train, test \(--split\)"):
        evaluate(dataset, "val", model)
    assert model.seen == []


def test_an_absent_split_is_an_error(dataset, model):
    with pytest.raises(DataError, match="no split dev"):
        evaluate(dataset, "dev", model)


def test_without_train_the_bound_stands_alone(model):
    dataset = MemoryDataset(test=[question(1, "red.png", "what colour?", "red")])
    assert evaluate(dataset, "test", model).baselines == {"vocabulary_upper_bound": 1.0}


def test_trains_own_questions_are_not_looked_up(tmp_path):
    rows = [question(1, "a.png", "what?", "red"), question(2, "a.png", "where?", "here")]
    dataset = MemoryDataset(train=rows, val=rows)
    path = tmp_path / "results.json"
    path.write_text('[{"question_id": 1, "answer": "red"}, {"question_id": 2, "answer": "red"}]')
    assert evaluate(dataset, "val", path).baselines["question_only"] == 1.0
    found = evaluate(dataset, "train", path).baselines
    assert found == {"majority": 0.5, "vocabulary_upper_bound": 1.0}


def test_the_metric_is_that_of_all_numbers():
    ten = ["Yes"] * 10
    dataset = MemoryDataset(
        train=[question(1, "a.png", "?", *ten, answer_kind="annotators")],
        test=[question(2, "yes.png", "?", *ten, answer_kind="annotators")],
    )
    model = FileNameModel("yes", "other")
    official = evaluate(dataset, "test", model)
    assert (official.metric, official.accuracy) == ("vqa-accuracy", 0.0)
    assert official.baselines["vocabulary_upper_bound"] == 0.0
    fixed = evaluate(dataset, "test", model, Scoring(metric="vqa-fixed"))
    assert (fixed.metric, fixed.accuracy) == ("vqa-accuracy-fixed", 1.0)
    assert fixed.baselines["vocabulary_upper_bound"] == 1.0


def test_without_its_images_a_model_scores_what_it_owes_to_the_questions(dataset, model):
    assert evaluate(dataset, "test", model).ablations == {}
    result = evaluate(dataset, "test", model, Scoring(ablate_image=True))
    assert result.ablations == {"blank_images": 0.0, "shuffled_images": 0.0}
    always_red = small_dataset()
    for examples in always_red._rows.values():
        examples[:] = [replace(e, image=f"{e.question_id}/other.png") for e in examples]
    same = evaluate(always_red, "test", FileNameModel("red", "other"), Scoring(ablate_image=True))
    assert set(same.ablations.values()) == {same.accuracy}


def test_a_comparison_with_another_model(dataset, model):
    other = FileNameModel("other", "red", "circle", "yes")
    result = evaluate(dataset, "test", model, Scoring(baseline=other, baseline_name="runs/7"))
    assert result.comparison.baseline == "runs/7"
    assert (result.comparison.difference, result.comparison.mcnemar_p) == (0.0, 1.0)


def test_a_comparison_with_predictions(dataset, model, tmp_path):
    entries = [{"question_id": n, "answer": "square"} for n in range(11, 16)]
    path = write(tmp_path / "other.json", entries)
    found = evaluate(dataset, "test", model, Scoring(baseline=path, baseline_name="x")).comparison
    assert (found.accuracy, found.difference, found.better, found.worse) == (0.25, 0.5, 3, 1)
    assert found.interval.low < 0.5 < found.interval.high
    assert found.mcnemar_p == pytest.approx(0.625)


def test_predictions_to_compare_with_are_checked_before_the_model_answers(dataset, model, tmp_path):
    path = write(tmp_path / "other.json", [{"question_id": 11, "answer": "red"}])
    with pytest.raises(DataError, match="4 ids without a prediction"):
        evaluate(dataset, "test", model, Scoring(baseline=path))
    assert model.seen == []


def test_leaks_stand_beside_the_number(model):
    leaks = {"test": ["4 questions are about images of train"], "val": ["none of yours"]}
    result = evaluate(small_dataset(leaks=leaks), "test", model)
    assert result.leaks == ("4 questions are about images of train",)


def test_a_split_without_answers_can_be_answered(dataset, model):
    assert not is_scorable(dataset, "val")
    assert is_scorable(dataset, "test")
    (record,) = answer(dataset, "val", model)
    assert (record.predicted.answer, record.score) == ("red", None)


def test_a_model_needs_images_and_predictions_do_not(dataset, model, tmp_path, monkeypatch):
    def refuse():
        raise DataError("was prepared with --no-images")

    monkeypatch.setattr(dataset, "images", refuse)
    with pytest.raises(DataError, match="--no-images"):
        evaluate(dataset, "test", model)
    entries = [{"question_id": n, "answer": "red"} for n in range(11, 16)]
    path = write(tmp_path / "results.json", entries)
    assert evaluate(dataset, "test", path, Scoring(baseline=path)).accuracy == 0.25


def test_saved_confidences_are_judged_as_those_of_the_model(dataset, model, tmp_path):
    of_model = evaluate(dataset, "test", model)
    path = write(tmp_path / "saved.json", [record.to_json() for record in of_model.records])
    of_file = evaluate(dataset, "test", path)
    assert of_file.calibration == of_model.calibration
    assert of_file.further["top_k"] == of_model.further["top_k"]


def test_images_are_looked_up_in_the_features_of_the_dataset(dataset, model):
    evaluate(dataset, "test", model)
    ((features, digests),) = model.looked_up
    assert features == features_folder(dataset.folder)
    table = dataset.images()
    assert list(digests.values()) == list(table["sha256"])
    assert list(digests) == [dataset.image_root / image for image in table["image"]]
