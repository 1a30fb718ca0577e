from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing import write_shapes
from tests.training.small_runs import Listener, StopAt, same, train
from vqa_cli.training import batch_size
from vqa_cli.training.batch_size import doubled, fitting_cpu, longest, power_of_two
from vqa_cli.training.finetune import resume
from vqa_cli.training.run_folder import find_unfinished
from vqa_cli.training.split_data import SplitData
from vqa_cli.training.step import Stepper

MEGABYTE = 1 << 20


@given(st.integers(1, 1 << 40))
def test_powers_of_two(number: int) -> None:
    power = power_of_two(number)
    assert power <= number < 2 * power
    assert power.bit_count() == 1


@pytest.mark.parametrize(
    ("room", "limit", "found"), [(100, 1024, 64), (128, 1024, 128), (10**6, 256, 256), (1, 64, 1)]
)
def test_doubling_ends_where_it_no_longer_fits(room: int, limit: int, found: int) -> None:
    assert doubled(limit, lambda questions: questions <= room) == found


def test_on_a_gpu_the_memory_that_is_left_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stub in place of a GPU of 1000 bytes, of which a question needs ten."""
    held = 0

    def rehearse(questions: int) -> None:
        nonlocal held
        held = 10 * questions
        if held > 1000:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: held)
    whole = SimpleNamespace(total_memory=1000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: whole)
    fits = [batch_size._fits_gpu(rehearse, torch.device("cuda"), n) for n in (64, 80, 90, 128)]
    assert fits == [True, True, False, False]


@pytest.mark.parametrize(
    ("free", "limit", "low", "high"),
    [(4000, 1024, 350, 900), (100, 1024, 8, 32), (4000, 64, 64, 900)],
)
def test_on_a_cpu_memory_grows_with_the_questions(
    free: int, limit: int, low: int, high: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question takes four megabytes, for as long as its step lasts."""

    def rehearse(questions: int) -> None:
        np.ones((questions, 4 * MEGABYTE), dtype=np.uint8).sum()

    monkeypatch.setattr(batch_size, "free_memory", lambda: free * MEGABYTE)
    assert low <= fitting_cpu(rehearse, limit) <= high


def test_the_longest_questions_come_first_and_images_once() -> None:
    lengths = np.array([3, 9, 5])

    def questions(asked: np.ndarray, draw: int | None = None) -> dict[str, torch.Tensor]:
        mask = np.arange(9) < lengths[asked][:, None]
        return {"attention_mask": torch.from_numpy(mask.astype(np.int64))}

    image, question = np.array([0, 0, 1, 2, 2, 3]), np.array([1, 1, 0, 2, 1, 0])
    data = SplitData(image, question, questions, questions, ids=list("abcdef"))
    rows = np.array([0, 1, 2, 3, 4])  # the last one is not learned from
    assert longest(data, rows, 3).tolist() == [0, 4, 2]
    assert sorted(longest(data, rows, 10)) == [0, 1, 2, 3, 4]


def test_what_is_found_is_kept_and_changes_nothing_else(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes", count=24)
    listener = Listener()
    frozen = {"image_tuning": "frozen"}
    found = train(folder, tmp_path / "found", listener, model=frozen, batch_size="auto", epochs=1)
    assert "batch size: 8 (memory has room; 20 steps an epoch, at most 1,024)" in listener.said
    given = train(folder, tmp_path / "given", model=frozen, batch_size=8, epochs=1)
    assert same(found.run, given.run)
    for run in (found.run, given.run):
        config = json.loads((run / "config.json").read_text())
        assert config["settings"]["train"]["batch_size"] == 8

    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "stopped", StopAt(3), model=frozen, batch_size="auto", epochs=1)
    again = Listener()
    assert same(found.run, resume(*find_unfinished(tmp_path / "stopped"), report=again).run)
    assert not any("batch size" in text for text in again.said)


def test_a_resumed_run_keeps_the_parts_that_memory_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stub in place of a GPU's memory that holds five questions at once."""
    folder, settings = write_shapes(tmp_path / "shapes", count=24), {"epochs": 2}
    backward = Stepper._backward

    def small(self: Stepper, part: Any, *arguments: Any) -> Any:
        if len(part.rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return backward(self, part, *arguments)

    monkeypatch.setattr(Stepper, "_backward", small)
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", StopAt(3), **settings)
    monkeypatch.undo()
    resumed = resume(*find_unfinished(tmp_path / "run"))
    assert same(resumed.run, train(folder, tmp_path / "four", accumulation=4, **settings).run)
    assert not same(resumed.run, train(folder, tmp_path / "one", **settings).run)
