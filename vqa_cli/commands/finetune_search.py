"""`vqa finetune DATA --trials N`: what is printed of a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vqa_cli.commands.options import Resolved
from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrackSettings,
    TrainSettings,
)
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError

if TYPE_CHECKING:
    from vqa_cli.training.search import SearchResult


def begin(
    source: Path,
    trials: int,
    settings: Resolved,
    *,
    images: Path | None,
    out: Path | None,
    as_json: bool,
    console: Console,
) -> None:
    """Search on `source`, and print what was found."""
    from vqa_cli.training.run_folder import check_free
    from vqa_cli.training.search import search

    if out is not None:
        check_free(out)  # before the data is prepared and weights are fetched
    if settings[TrackSettings].track != "none":
        raise SettingsError("--track is for one run; a search keeps its trials in its own folder")
    found = search(
        source,
        trials,
        model=settings[ModelSettings],
        train=settings[TrainSettings],
        augment=settings[AugmentSettings],
        device=settings[DeviceSettings],
        prepare=settings[PrepareSettings],
        named=settings.named,
        images=images,
        out=out,
        report=console,
    )
    _print(found, as_json, console)


def go_on(folder: Path, trials: int | None, *, as_json: bool, console: Console) -> None:
    """Take a search up again, and print what was found."""
    from vqa_cli.training.search import resume_search

    _print(resume_search(folder, trials, console), as_json, console)


def _print(found: SearchResult, as_json: bool, console: Console) -> None:
    if as_json:
        print(json.dumps(found.to_json()))
        return
    of_defaults = found.val_accuracy_defaults
    defaults = "" if of_defaults is None else f"; with the defaults {of_defaults:.2%}"
    print(
        f"{found.run}: val accuracy {found.val_accuracy:.2%} (epoch {found.best_epoch}) in trial "
        f"{found.best_trial}, the best of {found.trials}{defaults}. To train it again:"
    )
    print(found.command)
    console.notice(f"{found.search / 'trials.csv'} has all trials, {found.pruned} stopped early")
    console.notice(f'next: vqa ask IMAGE "QUESTION" -m {found.run}')
