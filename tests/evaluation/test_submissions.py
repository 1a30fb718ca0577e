import json

import pytest

from tests.evaluation.fakes import MemoryDataset, question
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.evaluation.predictions import Predicted, Record
from vqa_cli.evaluation.questions import watched_in
from vqa_cli.evaluation.submissions import check_submission, write_submission


class Notes:
    def __init__(self):
        self.notices, self.warnings = [], []

    def notice(self, text):
        self.notices.append(text)

    def warn(self, text):
        self.warnings.append(text)


def record(number, answer, image="a.jpg", **more):
    choice, watched = more.pop("choice", None), more.pop("watched", ())
    return Record(
        question(number, image, "what?", **more),
        Predicted(answer, choice=choice, watched=watched),
        None,
    )


def written(tmp_path, layout, records, **info):
    path, notes = tmp_path / "out.json", Notes()
    write_submission(path, MemoryDataset(format=layout, **info), records, report=notes)
    return json.loads(path.read_text(encoding="utf-8")), notes


@pytest.mark.parametrize("layout", ["vqa-v2", "vqa-v1", "vqa-cp", "ok-vqa", "textvqa"])
def test_the_official_results_format(tmp_path, layout):
    content, notes = written(tmp_path, layout, [record(458752000, "net"), record(2, "đỏ")])
    assert content == [
        {"question_id": 458752000, "answer": "net"},
        {"question_id": 2, "answer": "đỏ"},
    ]
    assert notes.notices == [f"wrote a submission of 2 answers to {tmp_path / 'out.json'}"]
    assert notes.warnings == []


def test_gqa(tmp_path):
    content, _ = written(tmp_path, "gqa", [record("02930152", "yes"), record("n1", "no")])
    assert content == [
        {"questionId": "02930152", "prediction": "yes"},
        {"questionId": "n1", "prediction": "no"},
    ]


def test_a_okvqa(tmp_path):
    choices = ("cat", "dog")
    records = [
        record("x1", "kitten", choice="cat", choices=choices),
        record("x2", "horse", choices=("mule", "donkey")),
    ]
    content, notes = written(tmp_path, "a-okvqa", records)
    assert content == {
        "x1": {"multiple_choice": "cat", "direct_answer": "kitten"},
        "x2": {"multiple_choice": "mule", "direct_answer": "horse"},
    }
    assert notes.warnings == ["1 question has no choice that the model knows: its first is given"]


def test_vizwiz_and_its_second_task(tmp_path):
    images = ["test/VizWiz_test_00000000.jpg", "test/VizWiz_test_00000001.jpg"]
    assert watched_in([question(1, "a.jpg", "?")]) == ("unanswerable",)
    records = [
        record(n, "tin", image, watched=(probability,))
        for n, (image, probability) in enumerate(zip(images, (0.25, 1.0), strict=True))
    ]
    content, notes = written(tmp_path, "vizwiz", records)
    names = ["VizWiz_test_00000000.jpg", "VizWiz_test_00000001.jpg"]
    assert content == [{"image": name, "answer": "tin"} for name in names]
    path = tmp_path / "out.answerability.json"
    assert json.loads(path.read_text(encoding="utf-8")) == [
        {"image": names[0], "answerable": 0.75},
        {"image": names[1], "answerable": 0.0},
    ]
    assert str(path) in notes.notices[-1]


def test_answers_alone_say_nothing_of_answerability(tmp_path):
    _, notes = written(tmp_path, "vizwiz", [record(1, "tin")])
    assert "that takes a model's probabilities" in notes.notices[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_ids_that_the_leaderboard_cannot_know(tmp_path):
    records = [record(name, "a") for name in ("1", "one", "01", "1-2", "7")]
    with pytest.raises(DataError) as caught:
        written(tmp_path, "vqa-v2", records)
    assert str(caught.value).splitlines()[1:] == [
        "  - 2 with no id that the leaderboard knows: one, 1-2",
        "  - 2 with an id that is not theirs alone: 1, 01",
    ]
    assert list(tmp_path.iterdir()) == []
    twice = [record(n, "a", "val/x.jpg") for n in (1, 2)]
    with pytest.raises(DataError, match="2 with an id that is not theirs alone: 1, 2"):
        written(tmp_path, "vizwiz", twice)


def test_rows_that_were_left_out_are_told(tmp_path):
    problems = [{"unusable": True, "rows": 3}, {"unusable": False, "rows": 9}]
    _, notes = written(tmp_path, "gqa", [record(1, "yes")], problems=problems)
    assert notes.warnings[0].startswith("3 rows were left out when the data was prepared")


def test_data_without_a_leaderboard(tmp_path):
    with pytest.raises(DataError, match=r"layout daquar, only for vqa-v2, .*--save-predictions"):
        check_submission(tmp_path / "out.json", MemoryDataset(format="daquar"))


def test_what_is_in_the_way_is_told_before_the_work(tmp_path):
    vizwiz = MemoryDataset(format="vizwiz")
    with pytest.raises(SettingsError, match=r"--submission .*csv: the ending .* must be \.json"):
        check_submission(tmp_path / "out.csv", vizwiz)
    (tmp_path / "out.answerability.json").write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match=r"--submission .*answerability\.json: exists; --force"):
        check_submission(tmp_path / "out.json", vizwiz)
    check_submission(tmp_path / "out.json", vizwiz, force=True)
