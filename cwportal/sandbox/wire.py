"""HTTP/1.1 on sockets, so that every way in which a connection can fail can be played.

A thread per connection, keep-alive, one write per answer. Requests are read whole, by Content-Length or in chunks.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from typing import BinaryIO

from .problems import JSON_TYPE

MAX_TARGET = 10_000
"""Characters a URL may have (contract.md section 3)."""
MAX_BODY = 200 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Ending(Enum):
    """What happens to an answer that is ready."""

    SEND = "send"
    CLOSE = "close"
    TRUNCATE = "truncate"


@dataclass(slots=True, eq=False)
class Request:
    """A request as it came; header names are lower case, `path` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    connection: Connection


@dataclass(slots=True)
class Response:
    """An answer. TRUNCATE announces the whole length, sends half and closes; CLOSE sends nothing."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = Ending.SEND


class Malformed(Exception):
    """Bytes that are no request we serve; `status` is the answer before closing."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


class Connection:
    """One accepted connection."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock

    def gone(self) -> bool:
        """Whether the client has closed its side (or, unusually, sent more before our answer)."""
        try:
            look = select.poll()  # `select.select` knows no more than 1,024 connections
            look.register(self.sock, select.POLLIN | select.POLLHUP)
            return bool(look.poll(0))
        except (OSError, ValueError):
            return True

    def run(self) -> None:
        """Serve requests until either side closes."""
        try:
            if self.server.tls is not None:
                wrapped = self.server.tls.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
                self.sock = wrapped
                wrapped.do_handshake()
            with self.sock.makefile("rb") as stream:
                while not self.server.closing.is_set():
                    if not self._serve_one(stream):
                        return
        except (OSError, ValueError):
            return  # reset, TLS refused, or closed by us: nobody is left to be told
        finally:
            self.close()

    def _serve_one(self, stream: BinaryIO) -> bool:
        try:
            request = self._read(stream)
        except Malformed as error:
            self._write(Response(error.status), keep=False)
            return False
        if request is None:
            return False
        response = self.server.application(request)
        keep = request.headers.get("connection", "").lower() != "close" and response.ending is Ending.SEND
        if response.ending is not Ending.CLOSE:
            self._write(response, keep=keep)
        return keep

    def _read(self, stream: BinaryIO) -> Request | None:
        line = stream.readline(MAX_BODY // 1000)
        if not line.strip():
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Malformed(400)
        method, target, _ = words
        headers: dict[str, str] = {}
        while True:
            line = stream.readline(65537)
            if line in (b"\r\n", b"\n"):
                break
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise Malformed(400)
            headers[name.strip().lower()] = value.strip()
        if "100-continue" in headers.get("expect", "").lower():
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _body(stream, headers)
        if len(target) > MAX_TARGET:
            raise Malformed(414)
        path, _, query = target.partition("?")
        return Request(method, path, query, headers, body, self)

    def _write(self, response: Response, *, keep: bool) -> None:
        lines = [
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Status')}",
            f"Date: {self.server.date()}",
            f"Content-Length: {len(response.body)}",
        ]
        if response.status != 204:
            lines.append(f"Content-Type: {response.content_type}")
        lines += [f"{name}: {value}" for name, value in response.headers]
        if not keep:
            lines.append("Connection: close")
        body = response.body
        if response.ending is Ending.TRUNCATE:
            body = body[: len(body) // 2]
        self.sock.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)

    def close(self) -> None:
        """Close the socket; safe to call twice and from another thread."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.sock.close()


def _body(stream: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(stream)
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        raise Malformed(400)
    length = int(text)
    if length > MAX_BODY:
        raise Malformed(413)
    body = stream.read(length) if length else b""
    if len(body) < length:
        raise OSError("the client closed within its request")
    return body


def _chunks(stream: BinaryIO) -> bytes:
    parts = bytearray()
    while True:
        line = stream.readline(1000).split(b";")[0].strip()
        try:
            length = int(line, 16)
        except ValueError:
            raise Malformed(400) from None
        if len(parts) + length > MAX_BODY:
            raise Malformed(413)
        if length == 0:
            while stream.readline(65537).strip():
                pass  # trailers
            return bytes(parts)
        parts += stream.read(length)
        stream.readline(10)


class Server:
    """Listens, and hands each request to `application` in the connection's own thread."""

    def __init__(
        self,
        host: str,
        port: int,
        application: Callable[[Request], Response],
        *,
        tls: ssl.SSLContext | None,
        ahead: Callable[[], float],
    ) -> None:
        self.application = application
        self.tls = tls
        self.closing = threading.Event()
        self._ahead = ahead
        self._date = (0, "")
        self._lock = threading.Lock()
        self._open: dict[Connection, threading.Thread] = {}
        self._listener = socket.create_server((host, port), backlog=512)
        self._listener.settimeout(0.5)
        self.host, self.port = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, name=f"sandbox-{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def date(self) -> str:
        """The Date header, by the simulated clock."""
        second = int(time.time() + self._ahead())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def close(self) -> None:
        """Stop accepting, close every connection and wait for the threads; idempotent."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(5)
        self._listener.close()
        with self._lock:
            left = dict(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in left.values():
            thread.join(5)
