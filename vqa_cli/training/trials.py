"""The trials of a search: drawn, run, pruned, and taken up again where they were stopped.

The settings are drawn by Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms
for Hyper-Parameter Optimization", NeurIPS 2011); the first trial has the defaults. What a trial
draws is a function of the seed, of how many trials there were and of how they went, so a search
that was stopped draws what it would have drawn.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, Trial, TrialState

from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrainSettings,
)
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import ModelError
from vqa_cli.model_folder import read_config
from vqa_cli.models.building import Encoders, choose_encoders, choose_head
from vqa_cli.training.defaults import learning_of, objective_of, resolved
from vqa_cli.training.finetune import finetune, resume
from vqa_cli.training.finishing import FinetuneResult
from vqa_cli.training.recipe import OnEpoch
from vqa_cli.training.run_folder import mark_latest
from vqa_cli.training.search_space import Space
from vqa_cli.training.step import DivergedError

STUDY = "search.sqlite"
TENTHS = 10
"""Trials are compared at tenths of their runs, since their numbers of epochs differ."""
HALVING = 2
"""At 1, 2, 4 and 8 tenths a trial goes on if it is in the better half of those that came so far:
successive halving (Li et al., 2018, arXiv:1810.05934)."""
RANDOM_TRIALS = 10
"""So many trials are drawn blindly before the estimator has something to learn from."""


@dataclass(frozen=True)
class Tried:
    """What trials have in common. fixed: the names of settings that are not searched."""

    data: PreparedDataset
    fixed: Sequence[str]
    model: ModelSettings
    train: TrainSettings
    augment: AugmentSettings
    device: DeviceSettings

    def space(self, encoders: Encoders, rows: pd.DataFrame) -> Space:
        """Return what is left open; `rows` are those of train."""
        settings = self.model.to_mapping() | self.train.to_mapping()
        rate = resolved(self.train, encoders, rows).encoder_learning_rate
        return Space(
            encoder_rate=rate if learning_of(encoders) else None,
            width=encoders.width,
            questions=len(rows),
            cross_entropy=objective_of(self.train, rows) == "cross-entropy",
            fixed={name: settings[name] for name in self.fixed if name in settings},
        )

    def defaults(self, encoders: Encoders, rows: pd.DataFrame) -> dict[str, Any]:
        """Return what the settings are where nothing is searched."""
        train = resolved(self.train, encoders, rows)
        head = asdict(choose_head(self.model, encoders))
        return self.model.to_mapping() | train.to_mapping() | head

    def with_values(self, values: dict[str, Any]) -> tuple[ModelSettings, TrainSettings]:
        """Put drawn values in their places."""
        ours = {name: value for name, value in values.items() if name in ModelSettings.names()}
        rest = {name: value for name, value in values.items() if name not in ours}
        return replace(self.model, **ours), replace(self.train, **rest)


class Within:
    """Tells what a trial does as part of a search: only its progress and its warnings are news."""

    def __init__(self, report: Reporter, label: str, *, first: bool) -> None:
        self._report, self._label, self._first = report, label, first

    def notice(self, text: str) -> None:
        self._report.detail(text)

    def detail(self, text: str) -> None:
        self._report.detail(text)

    def warn(self, text: str) -> None:
        (self._report.warn if self._first else self._report.detail)(text)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        self._report.progress(f"{self._label}, {stage}", done, total, note)


def run_trials(
    folder: Path,
    tried: Tried,
    trials: int,
    *,
    on_run: Callable[[Path], None] | None = None,
    report: Reporter = SILENT,
) -> None:
    """Run what is left of `trials`; of the finished runs the best one stays in `folder`.

    on_run: is given each finished run before it is compared.

    Raises what `finetune` raises, but for a loss that diverges: that trial has failed.
    """
    encoders, rows = choose_encoders(tried.model), tried.data.rows("train")
    space = tried.space(encoders, rows)
    study = open_study(folder)
    _drop_unmade(study)
    _keep_best(folder, study)
    if not study.get_trials(deepcopy=False, states=_BEGUN):
        defaults = space.parameters(tried.defaults(encoders, rows))
        study.enqueue_trial(defaults, skip_if_exists=True)
    while (done := len(finished(study))) < trials:
        study.sampler = optuna.samplers.TPESampler(
            seed=tried.train.seed * 10_000 + done, n_startup_trials=RANDOM_TRIALS
        )
        trial = _interrupted(study) or _drawn(study, tried, space)
        label = f"trial {done + 1} of {trials}"
        within = Within(report, label, first=not done)
        run = _run(folder, tried, study, trial, within)
        report.notice(f"{label}: {_told(study, trial)}")
        if run and on_run:
            on_run(run)
        _keep_best(folder, study)


def open_study(folder: Path) -> optuna.Study:
    """Open the folder's study, or begin it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=f"sqlite:///{folder / STUDY}",
        study_name="search",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=HALVING),
    )


_BEGUN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that need not be run again: scored, pruned, or failed by themselves."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or "error" in trial.user_attrs
    ]


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the best scored trial, the earliest of equals."""
    scored = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(scored, key=lambda trial: (trial.value, -trial.number), default=None)


def run_of(folder: Path, number: int) -> Path:
    """Return the run folder of a trial; people count from 1, Optuna from 0."""
    return folder / f"trial-{number + 1:03d}"


def _drop_unmade(study: optuna.Study) -> None:
    """Give up a trial that was stopped while it was drawn; it is drawn again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if "train" not in trial.user_attrs:
            study.tell(trial.number, state=TrialState.FAIL)


def _interrupted(study: optuna.Study) -> Trial | None:
    """Return the trial that was running when the search was stopped."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return Trial(study, running[0]._trial_id) if running else None


def _drawn(study: optuna.Study, tried: Tried, space: Space) -> Trial:
    trial = study.ask()
    model, train = tried.with_values(space.draw(trial))
    trial.set_user_attr("model", model.to_mapping())
    trial.set_user_attr("train", train.to_mapping())
    return trial


def _run(
    folder: Path, tried: Tried, study: optuna.Study, trial: Trial, report: Reporter
) -> Path | None:
    """Run one trial; return its run folder where it came to its end."""
    began = time.monotonic()
    run = run_of(folder, trial.number)
    try:
        result = _trained(run, tried, trial, report)
    except optuna.TrialPruned:
        _note_seconds(trial, began)
        study.tell(trial, state=TrialState.PRUNED)
        return None
    except ModelError as error:
        if not isinstance(error.__cause__, DivergedError):
            raise
        _note_seconds(trial, began)
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=TrialState.FAIL)
        return None
    _note_seconds(trial, began)
    trial.set_user_attr("best_epoch", result.best_epoch)
    study.tell(trial, result.val_accuracy)
    return run


def _trained(run: Path, tried: Tried, trial: Trial, report: Reporter) -> FinetuneResult:
    """Train a trial, from its last saved state where it was stopped."""
    train = TrainSettings.from_mapping(trial.user_attrs["train"])
    if (run / "config.json").is_file():
        config = read_config(run)
        epochs = config["settings"]["train"]["epochs"]
        on_epoch, images = pruning(trial, epochs), tried.data.image_root
        return resume(run, config, images=images, on_epoch=on_epoch, report=report)
    shutil.rmtree(run, ignore_errors=True)
    assert train.epochs is not None
    return finetune(
        tried.data.folder,
        model=ModelSettings.from_mapping(trial.user_attrs["model"]),
        train=train,
        device=tried.device,
        prepare=PrepareSettings(),
        augment=tried.augment,
        images=tried.data.image_root,
        out=run,
        on_epoch=pruning(trial, train.epochs),
        report=report,
    )


def pruning(trial: Trial, epochs: int) -> OnEpoch:
    """Return a callback that reports the best val accuracy by each tenth, and may end the run."""
    frozen = trial.study.get_trials(deepcopy=False)[trial.number]
    reported = dict(frozen.intermediate_values)

    def on_epoch(epoch: int, accuracy: float) -> None:
        tenth = TENTHS * epoch // epochs
        if tenth > TENTHS * (epoch - 1) // epochs:
            if tenth not in reported:  # else it was stopped just afterwards
                best = max((accuracy, *reported.values()))  # a run is as good as its best epoch
                trial.report(best, tenth)
                reported[tenth] = best
            if epoch < epochs and trial.should_prune():
                raise optuna.TrialPruned

    return on_epoch


def _note_seconds(trial: Trial, began: float) -> None:
    before = trial.user_attrs.get("seconds", 0)
    trial.set_user_attr("seconds", round(before + time.monotonic() - began, 1))


def _told(study: optuna.Study, trial: Trial) -> str:
    """Say in one line how a trial ended."""
    ended = study.get_trials(deepcopy=False)[trial.number]
    if ended.state == TrialState.PRUNED:
        return "stopped early: half of those that came so far were better"
    if ended.state == TrialState.FAIL:
        return f"failed: {ended.user_attrs['error']}"
    best = best_trial(study)
    assert best is not None
    standing = "the best so far" if best.number == ended.number else f"best so far {best.value:.2%}"
    return f"val accuracy {ended.value:.2%} ({standing})"


def _keep_best(folder: Path, study: optuna.Study) -> None:
    """Remove the finished runs but the best one, and those that were pruned."""
    best = best_trial(study)
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    kept = {run_of(folder, trial.number) for trial in [*running, *([best] if best else [])]}
    for run in folder.glob("trial-*"):
        if run not in kept:
            shutil.rmtree(run)
    if best:
        mark_latest(run_of(folder, best.number))
