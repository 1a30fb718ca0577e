"""What a path is, of all that vqa knows: data, prepared or not, run, search, export or image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqa_cli.errors import DataError
from vqa_cli.model_folder import (
    DEMO,
    EXPORT,
    LATEST,
    SEARCH,
    SEARCHED,
    best_of_search,
    check_checksums,
    check_complete,
    is_finished,
    read_config,
    read_json,
    resolve_model,
)


@dataclass(frozen=True)
class Identified:
    """What was found. kind: one word for programs; summary: the same for people."""

    path: Path
    kind: str
    summary: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "kind": self.kind, **self.facts}


def identify(path: Path) -> Identified:
    """Say what `path` is.

    Raises DataError where it does not exist or is nothing known; ModelError or DataError where it
    is something known, but damaged, incomplete or of a newer format.
    """
    try:
        return _identify(path)
    except OSError as error:  # no right to read it, a name that is too long, a disk that fails
        raise DataError(f"{path}: cannot be read: {error}") from error


def _identify(path: Path) -> Identified:
    from vqa_cli.data.folder import is_prepared

    if (path.name == LATEST.name and path.is_file()) or (str(path) == DEMO and not path.exists()):
        return _identify(resolve_model(path))
    if path.is_dir():
        if is_prepared(path):
            return _prepared(path)
        if _is_model(path):
            return _model(path)
        if (path / SEARCH).is_file():
            return _search(path)
        if (path / LATEST.name).is_file():
            return _runs(path)
    elif path.is_file() and (image := _image(path)):
        return image
    return _dataset(path)


def _prepared(folder: Path) -> Identified:
    from vqa_cli.data.prepared import PreparedDataset

    dataset = PreparedDataset.open(folder)
    facts = {
        "name": dataset.info.get("name"),
        "format": dataset.info["format"],
        "splits": dataset.info["splits"],
        "images": dataset.info.get("images"),
        "answers": len(dataset.vocabulary),
        "image_root": str(dataset.image_root),
        "problems": len(dataset.info.get("problems", ())),
    }
    return Identified(folder, "prepared", "a prepared dataset", facts)


def _is_model(folder: Path) -> bool:
    """Whether config.json says that this is a run or an export, be it a newer or damaged one."""
    path = folder / "config.json"
    return path.is_file() and '"vqa-' in path.read_text(encoding="utf-8", errors="replace")


def _model(folder: Path) -> Identified:
    config = read_config(folder)
    if config["kind"] == EXPORT:
        check_complete(folder)
        check_checksums(folder)
        facts = {k: v for k, v in config.items() if k not in ("kind", "format_version")}
        facts["bytes"] = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        return Identified(folder, "export", "an exported folder: it answers without torch", facts)
    model = config.get("model", {})
    facts = {
        "image_encoder": model.get("image_encoder", {}).get("architecture"),
        "question_encoder": model.get("question_encoder", {}).get("model_type"),
        "fusion": model.get("fusion"),
        "answers": model.get("answers"),
        "preset": config.get("preset"),
        "data": (config.get("data") or {}).get("folder"),
    }
    if not is_finished(folder):
        hint = f"an unfinished run; go on with `vqa finetune --resume {folder}`"
        return Identified(folder, "unfinished-run", hint, facts)
    metrics = read_json(folder / "metrics.json")
    facts["metrics"] = {k: v for k, v in metrics.items() if isinstance(v, (int, float, str))}
    return Identified(folder, "run", "a finished run", facts)


def _search(folder: Path) -> Identified:
    best = best_of_search(folder)
    facts = {
        "trials": read_json(folder / SEARCH).get("trials"),
        "best_run": str(best) if best else None,
    }
    if not (folder / SEARCHED).is_file():
        hint = f"an unfinished search; go on with `vqa finetune --resume {folder}`"
        return Identified(folder, "unfinished-search", hint, facts)
    return Identified(folder, "search", "a search for good settings, finished", facts)


def _runs(folder: Path) -> Identified:
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    runs = [path for path in folders if _is_model(path)]
    facts = {
        "latest": resolve_model(folder / LATEST.name).name,
        "finished": [run.name for run in runs if is_finished(run)],
        "unfinished": [run.name for run in runs if not is_finished(run)],
        "searches": [path.name for path in folders if (path / SEARCH).is_file()],
    }
    return Identified(folder, "runs", "a folder of runs", facts)


def _image(path: Path) -> Identified | None:
    from PIL import Image

    from vqa_cli.data.images import read_image

    try:
        with Image.open(path) as opened:
            kind, mode, frames = opened.format, opened.mode, getattr(opened, "n_frames", 1)
    except (OSError, Image.DecompressionBombError):
        return None
    image = read_image(path)
    facts = {
        "format": kind,
        "mode": mode,
        "width": image.width,  # upright
        "height": image.height,
        "frames": frames,
        "bytes": path.stat().st_size,
    }
    return Identified(path, "image", "an image that can be asked about", facts)


def _dataset(path: Path) -> Identified:
    from vqa_cli.data.detect import choose_layout, claims
    from vqa_cli.data.source import Source

    source = Source(path)
    # Where no layout claims it, choosing one raises: what was found there, and what is known.
    found = claims(source) or [choose_layout(source).NAME]
    facts = {"layouts": found, "files": list(source.files)}
    which = f" --format {found[0]}" if len(found) > 1 else ""
    hint = f"a dataset; make it ready with `vqa prepare {path}{which}`"
    return Identified(path, "dataset", hint, facts)
