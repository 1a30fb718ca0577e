"""`vqa finetune DATA --trials N`: many runs with other settings, of which the best on val is kept.

A search's folder holds search.json (what is searched), search.sqlite (Optuna's study, which any of
its tools opens), trials.csv, and the best trial's run.
"""

from __future__ import annotations

import csv
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrainSettings,
)
from vqa_cli.conflicts import check_together
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.device import choose_device
from vqa_cli.errors import DataError, ModelError, SettingsError
from vqa_cli.files import replacing, write_json, write_text
from vqa_cli.model_folder import LATEST, SEARCH, SEARCHED, read_config, read_json
from vqa_cli.models.building import choose_encoders
from vqa_cli.settings import Settings, flags_of, unusable
from vqa_cli.training.run_folder import RUNS, create_run, unfinished_runs

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

TRIALS = "trials.csv"
SECTIONS: tuple[type[Settings], ...] = (
    ModelSettings,
    TrainSettings,
    AugmentSettings,
    DeviceSettings,
)
"""Whose values a run's config holds."""


@dataclass(frozen=True)
class SearchResult:
    """What a search found; shares from 0 to 1, seconds of wall time.

    trials: how many there were, of which `pruned` were stopped early and `failed` diverged.
    best_trial: its number, from 1. val_accuracy_defaults: that of the first trial; None where its
    loss diverged. command: makes `run` again.
    """

    search: Path
    run: Path
    trials: int
    pruned: int
    failed: int
    best_trial: int
    best_epoch: int
    val_accuracy: float
    val_accuracy_defaults: float | None
    seconds: float
    command: str

    def to_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {**vars(self), "search": str(self.search), "run": str(self.run)}


def search(
    source: Path,
    trials: int,
    *,
    model: ModelSettings,
    train: TrainSettings,
    augment: AugmentSettings,
    device: DeviceSettings,
    prepare: PrepareSettings,
    named: Sequence[str] = (),
    images: Path | None = None,
    out: Path | None = None,
    report: Reporter = SILENT,
) -> SearchResult:
    """Try `trials` settings on a dataset; those that are `named` stay as they are given.

    Raises SettingsError without Optuna and where settings exclude one another, else what
    `finetune` raises; KeyboardInterrupt, with all finished trials kept, where the user stops it.
    """
    _check_possible(train)
    check_together(model, train, augment)
    chosen = choose_device(device)
    data = open_or_prepare(source, prepare, report, images=images)
    encoders = choose_encoders(model, offline=device.offline, report=report)
    folder = create_run(f"{_name(data)}-search", out)
    settings: tuple[Settings, ...] = (
        replace(model, preset=encoders.preset),
        train,
        augment,
        replace(device, device=chosen.type, precision=chosen.precision, threads=chosen.threads),
    )
    command = ["vqa", "finetune", str(source)]
    command += ["--images", str(images)] if images else []
    plan = {
        "trials": trials,
        "fixed": list(named),
        "data": str(data.folder.resolve()),
        "images": str(data.image_root),
        "fingerprint": data.fingerprint,
        "command": [*command, *flags_of(prepare)],
        "settings": {each.section: each.to_mapping() for each in settings},
    }
    write_json(folder / SEARCH, plan)
    return _go_on(folder, plan, report)


def resume_search(
    folder: Path, trials: int | None = None, report: Reporter = SILENT
) -> SearchResult:
    """Go on with a search, to its end or to another number of `trials`.

    Raises DataError where its data has changed; else as `search` does.
    """
    plan = read_json(folder / SEARCH)
    _check_possible(TrainSettings.from_mapping(plan["settings"]["train"]))
    trials = trials or plan["trials"]
    if (folder / SEARCHED).is_file() and trials <= plan["trials"]:
        raise SettingsError(
            f"{folder}: all its {plan['trials']} trials are done; ask for more of them: "
            f"vqa finetune --resume {folder} --trials {2 * plan['trials']}"
        )
    (folder / SEARCHED).unlink(missing_ok=True)
    plan = {**plan, "trials": trials}
    write_json(folder / SEARCH, plan)
    return _go_on(folder, plan, report)


def _name(data: PreparedDataset) -> str:
    return data.folder.parent.name if data.folder.name.startswith(".") else data.folder.name


def find_search(chosen: Path | None, runs: Path = RUNS) -> Path | None:
    """Return the search that `--resume chosen` means; None where it means a run.

    Without a name that is the unfinished search, if it began later than any unfinished run.
    """
    if chosen is not None:
        return chosen if (chosen / SEARCH).is_file() else None
    searches = [path for path in runs.glob(f"*/{SEARCH}") if not (path.parent / SEARCHED).is_file()]
    begun = [*searches, *(run / "config.json" for run in unfinished_runs(runs))]
    newest = max(begun, key=lambda path: path.stat().st_mtime_ns, default=None)
    return newest.parent if newest in searches else None


def _check_possible(train: TrainSettings) -> None:
    """Raise SettingsError where nothing can be searched here."""
    problems = []
    if find_spec("optuna") is None:
        problems.append(
            "--trials needs optuna, which is not installed: pip install 'vqa-cli[search]'"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        problems.append("--trials runs in one process: start it without a launcher")
    if train.max_minutes:
        problems.append(
            "--max-minutes bounds one run, and no two trials could be compared; stop a search "
            "with Ctrl-C, and go on with --resume"
        )
    if problems:
        raise unusable(problems)


def _go_on(folder: Path, plan: Mapping[str, Any], report: Reporter) -> SearchResult:
    from vqa_cli.training import trials as running

    began = time.monotonic()
    data = PreparedDataset.open(plan["data"], plan["images"])
    if data.fingerprint != plan["fingerprint"]:
        raise DataError(f"{data.folder}: has changed since {folder} began; search anew")
    settings = plan["settings"]
    tried = running.Tried(
        data=data,
        fixed=plan["fixed"],
        model=ModelSettings.from_mapping(settings["model"]),
        train=TrainSettings.from_mapping(settings["train"]),
        augment=AugmentSettings.from_mapping(settings["augment"]),
        device=DeviceSettings.from_mapping(settings["device"]),
    )
    try:
        running.run_trials(folder, tried, plan["trials"], report=report)
    except KeyboardInterrupt:
        report.notice(f"stopped; go on with: vqa finetune --resume {folder}")
        raise
    study = running.open_study(folder)
    write_trials(folder / TRIALS, running.finished(study))
    result = _summed_up(folder, plan, study, time.monotonic() - began)
    write_text(folder.parent / LATEST.name, f"{folder.name}/{result.run.name}\n")
    write_json(folder / SEARCHED, result.to_json())
    return result


def _summed_up(
    folder: Path, plan: Mapping[str, Any], study: optuna.Study, seconds: float
) -> SearchResult:
    from vqa_cli.training.trials import best_trial, finished, run_of

    ended, best = finished(study), best_trial(study)
    if best is None or best.value is None:
        raise ModelError(
            f"{folder}: the loss of all {len(ended)} trials diverged; search again with a smaller "
            "--learning-rate"
        )
    states = [trial.state.name for trial in ended]
    run = run_of(folder, best.number)
    return SearchResult(
        search=folder,
        run=run,
        trials=len(ended),
        pruned=states.count("PRUNED"),
        failed=states.count("FAIL"),
        best_trial=best.number + 1,
        best_epoch=best.user_attrs["best_epoch"],
        val_accuracy=best.value,
        val_accuracy_defaults=ended[0].value,
        seconds=round(seconds, 1),
        command=command_line(run, plan["command"]),
    )


def command_line(run: Path, command: Sequence[str]) -> str:
    """Return the command that makes `run` again: `command` and the run's own settings as flags."""
    settings = read_config(run)["settings"]
    flags = [flag for cls in SECTIONS for flag in flags_of(cls.from_mapping(settings[cls.section]))]
    return shlex.join([*command, *flags])


def write_trials(path: Path, trials: Sequence[FrozenTrial]) -> None:
    """Write a csv: what each trial was, how it stood at each tenth of its run, how it ended."""
    rows = [described(trial) for trial in trials]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def described(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's row of trials.csv."""
    settings = {**trial.user_attrs["model"], **trial.user_attrs["train"]}
    searched = ["width" if name.startswith("width_") else name for name in trial.params]
    return {
        "trial": trial.number + 1,
        "state": trial.state.name.lower(),
        "val_accuracy": "" if trial.value is None else round(trial.value, 4),
        "best_epoch": trial.user_attrs.get("best_epoch", ""),
        "seconds": trial.user_attrs.get("seconds", ""),
        **{name: settings[name] for name in searched},
        **{f"val_{n}": round(v, 4) for n, v in sorted(trial.intermediate_values.items())},
    }
