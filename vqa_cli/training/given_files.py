"""Files of the user's that settings name: checked before anything is made, and kept in the run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from vqa_cli.config import AugmentSettings
from vqa_cli.data.question_files import read_synonyms, read_templates
from vqa_cli.errors import SettingsError
from vqa_cli.settings import unusable
from vqa_cli.training.augmentation_rules import Words

READERS: Mapping[str, Callable[[Path], object]] = {
    "augmentation_words": Words.load,
    "synonyms": read_synonyms,
    "templates": read_templates,
}
"""setting -> what reads its file, or raises SettingsError."""


def check_given(augment: AugmentSettings) -> None:
    """Raise SettingsError with all that is wrong with the files that settings name."""
    problems: list[str] = []
    for name, read in READERS.items():
        if file := getattr(augment, name):
            try:
                read(Path(file))
            except SettingsError as error:
                problems += error.problems or [error.message]
    if problems:
        raise unusable(problems)


def keep_given(augment: AugmentSettings, run: Path) -> None:
    """Copy the files into a run, which is resumed with them, whatever becomes of the originals."""
    for name in READERS:
        if file := getattr(augment, name):
            shutil.copyfile(file, run / f"{name}.toml")


def given_in(run: Path, augment: AugmentSettings) -> dict[str, Path]:
    """The run's own copies, by setting."""
    return {name: run / f"{name}.toml" for name in READERS if getattr(augment, name)}
