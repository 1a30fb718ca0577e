"""Train the small model that ships inside the package, and draw the pictures to ask it about.

    python examples/demo_model.py WORK [--run RUN]

Draws the shapes of shapes.py by seed 0 in the folder WORK, trains the preset tiny on them by seed
0, and writes vqa_cli/demo_model/ (int8, its accuracy on test in its README.md) and
examples/shapes/*.png. Takes a few minutes of CPU time. --run takes a run on WORK/prepared that is
there already. Nothing is replaced where the accuracy on test is below 0.95.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import shapes

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "vqa_cli" / "demo_model"
SEED = 0
LEAST = 0.95
"""The accuracy on test below which no model is shipped."""

PICTURES = {
    "one": [shapes.Shape("circle", "red", (0, 0))],
    "two": [shapes.Shape("square", "blue", (1, 0)), shapes.Shape("triangle", "yellow", (0, 1))],
    "three": [
        shapes.Shape("circle", "green", (0, 0)),
        shapes.Shape("square", "black", (1, 1)),
        shapes.Shape("triangle", "red", (0, 1)),
    ],
}

ACCURACY = """
## What it knows

Drawn shapes alone: circles, squares and triangles in five colours on a picture of 64x64 pixels;
their colour, kind, number and place, and whether something is there. It was made by
`python examples/demo_model.py WORK`.

| test, {questions:,} questions about {images} new pictures | float | int8 |
| --- | --- | --- |
| accuracy | {float_accuracy:.4f} | {accuracy:.4f} |
"""


def vqa(*arguments: object) -> Any:
    """Run the command line and return its JSON object. Raises CalledProcessError."""
    command = [sys.executable, "-m", "vqa_cli", *map(str, arguments), "--json"]
    print("$ vqa", *arguments, file=sys.stderr)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def train(work: Path) -> Path:
    """Draw, prepare and train; return the run."""
    drawn = work / "shapes"
    subprocess.run([sys.executable, HERE / "shapes.py", drawn, "--seed", str(SEED)], check=True)
    vqa("prepare", drawn, "--out", work / "prepared")
    tuned = ("--preset", "tiny", "--seed", SEED, "--out", work / "run")
    return Path(vqa("finetune", work / "prepared", *tuned)["run"])


def ship(work: Path, run: Path) -> None:
    """Export as int8, score, and put the folder into the package."""
    from vqa_cli.model_folder import seal

    prepared, exported = work / "prepared", work / "exported"
    of_data = ("--data", prepared, "--quantize", "int8", "--max-accuracy-drop", 0.005)
    vqa("export", run, "--out", exported, *of_data, "--force")
    floats, scored = (
        vqa("evaluate", prepared, "--split", "test", "-m", model) for model in (run, exported)
    )
    if scored["accuracy"] < LEAST:
        raise SystemExit(f"accuracy {scored['accuracy']:.4f} on test is below {LEAST}")
    rows = (work / "shapes" / "test.csv").read_text(encoding="utf-8").splitlines()[1:]
    readme = exported / "README.md"
    told = ACCURACY.format(
        accuracy=scored["accuracy"],
        questions=scored["questions"],
        images=len({row.partition(",")[0] for row in rows}),
        float_accuracy=floats["accuracy"],
    )
    readme.write_text(readme.read_text(encoding="utf-8") + told, encoding="utf-8")
    seal(exported)
    shutil.rmtree(MODEL, ignore_errors=True)
    shutil.copytree(exported, MODEL)


def draw_pictures(out: Path) -> None:
    """Draw the pictures of `PICTURES`; the same bytes each time."""
    out.mkdir(exist_ok=True)
    for number, (name, scene) in enumerate(PICTURES.items()):
        picture, _ = shapes.draw(scene, np.random.default_rng([SEED, number]))
        picture.save(out / f"{name}.png")


def main() -> None:
    """Read the command line, train unless there is a run, ship."""
    parser = argparse.ArgumentParser(description="Train the model that ships in the package.")
    parser.add_argument("work", type=Path, help="folder for the data and the run")
    parser.add_argument("--run", type=Path, help="a finished run on WORK/prepared, to ship that")
    arguments = parser.parse_args()
    ship(arguments.work, arguments.run or train(arguments.work))
    draw_pictures(HERE / "shapes")


if __name__ == "__main__":
    main()
