from pathlib import Path

import pytest

from tests.data.formats.fixtures import FIXTURES
from tests.data.layouts import daquar, daquar_csv, write_text
from vqa_cli.data.detect import choose_layout, claims, layouts
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError, SettingsError


@pytest.mark.parametrize("case", FIXTURES)
def test_exactly_one_layout_claims_each_dataset(case: str, tmp_path: Path) -> None:
    name, write = FIXTURES[case]
    write(tmp_path)
    assert claims(Source(tmp_path)) == [name]


def test_every_layout_has_a_dataset_that_is_offered_to_all() -> None:
    assert set(layouts()) == {name for name, _ in FIXTURES.values()}


def test_two_layouts_in_one_folder_are_an_ambiguity(tmp_path: Path) -> None:
    daquar(tmp_path)
    daquar_csv(tmp_path)
    with pytest.raises(DataError, match="could be daquar or daquar-csv; say which with --format"):
        choose_layout(Source(tmp_path))
    assert choose_layout(Source(tmp_path), "daquar-csv").NAME == "daquar-csv"


def test_an_unknown_format_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean daquar-csv"):
        choose_layout(Source(tmp_path), "daquarcsv")


def test_an_unknown_layout_is_told_with_what_was_found_and_what_is_known(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "nothing to see")
    with pytest.raises(DataError, match="found were notes") as caught:
        choose_layout(Source(tmp_path))
    assert len(caught.value.problems) == len(layouts())


@pytest.mark.parametrize(
    ("name", "found"), [("photo.jpg", "photo.jpg"), ("sub/notes.md", "sub/"), (None, "no files")]
)
def test_a_folder_without_data_files_is_described(
    name: str | None, found: str, tmp_path: Path
) -> None:
    if name:
        write_text(tmp_path / name, "")
    with pytest.raises(DataError, match=f"found were {found}"):
        choose_layout(Source(tmp_path))


def test_a_name_alone_makes_no_layout(tmp_path: Path) -> None:
    for name in ("all_qa_pairs.txt", "qa.894.raw.train.txt", "train/questions.json"):
        write_text(tmp_path / name, '{"something": "else"}\n')
    assert claims(Source(tmp_path)) == []
