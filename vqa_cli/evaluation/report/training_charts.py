"""The curves of a training run, drawn."""

from __future__ import annotations

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
COLUMNS = ("epoch", "loss", "val_loss", "val_accuracy", "seconds")


def training_charts(epochs: Epochs) -> list[Html]:
    """The losses, and the accuracy on val; those of which history.csv has at least one number."""
    drawn = []
    losses = {name: _points(epochs, name) for name in NAMES}
    if any(losses.values()):
        drawn.append(_losses({name: points for name, points in losses.items() if points}, epochs))
    accuracy = _points(epochs, "val_accuracy")
    if any(epoch > 0 for epoch, _ in accuracy):
        drawn.append(_accuracy(accuracy))
    return drawn


def _points(epochs: Epochs, column: str) -> list[Point]:
    return [(epoch["epoch"], epoch[column]) for epoch in epochs if column in epoch]


def _losses(curves: dict[str, list[Point]], epochs: Epochs) -> Html:
    everything = [point for points in curves.values() for point in points]
    chart = Chart(
        axis_for("epoch", [x for x, _ in everything], whole=True),
        axis_for("loss", [y for _, y in everything]),
    )
    for name, points in curves.items():
        _draw(chart, points, name, f"{NAMES[name]} loss")
    columns = [name for name in COLUMNS if any(name in epoch for epoch in epochs)]
    rows = [[f"{epoch[c]:.6g}" if c in epoch else "" for c in columns] for epoch in epochs]
    return figure(
        chart.svg("The loss after each epoch, on train and on val."),
        "The loss. Where val's rises while train's still falls, the model learns by heart.",
        [(f"line {name}", NAMES[name]) for name in curves],
        data_table(columns, rows),
    )


def _accuracy(points: list[Point]) -> Html:
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
    return figure(chart.svg(f"The accuracy on val after each epoch. {said}"), said)


def _draw(chart: Chart, points: list[Point], class_: str, name: str) -> None:
    chart.line(points, class_)
    for x, y in points:
        chart.dot((x, y), class_, f"epoch {x:g}: {name} {y:.4f}", 2.5)
