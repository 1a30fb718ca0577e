"""The official VQA accuracy of real predictions, from the files to the printed JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vqa_cli.cli import app

EXCERPT = Path(__file__).parents[2].parent / "shared/data/vqa_v2_excerpt"


@pytest.mark.skipif(not EXCERPT.is_dir(), reason="the excerpt of VQA v2 is not here")
def test_the_command_line_gives_the_official_figures(tmp_path: Path) -> None:
    user = CliRunner()
    prepared = tmp_path / "prepared"
    source = ["prepare", str(EXCERPT), "--no-images", "--val-share", "0"]
    assert user.invoke(app, [*source, "--out", str(prepared)]).exit_code == 0
    results = ["--predictions", str(EXCERPT / "results.json")]
    told = user.invoke(app, ["evaluate", str(prepared), "--split", "train", *results, "--json"])
    found = json.loads(told.stdout)
    official = json.loads((EXCERPT / "official_accuracy.json").read_text(encoding="utf-8"))
    assert round(100 * found["accuracy"], 2) == official["overall"]
    for name, key in (
        ("per_answer_type", "perAnswerType"),
        ("per_question_type", "perQuestionType"),
    ):
        shares = {kind: round(100 * share["accuracy"], 2) for kind, share in found[name].items()}
        assert shares == official[key]
