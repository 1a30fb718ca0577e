"""Answering a stream of requests: in its order, an image encoded once, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vqa_cli.errors import DataError
from vqa_cli.inference.answerer import Answerer
from vqa_cli.inference.image_sources import open_image
from vqa_cli.inference.prediction import Prediction
from vqa_cli.inference.requests import Batch, Request

WINDOW = 4096
"""Requests among which those about the same image are put together."""
WINDOW_CHARACTERS = 1 << 26
"""Of all requests of a window: images in data: URIs are held in memory."""


@dataclass(frozen=True)
class Outcome:
    """What became of one question: a prediction, or an error."""

    question: str | None
    prediction: Prediction | None = None
    error: str | None = None


def answer_batch(
    answerer: Answerer, batch: Batch, *, allow_url: bool = False, top_k: int = 1
) -> Iterator[tuple[Request, list[Outcome]]]:
    """Answer all requests, in their order; each comes with one outcome a question.

    Where the next request has to be waited for, those that are here are answered meanwhile.
    """
    for window in _windows(batch):
        yield from _answer_window(answerer, window, allow_url, top_k)


def _windows(batch: Batch) -> Iterator[list[Request]]:
    window: list[Request] = []
    characters = 0
    for request in batch.requests:
        window.append(request)
        characters += request.size
        if len(window) >= WINDOW or characters >= WINDOW_CHARACTERS or batch.waits():
            yield window
            window, characters = [], 0
    if window:
        yield window


def _answer_window(
    answerer: Answerer, window: Sequence[Request], allow_url: bool, top_k: int
) -> Iterator[tuple[Request, list[Outcome]]]:
    places: dict[str, list[int]] = {}
    for place, request in enumerate(window):
        if request.error is None and request.image is not None:
            places.setdefault(request.image, []).append(place)
    items = (
        (open_image(image, allow_url=allow_url), _questions(window, here))
        for image, here in places.items()
    )
    outcomes: dict[int, list[Outcome]] = {}
    head = 0
    for here, found in zip(places.values(), answerer.attempt(items, top_k=top_k), strict=True):
        outcomes |= _spread(window, here, found)
        while head < len(window) and (head in outcomes or window[head].error):
            request = window[head]
            yield request, outcomes.pop(head) if head in outcomes else _broken(request)
            head += 1
    yield from ((request, _broken(request)) for request in window[head:])


def _questions(window: Sequence[Request], places: Sequence[int]) -> list[str]:
    return [question for place in places for question in window[place].questions]


def _spread(
    window: Sequence[Request], places: Sequence[int], found: list[Prediction] | DataError
) -> dict[int, list[Outcome]]:
    """What was found about one image, by the place of the request that asked."""
    if isinstance(found, DataError):
        error = str(found)
        return {
            place: [Outcome(question, error=error) for question in window[place].questions]
            for place in places
        }
    predictions = iter(found)
    return {
        place: [Outcome(question, next(predictions)) for question in window[place].questions]
        for place in places
    }


def _broken(request: Request) -> list[Outcome]:
    return [Outcome(request.questions[0] if request.questions else None, error=request.error)]
