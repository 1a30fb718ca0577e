"""Fetching from a server of this machine, which the stubbed resolver gives public addresses."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vqa_cli.errors import DataError
from vqa_cli.inference import url_images
from vqa_cli.inference.url_images import fetch, is_public

PUBLIC = "93.184.216.34"
CONTENT = b"\x89PNG and so on"

REDIRECTS = {
    "/moved": "/image.png",
    "/elsewhere": "http://other.example/image.png?a=b c",
    "/loopback": "http://127.0.0.1/image.png",
    "/inside": "http://inside.example/image.png",
    "/metadata": "http://169.254.169.254/latest/",
    "/file": "file:///etc/passwd",
    "/circle": "/circle",
}
HOSTS = {
    "photos.example": [PUBLIC],
    "other.example": ["93.184.216.35"],
    "inside.example": ["10.0.0.5"],
    "both.example": [PUBLIC, "192.168.0.1"],
    "nowhere.example": [],
}


class Handler(BaseHTTPRequestHandler):
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.headers["Host"], self.path))
        path = self.path.partition("?")[0]
        if path in REDIRECTS:
            self.answer(302, [("Location", REDIRECTS[path])])
        elif path == "/image.png":
            self.answer(200, [("Content-Type", "image/png")], CONTENT)
        elif path == "/unnamed":
            self.answer(200, [], CONTENT)
        elif path == "/page":
            self.answer(200, [("Content-Type", "text/html; charset=utf-8")], b"<p>")
        elif path == "/announced":
            self.answer(200, [("Content-Length", "5000")], b"")
        elif path == "/broken-off":
            self.answer(200, [("Content-Length", "50")], CONTENT)
        elif path == "/endless":
            self.pour(b"x" * 1000, pause=0)
        elif path == "/slow":
            self.pour(b"x", pause=0.02)
        elif path == "/silent":
            time.sleep(1)
        else:
            self.answer(404, [])

    def answer(self, code: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def pour(self, piece: bytes, pause: float) -> None:
        with suppress(OSError):
            self.answer(200, [("Content-Type", "image/png")])
            for _ in range(200):
                self.wfile.write(piece)
                time.sleep(pause)

    def log_message(self, *_: object) -> None: ...


class Site:
    """The server and what it heard; `dialled` are the addresses that were called."""

    def __init__(self, port: int, asked: list[tuple[str, str]]) -> None:
        self.port = port
        self.asked = asked
        self.dialled: list[tuple[str, int]] = []
        self.resolved: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        if host not in HOSTS:
            return url_images.resolve_host(host, port)  # numbers alone need no network
        return HOSTS[host]

    def fetch(self, path: str, **options: float) -> bytes:
        limits = {"max_seconds": 30.0, "max_bytes": 4000, **options}
        return fetch(f"http://photos.example{path}", resolve=self.resolve, **limits)  # type: ignore[arg-type]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    asked: list[tuple[str, str]] = []
    handler = type("Asked", (Handler,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        site = Site(server.server_port, asked)
        connect = socket.create_connection

        def dial(address: tuple[str, int], timeout: float) -> socket.socket:
            site.dialled.append(address)
            assert is_public(ipaddress.ip_address(address[0]))
            return connect(("127.0.0.1", site.port), timeout)

        monkeypatch.setattr(socket, "create_connection", dial)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def test_an_image_is_fetched_from_the_address_that_was_checked(site: Site) -> None:
    assert site.fetch("/image.png") == CONTENT
    assert site.resolved == ["photos.example"]  # once: it cannot mean another one a moment later
    assert site.dialled == [(PUBLIC, 80)]
    assert site.asked == [("photos.example", "/image.png")]
    assert site.fetch("/unnamed") == CONTENT


def test_a_redirect_is_followed_and_checked_anew(site: Site) -> None:
    assert site.fetch("/moved") == CONTENT
    assert site.fetch("/elsewhere") == CONTENT
    assert site.asked[-1] == ("other.example", "/image.png?a=b%20c")
    assert site.resolved[-2:] == ["photos.example", "other.example"]
    assert site.dialled[-1] == ("93.184.216.35", 80)


@pytest.mark.parametrize("path", ["/loopback", "/inside", "/metadata"])
def test_a_redirect_into_a_network_is_refused(site: Site, path: str) -> None:
    with pytest.raises(DataError, match="not public"):
        site.fetch(path)
    assert len(site.dialled) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/file", "leads to file://"),
        ("/circle", "redirected more than 5 times"),
        ("/gone", "answers 404 Not Found"),
        ("/page", "is text/html, not an image"),
        ("/announced", "more than 4,000 bytes"),
        ("/endless", "more than 4,000 bytes"),
        ("/broken-off", "broke off after 14 bytes"),
    ],
)
def test_what_is_no_image_is_told(site: Site, path: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        site.fetch(path)
    assert str(caught.value).startswith(f"http://photos.example{path}: ")


@pytest.mark.parametrize("path", ["/slow", "/silent"])
def test_a_slow_server_is_not_waited_for(site: Site, path: str) -> None:
    with pytest.raises(DataError, match=r"took more than 0\.2 s"):
        site.fetch(path, max_seconds=0.2)


def test_a_slow_resolver_is_not_waited_for() -> None:
    never = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        never.wait(30)
        return []

    with pytest.raises(DataError, match=r"took more than 0\.1 s"):
        fetch("http://photos.example/", resolve=resolve, max_seconds=0.1)
    never.set()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "10.1.2.3", "172.16.0.1"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "[::1]"),
        *("[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("inside.example", "both.example"),
    ],
)
def test_addresses_that_are_not_public_are_not_called(site: Site, host: str) -> None:
    with pytest.raises(DataError, match=r"not public|cannot be fetched"):
        fetch(f"http://{host}:{site.port}/image.png", resolve=site.resolve)
    assert site.dialled == []


def test_public_addresses() -> None:
    for text in (PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"):
        assert is_public(ipaddress.ip_address(text)), text
    for text in ("fec0::1", "ff02::1", "2001::1", "64:ff9b:1::1", "::", "2001:db8::1", "0.1.2.3"):
        assert not is_public(ipaddress.ip_address(text)), text


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http:///image.png", "names no host"),
        ("http://photos.example:99999/", "cannot be fetched"),
        ("http://me:secret@photos.example/", "user's name"),
        ("http://nowhere.example/", "has no address"),
        ("http://[::1/", "cannot be fetched"),
        (f"http://{'x' * 70}.example/", "cannot be fetched"),
    ],
)
def test_urls_that_are_none(site: Site, url: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(url, resolve=site.resolve)
    assert site.dialled == []


def test_a_server_that_speaks_no_tls_is_told(site: Site) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch("https://photos.example/image.png", resolve=site.resolve, max_seconds=5)
    assert site.dialled == [(PUBLIC, 443)]
