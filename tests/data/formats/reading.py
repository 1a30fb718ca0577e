"""Reading a folder by a layout, as the tests of the layouts do it."""

from __future__ import annotations

from pathlib import Path

from vqa_cli.data.detect import choose_layout
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_files import ImageFinder
from vqa_cli.data.source import Source


def read(folder: Path, layout: str = "auto") -> tuple[list[Example], list[str]]:
    """The examples and what was found wrong, in words."""
    source = Source(folder)
    findings = Findings()
    examples = list(choose_layout(source, layout).read(source).examples(findings))
    return examples, [str(finding) for finding in findings]


def found_image(folder: Path, image: str, layout: str = "auto") -> str:
    """The file that an example's image is."""
    source = Source(folder)
    return ImageFinder(source.root, choose_layout(source, layout).read(source).image_folders).find(
        image
    )
