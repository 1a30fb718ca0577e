"""From a folder's path to an answerer; nothing heavy is imported before the folder is known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from vqa_cli.config import DeviceSettings
from vqa_cli.errors import ModelError
from vqa_cli.model_folder import (
    EXPORT,
    check_checksums,
    check_complete,
    check_finished,
    read_config,
    resolve_model,
)

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answerer
    from vqa_cli.inference.onnx_answerer import OnnxAnswerer


def load_answerer(
    model: str | PathLike[str] | None = None, *, device: str | DeviceSettings = "auto"
) -> Answerer:
    """Load a run folder (by torch) or an exported folder (by onnxruntime, without torch).

    model: a folder or a `latest` file; None: $VQA_MODEL, else runs/latest.
    device: a device's name, or all of the device settings. The precision `auto` is float32
        here: an answer and its confidence should not depend on the machine.

    Raises ModelError where the folder is missing, damaged, unfinished or of a newer format;
    DeviceError where the device is absent.
    """
    settings = DeviceSettings(device=device) if isinstance(device, str) else device
    if settings.precision == "auto":
        settings = replace(settings, precision="float32")
    try:
        return _load(resolve_model(model), settings)
    except OSError as error:  # no right to read it, a name that is too long, a disk that fails
        raise ModelError(f"the model cannot be read: {error}") from error


def _load(folder: Path, settings: DeviceSettings) -> Answerer:
    if read_config(folder)["kind"] == EXPORT:
        return load_exported(folder, settings)
    check_finished(folder)
    from vqa_cli.inference.torch_answerer import load_run

    return load_run(folder, settings)


def load_exported(folder: Path, settings: DeviceSettings) -> OnnxAnswerer:
    """Load an exported folder.

    Raises ModelError, with the file's name, where one is missing, damaged or of another program;
    DeviceError where onnxruntime cannot use the device that `settings` names.
    """
    check_complete(folder)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Beside importing onnxruntime and loading the graphs, each of which takes as long.
        checked = pool.submit(check_checksums, folder)
        try:
            from vqa_cli.inference.onnx_answerer import open_folder

            return open_folder(folder, settings)
        finally:
            # A file that was changed explains any trouble in reading it better than the trouble.
            checked.result()
