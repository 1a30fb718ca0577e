"""What run folders and exported folders have in common, and how one of them is found.

Standard library only: asking an exported folder starts here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vqa_cli.errors import ModelError
from vqa_cli.files import RESTORE, sha256, write_json, write_text

RUN = "vqa-run"
EXPORT = "vqa-export"
FORMAT_VERSIONS = {RUN: 1, EXPORT: 1}
"""The newest format of each kind of folder that this version reads."""

IMAGE_ENCODER_FILE = "image_encoder.onnx"
ANSWERER_FILE = "answerer.onnx"
CHECKSUMS_FILE = "SHA256SUMS"
NEEDED = (
    "config.json",
    IMAGE_ENCODER_FILE,
    ANSWERER_FILE,
    "preprocess.json",
    "tokenizer.json",
    "answers.json",
    "calibration.json",
    CHECKSUMS_FILE,
)
"""What an exported folder must hold to answer."""

ACTIVATIONS = ("softmax", "sigmoid")

SEARCH, SEARCHED = "search.json", "result.json"
"""What a search looks for, and what it found; such a folder holds the run of its best trial."""

FINISHED = "metrics.json"
"""The file that training writes last: a run that has it is finished."""

LATEST = Path("runs") / "latest"

DEMO = "demo"
DEMO_MODEL = Path(__file__).with_name("demo_model")
"""The exported folder that ships with the package, and the name by which it is asked."""

TRAIN_ONE = (
    "train one with `vqa finetune DATA`, or name one with -m MODEL or VQA_MODEL (-m demo: the "
    "small one of the package)"
)


def resolve_model(model: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of a run or an export: `model`, else $VQA_MODEL, else runs/latest.

    runs/latest is a small text file that names a folder beside it; it is accepted, under any
    path, wherever a run is. "demo" is the small model that ships with the package, unless a run or
    an exported folder of that name is here.

    Raises ModelError where there is nothing, or something that can be no model.
    """
    if model is None:
        model = os.environ.get("VQA_MODEL") or None
        origin = "VQA_MODEL: "
        if model is None:
            if not LATEST.exists():
                raise ModelError(f"no model: there is no {LATEST} here; {TRAIN_ONE}")
            model, origin = LATEST, ""
    else:
        origin = ""
    path = Path(model).expanduser()
    if str(model) == DEMO and not (path / "config.json").is_file():
        return DEMO_MODEL
    if path.is_dir():
        return path
    if path.is_file():
        return _follow(path)
    raise ModelError(f"{origin}{path}: there is no such run or exported folder{_nearest(path)}")


def _follow(path: Path) -> Path:
    """Return the folder that the text file `latest` names."""
    if path.name != LATEST.name:
        inside = (path.parent / "config.json").is_file()
        hint = f"-m {path.parent}" if inside else TRAIN_ONE
        raise ModelError(f"{path} is a file; a model is a folder: {hint}")
    try:
        named = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; {TRAIN_ONE}") from error
    folder = path.parent / named
    if not named or "\n" in named or not folder.is_dir():
        raise ModelError(f"{path} names {named[:80]!r}, which is no folder beside it; {TRAIN_ONE}")
    return folder


def _nearest(path: Path) -> str:
    siblings = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    close = get_close_matches(path.name, siblings, n=1)
    return f" (did you mean {path.parent / close[0]}?)" if close else f"; {TRAIN_ONE}"


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a run folder or an exported folder; its `kind` says which it is.

    Raises ModelError where `folder` is neither, or was written by a newer version.
    """
    path = folder / "config.json"
    if not path.exists():
        raise ModelError(f"{folder} is no run folder and no exported folder: {_instead(folder)}")
    config = read_json(path)
    kind, version = config.get("kind"), config.get("format_version")
    if kind not in FORMAT_VERSIONS:
        raise ModelError(
            f"{path}: its kind is {kind!r}, not {RUN!r} or {EXPORT!r}: it belongs to another"
            f" program; {TRAIN_ONE}"
        )
    if not isinstance(version, int) or version < 1:
        raise ModelError(f"{path}: damaged: format_version is {version!r}; {_again(kind)}")
    if version > FORMAT_VERSIONS[kind]:
        raise ModelError(
            f"{folder}: written by a newer vqa (format {version}; this one reads up to"
            f" {FORMAT_VERSIONS[kind]}); upgrade: pip install -U vqa-cli"
        )
    return config


def _instead(folder: Path) -> str:
    if (folder / "dataset.json").is_file():
        return f"it is a prepared dataset; train on it with `vqa finetune {folder}`"
    if (folder / LATEST.name).is_file():
        return f"it holds runs; name one of them, or {folder / LATEST.name}"
    if best := best_of_search(folder):
        return f"it is a search; its best run is {best}"
    return f"it has no config.json; {TRAIN_ONE}"


def _again(kind: str) -> str:
    return "copy the folder again, or " + (
        "export it again with `vqa export`" if kind == EXPORT else "train it again"
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}; {RESTORE}") from error
    except ValueError as error:
        raise ModelError(f"{path}: damaged, no valid JSON: {error}; {RESTORE}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: damaged: a JSON object was expected; {RESTORE}")
    return content


def best_of_search(folder: Path) -> Path | None:
    """Return the run of the best trial so far; None where `folder` is no search, or has none."""
    if not (folder / SEARCH).is_file():
        return None
    return next((run for run in folder.glob("trial-*") if is_finished(run)), None)


def is_finished(run: Path) -> bool:
    """Whether the run has come to its end."""
    return (run / FINISHED).is_file()


def check_finished(folder: Path) -> None:
    """Raise ModelError where the run in `folder` has not come to its end."""
    if not is_finished(folder):
        raise ModelError(
            f"{folder}: this run is not finished (it has no {FINISHED}); go on with"
            f" `vqa finetune --resume {folder}`"
        )


def check_complete(folder: Path) -> None:
    """Raise ModelError, naming them, where files of an exported folder are missing."""
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise ModelError(
            f"{folder}: this exported folder misses {', '.join(missing)}; {_again(EXPORT)}"
        )


@dataclass(frozen=True)
class Confidence:
    """How logits become confidences: `ceiling * activation(logits / temperature)`.

    activation: "softmax", where the answers share one probability, or "sigmoid", where each has
    its own. ceiling: in (0, 1]; so often, at best, an answer of which the model has no doubt is
    right.
    """

    temperature: float
    activation: str
    ceiling: float = 1.0


def read_confidence(folder: Path) -> Confidence:
    """Read calibration.json. Raises ModelError where it is damaged."""
    path = folder / "calibration.json"
    content = read_json(path)
    values = {}
    for name, highest in (("temperature", sys.float_info.max), ("ceiling", 1.0)):
        value = content.get(name)
        if not isinstance(value, (int, float)) or not 0 < value <= highest:
            kind = "a positive number" if name == "temperature" else "above 0 and at most 1"
            raise ModelError(
                f"{path}: damaged: the {name} is {value!r}, not {kind}; {_again(EXPORT)}"
            )
        values[name] = float(value)
    activation = content.get("activation")
    if activation not in ACTIVATIONS:
        raise ModelError(
            f"{path}: damaged: the activation is {activation!r}, not one of"
            f" {', '.join(ACTIVATIONS)}; {_again(EXPORT)}"
        )
    return Confidence(activation=activation, **values)


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the SHA-256 of files of `folder`, in the form that `sha256sum -c` reads."""
    lines = [f"{sha256(folder / name)}  {name}\n" for name in sorted(names)]
    write_text(folder / CHECKSUMS_FILE, "".join(lines))


def seal(folder: Path) -> None:
    """Write the checksums of all files of an exported folder."""
    names = [path.name for path in folder.iterdir() if path.name != CHECKSUMS_FILE]
    write_checksums(folder, names)


def folder_size(folder: Path) -> int:
    """The bytes of all files of an exported folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def check_checksums(folder: Path) -> None:
    """Raise ModelError, naming it, for a needed file that is not as it was exported."""
    path = folder / CHECKSUMS_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; {_again(EXPORT)}") from error
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in NEEDED:
        if name != CHECKSUMS_FILE and recorded.get(name) != sha256(folder / name):
            raise ModelError(
                f"{folder / name}: damaged or changed: it does not match {CHECKSUMS_FILE};"
                f" {_again(EXPORT)}"
            )


def write_confidence(folder: Path, confidence: Confidence) -> None:
    """Replace what calibration.json says of confidences, and its checksum where there is one.

    What else it holds, as the digest of the weights that it is for, stays.

    Raises ModelError where a file cannot be read or written.
    """
    path = folder / "calibration.json"
    checksums = folder / CHECKSUMS_FILE
    try:
        write_json(path, {**read_json(path), **asdict(confidence)})
        if checksums.is_file():
            lines = checksums.read_text(encoding="utf-8").splitlines()
            others = [line for line in lines if line.partition("  ")[2] != path.name]
            renewed = sorted([*others, f"{sha256(path)}  {path.name}"], key=lambda line: line[66:])
            write_text(checksums, "".join(f"{line}\n" for line in renewed))
    except OSError as error:
        raise ModelError(
            f"{error.filename or path}: cannot be written: {error.strerror or error}"
        ) from error
