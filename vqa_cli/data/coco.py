"""What COCO's image files are called; several datasets ask about them."""

from __future__ import annotations

SPLITS_2014 = ("train2014", "val2014", "test2015")
SPLITS_2017 = ("train2017", "val2017", "test2017")


def image_2014(split: str, image_id: int) -> str:
    """The file of an image: `COCO_train2014_000000458752.jpg`. Split `test-dev2015` is in test."""
    return f"COCO_{split.replace('test-dev', 'test')}_{image_id:012d}.jpg"


def image_of_any_split(image_id: int) -> str:
    """The end that all names of an image have: `000000458752.jpg`, its whole name in COCO 2017."""
    return f"{image_id:012d}.jpg"


def in_folders(*folders: str) -> tuple[str, ...]:
    """Where people put images that belong into `folders`: there, in images/, or all in one."""
    return (*folders, *(f"images/{folder}" for folder in folders), "images", "")


def folders_of_any_split() -> tuple[str, ...]:
    """Where an image called as `image_of_any_split` may lie: in COCO 2014 or in COCO 2017."""
    of_2014 = [
        f"{folder}/COCO_{split}_{{}}" if folder else f"COCO_{split}_{{}}"
        for split in SPLITS_2014
        for folder in in_folders(split)
    ]
    return (*of_2014, *in_folders(*SPLITS_2017))
