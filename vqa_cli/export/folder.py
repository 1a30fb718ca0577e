"""The exported folder: everything that answering needs, proved, and whole or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch

from vqa_cli import __version__
from vqa_cli.config import DeviceSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import choose_device
from vqa_cli.errors import DataError, ModelError
from vqa_cli.export.onnx_export import OPSET, export_answerer, export_image_encoder
from vqa_cli.export.parity import Examples, Parity, compare, drawn_examples, real_examples
from vqa_cli.export.quantization import Quantization, quantize
from vqa_cli.export.readme import readme
from vqa_cli.files import write_json, write_text
from vqa_cli.inference.loading import load_exported
from vqa_cli.inference.torch_answerer import TorchAnswerer
from vqa_cli.model_folder import (
    ANSWERER_FILE,
    EXPORT,
    FORMAT_VERSIONS,
    IMAGE_ENCODER_FILE,
    RUN,
    check_finished,
    folder_size,
    read_config,
    seal,
)
from vqa_cli.models.checkpoint import Checkpoint, load_checkpoint

STEPS = 3
ON_CPU = DeviceSettings(device="cpu", precision="float32")


@dataclass(frozen=True)
class Exported:
    """What was written. bytes: the size of all files together."""

    out: Path
    files: tuple[str, ...]
    bytes: int
    parity: Parity
    quantization: Quantization | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "files": list(self.files),
            "parity_max_abs_diff": self.parity.max_abs_diff,
            "parity_questions": self.parity.questions,
            "parity_comparisons": self.parity.comparisons,
            "parity_source": self.parity.source,
            "bytes": self.bytes,
            "quantization": self.quantization.to_json() if self.quantization else None,
        }


def export_run(
    run: Path,
    out: Path,
    *,
    data: Path | None = None,
    force: bool = False,
    quantized: bool = False,
    max_accuracy_drop: float | None = None,
    report: Reporter = SILENT,
) -> Exported:
    """Export a finished run into the folder `out`, and prove that it says what the model says.

    data: a prepared dataset to take the examples of the proof from; default: the one that the
        run was trained on, if it is still there, else drawn ones.
    force: replace an exported folder at `out`; nothing else is ever replaced.
    quantized: replace the proved graphs by int8 ones; see `quantize`.
    max_accuracy_drop: so much accuracy on val may be lost by that.

    Raises ModelError where the run cannot be exported, `out` is taken, or the proof fails;
    GateError where more accuracy is lost; DataError where `data` is no prepared dataset, or there
    is none to quantise with. Then nothing is written.
    """
    check_out(out, force=force)
    if read_config(run)["kind"] != RUN:
        raise ModelError(f"{run} is an exported folder already; name the run folder it came from")
    check_finished(run)
    checkpoint = load_checkpoint(run)
    dataset = find_data(checkpoint, run, data, report)
    if quantized and dataset is None:
        raise DataError(
            "--quantize int8 needs the prepared data that the model was trained on, for the ranges"
            " of its activations and for its accuracy; name it with --data DIR"
        )
    examples = choose_examples(checkpoint, dataset, report)
    quantization = None
    with _appearing(out) as folder:
        write_folder(checkpoint, folder, report)
        report.progress("exporting", STEPS - 1, STEPS, "comparing with the model")
        parity = check_parity(checkpoint, folder, examples)
        report.progress("exporting", STEPS, STEPS)
        if quantized and dataset is not None:
            quantization = quantize(
                folder,
                dataset,
                examples,
                ON_CPU,
                max_accuracy_drop=max_accuracy_drop,
                report=report,
            )
            write_description(checkpoint, folder, quantization)
            seal(folder)
        files = sorted(path.name for path in folder.iterdir())
        size = folder_size(folder)
    return Exported(out, tuple(files), size, parity, quantization)


def check_out(out: Path, *, force: bool) -> None:
    """Raise ModelError unless a folder may be written at `out`."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not _is_ours(out):
        raise ModelError(f"--out {out}: is there already, and is no exported folder; name another")
    if not force:
        raise ModelError(
            f"--out {out}: an exported folder is there already; replace it with --force, or name"
            " another"
        )


def _is_ours(out: Path) -> bool:
    try:
        return read_config(out)["kind"] == EXPORT
    except ModelError:
        return False


def find_data(
    checkpoint: Checkpoint, run: Path, data: Path | None, report: Reporter
) -> PreparedDataset | None:
    """Open the prepared dataset `data`, else the one that the run records if it is still there.

    Raises DataError where `data` is none.
    """
    if data is not None:
        return PreparedDataset.open(data)
    recorded = checkpoint.config.get("data") or {}
    if "folder" not in recorded:
        return None
    try:
        return PreparedDataset.open(recorded["folder"], recorded.get("images"))
    except DataError as error:
        report.notice(f"the data of {run} cannot be used for the comparison: {error}")
        return None


def choose_examples(
    checkpoint: Checkpoint, dataset: PreparedDataset | None, report: Reporter
) -> Examples:
    """Take examples from the data, else draw them."""
    if dataset is not None:
        return real_examples(dataset, checkpoint.preprocessor)
    report.notice(
        "the export is compared on drawn questions and images; --data DIR names real ones"
    )
    return drawn_examples(checkpoint.preprocessor)


def write_folder(checkpoint: Checkpoint, folder: Path, report: Reporter = SILENT) -> None:
    """Write all files of an exported folder into an existing, empty one."""
    model = checkpoint.model
    report.progress("exporting", 0, STEPS, IMAGE_ENCODER_FILE)
    export_image_encoder(model, folder / IMAGE_ENCODER_FILE)
    report.progress("exporting", 1, STEPS, ANSWERER_FILE)
    export_answerer(model, folder / ANSWERER_FILE)
    checkpoint.preprocessor.save(folder)
    checkpoint.vocabulary.save(folder / "answers.json")
    write_json(folder / "calibration.json", asdict(checkpoint.confidence))
    write_description(checkpoint, folder, None)
    script = Path(__file__).with_name("predict.py").read_text(encoding="utf-8")
    write_text(folder / "predict.py", script)
    seal(folder)


def write_description(
    checkpoint: Checkpoint, folder: Path, quantization: Quantization | None
) -> None:
    """Write config.json and README.md, which say what is in the folder."""
    config = describe(checkpoint, quantization)
    write_json(folder / "config.json", config)
    write_text(folder / "README.md", readme(config, checkpoint))


def describe(checkpoint: Checkpoint, quantization: Quantization | None = None) -> dict[str, Any]:
    """What config.json says: facts alone, and no path of the machine that exported."""
    model = checkpoint.model
    question_encoder = model.config.question_encoder
    return {
        "format_version": FORMAT_VERSIONS[EXPORT],
        "kind": EXPORT,
        "opset": OPSET,
        "image_encoder": model.config.image_encoder.architecture,
        "image_size": list(model.config.image_encoder.image_size),
        "question_encoder": question_encoder["model_type"],
        "fusion": model.config.fusion,
        "answers": model.config.answers,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "quantization": quantization.facts() if quantization else None,
        "versions": {
            "vqa": __version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": ort.__version__,
        },
    }


def check_parity(checkpoint: Checkpoint, folder: Path, examples: Examples) -> Parity:
    """Compare the folder, opened as it will be for asking, with the model; see `compare`."""
    reference = TorchAnswerer(
        checkpoint.model,
        checkpoint.preprocessor,
        checkpoint.vocabulary,
        checkpoint.confidence,
        choose_device(ON_CPU),
    )
    return compare(reference, load_exported(folder, ON_CPU), examples)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside `out` that becomes `out` when the block ends well."""
    temporary, old = (out.with_name(f".{out.name}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        if out.exists():
            out.rename(old)
        temporary.rename(out)
    except OSError as error:
        raise ModelError(f"--out {out}: cannot be written: {error}") from error
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
