"""Processes that train one run together, and what becomes of them when one is gone."""

from __future__ import annotations

import csv
import shutil
import signal
from pathlib import Path

import pytest

from tests.training.crashing import Crashing, Ended
from tests.training.test_killed import result
from vqa_cli.training.processes import LostProcessError, is_alone_unasked, lost_ones_told

TINY = ("--preset", "tiny", "--image-size", "32", "--device", "cpu", "--threads", "1")
TRAINED = (*TINY, "--batch-size", "10", "--dropout", "0", "--image-tuning", "frozen")


def finetune(crashing: Crashing, ranks: int, run: Path, epochs: int, **kill: object) -> list[Ended]:
    arguments = ("finetune", "data", *TRAINED, "--epochs", str(epochs), "--out", run)
    return crashing.run_together(ranks, *arguments, **kill)


def resume(crashing: Crashing, ranks: int, run: Path) -> list[Ended]:
    return crashing.run_together(ranks, "finetune", "--resume", run)


def test_two_processes_have_the_losses_of_one(crashing: Crashing, tmp_path: Path) -> None:
    histories = []
    for ranks in (1, 2):
        shutil.rmtree(crashing.folder / "data" / "features", ignore_errors=True)
        run = tmp_path / f"of-{ranks}"
        ended = finetune(crashing, ranks, run, epochs=2)
        assert [process.code for process in ended] == [0] * ranks, ended[-1].said
        with (run / "history.csv").open() as stream:
            histories.append(list(csv.DictReader(stream)))
    assert ended[1].said == ""
    for one, two in zip(*histories, strict=True):
        for name in ("loss", "val_loss", "val_accuracy", "gradient_norm"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-5), name
    shards = list((crashing.folder / "data" / "features").glob("image-*/*.safetensors"))
    assert len(shards) == 2  # each process encoded one, and none of them was encoded twice


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_killed_process_ends_the_others_and_the_run_resumes(
    lost: int, crashing: Crashing, tmp_path: Path
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    finetune(crashing, 2, whole, epochs=6)
    ended = finetune(
        crashing,
        2,
        run,
        epochs=6,
        when_there=run / "state" / "step-*",
        send=signal.SIGKILL,
        to=(lost,),
    )
    left = ended[1 - lost]
    assert ended[lost].killed
    assert (left.killed, left.code) == (False, 1)
    assert "another process of this launch has stopped" in left.said
    assert f"vqa finetune --resume {run}" in left.said
    assert "Traceback" not in left.said
    again = resume(crashing, 2, run)
    assert [process.code for process in again] == [0, 0], again[0].said
    assert result(run)["weights"] == result(whole)["weights"]


@pytest.mark.slow
def test_ctrl_c_to_all_saves_and_says_how_to_go_on(crashing: Crashing, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    finetune(crashing, 2, whole, epochs=40)
    ended = finetune(
        crashing,
        2,
        run,
        epochs=40,
        when_there=run / "state" / "step-*",
        send=signal.SIGINT,
        to=(0, 1),
    )
    assert [process.code for process in ended] == [130, 130], ended[0].said
    assert f"go on with: vqa finetune --resume {run}" in ended[0].said
    assert ended[1].said == ""
    assert [process.code for process in resume(crashing, 2, run)] == [0, 0]
    assert result(run)["weights"] == result(whole)["weights"]


@pytest.mark.slow
def test_an_image_that_one_process_cannot_read_ends_all(crashing: Crashing, tmp_path: Path) -> None:
    shutil.rmtree(crashing.folder / "data" / "features", ignore_errors=True)
    images = sorted((crashing.folder / "shapes" / "images").iterdir())
    for spoilt in range(2):  # whichever process has it
        kept = images[spoilt].read_bytes()
        images[spoilt].write_bytes(b"no image")
        ended = finetune(crashing, 2, tmp_path / f"run-{spoilt}", epochs=1)
        images[spoilt].write_bytes(kept)
        assert [process.code for process in ended] == [1, 1]
        said = "".join(process.said for process in ended)
        assert f"{images[spoilt].name}: has changed since the dataset was prepared" in said
        assert "another process of this launch has stopped" in said
        assert "Traceback" not in said


@pytest.mark.slow
def test_a_run_whose_last_moves_were_stopped_is_finished_by_several(
    crashing: Crashing, tmp_path: Path
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    (ended,) = finetune(crashing, 1, whole, epochs=1)
    finetune(crashing, 1, run, epochs=1, at_change=ended.changes - 12)
    assert (run / "state" / "final").is_dir()
    again = resume(crashing, 2, run)
    assert [process.code for process in again] == [0, 0], again[1].said
    assert result(run) == result(whole)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("[pair.cc:534] Connection closed by peer [10.0.0.7]:53", "(Connection closed by peer)"),
        ("Watchdog caught collective operation timeout: timed out after 600 s", "(timed out)"),
        ("NCCL error: remote process exited", "(NCCL)"),
    ],
)
def test_what_torch_says_of_a_lost_process_is_told_with_advice(
    error: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(LostProcessError) as caught, lost_ones_told("Begin again"):
        raise RuntimeError(error)
    assert told in str(caught.value)
    assert str(caught.value).endswith("Begin again")


@pytest.mark.parametrize(("processes", "error"), [("1", "gloo"), ("2", "mat1 and mat2 differ")])
def test_other_errors_stay_what_they_are(
    processes: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", processes)
    with pytest.raises(RuntimeError, match=error), lost_ones_told("Begin again"):
        raise RuntimeError(error)


def test_a_launcher_that_starts_one_process_of_several_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RANK", "ACCELERATE_USE_CPU", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    assert not is_alone_unasked()
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert not is_alone_unasked()  # asked for one process
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert is_alone_unasked()
