from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import draw_photo
from vqa_cli.inference import batch as module
from vqa_cli.inference.batch import answer_batch
from vqa_cli.inference.requests import Batch, Request


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{seed}.png" for seed in range(5)]
    for seed, path in enumerate(paths):
        draw_photo(seed).save(path)
    return [str(path) for path in paths]


def batch_of(requests: list[Request]) -> Batch:
    return Batch(iter(requests), len(requests))


@pytest.mark.parametrize("window", [1, 2, 7, 4096])
def test_answers_come_in_order_and_are_those_of_asking_alone(
    images: list[str], window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", window)
    asked = [
        Request(images[n * 7 % 5], (f"what {n}?", "where?")[: 1 + n % 2], n) for n in range(20)
    ]
    found = list(answer_batch(FakeAnswerer(), batch_of(asked), top_k=2))
    assert [request for request, _ in found] == asked
    for request, outcomes in found:
        alone = FakeAnswerer().ask(str(request.image), list(request.questions), top_k=2)
        assert [outcome.prediction for outcome in outcomes] == alone


def test_an_image_is_encoded_once_a_window(images: list[str]) -> None:
    answerer = FakeAnswerer()
    requests = [Request(images[n % 5], ("what?",)) for n in range(1000)]
    assert len(list(answer_batch(answerer, batch_of(requests)))) == 1000
    assert sum(answerer.encoded) == 5


def test_what_cannot_be_asked_has_its_place_in_the_order(images: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(Path(images[0]).read_bytes()[:100])
    good, bad = images[0], str(tmp_path / "bad.png")
    requests = [
        Request(None, (), 1, error="is no JSON"),
        Request(good, ("what?",), 2),
        Request(bad, ("what?", "who?"), 3),
        Request(good, ("",), 4, error="is empty"),
        Request("http://example.org/a.png", ("what?",), 5),
        Request(good, ("who?",), 6),
        Request(bad, ("where?",), 7),
        Request(None, (), 8, error="is no JSON"),
    ]
    found = list(answer_batch(FakeAnswerer(), batch_of(requests)))
    assert [request for request, _ in found] == requests
    errors = [[outcome.error or "" for outcome in outcomes] for _, outcomes in found]
    assert [len(outcomes) for outcomes in errors] == [1, 1, 2, 1, 1, 1, 1, 1]
    assert [bool(outcomes[0]) for outcomes in errors] == [n not in (1, 5) for n in range(8)]
    assert "truncated" in errors[2][1]
    assert "--allow-url" in errors[4][0]
    assert [outcome.question for outcome in found[2][1]] == ["what?", "who?"]


def test_nothing_good_at_all() -> None:
    requests = [Request(None, (), n, error="is no JSON") for n in range(3)]
    found = list(answer_batch(FakeAnswerer(), batch_of(requests)))
    assert [outcomes[0].error for _, outcomes in found] == ["is no JSON"] * 3
    assert list(answer_batch(FakeAnswerer(), batch_of([]))) == []


def test_the_first_are_answered_before_the_last_are_written(images: list[str]) -> None:
    taken = 0

    def stream() -> Iterator[Request]:
        nonlocal taken
        for _ in range(3):
            taken += 1
            yield Request(images[0], ("what?",))

    answered = answer_batch(FakeAnswerer(), Batch(stream(), None, waits=lambda: True))
    for number in (1, 2, 3):
        next(answered)
        assert taken == number


def test_a_window_is_bounded_by_what_it_holds_too(
    images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW_CHARACTERS", 100)
    taken = 0

    def stream() -> Iterator[Request]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield Request(images[0], ("what? " * 8,))

    next(answer_batch(FakeAnswerer(), Batch(stream(), None)))
    assert taken <= 2


def test_a_long_stream_takes_no_more_memory_than_a_short_one(
    images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 50)
    answerer = FakeAnswerer()

    def peak(count: int) -> int:
        stream = (Request(images[n % 5], (f"what is {n}?",), n) for n in range(count))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in answer_batch(answerer, Batch(stream, None)):
            pass
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        peak(100)
        assert peak(1500) < 1.2 * peak(200) + 50_000
    finally:
        tracemalloc.stop()


def test_an_image_that_was_looked_at_can_be_asked_about_again_and_again(images: list[str]) -> None:
    answerer = FakeAnswerer()
    tokens = answerer.look(images[0])
    assert tokens.shape == (1, 1)
    (prediction,) = answerer.ask_about(tokens, ["what?"], top_k=3)
    assert prediction == answerer.ask(images[0], "what?", top_k=3)
    assert answerer.ask_about(tokens, []) == []
    assert np.isfinite(tokens).all()
