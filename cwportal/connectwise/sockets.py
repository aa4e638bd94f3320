"""Connections for requests that go through the guard and keep one time budget per request.

A read time-out of requests counts per read, so a server that sends a byte now and then could hold us for ever. Here the
socket's time-out is set anew before every read to what is left of the request's budget.
Whatever fails before the request is sent is raised as our own error from inside the connection, with `not_sent`.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import SSLError

from cwportal.connectwise.errors import ConnectWiseError, SiteRefused, TimedOut, TlsFailed, Unreachable
from cwportal.connectwise.guard import AddressGuard

CONNECT_TIMEOUT = 10.0


class Budget:
    """The moment until which the request under way must be answered completely; one per thread's session."""

    def __init__(self) -> None:
        self._until = 0.0

    def start(self, seconds: float) -> None:
        """Begin a request that may take this long in all."""
        self._until = monotonic() + seconds

    def left(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        seconds = self._until - monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for this request is used up")
        return seconds


class _BudgetedRaw(io.RawIOBase):
    """The response side of a socket with the budget's rest as time-out of every read."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, budget: Budget) -> None:
        self._sock = sock
        self._raw = raw
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._budget.left()
        if self._sock.fileno() >= 0:
            self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _response_class(budget: Budget) -> type[http.client.HTTPResponse]:
    class BudgetedResponse(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_BudgetedRaw(sock, raw, budget))

        def _read_status(self) -> tuple[str, int, str]:
            """The final status line. `http.client` passes over 100 only and takes 102 or 103 for the whole answer; the real one would then
            be read as the answer to the next request on this connection."""
            while True:
                status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
                if not 100 < status[1] < 200 or status[1] == http.client.SWITCHING_PROTOCOLS:
                    return status
                http.client.parse_headers(self.fp)

    return BudgetedResponse


def _tls_failed(host: str, cause: Exception) -> TlsFailed:
    reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or type(cause).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TlsFailed(
            f"The certificate of {host} is not trusted: {reason}. If ConnectWise is your own server with a certificate "
            "of your own authority, give that authority to the portal's operator; else check Site."
        )
    return TlsFailed(f"{host} does not speak https properly ({reason}). Check Site and its port.")


def guarded_pools(guard: AddressGuard, budget: Budget) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme whose connections ask the guard and keep the budget."""

    def new_socket(connection: HTTPConnection, scheme: str) -> socket.socket:
        host, port = connection.host.strip("[]"), connection.port
        if port is None:
            raise SiteRefused(f"{host} has no port to connect to.")
        guard.check_scheme(scheme, host, port)
        return guard.connect(host, port, min(CONNECT_TIMEOUT, budget.left()), connection.socket_options or ())

    def failed(host: str, cause: Exception) -> ConnectWiseError:
        if isinstance(cause, TimeoutError):
            return TimedOut(f"{host} did not finish connecting in time. Try again.", certainty="not_sent")
        if isinstance(cause, SSLError) and cause.args and isinstance(cause.args[0], ssl.SSLError):
            return _tls_failed(host, cause.args[0])
        if isinstance(cause, ssl.SSLError | SSLError):
            return _tls_failed(host, cause)
        return Unreachable(f"{host} closed the connection while it was being opened. Check Site and its port.")

    class Plain(HTTPConnection):
        response_class = _response_class(budget)

        def _new_conn(self) -> socket.socket:
            return new_socket(self, "http")

    class Encrypted(HTTPSConnection):
        response_class = _response_class(budget)

        def _new_conn(self) -> socket.socket:
            return new_socket(self, "https")

        def connect(self) -> None:
            failure: ConnectWiseError | None = None
            try:
                super().connect()
            except (ssl.SSLError, SSLError, OSError, ValueError) as cause:
                failure = failed(self.host, cause)
            if failure is not None:
                raise failure

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
