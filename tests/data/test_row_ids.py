import numpy as np
import pytest

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.row_ids import make_ids_unique
from vqa_cli.data.rows import Rows


@pytest.mark.parametrize("batch", [2, 100])
@pytest.mark.parametrize(
    ("given", "unique", "repeated"),
    [
        ([], [], 0),
        (["1", "2", "3"], ["1", "2", "3"], 0),
        (["7", "7", "7"], ["7", "7-2", "7-3"], 2),
        (["7", "7", "1", "7-2", "7-2", "7"], ["7", "7-3", "1", "7-2", "7-2-2", "7-4"], 3),
        (["x", "é", "é", "x"], ["x", "é", "é-2", "x-2"], 2),
    ],
)
def test_each_id_is_there_once(
    given: list[str],
    unique: list[str],
    repeated: int,
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vqa_cli.data.rows._BATCH", batch)
    rows = Rows()
    for number, question_id in enumerate(given):
        example = Example(f"{number}.png", f"q{number}?", ("x",), question_id, group="g")
        rows.add(example, example.image)
    findings = Findings()
    make_ids_unique(rows, findings)
    places = np.arange(len(given))
    assert rows.texts("question_id", places) == unique
    assert rows.texts("question", places) == [f"q{number}?" for number in range(len(given))]
    assert rows.texts("image", places) == [f"{number}.png" for number in range(len(given))]
    assert [finding.count for finding in findings] == [repeated] * bool(repeated)


def test_splits_may_have_the_same_ids() -> None:
    rows = Rows()
    for split in ("train", "test", "test"):
        rows.add(Example("a.png", "q?", ("x",), "7", split=split), "a.png")
    findings = Findings()
    make_ids_unique(rows, findings)
    assert rows.texts("question_id", np.arange(3)) == ["7", "7", "7-2"]
    assert [str(finding) for finding in findings] == [
        "question_id used before (a number was added): 1 row, e.g. 7"
    ]
