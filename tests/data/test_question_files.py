"""Files of synonyms and templates: what they give, and everything that can be wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vqa_cli.data.question_files import Template, read_synonyms, read_templates
from vqa_cli.errors import SettingsError


def write(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "ways.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_synonyms_are_groups_of_words_and_phrases(tmp_path: Path) -> None:
    path = write(tmp_path, 'groups = [["sofa", "couch"], ["how  many", "what number of"]]')
    assert read_synonyms(path) == [["sofa", "couch"], ["how many", "what number of"]]


def test_a_file_may_begin_with_a_byte_order_mark_and_decompose_its_letters(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + 'groups = [["ghe\u0302\u0301", "ban"]]'.encode())
    assert read_synonyms(path) == [["ghế", "ban"]]


def test_templates_are_groups_of_patterns_with_slots(tmp_path: Path) -> None:
    path = write(tmp_path, 'groups = [["what color is {x}?", "{x} is what color ?"]]')
    first, second = read_templates(path)[0]
    assert (first.literals, first.slots) == (("what color is ", ""), ("x",))
    assert (second.literals, second.slots) == (("", " is what color"), ("x",))
    assert first.match("What color is the sofa") == {"x": "the sofa"}
    assert second.fill({"x": "the sofa"}) == "the sofa is what color"
    assert Template.parse("{a} or {b}").match("red or blue or grey") == {
        "a": "red",
        "b": "blue or grey",
    }


@pytest.mark.parametrize("read", [read_synonyms, read_templates])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("groups = [", "no valid TOML"),
        ('groups = [["caf\xe9", "bar"]]'.encode("latin-1"), "is no text in UTF-8"),
        ("", 'needs groups = [["one", "another"]], see docs/training.md'),
        ("groups = []", "needs groups ="),
        ("groups = 'sofa'", "needs groups ="),
        ("groups = ['sofa']", "group 1: must be a list of texts, got 'sofa'"),
        ("groups = [['sofa', 1]]", "group 1: must be a list of texts, got ['sofa', 1]"),
        ("groups = [[]]", "group 1: [] needs at least two"),
        ("groups = [['sofa']]", "group 1: ['sofa'] needs at least two"),
        ("groups = [['sofa', 'Sofa ']]", "group 1: 'sofa' is there twice"),
        ("groups = [['sofa', '?']]", "group 1: '?' holds no word"),
        ("groups = [['sofa', ' ']]", "group 1: ' ' holds no word"),
        ("words = 1\ngroups = [['a', 'b']]", "has no use for 'words'; it holds groups alone"),
    ],
)
def test_a_file_that_cannot_be_used(read, text: str | bytes, told: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read(path)
    flag = "--synonyms" if read is read_synonyms else "--templates"
    assert str(caught.value).startswith(f"{flag} {path}: ")
    assert told in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--synonyms .*gone.toml: cannot be read: No such"):
        read_synonyms(tmp_path / "gone.toml")


def test_a_word_of_two_groups_would_mean_two_things(tmp_path: Path) -> None:
    path = write(tmp_path, "groups = [['light', 'pale'], ['lamp', 'Light']]")
    with pytest.raises(SettingsError, match="group 2: 'Light' stands in group 1 already"):
        read_synonyms(path)


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("['is {x}?', 'is {y}?']", "group 1: the slots differ, and all patterns need the same"),
        ("['is {x}?', 'is it?']", "need the same ones: none, {x}"),
        ("['{x} or {x}?', 'is {x}?']", "'{x} or {x}?' has the slot {x} twice"),
        ("['is {x}{y}?', 'is {y} {x}?']", "'is {x}{y}?' has two slots side by side"),
        ("['is {}?', 'was {}?']", "'is {}?' has the slot {}; its name must be letters"),
        ("['is {a b}?', 'was {a b}?']", "has the slot {a b}; its name"),
        ("['is {x?', 'was {x}?']", "'is {x?' has a brace that is not of a slot"),
        ("['{a} {b} {c} {d}', 'is {a} {b} {c} {d}']", "has 4 slots; at most 3"),
    ],
)
def test_a_pattern_that_cannot_be_used(group: str, told: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"groups = [{group}]")
    with pytest.raises(SettingsError) as caught:
        read_templates(path)
    assert told in "\n".join([str(caught.value), *caught.value.problems])


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "words = 1\ngroups = [['is {x}?'], ['is {x}?', 'is {y}?'], 3, ['a {x}', 'a {x} {x}']]",
    )
    with pytest.raises(SettingsError) as caught:
        read_templates(path)
    assert len(caught.value.problems) == 5
    assert all(problem.startswith(f"--templates {path}: ") for problem in caught.value.problems)


def test_the_examples_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    blocks = re.findall(r"<!-- file: (\w+) -->\n```toml\n(.*?)```", page.read_text(), re.DOTALL)
    examples = {name: write(tmp_path / name, text) for name, text in blocks}
    assert ["sofa", "couch"] in read_synonyms(examples["synonyms"])
    assert len(read_templates(examples["templates"])) == 2
