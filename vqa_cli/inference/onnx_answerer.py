"""Answers from an exported folder: onnxruntime, and nothing of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime as ort

from vqa_cli.config import DeviceSettings
from vqa_cli.data.images import ImageSource
from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.device import usable_cpus
from vqa_cli.errors import DataError, DeviceError, ModelError
from vqa_cli.inference.answerer import Answerer, Floats, Ints
from vqa_cli.inference.image_sources import LazyImage
from vqa_cli.inference.stored_tokens import Read
from vqa_cli.model_folder import (
    ANSWERER_FILE,
    IMAGE_ENCODER_FILE,
    Confidence,
    read_confidence,
)

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

# The names are the contract of the exported folder; the graphs are asked by them.
IMAGE_ENCODER_NAMES = (["pixel_values"], ["image_tokens"])
ANSWERER_NAMES = (["image_tokens", "image_index", "input_ids", "attention_mask"], ["logits"])


class OnnxAnswerer(Answerer):
    """Runs the two graphs of an exported folder.

    On a CPU the images of a stream are encoded by the threads that read them, each with some of its
    own: so no processor waits, as those that share one image do at the end of every operator.

    open_lone_encoder: opens the image encoder once more, for one thread; called where it is needed.
    """

    def __init__(
        self,
        image_encoder: ort.InferenceSession,
        answerer: ort.InferenceSession,
        preprocessor: Preprocessor,
        vocabulary: AnswerVocabulary,
        confidence: Confidence,
        open_lone_encoder: Callable[[], ort.InferenceSession],
    ) -> None:
        super().__init__(preprocessor, vocabulary, confidence)
        self._image_encoder = image_encoder
        self._answerer = answerer
        self._open_lone_encoder = open_lone_encoder
        self._lone_encoder: ort.InferenceSession | None = None
        self._opening = Lock()
        self.encodes_where_read = answerer.get_providers()[0] == CPU
        if self.encodes_where_read:
            self.readers = answerer.get_session_options().intra_op_num_threads
            self.question_batch, self.chunk, self.together = 16, 32, 4

    def _read_together(self, images: Sequence[ImageSource | LazyImage]) -> list[Read | DataError]:
        """The images' tokens (N, D), or their pixels (H, W, 3) where all of a chunk are encoded."""
        read = super()._read_together(images)
        pixels = [one for one in read if not isinstance(one, DataError)]
        if not self.encodes_where_read or not pixels:
            return read
        encoder = self._image_encoder if len(images) == 1 else self._lone()
        values = self.preprocessor.normalize(np.stack(pixels))
        tokens = iter(encoder.run(None, {"pixel_values": values})[0])
        return [one if isinstance(one, DataError) else next(tokens) for one in read]

    def _lone(self) -> ort.InferenceSession:
        with self._opening:
            if self._lone_encoder is None:
                self._lone_encoder = self._open_lone_encoder()
            return self._lone_encoder

    def encode_images(self, pixel_values: Floats) -> Floats:
        return self._image_encoder.run(None, {"pixel_values": pixel_values})[0]

    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        inputs = {
            "image_tokens": image_tokens,
            "image_index": image_index,
            "input_ids": input_ids,
            "attention_mask": attention_mask,
        }
        return self._answerer.run(None, inputs)[0]

    def describe(self) -> str:
        provider = self._answerer.get_providers()[0].removesuffix("ExecutionProvider")
        threads = self._answerer.get_session_options().intra_op_num_threads
        return f"onnxruntime {ort.__version__} on {provider}, {threads} thread(s)"


def open_folder(folder: Path, settings: DeviceSettings) -> OnnxAnswerer:
    """Open the files of an exported folder, without comparing their checksums.

    Raises ModelError, with the file's name, where one is damaged or of another program;
    DeviceError where onnxruntime cannot use the device that `settings` names.
    """
    providers = choose_providers(settings)
    paths = folder / IMAGE_ENCODER_FILE, folder / ANSWERER_FILE
    with ThreadPoolExecutor(max_workers=len(paths)) as pool:  # beside one another, and the rest
        opened = [pool.submit(open_session, path, settings, providers) for path in paths]
        preprocessor = Preprocessor.load(folder)
        vocabulary = AnswerVocabulary.load(folder / "answers.json", error=ModelError)
        confidence = read_confidence(folder)
        image_encoder, answerer = [session.result() for session in opened]
    _check_graph(paths[0], image_encoder, IMAGE_ENCODER_NAMES)
    _check_graph(paths[1], answerer, ANSWERER_NAMES)
    _check_sizes(folder, image_encoder, answerer, preprocessor, vocabulary)
    lone = partial(open_session, paths[0], replace(settings, threads=1), providers)
    return OnnxAnswerer(image_encoder, answerer, preprocessor, vocabulary, confidence, lone)


def choose_providers(settings: DeviceSettings) -> list[str]:
    """Return onnxruntime's execution providers for a device, the preferred one first.

    Raises DeviceError where the installed onnxruntime has none for it, or for the precision.
    """
    if settings.precision == "bfloat16":
        raise DeviceError("--precision bfloat16: an exported folder computes in float32 alone")
    available = ort.get_available_providers()
    if settings.device == "mps":
        raise DeviceError("--device mps: an exported folder answers on cpu or cuda; name one")
    if settings.device == "cuda" and CUDA not in available:
        raise DeviceError(
            f"--device cuda: the installed onnxruntime {ort.__version__} is built without CUDA"
            " (pip install onnxruntime-gpu instead of onnxruntime); or use --device cpu"
        )
    if settings.device == "cpu" or CUDA not in available:
        return [CPU]
    return [CUDA, CPU]


def open_session(
    path: Path, settings: DeviceSettings, providers: list[str]
) -> ort.InferenceSession:
    """Open one graph, quietly. Raises ModelError where the file is damaged or no ONNX."""
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; the log would say it twice
    options.intra_op_num_threads = settings.threads or usable_cpus()
    options.inter_op_num_threads = 1
    # Two sessions share the processors with the threads that decode images: waiting must not burn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base but Exception
        raise ModelError(
            f"{path}: onnxruntime cannot open it: {_first_line(error)}; the file is damaged or of"
            " another program: copy the folder again, or export it again with `vqa export`"
        ) from error
    if settings.device == "cuda" and CUDA not in session.get_providers():
        raise DeviceError(
            "--device cuda: onnxruntime could not start CUDA (its libraries or the driver are"
            " missing or too old); use --device cpu"
        )
    return session


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_graph(
    path: Path, session: ort.InferenceSession, names: tuple[list[str], list[str]]
) -> None:
    inputs = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if (inputs, outputs) != names:
        raise ModelError(
            f"{path}: not a graph that vqa exported: it takes {', '.join(inputs)} and gives"
            f" {', '.join(outputs)}, where {', '.join(names[0])} and {', '.join(names[1])} belong"
        )


def _check_sizes(
    folder: Path,
    image_encoder: ort.InferenceSession,
    answerer: ort.InferenceSession,
    preprocessor: Preprocessor,
    vocabulary: AnswerVocabulary,
) -> None:
    """Raise ModelError where the files of a folder come from different models."""
    transform = preprocessor.transform
    wanted = {
        "pixel_values": [3, transform.height, transform.width],
        "image_tokens": image_encoder.get_outputs()[0].shape[1:],
        "logits": [len(vocabulary)],
    }
    found = {
        "pixel_values": image_encoder.get_inputs()[0].shape[1:],
        "image_tokens": answerer.get_inputs()[0].shape[1:],
        "logits": answerer.get_outputs()[0].shape[1:],
    }
    if wrong := [f"{n}: {wanted[n]} and {found[n]}" for n in wanted if wanted[n] != found[n]]:
        raise ModelError(f"{folder}: its files do not belong together:", wrong)
