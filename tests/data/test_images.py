from __future__ import annotations

import struct
import threading
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vqa_cli.data.images import read_image
from vqa_cli.errors import DataError


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def colours() -> Image.Image:
    """6 wide, 4 high; the top left pixel is red, its right neighbour green, the rest blue."""
    image = Image.new("RGB", (6, 4), (0, 0, 255))
    image.putpixel((0, 0), (255, 0, 0))
    image.putpixel((1, 0), (0, 255, 0))
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels: only a reader of headers survives it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 0)
        + b"IDAT"
        + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def test_the_same_image_from_a_path_bytes_pillow_and_an_array(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.png"
    path.write_bytes(encoded(colours()))
    expected = np.asarray(colours())
    for source in (path, str(path), path.read_bytes(), colours(), expected, expected / 255.0):
        image = read_image(source)
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = colours()
    back = {  # what a camera that was held so would have stored
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(np.asarray(read_image(encoded(back, exif=exif))), np.asarray(upright))


def test_damaged_exif_leaves_the_pixels_usable() -> None:
    data = encoded(colours(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f nonsense")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own about the metadata
        assert read_image(data).size == (6, 4)


def test_16_bit_grey_is_scaled() -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    for source in (encoded(Image.fromarray(values)), Image.fromarray(values), values):
        assert np.array_equal(np.asarray(read_image(source))[..., 0], expected)
    tiff = encoded(Image.fromarray(values.astype(np.int32)), "TIFF")
    assert np.array_equal(np.asarray(read_image(tiff))[..., 1], expected)
    swapped = Image.frombytes("I;16B", (6, 1), values.astype(">u2").tobytes())
    assert np.array_equal(np.asarray(read_image(swapped))[..., 2], expected)


def test_floating_point_grey_is_scaled() -> None:
    def read(*values: float) -> list[int]:
        image = Image.fromarray(np.array([values], dtype=np.float32))
        return np.asarray(read_image(encoded(image, "TIFF")))[0, :, 0].tolist()

    assert read(0, 0.5, 1) == [0, 128, 255]
    assert read(0, 128, 300, -7) == [0, 128, 255, 0]
    assert read(float("nan"), 1, float("inf")) == [0, 1, 255]


def test_transparency_is_laid_over_white() -> None:
    rgba = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    rgba.putpixel((2, 0), (0, 0, 0, 128))
    assert np.asarray(read_image(encoded(rgba))).tolist() == [
        [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    ]
    grey = Image.new("LA", (2, 1), (0, 255))
    grey.putpixel((1, 0), (0, 0))
    for image in (grey, grey.convert("La")):
        assert np.asarray(read_image(image))[0, :, 0].tolist() == [0, 255]
    assert np.asarray(read_image(np.asarray(grey)))[0, :, 0].tolist() == [0, 255]


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert np.asarray(read_image(encoded(image))).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    transparent = encoded(image, transparency=1)
    assert np.asarray(read_image(transparent)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_a_transparent_colour_of_an_rgb_png() -> None:
    data = encoded(colours(), transparency=(255, 0, 0))
    assert read_image(data).getpixel((0, 0)) == (255, 255, 255)
    assert read_image(data).getpixel((1, 0)) == (0, 255, 0)


def test_cmyk_lab_and_other_colour_spaces() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert read_image(encoded(red.convert("CMYK"), "TIFF")).getpixel((0, 0)) == (255, 0, 0)
    jpeg = np.asarray(read_image(encoded(red.convert("CMYK"), "JPEG")), dtype=int)
    assert abs(jpeg[0, 0] - [255, 0, 0]).max() < 6
    for mode in ("YCbCr", "HSV"):
        assert abs(np.asarray(read_image(red.convert(mode)), int)[0, 0] - [255, 0, 0]).max() < 4
    white = Image.new("LAB", (2, 2), (255, 128, 128))
    assert np.asarray(read_image(encoded(white, "TIFF"))).min() > 250
    assert np.asarray(read_image(Image.new("1", (2, 2), 1))).min() == 255


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read_image(data).getpixel((2, 2)) == (255, 0, 0), kind


def test_one_pixel() -> None:
    assert read_image(encoded(Image.new("RGB", (1, 1), "red"))).size == (1, 1)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_a_truncated_file_is_named(tmp_path: Path, format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), format)
    path = tmp_path / "half.img"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"half\.img"):
        read_image(path)


def test_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("dear diary")
    with pytest.raises(DataError, match=r"notes\.jpg: is not an image of a known format"):
        read_image(path)
    with pytest.raises(DataError, match="is not an image of a known format"):
        read_image(b"")
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(DataError, match=r"notes\.jpg: is a HEIC photo; save it as JPEG"):
        read_image(path)
    with pytest.raises(DataError, match="no such image file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_image("a\0b")
    with pytest.raises(DataError, match="from a list"):
        read_image([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"cam7\.png: is not"):
        read_image(b"nothing", name="cam7.png")


def test_postscript_is_never_run() -> None:
    with pytest.raises(DataError, match="EPS files are programs"):
        read_image(encoded(Image.new("RGB", (2, 2)), "EPS"))


def test_too_many_pixels_are_refused_before_decoding() -> None:
    # There are no pixels behind this header: any attempt to decode it says "truncated".
    with pytest.raises(DataError, match=r"more than the limit of 100,000,000.*--max-pixels"):
        read_image(png_header(40_000, 40_000))
    with pytest.raises(DataError, match="truncated"):
        read_image(png_header(40_000, 40_000), max_pixels=2_000_000_000)
    with pytest.raises(DataError, match="10x10 = 100 pixels"):
        read_image(Image.new("RGB", (10, 10)), max_pixels=99)
    with pytest.raises(DataError, match="10x10 = 100 pixels"):
        read_image(np.zeros((10, 10), np.uint8), max_pixels=99)


def test_pillows_own_limit_neither_warns_nor_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = encoded(colours())
    threads = [threading.Thread(target=read_image, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_image(data).size == (6, 4)  # a warning would be an error here
    with pytest.raises(DataError):
        read_image(b"no image")
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), r"got shape \(3, 8, 8\)"),
        (np.zeros(5, np.uint8), r"got shape \(5,\)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        (np.full((2, 2), 1.5), r"must lie in \[0, 1\], got 1.5"),
        (np.full((2, 2), np.nan), r"must lie in \[0, 1\]"),
        (np.zeros((2, 2), np.int64), "got int64"),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_image(array)


def test_arrays_of_every_kind() -> None:
    assert read_image(np.ones((2, 3, 1), np.uint8)).size == (3, 2)
    assert read_image(np.array([[True, False]])).getpixel((0, 0)) == (255, 255, 255)
    strided = np.asarray(colours())[::2, ::-2]
    assert np.array_equal(np.asarray(read_image(strided)), strided)


MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
MODES += ("LAB", "I", "F", "I;16", "I;16L", "I;16B")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(MODES), st.integers(1, 40), st.integers(1, 40))
def test_every_mode_and_size_becomes_rgb(mode: str, width: int, height: int) -> None:
    image = read_image(Image.new(mode, (width, height)))
    assert (image.mode, image.size) == ("RGB", (width, height))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "ICO", "PPM", "TGA"]),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_damaged_bytes_give_an_image_or_a_data_error(
    format: str, changes: list[tuple[int, int]], kept: float
) -> None:
    data = bytearray(encoded(colours(), format))
    for where, value in changes:
        data[where % len(data)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own about damaged metadata
        try:
            image = read_image(bytes(data[: 1 + int(kept * len(data))]), max_pixels=10_000)
        except DataError:
            return
    assert image.mode == "RGB"


def test_a_jpeg_that_is_only_looked_at_is_decoded_smaller(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (640, 480)).save(path)
    assert read_image(path, enough=100).size == (160, 120)
    assert read_image(path, enough=481).size == (640, 480)
    drawn = tmp_path / "drawn.png"
    Image.new("RGB", (640, 480)).save(drawn)
    assert read_image(drawn, enough=100).size == (640, 480)
