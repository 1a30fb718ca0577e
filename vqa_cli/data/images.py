"""Safe reading of images: whatever comes in, an RGB image or a DataError comes out.

How each kind becomes 8-bit RGB:

- EXIF orientation is applied, so that up is up.
- 16-bit grey (`I;16`, `I`): 0..65535 becomes 0..255, rounded; values outside are clipped.
- Floating-point grey (`F`): 0..1 becomes 0..255 where no value exceeds 1, otherwise the values
  are taken as 0..255; clipped and rounded. NaN is black.
- Transparency (alpha, a palette's or a PNG's transparent colour) is laid over white.
- CMYK, LAB, YCbCr, HSV, palette and 1-bit images are converted; embedded colour profiles are
  not applied, as in the training of the pretrained encoders.
- The first frame of an animation stands for the whole.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from vqa_cli.errors import DataError

MAX_PIXELS = 100_000_000

ImageSource = str | Path | bytes | Image.Image | NDArray[np.generic]

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PROGRAMS = ("EPS",)  # decoding these runs an interpreter on the file's content
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
"""The brands of High Efficiency Image Files (ISO/IEC 23008-12), which Pillow does not read."""
_OPEN_LOCK = Lock()


class ImageError(DataError):
    """An image that cannot be read; `kind` says in a few words how it is."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_image(
    source: ImageSource,
    *,
    max_pixels: int = MAX_PIXELS,
    name: str | None = None,
    enough: int | None = None,
) -> Image.Image:
    """Read an image as upright 8-bit RGB.

    source: a path, the bytes of a file, a Pillow image (its current frame), or an array (H, W)
        or (H, W, 1..4) of uint8, bool, uint16 (0..65535) or floats in [0, 1].
    max_pixels: larger images are refused before they are decoded.
    name: what messages call the image; default: its path.
    enough: a JPEG file may be decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side
        keeps this many pixels: many times faster, for pictures that are only looked at.

    The result's `info["orientation"]` is the EXIF orientation that was undone, 1 where there was
    none to undo.

    Raises DataError where there is no such file; its subclass ImageError where the file is no
    image, damaged, or too large.
    """
    name = name or (str(source) if isinstance(source, str | Path) else "the image")
    if isinstance(source, Image.Image):
        return _finish(source, max_pixels, name)
    if isinstance(source, np.ndarray):
        return _finish(_from_array(source, max_pixels, name), max_pixels, name)
    if isinstance(source, bytes):
        return _read(BytesIO(source), max_pixels, name, enough)
    if not isinstance(source, str | Path):
        raise DataError(
            f"{name}: cannot read an image from a {type(source).__name__}; give a path, bytes, "
            "a Pillow image or a numpy array"
        )
    try:
        with open(source, "rb") as file:
            return _read(file, max_pixels, name, enough)
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such image file") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, not an image file") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DataError(f"{name}: cannot be read: {error}") from error


def _read(file: BinaryIO, max_pixels: int, name: str, enough: int | None) -> Image.Image:
    # Pillow's own limit is one for the whole process, and warns below it. Ours is checked in
    # its place, from the header; the lock keeps two threads from restoring each other's value.
    with _OPEN_LOCK:
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file)
        except UnidentifiedImageError as error:
            raise ImageError("no image", f"{name}: is {_what_else(file)}") from error
        except Exception as error:  # Pillow's readers raise nearly anything on damaged headers
            raise ImageError(
                "damaged", f"{name}: is not a readable image ({_short(error)})"
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit
    if image.format in _PROGRAMS:
        raise ImageError(
            "no image",
            f"{name}: {image.format} files are programs and are not run; use PNG or JPEG",
        )
    return _finish(image, max_pixels, name, enough)


def _what_else(file: BinaryIO) -> str:
    """What a file is that Pillow does not know; phones store HEIC, also under names in .jpg."""
    file.seek(0)
    start = file.read(12)
    if start[4:8] == b"ftyp" and start[8:] in _HEIC:
        return "a HEIC photo; save it as JPEG"
    return "not an image of a known format"


def _finish(
    image: Image.Image, max_pixels: int, name: str, enough: int | None = None
) -> Image.Image:
    _check_size(image.width, image.height, max_pixels, name)
    try:
        if enough is not None:
            image.draft(None, (enough, enough))  # without effect on what is no JPEG
        image.load()
        orientation = _orientation(image)
        rgb = _to_rgb(image)
    except Exception as error:  # as above: struct.error, SyntaxError, zlib.error, IndexError, ...
        # Pillow says "truncated" where the data end too early.
        kind = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise ImageError(kind, f"{name}: is truncated or damaged ({_short(error)})") from error
    upright = rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb
    upright.info["orientation"] = orientation if orientation in _UPRIGHT else 1
    return upright


def _check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageError("damaged", f"{name}: has no pixels ({width}x{height})")
    if width * height > max_pixels:
        raise ImageError(
            "too large",
            f"{name}: {width}x{height} = {width * height:,} pixels, more than the limit of "
            f"{max_pixels:,}; make it smaller, or raise the limit with --max-pixels",
        )


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120] if text else type(error).__name__


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1  # damaged metadata does not make the pixels unusable
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_grey(image)
    if image.has_transparency_data:
        # La and RGBa (premultiplied) have no direct way to RGBA but the one through LA.
        if image.mode == "La":
            image = image.convert("LA")
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "LAB":
        to_srgb = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        converted = ImageCms.applyTransform(image, to_srgb)
        assert converted is not None  # None only with inPlace=True
        return converted
    return image.convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode != "F":
        return Image.fromarray(_from_16_bit(values))
    values = np.nan_to_num(values.astype(np.float64), nan=0.0)
    if values.max() <= 1:
        values = values * 255
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


def _from_16_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    clipped = np.clip(values.astype(np.int64), 0, 65535)
    return ((clipped + 128) // 257).astype(np.uint8)


def _from_array(array: NDArray[np.generic], max_pixels: int, name: str) -> Image.Image:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _CHANNELS:
        raise DataError(
            f"{name}: an image array must be (height, width) or (height, width, 1 to 4 channels), "
            f"got shape {array.shape}"
        )
    _check_size(array.shape[1], array.shape[0], max_pixels, name)
    pixels = _to_uint8(array, name)
    mode = _CHANNELS[pixels.shape[2]]
    data = np.ascontiguousarray(pixels).tobytes()
    return Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), data)


def _to_uint8(array: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return _from_16_bit(array)
    if array.dtype.kind == "f":
        values = array.astype(np.float64)
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise DataError(
                f"{name}: a floating-point image must lie in [0, 1], got {low:g} to {high:g}; "
                "divide by 255, or give uint8"
            )
        return np.rint(values * 255).astype(np.uint8)
    raise DataError(
        f"{name}: an image array must be uint8, uint16, bool or floating point, got {array.dtype}"
    )
