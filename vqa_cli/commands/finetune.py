"""`vqa finetune`: train a model of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vqa_cli.commands import finetune_search
from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import (
    AugmentSettings,
    ContinueSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrackSettings,
    TrainSettings,
)
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError


@with_settings(
    ModelSettings,
    TrainSettings,
    AugmentSettings,
    ContinueSettings,
    TrackSettings,
    DeviceSettings,
    PrepareSettings,
)
def finetune(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="A prepared dataset, or a folder that is prepared first. With --resume: the run "
            "to go on with; default: the newest unfinished one.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Where the images are, if not where the data says.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder to make; default: runs/<date>-<dataset>-<n>.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped.")
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Search: train so many times with other settings, and keep the best on val. "
            "What is named by a flag stays as it is.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    settings: Resolved,
    console: Console,
) -> None:
    """Fine-tune a model on a dataset; the result is a run folder."""
    if resume and out is not None:
        raise SettingsError("--out names a new run; with --resume give the run itself")
    if resume and settings.given:
        raise SettingsError(
            f"--resume goes on with the run's own settings; leave out {', '.join(settings.given)}"
        )
    if not resume and source is None:
        raise SettingsError("name the data: vqa finetune DATA (or go on with a run: --resume)")

    if trials is not None and settings[ContinueSettings].from_run:
        raise SettingsError(
            "--trials searches from the very beginning, --from goes on; leave out one"
        )
    if trials is not None and not resume:
        assert source is not None
        finetune_search.begin(
            source,
            trials,
            settings,
            images=images,
            out=out,
            as_json=as_json,
            console=console,
        )
        return

    from vqa_cli.training.finetune import finetune as run_finetune
    from vqa_cli.training.finetune import resume as run_resume
    from vqa_cli.training.run_folder import check_free, find_unfinished
    from vqa_cli.training.search import find_search

    if resume and (searched := find_search(source)):
        finetune_search.go_on(searched, trials, as_json=as_json, console=console)
        return
    if resume and trials is not None:
        raise SettingsError("--trials with --resume goes on with a search, and this is a run")
    if resume:
        run, config = find_unfinished(source)
        result = run_resume(run, config, images=images, report=console)
    else:
        assert source is not None
        if out is not None:
            check_free(out)  # before the data is prepared and weights are fetched
        result = run_finetune(
            source,
            model=settings[ModelSettings],
            train=settings[TrainSettings],
            device=settings[DeviceSettings],
            prepare=settings[PrepareSettings],
            augment=settings[AugmentSettings],
            track=settings[TrackSettings],
            continuing=settings[ContinueSettings],
            named=settings.named,
            images=images,
            out=out,
            report=console,
        )
    if not result.is_main:
        return
    if as_json:
        print(json.dumps(result.to_json()))
        return
    print(
        f"{result.run}: val accuracy {result.val_accuracy:.2%} (epoch {result.best_epoch}; before "
        f"training {result.val_accuracy_untrained:.2%}) after "
        f"{result.seconds:.0f} s ({result.seconds_features:.0f} s features, "
        f"{result.seconds_training:.0f} s training)"
        f"{'; stopped: ' + result.stopped if result.stopped else ''}"
    )
    if result.old:
        print(_old(result.old))
    console.notice(f'next: vqa ask IMAGE "QUESTION" -m {result.run}')


def _old(old: dict[str, Any]) -> str:
    """What became of what a continued run knew before."""
    if "missing" in old:
        return f"old data: not scored: {old['missing']}"
    return (
        f"old {old['split']} ({old['data']}): accuracy {old['accuracy_before']:.2%} before, "
        f"{old['accuracy']:.2%} after"
    )
