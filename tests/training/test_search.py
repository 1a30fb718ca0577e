"""A search: what is drawn and kept, how it is pruned, stopped and taken up again."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.drawing import write_shapes
from tests.training.small_runs import DEVICE, Listener
from vqa_cli.config import AugmentSettings, ModelSettings, PrepareSettings, TrainSettings
from vqa_cli.console import Silent
from vqa_cli.errors import DataError, ModelError, SettingsError
from vqa_cli.training import search as searching
from vqa_cli.training import trials
from vqa_cli.training.defaults import FEW
from vqa_cli.training.finishing import FinetuneResult
from vqa_cli.training.search import SearchResult, find_search, resume_search
from vqa_cli.training.step import DivergedError

FIXED = {"fusion": "concat", "epochs": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", 12)


def search(
    data: Path, out: Path, count: int = 3, report: Silent | None = None, **train: Any
) -> SearchResult:
    """Search with the concat fusion and two epochs, and whatever of `train` is named besides."""
    settings = {"epochs": 2, **train}
    return searching.search(
        data,
        count,
        model=ModelSettings(preset="tiny", image_size=32, fusion="concat"),
        train=TrainSettings(**settings),
        augment=AugmentSettings(),
        device=DEVICE,
        prepare=PrepareSettings(),
        named=("preset", "image_size", "fusion", *settings),
        out=out,
        report=report or Silent(),
    )


@pytest.fixture(scope="module")
def searched(data: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search(data, tmp_path_factory.mktemp("searched") / "s")


def rows(folder: Path) -> list[dict[str, str]]:
    """The trials, but for how long they took."""
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_the_first_trial_has_the_defaults_and_the_others_do_not(searched: SearchResult) -> None:
    first, *others = rows(searched.search)
    assert (first["trial"], first["batch_size"], first["dropout"]) == ("1", "32", "0.1")
    assert first["learning_rate"] == str(FEW.learning_rate)
    assert len({row["learning_rate"] for row in [first, *others]}) == 3
    assert searched.val_accuracy_defaults == pytest.approx(float(first["val_accuracy"]), abs=1e-4)


def test_what_is_named_stays(searched: SearchResult) -> None:
    assert {"fusion", "epochs"}.isdisjoint(rows(searched.search)[0])
    config = json.loads((searched.run / "config.json").read_text())
    assert config["settings"]["train"]["epochs"] == 2
    assert config["settings"]["model"]["fusion"] == "concat"


def test_the_best_run_is_kept_and_is_the_latest(searched: SearchResult) -> None:
    found = rows(searched.search)
    best = max(found, key=lambda row: (float(row["val_accuracy"]), -int(row["trial"])))
    assert searched.best_trial == int(best["trial"])
    assert [path.name for path in searched.search.glob("trial-*")] == [searched.run.name]
    assert (searched.run / "metrics.json").is_file()
    latest = searched.search.parent / "latest"
    assert latest.read_text() == f"s/{searched.run.name}\n"
    assert (latest.parent / latest.read_text().strip() / "model.safetensors").is_file()


class StopIn(Listener):
    """Presses Ctrl-C once, after the first step of a trial."""

    def __init__(self, trial: int) -> None:
        super().__init__()
        self.stage = f"trial {trial} of 3, training"

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage == self.stage and done == 1:
            self.stage = ""
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("trial", [1, 2])
def test_a_stopped_search_goes_on_as_if_it_had_not_been(
    data: Path, tmp_path: Path, searched: SearchResult, trial: int
) -> None:
    report = StopIn(trial)
    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path / "s", report=report)
    assert report.said[-1] == f"stopped; go on with: vqa finetune --resume {tmp_path / 's'}"
    assert (tmp_path / "s" / f"trial-{trial:03d}" / "state").is_dir()
    found = resume_search(tmp_path / "s")
    assert rows(found.search) == rows(searched.search)
    ours, theirs = (load_file(each.run / "model.safetensors") for each in (found, searched))
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_a_search_can_be_made_longer(data: Path, tmp_path: Path, searched: SearchResult) -> None:
    search(data, tmp_path / "s", 2)
    with pytest.raises(SettingsError, match="all its 2 trials are done; ask for more of them"):
        resume_search(tmp_path / "s")
    found = resume_search(tmp_path / "s", 3)
    assert rows(found.search) == rows(searched.search)


def test_a_search_is_not_resumed_on_other_data(data: Path, tmp_path: Path) -> None:
    search(data, tmp_path / "s", 1)
    plan = json.loads((tmp_path / "s" / "search.json").read_text())
    (tmp_path / "s" / "search.json").write_text(json.dumps({**plan, "fingerprint": "other"}))
    with pytest.raises(DataError, match="has changed since"):
        resume_search(tmp_path / "s", 2)


# --- pruning and failing, with trainings that are not run


class Scripted:
    """Stands for `finetune`: trial n has the val accuracies of `curves[n]`, then fails or ends."""

    def __init__(self, *curves: list[float], diverging: int = -1) -> None:
        self.curves, self.diverging = list(curves), diverging

    def __call__(self, source: Path, *, out: Path, on_epoch: Any, **_: Any) -> FinetuneResult:
        number = int(out.name.removeprefix("trial-")) - 1
        out.mkdir()
        curve = self.curves[number]
        for epoch, accuracy in enumerate(curve, 1):
            on_epoch(epoch, accuracy)
        if number == self.diverging:
            raise ModelError("the loss is nan") from DivergedError("the loss is nan")
        return FinetuneResult(out, 1, max(curve), 0.0, "", 1.0, 0.0, 1.0)


def scripted(
    monkeypatch: pytest.MonkeyPatch, data: Path, out: Path, training: Scripted
) -> tuple[list[dict[str, str]], Listener]:
    """Run the trials of a script; give their rows and what was said."""
    monkeypatch.setattr(trials, "finetune", training)
    monkeypatch.setattr(searching, "command_line", lambda run, command: "")
    report = Listener()
    epochs = len(training.curves[0])
    search(data, out, len(training.curves), report, epochs=epochs)
    return rows(out), report


def test_a_trial_that_is_not_in_the_better_half_is_stopped_early(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    slow = [0.09 * n for n in range(1, 11)]
    fades = [0.09, 0.18, 0.3, 0.3, 0.5, *[0.9] * 5]  # behind after four tenths
    bad = [0.0] * 10
    script = Scripted(slow, bad, fades, slow, bad, [0.95] * 10)
    found, report = scripted(monkeypatch, data, tmp_path / "s", script)
    states = [row["state"] for row in found]
    assert states == ["complete", "pruned", "pruned", "complete", "pruned", "complete"]
    assert [found[2]["val_4"], found[2]["val_5"]] == ["0.3", ""]
    assert [found[4]["val_1"], found[4]["val_2"]] == ["0.0", ""]
    said = "trial 5 of 6: stopped early: half of those that came so far were better"
    assert said in report.said
    assert [path.name for path in (tmp_path / "s").glob("trial-*")] == ["trial-006"]


def test_runs_are_compared_by_tenths_however_many_epochs_they_have() -> None:
    import optuna

    study = optuna.create_study()
    for epochs in (1, 3, 10, 25):
        trial = study.ask()
        on_epoch = trials.pruning(trial, epochs)
        for epoch in range(1, epochs + 1):
            on_epoch(epoch, epoch / epochs)
        seen = study.get_trials()[trial.number].intermediate_values
        assert list(seen)[-1] == 10
        assert len(seen) == min(10, epochs)


def test_a_trial_whose_loss_diverges_has_failed_and_the_search_goes_on(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    script = Scripted([0.5], [0.9], [0.6], diverging=1)
    found, report = scripted(monkeypatch, data, tmp_path / "s", script)
    assert [row["state"] for row in found] == ["complete", "fail", "complete"]
    assert report.said[-2] == "trial 2 of 3: failed: the loss is nan"
    assert json.loads((tmp_path / "s" / "result.json").read_text())["best_trial"] == 3


def test_any_other_error_ends_the_search(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> FinetuneResult:
        raise ModelError("the disk is full")

    monkeypatch.setattr(trials, "finetune", full)
    with pytest.raises(ModelError, match="the disk is full"):
        search(data, tmp_path / "s")


def test_where_all_trials_diverge_the_user_is_told(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="the loss of all 1 trials diverged"):
        scripted(monkeypatch, data, tmp_path / "s", Scripted([0.5], diverging=0))


# --- what cannot be


def test_without_optuna_the_user_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(searching, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'vqa-cli\[search\]'"):
        search(data, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_all_that_no_search_can_have_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError) as caught:
        search(data, tmp_path / "s", max_minutes=1.0)
    assert len(caught.value.problems) == 2


def test_the_unfinished_search_that_began_last_is_found(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old", "finished")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "search.json").write_text("{}")
        os.utime(folder / "search.json", (1000 - age, 1000 - age))
    (tmp_path / "finished" / "result.json").write_text("{}")
    os.utime(tmp_path / "finished" / "search.json", (5000, 5000))
    assert find_search(None, tmp_path) == tmp_path / "new"
    assert find_search(tmp_path / "old", tmp_path) == tmp_path / "old"
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    assert find_search(None, tmp_path) is None, "a run that began later is meant"
    assert find_search(run, tmp_path) is None
