"""One exchange over real sockets: budgets, limits, lost connections, TLS, and nothing taken from the environment."""

from __future__ import annotations

import json
import socket
import threading
import time
import traceback
from pathlib import Path

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.guard import AddressGuard

from .support import PRIVATE_KEY, Script, ScriptedServer, TransportMaker, answer, failure, hang_up

OK = answer(200, b'{"version":"v2026.1"}')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def said(*parts: bytes, close: bool = True) -> Script:
    def script(talk: socket.socket, _request: bytes) -> None:
        for part in parts:
            talk.sendall(part)
        if close:
            talk.close()

    return script


def never_whole(*parts: bytes, pause: float, again: bool = True) -> Script:
    """Says the parts with pauses between them, and the last one again and again, while the client stays; sixty times at most."""

    def script(talk: socket.socket, _request: bytes) -> None:
        talk.settimeout(pause)
        left = list(parts)
        for _ in range(60):
            if left or again:
                talk.sendall(left.pop(0) if left else parts[-1])
            try:
                if not talk.recv(1):
                    return
            except TimeoutError:
                continue
        talk.close()

    return script


def test_a_read_goes_out_with_its_headers(server: ScriptedServer, make_transport: TransportMaker) -> None:
    server.scripts = [OK]
    transport = make_transport(server.url)
    assert transport.get("/system/info", {"conditions": 'name = "a+b & c"'}).data == {"version": "v2026.1"}
    head = server.requests[0].decode()
    assert head.startswith("GET /v4_6_release/apis/3.0/system/info?conditions=name+%3D+%22a%2Bb+%26+c%22 HTTP/1.1\r\n")
    assert "\r\nclientId: 11111111-2222-3333-4444-555555555555\r\n" in head
    assert "\r\nAccept: application/vnd.connectwise.com+json; version=2025.1\r\n" in head
    assert "content-type" not in head.lower()
    assert transport.requests == 1


def test_connections_are_kept_and_used_again(server: ScriptedServer, make_transport: TransportMaker) -> None:
    sockets: list[object] = []

    def script(talk: socket.socket, request: bytes) -> None:
        sockets.append(talk)
        OK(talk, request)

    server.scripts = [script]
    transport = make_transport(server.url)
    for _ in range(3):
        transport.get("/system/info")
    assert len(server.requests) == 3
    assert len(set(map(id, sockets))) == 1


def test_each_thread_has_its_own_connection(server: ScriptedServer, make_transport: TransportMaker) -> None:
    sockets: set[int] = set()
    together = threading.Barrier(3, timeout=5)

    def script(talk: socket.socket, request: bytes) -> None:
        sockets.add(id(talk))
        together.wait()
        OK(talk, request)

    server.scripts = [script]
    transport = make_transport(server.url)
    threads = [threading.Thread(target=transport.get, args=("/system/info",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(sockets) == 3
    assert transport.requests == 3


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (hang_up, errors.Interrupted),
        (said(b""), errors.Interrupted),
        (said(HEAD + b'Content-Length: 50\r\n\r\n{"id": 1'), errors.Interrupted),
        (said(HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"id"'), errors.Interrupted),
        (said(HEAD + b'\r\n{"id": 1'), errors.NotJson),
        (said(b"SSH-2.0-OpenSSH_9.2\r\n"), errors.Interrupted),
        (said(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"), errors.NotJson),
        (said(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"), errors.Interrupted),
    ],
)
def test_a_write_whose_answer_is_lost_is_unknown_and_sent_once(
    server: ScriptedServer, make_transport: TransportMaker, script: Script, kind: type[errors.ConnectWiseError]
) -> None:
    server.scripts = [script]
    found = failure(lambda: make_transport(server.url).post("/procurement/catalog", {"identifier": "A"}))
    assert type(found) is kind
    assert found.certainty == "unknown"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        never_whole(HEAD + b"Content-Length: 5\r\n\r\n", pause=0.06, again=False),
        never_whole(b"H", pause=0.06, again=False),
        never_whole(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause=0.06),
        never_whole(HEAD + b"Content-Length: 500\r\n\r\n", b"1", pause=0.06),
        never_whole(HEAD, b"Content-Length: 500\r\n\r\n", b"1", pause=0.45),
    ],
    ids=["silent body", "silent head", "dripping head", "dripping body", "late"],
)
def test_the_budget_is_for_the_whole_answer(
    server: ScriptedServer, make_transport: TransportMaker, script: Script
) -> None:
    server.scripts = [script]
    started = time.monotonic()
    found = failure(lambda: make_transport(server.url, timeout=0.5).post("/procurement/catalog", {"identifier": "A"}))
    assert time.monotonic() - started > 0.45
    assert type(found) is errors.TimedOut
    assert found.certainty == "unknown"


def test_a_spent_budget_does_not_shorten_the_next_request(
    server: ScriptedServer, make_transport: TransportMaker
) -> None:
    def slow(talk: socket.socket, request: bytes) -> None:
        time.sleep(1.1)
        OK(talk, request)

    server.scripts = [slow, slow]
    transport = make_transport(server.url, timeout=2.0)
    transport.get("/system/info")
    transport.get("/system/info")
    assert len(server.requests) == 2


@pytest.mark.parametrize("head", [b"Content-Length: 3000\r\n\r\n", b"\r\n"])
def test_too_large_is_not_read(server: ScriptedServer, make_transport: TransportMaker, head: bytes) -> None:
    server.scripts = [said(HEAD + head + b"[" + b" " * 2999)]
    found = failure(lambda: make_transport(server.url, max_bytes=2000).get("/system/info"))
    assert type(found) is errors.TooLarge
    assert len(server.requests) == 1


def test_redirects_are_not_followed(server: ScriptedServer, make_transport: TransportMaker) -> None:
    server.scripts = [answer(302, b"", "Location: /elsewhere")]
    assert type(failure(lambda: make_transport(server.url).get("/system/info"))) is errors.Redirected
    assert len(server.requests) == 1


def test_cookies_are_not_kept(server: ScriptedServer, make_transport: TransportMaker) -> None:
    server.scripts = [answer(200, b"{}", "Set-Cookie: session=other-member; Path=/")]
    transport = make_transport(server.url)
    transport.get("/system/info")
    transport.get("/system/info")
    assert b"ookie" not in server.requests[1]


def test_netrc_and_proxies_of_the_environment_are_ignored(
    server: ScriptedServer, make_transport: TransportMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    server.scripts = [OK]
    make_transport(server.url).get("/system/info")
    assert b"Authorization: Basic dHJhaW5pbmcr" in server.requests[0]


def test_nothing_secret_is_in_an_error_or_behind_it(server: ScriptedServer, make_transport: TransportMaker) -> None:
    def echo(talk: socket.socket, request: bytes) -> None:
        line = next(line for line in request.split(b"\r\n") if line.startswith(b"Authorization"))
        body = b'{"message":"you sent ' + line + b" " + PRIVATE_KEY.encode() + b'"}'
        answer(400, body)(talk, request)

    server.scripts = [echo, hang_up]
    transport = make_transport(server.url)
    for _ in range(2):
        found = failure(lambda: transport.post("/procurement/catalog", {}))
        text = "".join(traceback.format_exception(found)) + repr(found) + repr(vars(found))
        assert PRIVATE_KEY not in text
        assert "cHJpdmF0ZS1rZXk" not in text
        assert "dHJhaW5pbmcr" not in text
        assert found.__cause__ is None
        assert found.__context__ is None


def test_nobody_listens(make_transport: TransportMaker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as spare:
        port = spare.getsockname()[1]
    transport = make_transport(f"http://127.0.0.1:{port}")
    found = failure(lambda: transport.post("/procurement/catalog", {}))
    assert type(found) is errors.Unreachable
    assert found.certainty == "not_sent"
    assert transport.requests == 4


def test_private_addresses_are_refused_before_anything_is_sent(
    server: ScriptedServer, make_transport: TransportMaker
) -> None:
    server.scripts = [OK]
    transport = make_transport(f"https://127.0.0.1:{server.port}", guard=AddressGuard())
    assert type(failure(lambda: transport.get("/system/info"))) is errors.SiteRefused
    plain = make_transport(server.url, guard=AddressGuard())
    assert type(failure(lambda: plain.get("/system/info"))) is errors.SiteRefused
    assert (server.requests, transport.requests, plain.requests) == ([], 1, 1)


def test_plain_http_to_a_public_host_is_refused(make_transport: TransportMaker) -> None:
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("52.10.20.30", 80))
    guard = AddressGuard(resolve=lambda _host, _port: [public])
    found = failure(lambda: make_transport("http://cw.example.com", guard=guard).get("/system/info"))
    assert type(found) is errors.SiteRefused
    assert "only talked to over https" in found.sentence


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "exa mple", "[::1", ""])
def test_a_broken_address_is_an_error_of_ours(make_transport: TransportMaker, host: str) -> None:
    found = failure(lambda: make_transport(f"https://{host}").get("/system/info"))
    assert found.certainty == "not_sent"


@pytest.mark.parametrize("client_id", ["two\r\nlines", "“pasted”"])
def test_a_client_id_that_cannot_be_sent_is_the_operators(
    server: ScriptedServer, make_transport: TransportMaker, client_id: str
) -> None:
    server.scripts = [OK]
    transport = make_transport(server.url, client_id=client_id)
    found = failure(lambda: transport.post("/procurement/catalog", {}))
    assert type(found) is errors.ClientIdRejected
    assert (found.certainty, server.requests, transport.requests) == ("not_sent", [], 1)


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_not_the_answer_and_leaves_none_for_the_next_request(
    server: ScriptedServer, make_transport: TransportMaker, interim: str
) -> None:
    """The real answer would else be waiting on the connection, and be read as that to the next request: another agreement's lines."""
    sockets: set[int] = set()

    def script(talk: socket.socket, request: bytes) -> None:
        sockets.add(id(talk))
        talk.sendall(f"HTTP/1.1 {interim}\r\nX-A: b\r\n\r\n".encode() * 2)
        answer(200, json.dumps(request.split()[1].decode()).encode())(talk, request)

    server.scripts = [script]
    transport = make_transport(server.url)
    for path in ("/finance/agreements/1/additions", "/finance/agreements/2/additions"):
        assert str(transport.get(path).data).endswith(path)
    assert len(sockets) == 1
    assert len(server.requests) == 2
