"""Time that does not pass by itself, and a server that says exactly what a test tells it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.session import Transport

PRIVATE_KEY = "private-key-that-nobody-may-see"
BASE = "https://api-na.myconnectwise.net"
API = f"{BASE}/v4_6_release/apis/3.0"

TransportMaker = Callable[..., Transport]


class FakeTime:
    """A clock that only sleeping moves; remembers every sleep."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=self.seconds - 1000)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds


Script = Callable[[socket.socket, bytes], None]


class ScriptedServer:
    """Accepts connections on 127.0.0.1 and runs one script per request, in order; the last one is repeated.

    A script gets the socket and the request's bytes, and answers, stalls or closes as it likes.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.scripts: list[Script] = []
        self.requests: list[bytes] = []
        self.stop = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        self._listener.close()

    def _accept(self) -> None:
        while not self.stop.is_set():
            try:
                opened, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(opened,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, opened: socket.socket) -> None:
        opened.settimeout(5)
        with opened:
            try:
                talk = self._tls.wrap_socket(opened, server_side=True) if self._tls else opened
            except OSError:
                return
            with talk:
                self._talk(talk)

    def _talk(self, talk: socket.socket) -> None:
        talk.settimeout(0.05)
        received = b""
        while not self.stop.is_set():
            try:
                chunk = talk.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not chunk:
                return
            received += chunk
            if not _complete(received):
                continue
            self.requests.append(received)
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            talk.settimeout(5)
            try:
                script(talk, received)
            except OSError:
                return
            if talk.fileno() < 0:
                return
            talk.settimeout(0.05)
            received = b""


def _complete(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return True


def answer(status: int, body: bytes, *headers: str) -> Script:
    """A script that gives one whole HTTP answer."""

    def script(talk: socket.socket, _request: bytes) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
        talk.sendall("\r\n".join(lines).encode() + body)

    return script


def hang_up(talk: socket.socket, _request: bytes) -> None:
    """A script that resets the connection without a word."""
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    talk.close()


def failure(call: Callable[[], object]) -> errors.ConnectWiseError:
    """The error that the call raises."""
    with pytest.raises(errors.ConnectWiseError) as caught:
        call()
    return caught.value
