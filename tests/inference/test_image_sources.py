from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import pytest

from tests.inference.fake import FakeAnswerer
from vqa_cli.errors import DataError
from vqa_cli.inference.image_sources import LazyImage, open_image, read_stdin, shown


def load(text: str, **options: bool) -> bytes:
    image = open_image(text, **{"allow_url": False, **options})
    assert isinstance(image, LazyImage)
    return image.load()


def test_a_path_is_left_as_it_is() -> None:
    for path in ("photo.png", "./-", "a:b.png", "C:\\photo.png", "dataset/1.png", "🐈.png"):
        assert open_image(path, allow_url=False) == path


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("data:image/png;base64,aGVsbG8=", b"hello"),
        ("DATA:image/png;charset=x;BASE64,aGVsbG8", b"hello"),
        ("data:;base64,aGVs\nbG8%3D", b"hello"),
        ("data:,hel%6Co", b"hello"),
        ("data:image/png,", b""),
    ],
)
def test_a_data_uri_is_decoded(uri: str, content: bytes) -> None:
    assert load(uri) == content


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("data:image/png;base64", "lacks the comma"),
        ("data:;base64,a*b", "base64 is damaged"),
        ("data:;base64,aGVsb", "base64 is damaged"),
    ],
)
def test_a_damaged_data_uri_is_told(uri: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(uri)


def test_a_data_uri_is_asked_about_as_its_file_is(photo: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    answerer = FakeAnswerer()
    assert answerer.ask(open_image(uri, allow_url=False), "what?") == answerer.ask(photo, "what?")


def test_messages_show_the_beginning_of_a_data_uri() -> None:
    uri = "data:image/png;base64," + base64.b64encode(b"no image" * 1000).decode()
    assert len(shown(uri)) < 70
    with pytest.raises(DataError, match="is not an image") as caught:
        FakeAnswerer().ask(open_image(uri, allow_url=False), "what?")
    assert len(str(caught.value)) < 150
    assert shown("x" * 300) == "x" * 300


def test_urls_need_leave() -> None:
    for url in ("http://example.org/a.png", "HTTPS://example.org/a.png"):
        with pytest.raises(DataError, match="--allow-url"):
            load(url)
    for url in ("file:///etc/passwd", "ftp://example.org/a.png", "s3://bucket/a.png"):
        with pytest.raises(DataError, match="only http and https"):
            load(url, allow_url=True)


def test_stdin_is_read_up_to_a_limit() -> None:
    assert read_stdin(BytesIO(b"1234"), limit=4) == b"1234"
    with pytest.raises(DataError, match="more than 4 bytes"):
        read_stdin(BytesIO(b"12345"), limit=4)
    with pytest.raises(DataError, match="stdin is empty"):
        read_stdin(BytesIO(b""))
