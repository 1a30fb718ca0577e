"""Measure the HTML report of 10,000 questions: to write it, to open it, to filter it.

    python benchmarks/report.py [--questions N] [--images N] [--chromium PATH] [--out FOLDER]

Every question is about a picture of its own by default, the most that a page can hold. Needs
the development tools (`make install`) and a Chromium (Debian: `apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vqa_cli.data.example import Example
from vqa_cli.data.images import MAX_PIXELS
from vqa_cli.evaluation.evaluate import summarize
from vqa_cli.evaluation.predictions import Predicted, Record
from vqa_cli.evaluation.report.writing import write_report

ANSWERS = ["cat", "dog", "car", "bus", "cup", "red", "two", "yes", "no", "a big tree"]
DRAWN = 200

# How long the script of the page is busy, and until the next frame is on the screen.
UNTIL_PAINTED = """(act) => new Promise((done) => {
  const started = performance.now();
  act();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
})"""


def draw_photos(folder: Path, count: int) -> list[str]:
    """Write `count` files of 640x480; photo-like, since their size is that of smooth noise."""
    rng = np.random.default_rng(0)
    names = [f"{number:05}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        if number < DRAWN:
            small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            photo = Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC)
            photo.save(folder / name, quality=90)
        else:
            (folder / name).hardlink_to(folder / names[number % DRAWN])
    return names


def draw_records(count: int, images: list[str]) -> list[Record]:
    rng = random.Random(0)
    records = []
    for number in range(count):
        answers = tuple(rng.choices(ANSWERS, k=10))
        first, *others = rng.sample(ANSWERS, 5)
        sure = rng.random()
        top = ((first, sure), *((other, (1 - sure) / 4) for other in others))
        example = Example(
            image=images[number % len(images)],
            question=f"what is the {rng.choice(ANSWERS)} number {number} doing in this picture?",
            answers=answers,
            question_id=str(number),
            answer_kind="annotators",
            question_type=f"what is type {number % 65}",
            answer_type=("yes/no", "number", "other")[number % 3],
        )
        score = rng.choice((0.0, 0.3, 0.6, 0.9, 1.0))
        records.append(Record(example, Predicted(first, sure, top), score))
    return records


def measure(page: Page, address: str) -> dict[str, float]:
    """Milliseconds of what a reader waits for."""
    page.goto(address, wait_until="load")
    paint = page.evaluate("performance.getEntriesByType('paint').map((e) => e.startTime)")
    loaded = page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart")

    def acting(script: str) -> float:
        return float(page.evaluate(f"({UNTIL_PAINTED})(() => {{{script}}})"))

    search = "q = document.querySelector('[name=q]'); q.value = 'number 77'; "
    fire = "q.dispatchEvent(new Event('input', {bubbles: true}));"
    return {
        "first paint": max(paint),
        "loaded, gallery shown": float(loaded),
        "wrong ones only": acting("document.querySelector('[name=verdict][value=wrong]').click()"),
        "next page": acting("document.querySelector('#pages [name=next]').click()"),
        "search, first letter": acting(search + fire),
        "search, a further letter": acting(search + fire),
        "open a question": acting("document.querySelector('button.open').click()"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--images", type=int)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--out", type=Path, help="keep the report in this folder")
    arguments = parser.parse_args()
    work = Path(mkdtemp(prefix="vqa-report-"))
    try:
        images = draw_photos(work, arguments.images or arguments.questions)
        result = summarize("test", draw_records(arguments.questions, images))
        info = {"name": "benchmark", "settings": {"max_pixels": MAX_PIXELS}}
        dataset = SimpleNamespace(info=info, image_root=work, has_images=True)
        started = time.monotonic()
        path = write_report(arguments.out or work / "report", result, dataset, run=None)
        seconds, megabytes = time.monotonic() - started, path.stat().st_size / 1e6
        count = arguments.questions
        print(f"{count:,} questions about {len(images):,} images of 640x480")
        print(f"  {'written':<26}{seconds:9.1f} s   {count / seconds:,.0f} questions/s")
        print(f"  {'size':<26}{megabytes:9.1f} MB")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=arguments.chromium)
            for name, milliseconds in measure(browser.new_page(), path.as_uri()).items():
                print(f"  {name:<26}{milliseconds:9.0f} ms")
            browser.close()
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
