"""The benchmarks' datasets, as folders that `vqa prepare` reads."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

DAQUAR_VIEWS = {
    # Split by question: nearly every test image is in train too, but published figures exist.
    "csv": ("data_train.csv", "data_eval.csv", "images"),
    # Split by image.
    "official": ("all_qa_pairs.txt", "train_images_list.txt", "test_images_list.txt", "images"),
}


def package_folder(package: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises SystemExit where it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the package {package} is not installed; `make bench` installs it")
    return Path(spec.submodule_search_locations[0])


def easy_vqa() -> Path:
    """Return easy-VQA's folder of its package (train/ and test/)."""
    return package_folder("easy_vqa") / "data"


def daquar_view(daquar: Path, view: str, out: Path) -> Path:
    """Make a folder that holds only the files of one split of DAQUAR, as links.

    Raises SystemExit where one of them is missing.
    """
    missing = [name for name in DAQUAR_VIEWS[view] if not (daquar / name).exists()]
    if missing:
        raise SystemExit(f"{daquar} lacks {', '.join(missing)}; say where DAQUAR is with --daquar")
    out.mkdir(parents=True, exist_ok=True)
    for name in DAQUAR_VIEWS[view]:
        link = out / name
        if not link.exists():
            link.symlink_to((daquar / name).resolve())
    return out
