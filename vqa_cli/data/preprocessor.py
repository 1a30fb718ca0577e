"""The one way from images and questions to numbers, for training, asking and export alike.

numpy, Pillow and tokenizers only: an exported model is answered without torch. Described wholly
by two files, `preprocess.json` and `tokenizer.json`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer

from vqa_cli.data.images import MAX_PIXELS, ImageSource, read_image
from vqa_cli.errors import DataError, ModelError
from vqa_cli.files import RESTORE

FORMAT_VERSION = 1
PREPROCESS_FILE = "preprocess.json"
TOKENIZER_FILE = "tokenizer.json"

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

ENCODED_AT_ONCE = 10_000
"""Questions."""

_RESAMPLING = {mode.name.lower(): mode for mode in Image.Resampling}
_PAD_TOKENS = ("[PAD]", "<pad>")


def normalize_question(text: str) -> str:
    """NFC, white space collapsed and stripped, no case changed.

    Halves of surrogate pairs, which no tokenizer can encode, become U+FFFD. Raises DataError
    where nothing visible is left.
    """
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if all(unicodedata.category(character)[0] in "CZ" for character in text):
        raise DataError("the question is empty; ask something")
    return text


@dataclass(frozen=True)
class ImageTransform:
    """How an RGB image becomes the encoder's input, whole: nothing is cropped away.

    squash: both sides are resized, the aspect ratio is not kept (timm's crop_mode="squash" with
    crop_pct=1). letterbox: the aspect ratio is kept, borders have the mean's colour (timm's
    crop_mode="border" with crop_pct=1). mean and std are those of values in [0, 1], per channel.
    """

    height: int
    width: int
    resize: str = "squash"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(value) for value in self.mean))
        object.__setattr__(self, "std", tuple(float(value) for value in self.std))
        problems = []
        if self.height < 1 or self.width < 1:
            problems.append(f"size must be positive, got {self.height}x{self.width}")
        if self.resize not in ("squash", "letterbox"):
            problems.append(f"resize must be squash or letterbox, got {self.resize!r}")
        if self.interpolation not in _RESAMPLING:
            known = ", ".join(_RESAMPLING)
            problems.append(f"interpolation must be one of {known}, got {self.interpolation!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            problems.append(f"mean and std need 3 values, std > 0, got {self.mean}, {self.std}")
        if problems:
            raise ModelError("the image transform cannot be used:", problems)

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image: uint8 (H, W, 3)."""
        left, top, width, height = self.place(image.width, image.height)
        if self.resize == "squash":
            return np.asarray(self._resized(image, width, height))
        canvas = np.empty((self.height, self.width, 3), dtype=np.uint8)
        canvas[:] = [round(255 * value) for value in self.mean]
        canvas[top : top + height, left : left + width] = np.asarray(
            self._resized(image, width, height)
        )
        return canvas

    def place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where an image of this size comes to lie: left, top, width and height, in pixels."""
        if self.resize == "squash":
            return 0, 0, self.width, self.height
        ratio = max(height / self.height, width / self.width)
        placed_width, placed_height = max(1, round(width / ratio)), max(1, round(height / ratio))
        left, top = (self.width - placed_width) // 2, (self.height - placed_height) // 2
        return left, top, placed_width, placed_height

    def _resized(self, image: Image.Image, width: int, height: int) -> Image.Image:
        if image.size == (width, height):
            return image
        return image.resize((width, height), _RESAMPLING[self.interpolation])

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (B, H, W, 3) -> float32 (B, 3, H, W): (x / 255 - mean) / std."""
        values = pixels.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        values /= np.float32(255)
        values -= np.asarray(self.mean, dtype=np.float32)[:, None, None]
        values /= np.asarray(self.std, dtype=np.float32)[:, None, None]
        return values


class Preprocessor:
    """Images to `pixel_values`, questions to `input_ids` and `attention_mask`.

    The tokenizer is copied, and its padding and truncation are replaced by ours. `pad_token_id`
    is looked up in the tokenizer where it is not given. Raises ModelError where it has none.
    """

    def __init__(
        self,
        transform: ImageTransform,
        tokenizer: Tokenizer,
        max_question_tokens: int,
        pad_token_id: int | None = None,
    ) -> None:
        self.transform = transform
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.max_question_tokens = max_question_tokens
        self.pad_token_id = _pad_token_id(tokenizer) if pad_token_id is None else pad_token_id
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_question_tokens)

    def pixels(
        self, image: ImageSource, *, max_pixels: int = MAX_PIXELS, name: str | None = None
    ) -> NDArray[np.uint8]:
        """Read and resize one image: uint8 (H, W, 3). Raises DataError as `read_image` does."""
        return self.transform.pixels(read_image(image, max_pixels=max_pixels, name=name))

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (B, H, W, 3) -> float32 `pixel_values` (B, 3, H, W)."""
        return self.transform.normalize(pixels)

    def images(self, images: Sequence[ImageSource]) -> NDArray[np.float32]:
        """Read several images: float32 `pixel_values` (B, 3, H, W)."""
        if not images:
            return np.empty((0, 3, self.transform.height, self.transform.width), np.float32)
        return self.normalize(np.stack([self.pixels(image) for image in images]))

    def token_ids(self, questions: Sequence[str]) -> list[list[int]]:
        """The token ids of each question, truncated but not padded. Raises DataError if empty."""
        texts = [normalize_question(question) for question in questions]
        ids: list[list[int]] = []
        for start in range(0, len(texts), ENCODED_AT_ONCE):  # an encoding takes kilobytes
            some = self.tokenizer.encode_batch(texts[start : start + ENCODED_AT_ONCE])
            ids += [encoding.ids for encoding in some]
        return ids

    def pad(self, ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pad on the right to the longest: `input_ids` and `attention_mask`, int64 (Q, L)."""
        longest = max(map(len, ids), default=0)
        input_ids = np.full((len(ids), longest), self.pad_token_id, dtype=np.int64)
        attention_mask = np.zeros((len(ids), longest), dtype=np.int64)
        for row, tokens in enumerate(ids):
            input_ids[row, : len(tokens)] = tokens
            attention_mask[row, : len(tokens)] = 1
        return input_ids, attention_mask

    def questions(self, questions: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`input_ids` and `attention_mask`, int64 (Q, L), L the longest question of these.

        A question of more than `max_question_tokens` tokens is cut. Raises DataError if empty.
        """
        return self.pad(self.token_ids(questions))

    def to_mapping(self) -> dict[str, Any]:
        """What `preprocess.json` holds; together with the tokenizer it is all there is."""
        return {
            "format_version": FORMAT_VERSION,
            "image": asdict(self.transform),
            "max_question_tokens": self.max_question_tokens,
            "pad_token_id": self.pad_token_id,
        }

    def save(self, folder: Path) -> None:
        """Write `preprocess.json` and `tokenizer.json` into an existing folder."""
        text = json.dumps(self.to_mapping(), indent=2) + "\n"
        (folder / PREPROCESS_FILE).write_text(text, encoding="utf-8")
        tokenizer = self.tokenizer.to_str(pretty=True) + "\n"
        (folder / TOKENIZER_FILE).write_text(tokenizer, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ModelError if missing, damaged or of a newer format."""
        path = folder / PREPROCESS_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version = values["format_version"]
        except FileNotFoundError as error:
            raise ModelError(f"{path}: is missing; {RESTORE}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: is damaged ({error}); {RESTORE}") from error
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{path}: has format_version {version!r}, this program reads {FORMAT_VERSION}; "
                "install a newer vqa-cli"
            )
        return cls._from_mapping(values, _load_tokenizer(folder / TOKENIZER_FILE), path)

    @classmethod
    def _from_mapping(cls, values: Mapping[str, Any], tokenizer: Tokenizer, path: Path) -> Self:
        try:
            transform = ImageTransform(**values["image"])
            max_tokens, pad = int(values["max_question_tokens"]), int(values["pad_token_id"])
            return cls(transform, tokenizer, max_tokens, pad)
        except (ModelError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{path}: is damaged ({error}); {RESTORE}") from error


def _load_tokenizer(path: Path) -> Tokenizer:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelError(f"{path}: is missing; {RESTORE}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; {RESTORE}") from error
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises bare Exception for everything
        raise ModelError(f"{path}: is damaged ({error}); {RESTORE}") from error


def _pad_token_id(tokenizer: Tokenizer) -> int:
    if tokenizer.padding is not None:
        return int(tokenizer.padding["pad_id"])
    for token in _PAD_TOKENS:
        if (token_id := tokenizer.token_to_id(token)) is not None:
            return int(token_id)
    raise ModelError(
        f"the tokenizer has no padding token ({' or '.join(_PAD_TOKENS)}); use another encoder"
    )
