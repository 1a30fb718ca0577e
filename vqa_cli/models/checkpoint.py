"""The run folder's model files: saved whole, loaded without network and without pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import ModelError
from vqa_cli.files import RESTORE, replacing, sha256, write_json
from vqa_cli.model_folder import (
    FORMAT_VERSIONS,
    RUN,
    Confidence,
    is_finished,
    read_confidence,
    read_config,
    read_json,
)
from vqa_cli.models.vqa_model import VQAModel, VQAModelConfig


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and everything that asking it needs."""

    model: VQAModel  # float32, on the CPU, in evaluation mode
    preprocessor: Preprocessor
    vocabulary: AnswerVocabulary
    confidence: Confidence
    config: dict[str, Any]


def save_config(folder: Path, model: VQAModel, details: dict[str, Any]) -> None:
    """Write config.json: the architecture, and `details` for people and for resuming."""
    kind = {"format_version": FORMAT_VERSIONS[RUN], "kind": RUN}
    write_json(folder / "config.json", {**kind, "model": model.config.to_mapping(), **details})


def save_weights(folder: Path, weights: Mapping[str, Tensor]) -> str:
    """Write a model's state dict as model.safetensors and return its SHA-256."""
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in weights.items()}
    path = folder / "model.safetensors"
    with replacing(path) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    return sha256(path)


def save_calibration(folder: Path, confidence: Confidence, weights_sha256: str) -> None:
    """Write calibration.json, tied to the weights that the temperature was fitted for."""
    write_json(
        folder / "calibration.json", {**asdict(confidence), "weights_sha256": weights_sha256}
    )


def load_checkpoint(folder: Path) -> Checkpoint:
    """Load a run folder.

    Raises ModelError where a file is missing, damaged or of a newer format.
    """
    config = read_config(folder)
    if config["kind"] != RUN:
        raise ModelError(f"{folder}: an exported folder, where a run folder is needed")
    model = VQAModel.from_config(_model_config(folder, config))
    weights = folder / "model.safetensors"
    try:
        model.load_state_dict(load_file(weights))
    except FileNotFoundError as error:
        raise ModelError(f"{weights}: is missing; {RESTORE}") from error
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ModelError(
            f"{weights}: damaged, or of another model ({str(error).splitlines()[0]}); {RESTORE}"
        ) from error
    _check_digest(folder, weights)
    return Checkpoint(
        model=model.eval(),
        preprocessor=Preprocessor.load(folder),
        vocabulary=AnswerVocabulary.load(folder / "answers.json", error=ModelError),
        confidence=read_confidence(folder),
        config=config,
    )


def _check_digest(folder: Path, weights: Path) -> None:
    """Raise ModelError where the weights are not those that the temperature was fitted for.

    A run that is still training changes its weights, and fits the temperature at its end.
    """
    if not is_finished(folder):
        return
    if read_json(folder / "calibration.json").get("weights_sha256") != sha256(weights):
        raise ModelError(
            f"{weights}: damaged or replaced: calibration.json is of other weights; {RESTORE}"
        )


def _model_config(folder: Path, config: dict[str, Any]) -> VQAModelConfig:
    try:
        return VQAModelConfig.from_mapping(config["model"])
    except (KeyError, TypeError) as error:
        raise ModelError(f"{folder / 'config.json'}: damaged: {error!r}; {RESTORE}") from error
