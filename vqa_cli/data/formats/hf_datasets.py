"""A dataset of Hugging Face's datasets library, as its `save_to_disk` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.table_rows import Table
from vqa_cli.errors import DataError

NAME = "hf-datasets"
DESCRIPTION = (
    "dataset_dict.json with a folder for each split, or one folder, of state.json and "
    "data-00000-of-00001.arrow (what save_to_disk writes), with image, question and answer"
)

_DICT = "dataset_dict.json"
_STATE = "state.json"
_ARROW = ".arrow"


def owns(source: Source, file: str) -> bool:
    """Whether `file` is an .arrow file in a folder with such a state."""
    folder = file.rpartition("/")[0]
    return file.endswith(_ARROW) and (f"{folder}/" if folder else "") + _STATE in source.files


def detect(source: Source) -> bool:
    """The state of a dataset, or of one split of it, that names its data files."""
    if (found := source.peek(_DICT) if _DICT in source.files else None) and "splits" in found.lists:
        return True
    return any("_data_files" in source.head(file) for file in _states_found(source))


def read(source: Source) -> Reading:
    """Raises DataError where a file that a state names is missing, or a column."""
    states = _states(source)
    if not states:
        raise DataError(
            f"{source.root}: holds neither {_DICT} with a folder for each split nor {_STATE}; "
            "name the folder that save_to_disk wrote"
        )
    read_files: list[str] = []
    found: list[Table] = []
    for state in states:
        content = _object(source, state)
        folder = state.removesuffix(_STATE)
        files = [folder + name for name in _data_files(source, state, content)]
        split = split_of(f"{folder.strip('/')}.") or split_of(f"{content.get('_split')}.")
        name = folder.strip("/") or source.name
        found.append(Table(tuple(source.root / file for file in files), name, split))
        read_files += [state, *files]

    def examples(findings: Findings) -> Iterator[Example]:
        for table in found:
            yield from table.examples(findings)

    makes_images = any(table.holds_images for table in found)
    return Reading(tuple(read_files), examples, makes_images=makes_images)


def _states(source: Source) -> list[str]:
    """The state of each split; of one that stands alone, its own."""
    if _DICT not in source.files:
        return _states_found(source)
    splits = _object(source, _DICT).get("splits")
    if not isinstance(splits, list) or not all(map(_is_name, map(str, splits))):
        raise DataError(f'{source.root / _DICT}: must have a list "splits" of names')
    states = [f"{split}/{_STATE}" for split in splits]
    if missing := [state for state in states if not (source.root / state).is_file()]:
        raise DataError(f"{source.root / missing[0]}: is missing, though {_DICT} names that split")
    return states


def _states_found(source: Source) -> list[str]:
    """That of the folder, else those of the folders in it."""
    found = [file for file in source.named(_STATE) if file.count("/") <= 1]
    return [_STATE] if _STATE in found else found


def _is_name(text: str) -> bool:
    """Whether a text is the name of something in the same folder."""
    return text not in ("", "..") and Path(text).name == text


def _object(source: Source, file: str) -> dict[str, Any]:
    content = source.json(file)
    if not isinstance(content, dict):
        raise DataError(f"{source.root / file}: must be an object")
    return content


def _data_files(source: Source, state: str, content: dict[str, Any]) -> list[str]:
    entries = content.get("_data_files")
    given = [entry.get("filename") if isinstance(entry, dict) else None for entry in entries or ()]
    names = [name for name in given if isinstance(name, str) and _is_name(name)]
    if not names or len(names) < len(given):
        raise DataError(f'{source.root / state}: must name the files beside it in "_data_files"')
    folder = (source.root / state).parent
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise DataError(f"{folder / missing[0]}: is missing, though {_STATE} beside it names it")
    return names
