from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vqa_cli.commands.options import Resolved, with_settings
from vqa_cli.config import DeviceSettings, TrainSettings
from vqa_cli.console import Console
from vqa_cli.errors import SettingsError

seen: list[tuple[Path, Resolved, Console]] = []
app = typer.Typer()


@app.command()
@with_settings(TrainSettings, DeviceSettings)
def command(source: Path, *, settings: Resolved, console: Console) -> None:
    """Do something."""
    seen.append((source, settings, console))


def run(*arguments: str) -> Resolved:
    result = CliRunner().invoke(app, ["data", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return seen[-1][1]


def test_without_flags_the_defaults_hold() -> None:
    settings = run()
    assert settings[TrainSettings] == TrainSettings()
    assert settings[DeviceSettings] == DeviceSettings()
    assert settings.given == ()


def test_a_flag_wins_over_the_config_file_which_wins_over_the_default(tmp_path: Path) -> None:
    config = tmp_path / "vqa.toml"
    config.write_text("[train]\nepochs = 3\nseed = 5\n")
    settings = run("--config", str(config), "--epochs", "9")
    assert settings[TrainSettings].epochs == 9
    assert settings[TrainSettings].seed == 5
    assert settings[TrainSettings].batch_size == TrainSettings().batch_size
    assert settings.given == ("--epochs",)
    assert settings.named == ("epochs", "seed")


def test_problems_of_all_sections_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        run("--epochs", "0", "--device", "tpu")
    assert len(caught.value.problems) == 2


def test_verbosity_counts() -> None:
    run("-vv", "-q")
    assert seen[-1][2].verbosity == 1


def test_booleans_can_be_turned_off_again(tmp_path: Path) -> None:
    config = tmp_path / "vqa.toml"
    config.write_text("[device]\noffline = true\n")
    assert run("--config", str(config))[DeviceSettings].offline
    assert not run("--config", str(config), "--no-offline")[DeviceSettings].offline


def test_help_shows_the_dataclass_defaults() -> None:
    boxed = CliRunner().invoke(app, ["--help"]).output
    text = " ".join(boxed.replace("│", " ").split())
    assert "--max-gradient-norm" in text
    assert f"(default: {TrainSettings().max_gradient_norm})" in text
