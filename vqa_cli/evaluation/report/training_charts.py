"""The curves of a training run, drawn."""

from __future__ import annotations

from dataclasses import dataclass

from vqa_cli.evaluation.report.charts import (
    Chart,
    Point,
    axis_for,
    data_table,
    figure,
)
from vqa_cli.evaluation.report.history import Epochs
from vqa_cli.evaluation.report.markup import Html

NAMES = {"loss": "train", "val_loss": "val"}


@dataclass(frozen=True)
class Drawing:
    """A chart with what is said about it.

    label: in words what it shows. legend: (class of the line, its name).
    """

    title: str
    chart: Chart
    label: str
    caption: str
    legend: tuple[tuple[str, str], ...] = ()


def training_charts(epochs: Epochs) -> list[Html]:
    """The losses, and the accuracy on val, as figures of a page; all the numbers with the first."""
    return [
        figure(drawn.chart.svg(drawn.label), drawn.caption, drawn.legend, more)
        for drawn, more in zip(training_drawings(epochs), [_numbers(epochs), None], strict=False)
    ]


def training_drawings(epochs: Epochs) -> list[Drawing]:
    """The losses, and the accuracy on val; those of which history.csv has at least one number."""
    drawn = []
    losses = {name: _points(epochs, name) for name in NAMES}
    if any(losses.values()):
        drawn.append(_losses({name: points for name, points in losses.items() if points}))
    accuracy = _points(epochs, "val_accuracy")
    if any(epoch > 0 for epoch, _ in accuracy):
        drawn.append(_accuracy(accuracy))
    return drawn


def _points(epochs: Epochs, column: str) -> list[Point]:
    return [(epoch["epoch"], epoch[column]) for epoch in epochs if column in epoch]


def _losses(curves: dict[str, list[Point]]) -> Drawing:
    everything = [point for points in curves.values() for point in points]
    chart = Chart(
        axis_for("epoch", [x for x, _ in everything], whole=True),
        axis_for("loss", [y for _, y in everything]),
    )
    for name, points in curves.items():
        _draw(chart, points, name, f"{NAMES[name]} loss")
    return Drawing(
        "Loss",
        chart,
        "The loss after each epoch, on train and on val.",
        "The loss. Where val's rises while train's still falls, the model learns by heart.",
        tuple((f"line {name}", NAMES[name]) for name in curves),
    )


def _numbers(epochs: Epochs) -> Html:
    columns = list(dict.fromkeys(name for epoch in reversed(epochs) for name in epoch))
    rows = [[f"{epoch[c]:.6g}" if c in epoch else "" for c in columns] for epoch in epochs]
    return data_table([name.replace("_", " ") for name in columns], rows)


def _accuracy(points: list[Point]) -> Drawing:
    chart = Chart(
        axis_for("epoch", [x for x, _ in points], whole=True),
        axis_for("accuracy on val", [y for _, y in points], percent=True),
    )
    _draw(chart, points, "val_accuracy", "val accuracy")
    trained = [point for point in points if point[0] > 0]
    epoch, best = max(trained, key=lambda point: point[1])  # the first of equals, as in training
    chart.dot((epoch, best), "best", f"epoch {epoch:g}: {100 * best:.2f} %, the best", 6)
    said = f"The weights of epoch {epoch:g} were kept: {100 * best:.2f} % on val."
    if len(trained) < len(points):
        said += f" Epoch 0 is the model before its training: {100 * points[0][1]:.2f} %."
    title = f"Accuracy on val: {100 * best:.2f} % at epoch {epoch:g}"
    return Drawing(title, chart, f"The accuracy on val after each epoch. {said}", said)


def _draw(chart: Chart, points: list[Point], class_: str, name: str) -> None:
    chart.line(points, class_)
    for x, y in points:
        chart.dot((x, y), class_, f"epoch {x:g}: {name} {y:.4f}", 2.5)
