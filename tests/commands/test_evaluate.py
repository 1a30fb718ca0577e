import json
import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.evaluation.fakes import small_dataset, small_model
from vqa_cli.cli import app
from vqa_cli.commands import evaluate as command
from vqa_cli.data import prepared
from vqa_cli.inference import loading


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Put the small dataset and its model in the place of what DATA and -m name."""
    calls = {}
    dataset = small_dataset()

    def open_or_prepare(path, settings, report, images=None):
        calls["data"] = (str(path), settings.val_share, images and str(images))
        return dataset

    def model_folder(model):
        calls.setdefault("model", []).append(model and str(model))
        folder = tmp_path / f"folder {len(calls['model'])}"
        folder.mkdir()
        return folder

    def load_answerer(model=None, *, device="auto"):
        calls.setdefault("device", []).append(device.device)
        return small_model()

    monkeypatch.setattr(prepared, "open_or_prepare", open_or_prepare)
    monkeypatch.setattr(command, "_model_folder", model_folder)
    monkeypatch.setattr(loading, "load_answerer", load_answerer)
    return calls


def vqa(*arguments):
    return CliRunner().invoke(app, ["evaluate", "data", *map(str, arguments)])


def test_the_table_goes_to_stdout_and_the_rest_to_stderr(opened):
    result = vqa()
    assert result.exit_code == 0
    assert result.stdout.startswith("test: exact match; 1 more without answers are not scored\n")
    assert "  accuracy                            75.00           4\n" in result.stdout
    assert "  majority answer                     25.00\n" in result.stdout
    assert result.stderr == "answering by the names of the images\n"


def test_json_is_one_object(opened):
    result = vqa("--json", "-q")
    assert result.stderr == ""
    content = json.loads(result.stdout)
    assert len(result.stdout.splitlines()) == 1
    assert (content["split"], content["metric"]) == ("test", "exact-match")
    assert (content["questions"], content["accuracy"]) == (4, 0.75)
    assert content["per_answer_type"]["yes/no"] == {"questions": 1, "accuracy": 1.0}
    assert content["baselines"]["question_only"] == 0.5


def test_options_reach_what_they_are_meant_for(opened):
    vqa("-m", "runs/1", "--device", "cpu", "--images", "photos", "--val-share", "0.2")
    assert opened == {"data": ("data", 0.2, "photos"), "model": ["runs/1"], "device": ["cpu"]}


def test_predictions_made_elsewhere_need_no_model(opened, tmp_path):
    path = tmp_path / "results.json"
    entries = [{"question_id": n, "answer": "red"} for n in range(11, 16)]
    path.write_text(json.dumps(entries), encoding="utf-8")
    result = vqa("--predictions", path, "--json")
    assert json.loads(result.stdout)["accuracy"] == 0.25
    assert "model" not in opened


def test_model_and_predictions_exclude_each_other(opened, tmp_path):
    result = vqa("-m", "runs/1", "--predictions", tmp_path / "results.json")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --model and --predictions exclude each other")
    assert opened == {}


def test_what_only_a_model_can_do_is_told_at_once(opened, tmp_path):
    path = tmp_path / "results.json"
    result = vqa("--predictions", path, "--ablate-image", "--calibrate", "--tolerance", "0.1")
    assert result.exit_code == 2
    assert "--ablate-image needs a model; it cannot go with --predictions" in result.stderr
    assert "--calibrate needs a model" in result.stderr
    assert "--tolerance needs --baseline" in result.stderr
    assert opened == {}


def test_a_wrong_model_is_told_before_the_data_is_prepared(tmp_path):
    (tmp_path / "photos.csv").write_text("image,question,answer\n", encoding="utf-8")
    results = tmp_path / "results.json"
    results.write_text("[]", encoding="utf-8")
    for options in (
        ["-m", tmp_path / "nothing"],
        ["--predictions", results, "--baseline", tmp_path / "nothing"],
    ):
        command = ["evaluate", tmp_path, *options]
        result = CliRunner().invoke(app, [str(part) for part in command])
        assert result.exit_code == 1
        assert "nothing: there is no such run or exported folder" in result.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["photos.csv", "results.json"]


@pytest.mark.parametrize(("least", "code"), [("0.75", 0), ("0.76", 3)])
def test_a_gate_fails_after_printing(opened, least, code):
    result = vqa("--json", "--fail-under", least)
    assert json.loads(result.stdout)["accuracy"] == 0.75
    assert result.exit_code == code
    assert ("error: accuracy 0.7500 on test is below" in result.stderr) is (code == 3)


@pytest.mark.parametrize(
    ("answers", "tolerance", "code"),
    [
        (["red"] * 5, "0", 0),
        (["red", "circle", "square", "yes", "red"], "0", 3),
        (["red", "circle", "square", "yes", "red"], "0.25", 0),
    ],
)
def test_a_comparison_and_its_gate(opened, tmp_path, answers, tolerance, code):
    path = tmp_path / "other.json"
    entries = [{"question_id": n, "answer": a} for n, a in zip(range(11, 16), answers, strict=True)]
    path.write_text(json.dumps(entries), encoding="utf-8")
    result = vqa("--baseline", path, "--tolerance", tolerance, "--json")
    assert result.exit_code == code
    comparison = json.loads(result.stdout)["comparison"]
    assert comparison["baseline"] == str(path)
    assert ("0.2500 below that of" in result.stderr) is (code == 3)
    assert len(opened["device"]) == 1


def test_a_comparison_with_another_run(opened):
    result = vqa("-m", "runs/1", "--baseline", "runs/2", "--json")
    assert (opened["model"], len(opened["device"])) == (["runs/1", "runs/2"], 2)
    comparison = json.loads(result.stdout)["comparison"]
    assert (comparison["baseline"], comparison["difference"]) == ("runs/2", 0.0)
    assert "answering by runs/2\n" in result.stderr


def test_the_model_without_its_images(opened):
    result = vqa("--ablate-image", "--json")
    assert json.loads(result.stdout)["ablations"] == {"blank_images": 0.0, "shuffled_images": 0.0}


def test_the_metric_can_be_chosen(opened):
    assert json.loads(vqa("--metric", "set", "--json").stdout)["metric"] == "exact-match"
    result = vqa("--metric", "bleu")
    assert result.exit_code == 2
    assert "vqa-fixed" in result.stderr


def test_a_split_without_answers_is_answered_for_a_file(opened, tmp_path):
    path = tmp_path / "out.json"
    result = vqa("--split", "val", "--save-predictions", path, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "split": "val",
        "metric": None,
        "questions": 0,
        "questions_without_answers": 1,
        "accuracy": None,
    }
    assert "split val has no answers, so nothing can be scored" in result.stderr
    assert [row["answer"] for row in json.loads(path.read_text(encoding="utf-8"))] == ["red"]
    assert vqa("--split", "val").exit_code == 1  # nothing to do
    gated = vqa("--split", "val", "--save-predictions", path, "--force", "--fail-under", "0.5")
    assert gated.exit_code == 1
    assert "so nothing can be scored" in gated.stderr


@pytest.mark.parametrize("least", ["75", "-0.1", "nan"])
def test_a_gate_is_a_share(opened, least):
    assert vqa("--fail-under", least).exit_code == 2
    assert vqa("--baseline", "runs/1", "--tolerance", least).exit_code == 2
    assert opened == {}


def test_saved_predictions_hold_the_top_answers(opened, tmp_path):
    path = tmp_path / "out.jsonl"
    result = vqa("--save-predictions", path, "--top-k", "3")
    assert f"wrote 5 predictions to {path}" in result.stderr
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["score"] for row in rows] == [1.0, 1.0, 0.0, 1.0, None]
    assert [len(row["answers"]) for row in rows] == [3] * 5


def test_a_file_that_is_in_the_way_is_told_before_the_work(opened, tmp_path):
    path = tmp_path / "out.json"
    path.write_text("precious", encoding="utf-8")
    result = vqa("--save-predictions", path)
    assert result.exit_code == 1
    assert result.stderr.rstrip().endswith("out.json: exists; --force replaces it")
    assert (opened, path.read_text(encoding="utf-8")) == ({}, "precious")
    assert vqa("--save-predictions", path, "--force").exit_code == 0
    assert len(json.loads(path.read_text(encoding="utf-8"))) == 5


def test_an_absent_split_names_those_present(opened):
    result = vqa("--split", "dev")
    assert result.exit_code == 1
    assert result.stderr.endswith("error: no split dev; there are train, val, test\n")
    assert result.stdout == ""


def test_help_names_every_option():
    text = CliRunner().invoke(app, ["evaluate", "--help"], env={"COLUMNS": "200"}).stdout
    for option in ("--model", "--predictions", "--split", "--json", "--baseline", "--calibrate"):
        assert option in text


def test_raw_data_is_prepared_first_and_the_user_is_told(tmp_path):
    source = tmp_path / "photos"
    (source / "images").mkdir(parents=True)
    for colour in ("red", "blue"):
        Image.new("RGB", (8, 8), colour).save(source / "images" / f"{colour}.png")
    header = "image,question,answer,question_id\n"
    row = "images/{0}.png,what colour?,{0},{1}\n"
    rows = {
        "train": row.format("red", 1) + row.format("red", 2) + row.format("blue", 3),
        "val": row.format("red", 4),
        "test": row.format("blue", 5),
    }
    for split, text in rows.items():
        (source / f"{split}.csv").write_text(header + text, encoding="utf-8")
    results = tmp_path / "results.json"
    results.write_text('[{"question_id": 5, "answer": "Blue"}]', encoding="utf-8")

    command = ["evaluate", str(source), "--predictions", str(results), "--json"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.stderr
    content = json.loads(first.stdout)
    assert (content["questions"], content["accuracy"]) == (1, 1.0)
    assert content["baselines"] == {
        "majority": 0.0,
        "question_only": 0.0,
        "vocabulary_upper_bound": 1.0,
    }
    assert content["leaks"][0] == "test question about an image of train or val: 1 of 1"
    assert "preparing it first" in first.stderr
    again = CliRunner().invoke(app, command)
    assert again.stdout == first.stdout
    assert "preparing it first" not in again.stderr


def test_a_real_run(shapes_folder, run_folder, tmp_path):
    saved = tmp_path / "saved.json"
    command = ["evaluate", shapes_folder, "--split", "train", "--json", "--device", "cpu"]
    results = []
    for source in (
        ["-m", run_folder, "--save-predictions", saved, "--top-k", "2"],
        ["--predictions", saved],
    ):
        result = CliRunner().invoke(app, [str(part) for part in (*command, *source)])
        assert result.exit_code == 0, result.stderr
        results.append(json.loads(result.stdout))
    of_run, of_file = results
    assert of_run["calibration"] == of_file["calibration"]
    rows = json.loads(saved.read_text(encoding="utf-8"))
    assert of_run["questions"] == len(rows) > 20
    assert of_run["accuracy"] == of_file["accuracy"]
    assert of_run["accuracy"] == sum(row["score"] for row in rows) / len(rows)
    mean_confidence = sum(row["confidence"] for row in rows) / len(rows)
    assert of_run["calibration"]["mean_confidence"] == pytest.approx(mean_confidence)
    model = loading.load_answerer(run_folder, device="cpu")
    for row in rows[:6]:
        alone = model.ask(shapes_folder / row["image"], row["question"], top_k=2)
        assert row["answers"] == [
            {"answer": answer.text, "confidence": pytest.approx(answer.confidence, abs=1e-4)}
            for answer in alone.answers
        ]


@pytest.mark.parametrize("kind", ["run_folder", "export_folder"])
def test_calibrating_keeps_the_temperature_in_the_models_folder(
    shapes_folder, kind, request, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(request.getfixturevalue(kind), folder)
    command = ["evaluate", shapes_folder, "-m", folder, "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, [str(part) for part in (*command, "--calibrate")])
    assert result.exit_code == 0, result.stderr
    after = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    assert f"temperature 1.500 -> {after['temperature']:.3f}, ceiling" in result.stderr
    assert f"-> {after['ceiling']:.3f}, fitted on" in result.stderr
    assert after["temperature"] != 1.5
    again = CliRunner().invoke(app, [str(part) for part in command])
    assert again.stdout == result.stdout  # loaded anew: the folder is whole, and as calibrated


def test_data_without_images_can_be_scored_but_not_answered(shapes_folder, run_folder, tmp_path):
    out, results = tmp_path / "prepared", tmp_path / "results.json"
    prepare = ["prepare", str(shapes_folder), "--no-images", "--out", str(out)]
    assert CliRunner().invoke(app, prepare).exit_code == 0
    ids = prepared.PreparedDataset.open(out).rows("test")["question_id"]
    entries = [{"question_id": name, "answer": "red"} for name in ids]
    results.write_text(json.dumps(entries), encoding="utf-8")
    scored = CliRunner().invoke(app, ["evaluate", str(out), "--predictions", str(results)])
    assert scored.exit_code == 0, scored.stderr
    result = CliRunner().invoke(app, ["evaluate", str(out), "-m", str(run_folder)])
    assert result.exit_code == 1
    assert "was prepared with --no-images" in result.stderr
