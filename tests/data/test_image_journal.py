import os
from pathlib import Path

import pytest

from vqa_cli.console import SILENT, Silent
from vqa_cli.data import image_journal as module
from vqa_cli.data.image_journal import ImageFacts, ImageJournal, Stamp
from vqa_cli.data.near_copies import LOOK_BYTES

GOOD = ImageFacts("a b/ä.png", "5e", 7, 30, 20, orientation=6, look=bytes(range(LOOK_BYTES)))
BAD = ImageFacts("bad.png", "6f", 8, kind="no image", problem="bad.png: is not an image")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_facts_are_found_again_as_long_as_the_file_stays(tmp_path: Path) -> None:
    stamp = Stamp(7, 1000)
    ImageJournal(tmp_path, 100).add([(stamp, GOOD), (Stamp(8, 1), BAD)], SILENT)
    journal = ImageJournal(tmp_path, 100)
    assert journal.find(GOOD.image, stamp) == GOOD
    assert journal.find(BAD.image, Stamp(8, 1)) == BAD
    assert journal.find(GOOD.image, Stamp(7, 1001)) is None
    assert journal.find(GOOD.image, Stamp(6, 1000)) is None
    assert journal.find("other.png", stamp) is None


def test_another_folder_or_limit_has_a_journal_of_its_own(tmp_path: Path) -> None:
    ImageJournal(tmp_path, 100).add([(Stamp(7, 1000), GOOD)], SILENT)
    assert ImageJournal(tmp_path, 200).find(GOOD.image, Stamp(7, 1000)) is None
    assert ImageJournal(tmp_path / "x", 100).find(GOOD.image, Stamp(7, 1000)) is None


def test_a_stop_in_the_midst_of_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    stamp = Stamp(7, 1000)
    journal = ImageJournal(tmp_path, 100)
    journal.add([(stamp, GOOD), (stamp, BAD)], SILENT)
    journal.path.write_bytes(journal.path.read_bytes()[:-10])
    ImageJournal(tmp_path, 100).add([(Stamp(9, 2), ImageFacts("c.png", "70", 9))], SILENT)
    again = ImageJournal(tmp_path, 100)
    assert again.find(GOOD.image, stamp) == GOOD
    assert again.find(BAD.image, stamp) is None
    assert again.find("c.png", Stamp(9, 2)) == ImageFacts("c.png", "70", 9)


@pytest.mark.parametrize("junk", [b"\xff\xfe\n", b"[1, 2]\n", b"{}\n", b"7\n", b'["a", 1' + b"\n"])
def test_lines_that_are_none_of_ours_are_passed_over(junk: bytes, tmp_path: Path) -> None:
    journal = ImageJournal(tmp_path, 100)
    journal.path.parent.mkdir(parents=True)
    journal.path.write_bytes(junk)
    journal.add([(Stamp(7, 1000), GOOD)], SILENT)
    assert ImageJournal(tmp_path, 100).find(GOOD.image, Stamp(7, 1000)) == GOOD


def test_nothing_is_kept_of_files_that_were_just_written_or_cannot_be_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "new.png").write_bytes(b"x")
    stamp = Stamp.of(tmp_path / "new.png")
    assert stamp is not None
    journal = ImageJournal(tmp_path, 100)
    unreadable = ImageFacts("gone.png", "", 0, kind="unreadable", problem="no")
    journal.add([(stamp, GOOD), (Stamp(1, 1), unreadable)], SILENT)
    assert not journal.path.exists()
    os.utime(tmp_path / "new.png", (1000, 1000))
    settled = Stamp.of(tmp_path / "new.png")
    assert settled == Stamp(1, 1000 * 10**9)
    facts = ImageFacts("new.png", "5e", 1)
    journal.add([(settled, facts)], SILENT)
    assert ImageJournal(tmp_path, 100).find("new.png", settled) == facts


def test_a_cache_that_cannot_be_written_is_told_and_does_no_harm(
    tmp_path: Path, cache: Path
) -> None:
    cache.write_text("a file, no folder")
    told: list[str] = []

    class Details(Silent):
        def detail(self, text: str) -> None:
            told.append(text)

    journal = ImageJournal(tmp_path, 100)
    journal.add([(Stamp(7, 1000), GOOD)], Details())
    assert len(told) == 1
    assert "checks cannot be kept" in told[0]


def test_a_file_that_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    assert Stamp.of(tmp_path / "gone.png") is None
