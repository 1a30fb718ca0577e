from __future__ import annotations

import json
from pathlib import Path

import pytest

from vqa_cli.errors import ModelError
from vqa_cli.model_folder import (
    DEMO_MODEL,
    Confidence,
    check_checksums,
    check_complete,
    check_finished,
    read_confidence,
    read_config,
    resolve_model,
    write_checksums,
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)


def make_run(name: str) -> Path:
    run = Path("runs") / name
    run.mkdir(parents=True)
    return run


def write_config(folder: Path, **values: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def test_without_any_model_the_error_says_how_to_get_one() -> None:
    with pytest.raises(ModelError, match=r"no runs/latest here; train one with `vqa finetune"):
        resolve_model()


def test_a_folder_wins_over_the_environment_wins_over_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newest, other, third = (make_run(name) for name in ("newest", "other", "third"))
    Path("runs/latest").write_text("newest\n")
    assert resolve_model() == newest
    monkeypatch.setenv("VQA_MODEL", str(other))
    assert resolve_model() == other
    assert resolve_model(third) == third
    assert resolve_model("runs/latest") == newest
    monkeypatch.setenv("VQA_MODEL", "")
    assert resolve_model() == newest


def test_latest_is_followed_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("one").resolve()
    Path("runs/latest").write_text("one")
    latest = Path("runs/latest").resolve()
    monkeypatch.chdir("/")
    assert resolve_model(latest) == run


@pytest.mark.parametrize("content", ["", "gone", "two\nlines", "\0"])
def test_a_latest_that_names_no_folder_is_an_error(content: str) -> None:
    make_run("one")
    Path("runs/latest").write_text(content)
    with pytest.raises(ModelError, match=r"runs/latest names .* no folder beside it"):
        resolve_model()


def test_a_wrong_name_gives_the_nearest() -> None:
    make_run("2026-01-01-shapes-1")
    with pytest.raises(ModelError, match=r"did you mean runs/2026-01-01-shapes-1\?"):
        resolve_model("runs/2026-01-01-shape-1")


def test_a_wrong_name_from_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_MODEL", "nowhere/at/all")
    with pytest.raises(ModelError, match=r"^VQA_MODEL: nowhere/at/all: there is no such run"):
        resolve_model()


def test_a_file_of_a_model_names_its_folder() -> None:
    run = write_config(make_run("one"))
    (run / "model.safetensors").touch()
    with pytest.raises(ModelError, match=r"is a file; a model is a folder: -m runs/one"):
        resolve_model(run / "model.safetensors")


def test_the_config_of_each_kind_is_read(tmp_path: Path) -> None:
    for kind in ("vqa-run", "vqa-export"):
        folder = write_config(tmp_path / kind, kind=kind, format_version=1, more=2)
        assert read_config(folder)["more"] == 2


@pytest.mark.parametrize("kind", ["vqa-run", "vqa-export"])
def test_a_newer_format_asks_to_upgrade(tmp_path: Path, kind: str) -> None:
    folder = write_config(tmp_path / "new", kind=kind, format_version=2)
    with pytest.raises(ModelError, match=r"written by a newer vqa \(format 2; .* 1\); upgrade"):
        read_config(folder)


@pytest.mark.parametrize("version", [None, 0, "1", 1.5])
def test_a_format_that_is_no_number_is_damage(tmp_path: Path, version: object) -> None:
    folder = write_config(tmp_path / "odd", kind="vqa-run", format_version=version)
    with pytest.raises(ModelError, match=r"config\.json: damaged: format_version is"):
        read_config(folder)


def test_the_config_of_another_program_is_no_model(tmp_path: Path) -> None:
    folder = write_config(tmp_path / "bert", model_type="bert")
    with pytest.raises(ModelError, match="belongs to another program"):
        read_config(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "\ud800"])
def test_a_damaged_config_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ModelError, match=r"config\.json: damaged"):
        read_config(tmp_path)


def test_other_folders_say_what_they_are_instead(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json; train one"):
        read_config(tmp_path)
    make_run("one")
    Path("runs/latest").write_text("one")
    with pytest.raises(ModelError, match=r"it holds runs; name one of them, or runs/latest"):
        read_config(Path("runs"))
    best = make_run("s/trial-007")
    (best / "metrics.json").touch()
    search = best.parent
    (search / "search.json").write_text("{}")
    with pytest.raises(ModelError, match=r"it is a search; its best run is runs/s/trial-007"):
        read_config(search)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ModelError, match=r"prepared dataset; train on it with `vqa finetune"):
        read_config(tmp_path)


def test_an_unfinished_run_names_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"not finished .*`vqa finetune --resume {tmp_path}`"):
        check_finished(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    check_finished(tmp_path)


def test_missing_files_of_an_export_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(ModelError, match=r"misses image_encoder\.onnx, .*SHA256SUMS.*again"):
        check_complete(tmp_path)


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    names = ["config.json", "image_encoder.onnx", "answerer.onnx", "preprocess.json"]
    names += ["tokenizer.json", "answers.json", "calibration.json"]
    for name in names:
        (tmp_path / name).write_text(name)
    write_checksums(tmp_path, names)
    check_checksums(tmp_path)
    (tmp_path / "answers.json").write_text("other")
    with pytest.raises(ModelError, match=r"answers\.json: damaged or changed"):
        check_checksums(tmp_path)


@pytest.mark.parametrize("value", ["0", "-1", "null", '"1"', "Infinity", "NaN"])
def test_a_temperature_must_be_a_positive_number(tmp_path: Path, value: str) -> None:
    (tmp_path / "calibration.json").write_text(
        f'{{"temperature": {value}, "ceiling": 1, "activation": "softmax"}}'
    )
    with pytest.raises(ModelError, match=r"calibration\.json: damaged: the temperature is"):
        read_confidence(tmp_path)


def test_an_unknown_activation_is_damage(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(
        '{"temperature": 2.0, "ceiling": 1, "activation": "tanh"}'
    )
    with pytest.raises(ModelError, match="the activation is 'tanh', not one of softmax, sigmoid"):
        read_confidence(tmp_path)
    (tmp_path / "calibration.json").write_text(
        '{"temperature": 2, "ceiling": 0.5, "activation": "sigmoid"}'
    )
    assert read_confidence(tmp_path) == Confidence(2.0, "sigmoid", 0.5)


@pytest.mark.parametrize("value", ["null", "0", "1.5", '"high"'])
def test_a_ceiling_is_a_share(tmp_path: Path, value: str) -> None:
    content = f'{{"temperature": 1, "ceiling": {value}, "activation": "softmax"}}'
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(ModelError, match=r"damaged: the ceiling is .*above 0 and at most 1"):
        read_confidence(tmp_path)


def test_demo_is_the_model_that_ships_unless_one_of_that_name_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_model("demo") == DEMO_MODEL
    (tmp_path / "demo").mkdir()  # where `make demo` keeps its data
    assert resolve_model("demo") == DEMO_MODEL
    assert resolve_model("./demo") == Path("demo")
    (tmp_path / "demo" / "config.json").write_text("{}")
    assert resolve_model("demo") == Path("demo")
    monkeypatch.setenv("VQA_MODEL", "demo")
    assert resolve_model() == Path("demo")
