import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest

from tests.evaluation.report.conftest import HOSTILE
from vqa_cli.errors import DataError
from vqa_cli.evaluation.evaluate import summarize
from vqa_cli.evaluation.intervals import Comparison, Interval
from vqa_cli.evaluation.predictions import Predicted
from vqa_cli.evaluation.report import writing
from vqa_cli.evaluation.report.sections import comparison, headline
from vqa_cli.evaluation.report.writing import check_report_folder, write_report


class Listener:
    """A reporter that keeps the warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)

    def notice(self, text): ...

    detail = notice

    def progress(self, stage, done, total, note=""): ...


@pytest.fixture
def listener():
    return Listener()


def test_the_page_holds_all_parts_and_says_what_is_missing(
    result, dataset, run, tmp_path, listener
):
    path = write_report(tmp_path / "r" / "s", result, dataset, run=run, report=listener)
    assert path == tmp_path / "r" / "s" / "index.html"
    assert list(path.parent.iterdir()) == [path]
    text = path.read_text(encoding="utf-8")
    titles = re.findall(r'<h2 id="[a-z]+-title">([^<]+)</h2>', text)
    assert titles == [
        "Accuracy", "Comparison", "By type", "Confidence", "More metrics", "Confusion",
        "Training", "Questions",
    ]  # fmt: skip
    assert "<h1>shapes: test</h1>" in text
    assert "model a-run" in text
    assert listener.warnings == ["1 of 6 images cannot be read, and have no thumbnail"]


def test_the_page_asks_for_nothing_from_outside(result, dataset, run, tmp_path):
    text = write_report(tmp_path / "report", result, dataset, run=run).read_text(encoding="utf-8")
    addresses = re.findall(r'\b(?:src|href|action|data|poster)="([^"]*)"', text)
    assert {address[:1] for address in addresses} == {"#", "d"}
    assert {a for a in addresses if a.startswith("d")} == {"data:,"}
    assert not re.search(r"@import|url\(|https?://", text)


def test_only_the_pages_own_script_may_run(result, dataset, tmp_path):
    text = write_report(tmp_path / "report", result, dataset, run=None).read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert f"script-src &#x27;sha256-{digest}&#x27;" in policy
    assert "default-src &#x27;none&#x27;" in policy


def test_hostile_texts_are_only_text(result, dataset, run, tmp_path):
    info = dataset.info | {"name": HOSTILE}
    hostile = SimpleNamespace(**vars(dataset) | {"info": info})
    text = write_report(tmp_path / "report", result, hostile, run=run).read_text(encoding="utf-8")
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("<script") == 3  # the questions, the thumbnails and the program


def test_half_a_surrogate_pair_is_written_as_a_question_mark(result, dataset, tmp_path):
    odd = replace(result.records[0], predicted=Predicted("a\ud800b"))
    path = write_report(tmp_path / "r", summarize("test", [odd]), dataset, run=None)
    assert '"a?b"' in path.read_text(encoding="utf-8")


def test_predictions_alone_have_fewer_parts(result, tmp_path):
    bare = [
        replace(record, predicted=Predicted(record.predicted.answer)) for record in result.records
    ]
    info = {"name": "shapes", "settings": {}}
    imageless = SimpleNamespace(info=info, image_root=tmp_path / "none", has_images=False)
    text = write_report(tmp_path / "r", summarize("val", bare), imageless, run=None).read_text()
    titles = re.findall(r'<h2 id="([a-z]+)-title">', text)
    assert titles == ["accuracy", "types", "gallery"]
    assert "predictions made elsewhere" in text
    assert 'class="thumbnails"' not in text
    questions = json.loads(re.search(r'id="questions">(.*?)</script>', text, flags=re.DOTALL)[1])
    assert questions["pictures"] is False


def test_without_a_single_readable_image_there_are_no_placeholders(
    result, dataset, tmp_path, listener
):
    moved = SimpleNamespace(**vars(dataset) | {"image_root": tmp_path / "elsewhere"})
    path = write_report(tmp_path / "r", result, moved, run=None, report=listener)
    assert '"pictures":false' in path.read_text(encoding="utf-8")
    assert listener.warnings == ["6 of 6 images cannot be read, and have no thumbnail"]


def test_an_earlier_report_is_replaced_only_when_asked_to(result, dataset, tmp_path):
    path = write_report(tmp_path, result, dataset, run=None)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds an earlier report; --force replaces it"):
        write_report(tmp_path, result, dataset, run=None)
    write_report(tmp_path, replace(result, split="val"), dataset, run=None, force=True)
    assert "<h1>shapes: val</h1>" in path.read_text(encoding="utf-8")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["index.html", "notes.txt"])
def test_a_folder_of_other_things_is_never_touched(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match="holds something that is no report"):
        check_report_folder(tmp_path, force=True)
    with pytest.raises(DataError, match="is a file; name a folder"):
        check_report_folder(tmp_path / name, force=True)


def test_a_report_is_whole_or_absent(result, dataset, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("stopped")

    monkeypatch.setattr(writing, "page", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        write_report(tmp_path / "report", result, dataset, run=None)
    assert not (tmp_path / "report").exists()


def test_a_place_that_cannot_be_written_is_told(result, dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"--report .*report: cannot be written"):
        write_report(tmp_path / "file" / "report", result, dataset, run=None)


def test_the_headline_says_what_the_number_is_worth(result):
    text = headline(replace(result, interval=Interval(0.6, 0.7)))
    assert "95 % interval: 60.00 to 70.00 % (clustered by image)" in text
    assert "1 more without answers are not scored" in text
    assert "points above the best that was reached without looking at the image" in text
    assert "look-up of the question, 50.00 %" in text
    assert "the model, with blank images" in text
    assert "Not clearly better" not in text


def test_a_number_that_blind_baselines_reach_is_called_so(result):
    text = headline(replace(result, interval=Interval(0.49, 0.7)))
    assert "Not clearly better than blind" in text
    assert "points below the best" in headline(replace(result, baselines={"majority": 0.99}))
    assert "Not clearly better than blind" in headline(replace(result, interval=None))


def test_leaks_stand_beside_the_number(result):
    assert "the split is not apart from the training data" in headline(result)
    assert "apart" not in headline(replace(result, leaks=()))


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.01, 0.03), "better than runs/old, beyond chance"),
        ((-0.03, -0.01), "worse than runs/old, beyond chance"),
        ((-0.01, 0.05), "no difference to runs/old that these questions could show"),
        (None, "+2.00 points against runs/old"),
    ],
)
def test_a_comparison_says_who_is_better(ends, said):
    interval = ends and Interval(*ends)
    found = comparison(Comparison("runs/old", 0.5, 0.02, interval, 30, 10, 0.00123))
    assert said in found
    assert "0.00123" in found
