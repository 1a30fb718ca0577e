"""The pages in docs/ say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from docs.generate import BLOCK, PAGE, with_options
from tests.drawing import write_csv
from vqa_cli.cli import app
from vqa_cli.data.columns import ALIASES
from vqa_cli.data.detect import layouts
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Finding
from vqa_cli.data.folder import FILES
from vqa_cli.errors import VQAError
from vqa_cli.evaluation.predictions import Predicted, Record

DATA_PAGE = PAGE.with_name("data.md").read_text(encoding="utf-8")
COMMANDS_PAGE = PAGE.read_text(encoding="utf-8")
README = PAGE.parent.with_name("README.md").read_text(encoding="utf-8")
JSON_BLOCK = re.compile(r"<!-- json: (\w+) -->\n```json\n(.*?)```", re.DOTALL)
DOCUMENTED = {name: json.loads(text) for name, text in JSON_BLOCK.findall(COMMANDS_PAGE)}


def test_the_options_are_up_to_date() -> None:
    assert with_options(COMMANDS_PAGE) == COMMANDS_PAGE, "run: python docs/generate.py"


def test_the_options_do_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in ("20", "300"):
        monkeypatch.setenv("COLUMNS", width)
        assert with_options(COMMANDS_PAGE) == COMMANDS_PAGE


def test_every_command_has_its_place() -> None:
    group: Any = typer.main.get_command(app)
    assert {name for _, name, _ in BLOCK.findall(COMMANDS_PAGE)} == set(group.commands)


@pytest.mark.parametrize("page", [COMMANDS_PAGE, README], ids=["commands", "readme"])
def test_every_exit_code_is_explained(page: str) -> None:
    explained = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    of_errors = {error.exit_code for error in (VQAError, *VQAError.__subclasses__())}
    assert explained == of_errors | {0, 130}


def test_every_layout_column_and_file_is_explained() -> None:
    columns = {*ALIASES, *(alias for aliases in ALIASES.values() for alias in aliases)}
    for name in {*layouts(), *columns, *FILES}:
        assert f"`{name}`" in DATA_PAGE, name


def same_keys(documented: Any, real: Any) -> None:
    """Compare the keys of objects, and of the first objects in lists."""
    if isinstance(documented, dict):
        assert documented.keys() == real.keys()
        for name in documented:
            same_keys(documented[name], real[name])
    elif isinstance(documented, list) and documented and real:
        same_keys(documented[0], real[0])


def call(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_the_json_of_preparing(shapes_folder: Path) -> None:
    real = call("prepare", shapes_folder)
    assert set(DOCUMENTED["prepare"]["splits"]) == set(real["splits"])
    real["statistics"] = {"train": real["statistics"]["train"]}
    same_keys(DOCUMENTED["prepare"], real)
    same_keys(DOCUMENTED["problem"], Finding("problem", unusable=True).to_json())
    assert set(call("prepare", "--list-formats")["formats"][0]) == {"format", "layout"}


def test_the_json_of_evaluating(shapes_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    header = ("image", "question", "answer", "question_type")
    rows = [(f"00{n}.png", "what color is it?", answer, "color") for n, answer in enumerate("abc")]
    for split in ("train", "test"):
        write_csv(shapes_folder / f"{split}.csv", header, [*rows, ("003.png", "?", "red", "color")])
    saved = tmp_path / "saved.json"
    command = ("evaluate", shapes_folder, "-m", run_folder)
    call(*command, "--save-predictions", saved)
    real = call(*command, "--ablate-image", "--baseline", saved)
    documented = json.loads(json.dumps(DOCUMENTED["evaluate"]))
    for found in (documented, real):  # names that depend on the data
        for groups in (found["per_question_type"], found["per_answer"], found["auc"]["answers"]):
            groups["any"] = next(iter(groups.values()))
            for name in [name for name in groups if name != "any"]:
                del groups[name]
    same_keys(documented, real)
    example = Example("a.png", "what?", ("red",), "1")
    same_keys(DOCUMENTED["prediction"], Record(example, Predicted("red"), 1.0).to_json())


def test_the_json_of_asking(photo: Path, run_folder: Path) -> None:
    same_keys(DOCUMENTED["ask"], call("ask", photo, "where?", "-m", run_folder))


@pytest.mark.usefixtures("ready_graphs")
def test_the_json_of_exporting(run_folder: Path, tmp_path: Path) -> None:
    real = call("export", run_folder, "--out", tmp_path / "out")
    same_keys(DOCUMENTED["export"], real)
    assert set(DOCUMENTED["export"]["files"]) == set(real["files"])
    assert all(f"`{name}`" in README for name in real["files"])


def test_the_json_and_the_defaults_of_fine_tuning() -> None:
    from vqa_cli.models.building import FROZEN_DROPOUT, LEARNING_DROPOUT
    from vqa_cli.models.presets import PRESETS
    from vqa_cli.training import defaults
    from vqa_cli.training.finishing import FinetuneResult

    result = FinetuneResult(Path("run"), 1, 0.5, 0.1, "", 3, 1, 2)
    same_keys(DOCUMENTED["finetune"], result.to_json())
    table = COMMANDS_PAGE.partition("| | both encoders frozen |")[2].partition("\n\n")[0]
    kinds = (defaults.FROZEN, defaults.SCRATCH, defaults.FEW, defaults.PRETRAINED)
    for setting in ("batch_size", "learning_rate", "weight_decay", "warmup", "label_smoothing"):
        (cells,) = re.findall(rf"^\| `--{setting.replace('_', '-')}`.*? \| (.*) \|$", table, re.M)
        assert [float(cell) for cell in cells.split("|")] == [getattr(k, setting) for k in kinds]
    for kind in kinds:
        assert (
            f"{kind.questions:,} questions, from {defaults.LEAST_EPOCHS} to {kind.most_epochs}"
            in table
        )
    rates = (defaults.SCRATCH.encoder_learning_rate, defaults.FEW.encoder_learning_rate)
    assert "| | {} | {} | ".format(*rates) in table
    assert f"fewer than {defaults.FEW_QUESTIONS:,} questions" in table
    assert f"| `--dropout` | {FROZEN_DROPOUT} | {LEARNING_DROPOUT} | " in table
    for name, preset in PRESETS.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*", COMMANDS_PAGE, re.MULTILINE)
        assert row.endswith(f"| {preset.width} |")
        for encoder in (preset.image_encoder, preset.question_encoder):
            assert encoder is None or f"`{encoder}`" in row


def test_the_json_of_a_search() -> None:
    from vqa_cli.training.search import SearchResult

    result = SearchResult(Path("search"), Path("run"), 2, 1, 0, 1, 1, 0.5, 0.4, 3.0, "vqa")
    same_keys(DOCUMENTED["search"], result.to_json())


def test_the_json_of_the_cache(shapes_folder: Path) -> None:
    same_keys(DOCUMENTED["cache"], call("cache", shapes_folder))


@pytest.mark.parametrize("kind", ["dataset", "prepared", "run", "export", "image"])
def test_the_json_of_info(
    kind: str, shapes_folder: Path, request: pytest.FixtureRequest, photo: Path
) -> None:
    if kind == "prepared":
        call("prepare", shapes_folder)
    fixtures = {"run": "run_folder", "export": "export_folder"}
    places = {"dataset": shapes_folder, "prepared": shapes_folder / ".vqa", "image": photo}
    path = places[kind] if kind in places else request.getfixturevalue(fixtures[kind])
    (cell,) = re.findall(rf"^\| `{kind}` \| (.*) \|$", COMMANDS_PAGE, re.MULTILINE)
    assert list(call("info", path)) == ["path", "kind", *re.findall(r"`(\w+)`", cell)]
