from pathlib import Path

import pytest

from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrackSettings,
    TrainSettings,
)
from vqa_cli.errors import SettingsError
from vqa_cli.settings import flags_of, read_config_file

ALL = (
    PrepareSettings,
    ModelSettings,
    TrainSettings,
    AugmentSettings,
    TrackSettings,
    DeviceSettings,
)


@pytest.mark.parametrize("settings", ALL)
def test_defaults_are_valid_and_survive_a_round_trip(settings: type[ModelSettings]) -> None:
    assert settings.from_mapping(settings().to_mapping()) == settings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dropout": 1.5}, r"--dropout must be in \[0, 1\), got 1.5"),
        ({"dropout": float("nan")}, "--dropout must be in"),
        ({"fusion": "late"}, "--fusion must be one of concat, attention, cross, joint, got 'late'"),
        ({"width": 12.5}, "--width must be a whole number, got 12.5"),
        ({"image_encoder": 3}, "--image-encoder must be a text, got 3"),
    ],
)
def test_an_impossible_value_names_its_flag(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        ModelSettings(**values)
    assert caught.value.exit_code == 2


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        TrainSettings(epochs=0, learning_rate=0, warmup=2.0)
    assert len(caught.value.problems) == 3


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"learning_rat .*did you mean learning_rate\?"):
        TrainSettings.from_mapping({"learning_rat": 1.0})


def test_a_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "vqa.toml"
    path.write_text('[model]\nfusion = "cross"\n[train]\nepochs = 7\n')
    assert read_config_file(path, ALL) == {"model": {"fusion": "cross"}, "train": {"epochs": 7}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[modle]\n", r"\[modle\] is no section \(did you mean model\?\); known are prepare"),
        ("epochs = 3\n", r"\[epochs\] is no section"),
        ("[model\n", "no valid TOML"),
    ],
)
def test_a_broken_config_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "vqa.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_config_file(path, ALL)


def test_a_missing_config_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config_file(tmp_path / "none.toml", ALL)


def test_settings_are_told_as_the_flags_that_make_them() -> None:
    assert flags_of(TrainSettings()) == []
    changed = TrainSettings(batch_size="auto", learning_rate=3e-5, epochs=7)
    assert flags_of(changed) == [
        *("--epochs", "7", "--batch-size", "auto", "--learning-rate", "3e-05")
    ]
    assert flags_of(DeviceSettings(offline=True)) == ["--offline"]
    assert flags_of(PrepareSettings(no_images=True)) == ["--no-images"]
