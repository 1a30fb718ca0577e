"""The space of a search: the defaults lie in it, and what the user named is not drawn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.config import ModelSettings, TrainSettings
from vqa_cli.models.building import choose_encoders, choose_head
from vqa_cli.training.defaults import learning_of, resolved
from vqa_cli.training.search_space import Choice, Range, Space, epochs, parameter

NAMED = {"image_encoder": "some_vit", "question_encoder": "folder"}


def space(questions: int = 1000, **fixed: Any) -> Space:
    """The space of the tiny preset, both of whose encoders are from scratch."""
    return Space(1e-3, 128, questions, cross_entropy=True, fixed=fixed)


class Drawn:
    """A trial that takes the lowest of everything, or the highest."""

    def __init__(self, highest: bool = False) -> None:
        self.place = -1 if highest else 0
        self.names: list[str] = []

    def suggest_categorical(self, name: str, choices: tuple[Any, ...]) -> Any:
        self.names.append(name)
        return choices[self.place]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.names.append(name)
        return (low, high)[self.place]

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.names.append(name)
        return (low, high)[self.place]


def inside(axis: Choice | Range, value: Any) -> bool:
    if isinstance(axis, Choice):
        return value in axis.values
    return axis.low <= value <= axis.high


@pytest.mark.parametrize("highest", [False, True])
def test_settings_take_what_is_drawn(highest: bool) -> None:
    drawn = space().draw(Drawn(highest))
    ours = {name: value for name, value in drawn.items() if name in ModelSettings.names()}
    ModelSettings(**ours)
    TrainSettings(**{name: value for name, value in drawn.items() if name not in ours})
    assert {"fusion", "width", "epochs", "learning_rate", "dropout", "label_smoothing"} < set(drawn)


def test_what_is_named_is_not_drawn_but_what_depends_on_it_is() -> None:
    trial = Drawn()
    drawn = space(fusion="cross", dropout=0.3).draw(trial)
    assert {"fusion", "dropout"}.isdisjoint(drawn)
    assert drawn["layers"] == 1
    assert "width_cross" in trial.names
    assert "layers" not in space(fusion="concat").draw(Drawn())


def test_the_joint_fusion_has_the_preset_s_width() -> None:
    assert "width" not in space(fusion="joint").draw(Drawn())


def test_only_encoders_that_learn_have_a_rate() -> None:
    frozen = Space(None, 512, 1000, cross_entropy=True, fixed={})
    assert "encoder_learning_rate" not in frozen.draw(Drawn())
    gentle = Space(3e-5, 512, 1000, cross_entropy=True, fixed={}).draw(Drawn(True))
    assert gentle["encoder_learning_rate"] < space().draw(Drawn(True))["encoder_learning_rate"]


def test_labels_are_smoothed_only_with_a_softmax() -> None:
    binary = Space(None, 512, 1000, cross_entropy=False, fixed={})
    assert "label_smoothing" not in binary.draw(Drawn())


def test_values_are_short_enough_to_be_typed() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for value in space().draw(study.ask()).values():
        assert len(str(value)) <= 9


@given(st.integers(1, 10_000_000))
def test_there_are_epochs_for_any_number_of_questions(questions: int) -> None:
    found = epochs(questions)
    assert 5 <= found.low <= found.high


@pytest.mark.parametrize("questions", [1, 500, 2000, 6230, 35_288, 1_000_000])
@pytest.mark.parametrize(
    "named",
    [
        {"preset": "tiny"},
        {"preset": "small"},
        {"preset": "base"},
        {"preset": "base", "image_tuning": "full"},
        {"preset": "small", "question_tuning": "lora"},
        {**NAMED, "question_encoder": "gru"},
    ],
)
def test_the_defaults_lie_in_the_space(questions: int, named: dict[str, str]) -> None:
    model = ModelSettings(**named)
    encoders = choose_encoders(model)
    rows = pd.DataFrame({"answer_kind": ["alternatives"] * questions})
    train = resolved(TrainSettings(), encoders, rows)
    defaults = model.to_mapping() | train.to_mapping() | asdict(choose_head(model, encoders))
    rate = train.encoder_learning_rate if learning_of(encoders) else None
    found = Space(rate, encoders.width, questions, cross_entropy=True, fixed={})
    assert inside(Choice(("concat", "attention", "cross")), defaults["fusion"])
    for setting, axis in found.axes(defaults["fusion"]).items():
        assert inside(axis, defaults[setting]), setting
    assert found.parameters(defaults).keys() == {
        "fusion",
        *(parameter(setting, defaults["fusion"]) for setting in found.axes(defaults["fusion"])),
    }
