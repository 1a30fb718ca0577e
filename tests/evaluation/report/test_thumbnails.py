from base64 import b64decode
from io import BytesIO

import pytest
from PIL import Image

from vqa_cli.console import SILENT
from vqa_cli.evaluation.report.thumbnails import SIDE, make_thumbnails


def opened(thumbnail):
    return Image.open(BytesIO(b64decode(thumbnail)))


def test_thumbnails_are_small_and_in_order(tmp_path):
    paths = []
    for number, size in enumerate([(640, 480), (100, 900), (20, 10)]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", size, (200, 0, 0)).save(paths[-1])
    found = [opened(thumbnail) for thumbnail in make_thumbnails(paths, SILENT)]
    assert [image.size for image in found] == [(SIDE, 120), (18, SIDE), (20, 10)]
    assert found[0].format == "WEBP"
    assert found[0].convert("RGB").getpixel((80, 60)) == pytest.approx((200, 0, 0), abs=8)


def test_a_rotated_photo_is_upright(tmp_path):
    photo = Image.new("RGB", (64, 32))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "a.jpg", exif=exif)
    (found,) = make_thumbnails([tmp_path / "a.jpg"], SILENT)
    assert opened(found).size == (32, 64)


def test_what_cannot_be_read_has_none(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (30, 30)).save(tmp_path / "large.png")
    paths = [tmp_path / name for name in ("gone.png", "broken.png", "large.png")]
    assert make_thumbnails(paths, SILENT, max_pixels=800) == [None, None, None]
    assert make_thumbnails([], SILENT) == []
