"""`--from RUN`: a grown model, old questions asked again, the old score before and after."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.drawing import draw_shapes, save_image, write_csv, write_shapes
from tests.training.small_runs import DEVICE, Listener, StopAt, same, train
from vqa_cli.config import ContinueSettings, ModelSettings, PrepareSettings, TrainSettings
from vqa_cli.console import SILENT
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError, ModelError, SettingsError
from vqa_cli.models.checkpoint import load_checkpoint
from vqa_cli.training.continuing import (
    CONTINUED_RATE,
    Continued,
    OldRun,
    Words,
    settle,
    with_rows,
)
from vqa_cli.training.defaults import SCRATCH
from vqa_cli.training.finetune import finetune, resume
from vqa_cli.training.finishing import FinetuneResult
from vqa_cli.training.old_data import OldData
from vqa_cli.training.run_folder import find_unfinished


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("continuing")


@pytest.fixture(scope="module")
def old_data(place: Path) -> PreparedDataset:
    return open_or_prepare(write_shapes(place / "old", count=24))


RATES = {
    "learning_rate": 1e-3,
    "encoder_learning_rate": 1e-3,
    "weight_decay": 0.01,
    "warmup": 0.05,
    "label_smoothing": 0.0,
}
SHORT = {"epochs": 2, "batch_size": 8, **RATES, "encoder_learning_rate": None}
"""They learn a dozen questions in a few epochs."""


@pytest.fixture(scope="module")
def old_run(place: Path, old_data: PreparedDataset) -> Path:
    return train(old_data.folder, place / "runs" / "old", epochs=12, **RATES).run


def draw_new(folder: Path, count: int = 12) -> Path:
    """Other pictures of the same names, asked for sizes in words that nobody used before."""
    rows = []
    for number in range(count):
        name = f"{number:03}.png"
        save_image(folder / "images" / name, "green", "circle", shift=number % 5 - 2)
        rows += [
            (name, "tell its hue", "Green"),
            (name, "roundish?", "certainly"),
        ]
    write_csv(folder / "questions.csv", ("image", "question", "answer"), rows)
    return folder


@pytest.fixture(scope="module")
def new_data(place: Path) -> PreparedDataset:
    return open_or_prepare(draw_new(place / "new"))


def go_on(
    old_run: Path,
    new: Path,
    out: Path,
    report: Any = SILENT,
    *,
    model: dict[str, Any] | None = None,
    named: tuple[str, ...] = (),
    replay: Path | None = None,
    share: float | None = None,
    **settings: Any,
) -> FinetuneResult:
    return finetune(
        new,
        model=ModelSettings(**model or {}),
        train=TrainSettings(**{**SHORT, **settings}),
        device=DEVICE,
        prepare=PrepareSettings(),
        continuing=ContinueSettings(
            from_run=str(old_run), replay=str(replay) if replay else None, replay_share=share
        ),
        named=named,
        out=out,
        report=report,
    )


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def before(old_run: Path) -> dict[Path, bytes]:
    """The old run before anything goes on from it."""
    return contents(old_run)


@pytest.fixture(scope="module")
def heard() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def result(
    place: Path,
    old_run: Path,
    new_data: PreparedDataset,
    heard: Listener,
    before: dict[Path, bytes],
) -> FinetuneResult:
    """Gone on without replay."""
    return go_on(old_run, new_data.folder, place / "runs" / "plain", heard, epochs=6)


def config(run: Path) -> dict[str, Any]:
    return json.loads((run / "config.json").read_text())


# The model


def test_a_new_row_is_the_mean_of_the_old_ones() -> None:
    rows = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert with_rows(rows, 4).tolist() == [[1, 2], [3, 6], [2, 4], [2, 4]]
    assert with_rows(torch.tensor([1.0, 3.0]), 3).tolist() == [1, 3, 2]


def test_before_its_first_step_the_grown_model_answers_as_the_old_one(old_run: Path) -> None:
    old = OldRun.open(old_run)
    words = old.checkpoint.vocabulary
    grown = words.grown(AnswerVocabulary.build(["mauve", "red", "teal"]))
    model = old.build(ModelSettings(), grown).model.eval()
    torch.manual_seed(0)
    pixels, tokens = torch.randn(4, 3, 32, 32), torch.randint(5, 20, (4, 6))
    inputs = {"pixel_values": pixels, "input_ids": tokens, "question_index": torch.arange(4)}
    with torch.inference_mode():
        before, after = (
            m(torch.arange(4), torch.ones(4, 6, dtype=torch.long), **inputs)
            for m in (old.checkpoint.model.eval(), model)
        )
    assert torch.equal(after[:, : len(words)], before)
    assert torch.allclose(after[:, -1], before.mean(1), atol=1e-5)
    assert torch.equal(after.argmax(1), before.argmax(1))


def test_the_old_answers_keep_number_and_spelling(old_run: Path, result: FinetuneResult) -> None:
    old, new = (load_checkpoint(run).vocabulary.answers for run in (old_run, result.run))
    assert new[: len(old)] == old
    assert new[len(old) :] == ("certainly",)  # Green is green
    assert config(result.run)["model"]["answers"] == len(new)
    for name in ("preprocess.json", "tokenizer.json"):
        assert (old_run / name).read_bytes() == (result.run / name).read_bytes()


def test_the_old_run_stays_as_it_is(
    old_run: Path, before: dict[Path, bytes], result: FinetuneResult
) -> None:
    assert contents(old_run) == before


def test_the_new_answers_are_learned(result: FinetuneResult) -> None:
    assert result.val_accuracy_untrained < result.val_accuracy == 1.0


def test_what_contradicts_the_run_is_told_at_once(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path
) -> None:
    wanted = {"fusion": "cross", "image_size": 64, "question_encoder": "gru", "width": 128}
    with pytest.raises(SettingsError) as error:
        go_on(old_run, new_data.folder, tmp_path / "run", model=wanted)
    assert [line.split(":")[0] for line in error.value.problems] == [
        "--question-encoder gru",
        "--fusion cross",
        "--image-size 64",
    ]
    assert "which has attention" in error.value.problems[1]
    assert not (tmp_path / "run").exists()


def test_a_default_contradicts_only_where_it_was_named(old_run: Path, tmp_path: Path) -> None:
    changed = tmp_path / "letterboxed"
    shutil.copytree(old_run, changed)
    preprocess = json.loads((changed / "preprocess.json").read_text())
    preprocess["image"]["resize"] = "letterbox"
    (changed / "preprocess.json").write_text(json.dumps(preprocess))
    run = OldRun.open(changed)
    run.check(ModelSettings(resize="squash"))
    with pytest.raises(SettingsError, match=r"--resize squash: .* has letterbox"):
        run.check(ModelSettings(resize="squash"), ("resize",))


def test_what_learns_may_be_chosen_anew(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path
) -> None:
    wanted = {"image_tuning": "frozen", "question_tuning": "frozen"}
    run = go_on(old_run, new_data.folder, tmp_path / "run", model=wanted).run
    before, after = (load_file(folder / "model.safetensors") for folder in (old_run, run))
    kept = [name for name in before if torch.equal(before[name], after[name])]
    assert {name for name in before if "_encoder." in name} == set(kept)
    assert config(run)["settings"]["model"] | wanted == config(run)["settings"]["model"]


def test_encoders_from_scratch_go_on_more_slowly(result: FinetuneResult) -> None:
    assert config(result.run)["settings"]["train"]["encoder_learning_rate"] == CONTINUED_RATE
    open_, named = (
        TrainSettings(),
        TrainSettings(encoder_learning_rate=SCRATCH.encoder_learning_rate),
    )
    assert settle(named, open_).encoder_learning_rate == CONTINUED_RATE
    assert settle(named, named) == named
    pretrained = TrainSettings(encoder_learning_rate=3e-5)
    assert settle(pretrained, open_) == pretrained


def test_the_objective_is_that_of_the_run(old_run: Path, tmp_path: Path) -> None:
    changed = tmp_path / "binary"
    shutil.copytree(old_run, changed)
    text = (changed / "config.json").read_text()
    (changed / "config.json").write_text(text.replace('"cross-entropy"', '"binary"'))
    run = OldRun.open(changed)
    assert run.taught(TrainSettings()).objective == "binary"
    assert run.taught(TrainSettings(objective="cross-entropy")).objective == "cross-entropy"


def test_an_unfinished_run_is_not_gone_on_from(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path
) -> None:
    shutil.copytree(old_run, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "metrics.json").unlink()
    with pytest.raises(ModelError, match="not finished"):
        go_on(tmp_path / "unfinished", new_data.folder, tmp_path / "run")


def test_words_that_the_tokenizer_does_not_know_are_counted(
    old_run: Path, heard: Listener, result: FinetuneResult
) -> None:
    preprocessor = load_checkpoint(old_run).preprocessor
    words = Words.of(["is it red?", "Is it hered?", "它 red", "is it red?"], preprocessor)
    assert (words.distinct, words.unknown, words.spelt) == (6, 1, 1)
    assert words.describe() == (
        "of 6 distinct words in the new questions the run's tokenizer spells 1 in pieces and does "
        "not know 1"
    )
    assert any("distinct words in the new questions" in line for line in heard.said)


# The old data


def test_the_old_score_is_told_before_and_after(
    result: FinetuneResult, old_run: Path, old_data: PreparedDataset
) -> None:
    assert result.old is not None
    old = json.loads((result.run / "metrics.json").read_text())["old"]
    assert old == result.to_json()["old"] == result.old
    assert (old["data"], old["split"]) == (str(old_data.folder.resolve()), "test")
    assert old["questions"] == len(old_data.rows("test"))
    card = (result.run / "README.md").read_text()
    assert f"| continued from | {old_run}, its 7 answers kept |" in card
    assert f"| old test accuracy | {old['accuracy']:.4f} (before training " in card


def test_the_old_score_before_is_that_of_the_old_run(
    result: FinetuneResult, old_run: Path, old_data: PreparedDataset
) -> None:
    from vqa_cli.evaluation.evaluate import evaluate
    from vqa_cli.inference.torch_answerer import load_run

    assert result.old is not None
    before = evaluate(old_data, "test", load_run(old_run, DEVICE)).accuracy
    after = evaluate(old_data, "test", load_run(result.run, DEVICE)).accuracy
    assert result.old["accuracy_before"] == pytest.approx(before)
    assert result.old["accuracy"] == pytest.approx(after)


def test_replay_keeps_what_the_run_knew(
    result: FinetuneResult,
    old_run: Path,
    old_data: PreparedDataset,
    new_data: PreparedDataset,
    tmp_path: Path,
) -> None:
    replayed = go_on(
        old_run, new_data.folder, tmp_path / "run", replay=old_data.folder, share=0.75, epochs=6
    )
    assert result.old is not None
    assert replayed.old is not None
    assert replayed.old["accuracy_before"] == result.old["accuracy_before"]
    assert replayed.old["accuracy"] > result.old["accuracy"]
    recorded = config(replayed.run)["continued"]
    assert recorded["replay"]["fingerprint"] == old_data.fingerprint
    assert recorded["share"] == 0.75


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_a_run_that_replays_resumes_to_the_same_weights(
    old_run: Path, old_data: PreparedDataset, new_data: PreparedDataset, tmp_path: Path, tuning: str
) -> None:
    wanted = {"image_tuning": tuning, "question_tuning": tuning}
    given = {"model": wanted, "replay": old_data.folder, "share": 0.6}
    whole = go_on(old_run, new_data.folder, tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        go_on(old_run, new_data.folder, tmp_path / "stopped", StopAt(3), **given)
    resumed = resume(*find_unfinished(tmp_path / "stopped"))
    assert same(whole.run, resumed.run)
    assert resumed.old == whole.old


def test_what_is_replayed_is_a_share_of_the_epoch_drawn_once(old_data: PreparedDataset) -> None:
    rows = old_data.rows("train")
    half = OldData(None, "", old_data, 0.5).replayed(10, seed=0)
    quarter = OldData(None, "", old_data, 0.25).replayed(9, seed=0)
    assert half is not None
    assert quarter is not None
    assert (len(half), len(quarter)) == (10, 3)
    again, other = (OldData(None, "", old_data, 0.5).replayed(10, seed=s) for s in (0, 1))
    assert half.equals(again)
    assert not half.equals(other)
    everything = OldData(None, "", old_data, 0.9).replayed(1000, seed=0)
    assert everything is not None
    assert len(everything) == len(rows)
    assert OldData(None, "", None, 0.5).replayed(10, seed=0) is None


def test_replayed_data_that_changed_is_not_resumed(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path
) -> None:
    again = open_or_prepare(write_shapes(tmp_path / "again", count=6))
    with pytest.raises(KeyboardInterrupt):
        go_on(old_run, new_data.folder, tmp_path / "run", StopAt(1), replay=again.folder)
    questions = tmp_path / "again" / "questions.csv"
    questions.write_text(questions.read_text().replace("is it red?", "is it crimson?"))
    open_or_prepare(tmp_path / "again")
    with pytest.raises(DataError, match="has changed since then"):
        resume(*find_unfinished(tmp_path / "run"))


def test_old_data_that_is_gone_is_said(new_data: PreparedDataset, tmp_path: Path) -> None:
    gone = open_or_prepare(write_shapes(tmp_path / "gone", count=12))
    run = train(gone.folder, tmp_path / "run", epochs=1).run
    shutil.rmtree(gone.folder)
    listener = Listener()
    result = go_on(run, new_data.folder, tmp_path / "next", listener, epochs=1)
    assert result.old is not None
    assert str(gone.folder) in result.old["missing"]
    assert any("the score on the old data cannot be told" in line for line in listener.said)


def test_images_that_were_learned_from_are_told(old_data: PreparedDataset, tmp_path: Path) -> None:
    shown = tmp_path / "again"
    rows = draw_shapes(shown / "images", 24)
    split = {**dict.fromkeys(range(18), "train"), **dict.fromkeys(range(18, 21), "val")}
    table = [(i, "hue?", a, split.get(int(i[:3]), "test")) for i, _, a in rows]
    write_csv(shown / "q.csv", ("image", "question", "answer", "split"), table)
    old = OldData((old_data, "test"), "", None, 0.5)
    first, *others = old.leaks(open_or_prepare(shown))
    count = len(old_data.rows("test"))  # the first 18 pictures are all that there are
    assert first.startswith(f"{count} of {count} questions of test of {old_data.folder} are about ")
    assert first.endswith("the old score after the training may be too high")
    assert {line.rsplit(": ")[1] for line in others} == {"the new score may be too high"}
    assert list(old.leaks(old_data)) == []


def test_leaks_are_warned_of(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OldData, "leaks", lambda self, new: ["too high"])
    listener, run = Listener(), OldRun.open(old_run)
    Continued.of(run, ContinueSettings(from_run=str(old_run)), new_data, listener)
    assert "too high" in listener.said


def test_replaying_needs_something_to_replay(
    old_run: Path, new_data: PreparedDataset, tmp_path: Path
) -> None:
    folder = write_shapes(tmp_path / "only", count=6)
    rows = (folder / "questions.csv").read_text().splitlines()
    split = [f"{line},{'split' if number == 0 else 'test'}" for number, line in enumerate(rows)]
    (folder / "questions.csv").write_text("\n".join(split))
    only = open_or_prepare(folder)
    with pytest.raises(DataError, match="has no train split"):
        go_on(old_run, new_data.folder, tmp_path / "run", replay=only.folder)
