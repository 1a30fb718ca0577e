"""A minimal typer program with as many commands as `vqa`, for `benchmarks/asking.py`."""

import typer

app = typer.Typer()


@app.command()
def prepare() -> None:
    """Do something."""


@app.command()
def finetune() -> None:
    """Do something."""


@app.command()
def evaluate() -> None:
    """Do something."""


@app.command()
def ask() -> None:
    """Do something."""


@app.command()
def export() -> None:
    """Do something."""


@app.command()
def info() -> None:
    """Do something."""


@app.command()
def cache() -> None:
    """Do something."""


if __name__ == "__main__":
    app()
