"""Fetching an image by its URL, without lending anybody a hand inside the network.

A URL may come from somebody who wants a server to call its own neighbours (server-side request
forgery, https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html).
So only public addresses are called; the connection is made to the very address that was checked,
so that a name cannot mean another one a moment later; each redirect is checked anew; a watchdog
ends what takes too long, wherever it waits; and no more is read than an image may have. Proxies are
not used: they would resolve the name themselves.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from queue import Empty, SimpleQueue
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from vqa_cli import __version__
from vqa_cli.errors import DataError

MAX_BYTES = 50_000_000
MAX_SECONDS = 20.0
MAX_REDIRECTS = 5
PORTS = {"http": 80, "https": 443}

_CHUNK = 1 << 16
_MOVED = (301, 302, 303, 307, 308)
_UNNAMED_TYPES = ("application/octet-stream", "binary/octet-stream", "")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]
"""Gives the IP addresses of a host and port. Raises OSError."""


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a host, the preferred one first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet, and not an alias of one inside a network."""
    if isinstance(address, ipaddress.IPv6Address):
        if inner := _inner(address):
            return is_public(inner)
        if address.is_site_local or address in _LOCAL_NAT64:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4 or NAT64 (RFC 4291, 3056, 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


@dataclass
class _Deadline:
    """Ends the connection in work when the time is over, whatever it waits for."""

    seconds: float
    sock: socket.socket | None = None
    passed: bool = False
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds to go. Raises TimeoutError where there are none."""
        left = self.ends - time.monotonic()
        if left <= 0 or self.passed:
            self.passed = True
            raise TimeoutError
        return left

    def end(self) -> None:
        self.passed = True
        if (sock := self.sock) is not None:
            with suppress(OSError):  # it may have ended by itself meanwhile
                # Not the TLS layer's own, which is not made to be called beside a reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def fetch(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
    resolve: Resolver | None = None,
) -> bytes:
    """Fetch the bytes of an image.

    max_seconds: for all of it, redirects included.

    Raises DataError where the URL is none, leads to an address that is not public, answers with
    something else than an image, too much of it, too slowly, or not at all.
    """
    deadline = _Deadline(max_seconds)
    watchdog = threading.Timer(max_seconds, deadline.end)
    watchdog.daemon = True
    watchdog.start()
    try:
        return _follow(url, max_bytes, deadline, resolve or resolve_host)
    except (OSError, HTTPException, ValueError) as error:
        if deadline.passed or isinstance(error, TimeoutError):
            raise DataError(f"{url}: took more than {max_seconds:g} s; try again") from error
        raise DataError(f"{url}: cannot be fetched: {_reason(error)}") from error
    finally:
        watchdog.cancel()


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return strerror or str(error) or type(error).__name__


def _follow(url: str, max_bytes: int, deadline: _Deadline, resolve: Resolver) -> bytes:
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        with _response(url, target, deadline, resolve) as response:
            if response.status not in _MOVED:
                return _body(url, response, max_bytes, deadline)
            moved = response.getheader("Location")
        if not moved:
            raise DataError(f"{url}: is redirected, and nothing says where to")
        target = urljoin(target, moved)
    raise DataError(f"{url}: is redirected more than {MAX_REDIRECTS} times")


@contextmanager
def _response(
    url: str, target: str, deadline: _Deadline, resolve: Resolver
) -> Iterator[HTTPResponse]:
    """Ask for `target`, to which `url` has led; the connection is closed at the end."""
    parts, host, port = _parsed(url, target)
    address = _checked(url, host, port, deadline, resolve)
    deadline.sock = sock = socket.create_connection((address, port), timeout=deadline.left())
    try:
        deadline.left()  # the watchdog may have come before it had the socket
        if parts.scheme == "https":
            context = ssl.create_default_context()
            # The handshake comes when the watchdog has the new socket.
            deadline.sock = sock = context.wrap_socket(
                sock, server_hostname=host, do_handshake_on_connect=False
            )
            sock.settimeout(deadline.left())
            sock.do_handshake()
        connection = HTTPConnection(host, None if port == PORTS[parts.scheme] else port)
        connection.sock = sock
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}" if parts.query else ""
        headers = {"User-Agent": f"vqa-cli/{__version__}", "Accept": "image/*"}
        connection.request("GET", path + query, headers=headers)
        with connection.getresponse() as response:
            yield response
    finally:
        deadline.sock = None
        sock.close()


def _parsed(url: str, target: str) -> tuple[SplitResult, str, int]:
    """The parts of a URL, its host as the network writes it, and its port."""
    parts = urlsplit(target)
    if parts.scheme not in PORTS:
        raise DataError(f"{url}: leads to {parts.scheme}://, which is not fetched; only http(s) is")
    if not parts.hostname:
        raise DataError(f"{url}: names no host")
    if parts.username is not None:
        raise DataError(f"{url}: has a user's name in it; such URLs are not fetched")
    host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    return parts, host, PORTS[parts.scheme] if parts.port is None else parts.port


def _checked(url: str, host: str, port: int, deadline: _Deadline, resolve: Resolver) -> str:
    """The address to call. Raises DataError where any of the host's is not public."""
    addresses = _resolve(host, port, deadline, resolve)
    for address in addresses:
        if not is_public(ipaddress.ip_address(address)):
            where = host if host == address else f"{host} ({address})"
            raise DataError(
                f"{url}: leads to {where}, an address that is not public; such are not called"
            )
    if not addresses:
        raise DataError(f"{url}: {host} has no address")
    return addresses[0]


def _resolve(host: str, port: int, deadline: _Deadline, resolve: Resolver) -> list[str]:
    """Resolve in time: the system's resolver has no limit of its own."""
    answers: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def work() -> None:
        try:
            answers.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=work, daemon=True, name="resolve").start()
    try:
        found = answers.get(timeout=deadline.left())
    except Empty:
        deadline.passed = True
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _body(url: str, response: HTTPResponse, max_bytes: int, deadline: _Deadline) -> bytes:
    if response.status != 200:
        raise DataError(f"{url}: the server answers {response.status} {response.reason}")
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in _UNNAMED_TYPES and not kind.startswith("image/"):
        raise DataError(f"{url}: is {kind}, not an image")
    too_large = f"{url}: has more than {max_bytes:,} bytes; fetch it yourself, and give the file"
    if response.length is not None and response.length > max_bytes:
        raise DataError(too_large)
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise DataError(too_large)
        parts.append(chunk)
        deadline.left()
    if deadline.passed:  # what the watchdog cut looks like an end
        raise TimeoutError
    if response.length:  # bytes that were announced and did not come
        raise DataError(f"{url}: the connection broke off after {size:,} bytes")
    return b"".join(parts)
