"""Sockets: keep-alive, chunks, broken requests, no leaks; and JSON numbers without loss."""

from __future__ import annotations

import base64
import gc
import socket
import threading
from decimal import Decimal
from typing import Any

import pytest

from cwportal.sandbox import Sandbox
from cwportal.sandbox.jsonio import dumps, loads

from .support import Api

AUTH = base64.b64encode(b"training+AdminPublicKey01:AdminPrivateKey1").decode()
GET = f"GET /v4_6_release/apis/3.0/system/info HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {AUTH}\r\nclientId: c\r\n"


def talk(sandbox: Sandbox, data: bytes, *, half_close: bool = True) -> bytes:
    """Everything the server says to these bytes until it closes."""
    host, port = sandbox.site.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(data)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_keep_alive_and_pipelining(sandbox: Sandbox) -> None:
    answer = talk(sandbox, f"{GET}\r\n{GET}\r\n".encode())
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2


def test_connection_close_is_honoured(sandbox: Sandbox) -> None:
    answer = talk(sandbox, f"{GET}Connection: close\r\n\r\n{GET}\r\n".encode(), half_close=False)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1
    assert b"Connection: close" in answer


def test_expect_continue_and_chunks(sandbox: Sandbox) -> None:
    body = b"".join(f"{len(part):x};x=1\r\n".encode() + part + b"\r\n" for part in (b'{"name"', b':"P"}'))
    head = (
        f"POST /v4_6_release/apis/3.0/procurement/types HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {AUTH}\r\n"
        "clientId: c\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = talk(sandbox, head.encode() + body + b"0\r\nTrailer: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / SPDY/3\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nbroken\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", b"413"),
        (b"GET /" + b"x" * 10_001 + b" HTTP/1.1\r\n\r\n", b"414"),
    ],
)
def test_broken_requests(sandbox: Sandbox, data: bytes, status: bytes) -> None:
    answer = talk(sandbox, data)
    assert answer.split()[1] == status
    assert b"Connection: close" in answer


def test_half_a_request_is_no_request(sandbox: Sandbox) -> None:
    assert talk(sandbox, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n{}") == b""
    assert talk(sandbox, b"") == b""


def test_no_threads_or_sockets_are_left() -> None:
    before = threading.active_count()
    for _ in range(3):
        with Sandbox() as sandbox:
            api = Api(sandbox)
            api.get("system/info")
            idle = socket.create_connection(sandbox.site.split(":"), timeout=5)
        idle.close()
        api.close()
    gc.collect()
    assert threading.active_count() == before


def test_closing_twice_is_fine() -> None:
    sandbox = Sandbox().start()
    sandbox.close()
    sandbox.close()


def test_a_port_in_use_is_said(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=int(sandbox.site.split(":")[1]))


def test_many_threads_lose_nothing(sandbox: Sandbox) -> None:
    def post(api: Api) -> None:
        for _ in range(25):
            api.post("finance/agreements/1/additions", {"product": {"id": 1}, "billCustomer": "Billable"})
        api.close()

    threads = [threading.Thread(target=post, args=(Api(sandbox),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.tenant().additions(1)) == 202


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("12.5", "12.5"),
        ("12.50", "12.5"),
        ("0.1", "0.1"),
        ("1e2", "100.0"),
        ("1E-7", "0.0000001"),
        ("-0.10", "-0.1"),
        ("5.0", "5.0"),
        ("5", "5"),
        ("0.30000000000000004", "0.30000000000000004"),
        ('"é\\u0000\\n"', '"\\u00e9\\u0000\\n"'),
        ('{"a": [1, null, true, {}], "b": []}', '{"a":[1,null,true,{}],"b":[]}'),
    ],
)
def test_json_there_and_back(text: str, back: str) -> None:
    assert dumps(loads(text)) == back


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e61", "1e-99999", "{", ""])
def test_refused_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


@pytest.mark.parametrize("value", [Decimal("12.500"), [Decimal(5)], {"a": Decimal("1E+3")}])
def test_amounts_are_json_numbers(value: Any) -> None:
    assert loads(dumps(value)) == value


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        dumps({1, 2})
