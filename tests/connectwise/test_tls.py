"""https: which certificates are trusted, and what is said where none is."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from cwportal.connectwise import errors

from .support import ScriptedServer, TransportMaker, answer, failure

OK = answer(200, b'{"version":"v2026.1"}')


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    made = trustme.CA()
    bundle = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(bundle))
    return made, str(bundle)


def tls_server(authority: trustme.CA, name: str) -> ScriptedServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    made = ScriptedServer(context)
    made.scripts = [OK]
    return made


def test_tls_with_an_authority_of_ones_own(authority: tuple[trustme.CA, str], make_transport: TransportMaker) -> None:
    server = tls_server(authority[0], "127.0.0.1")
    try:
        transport = make_transport(server.url, ca_bundle=authority[1])
        assert transport.get("/system/info").data == {"version": "v2026.1"}
        assert len(server.requests) == 1
    finally:
        server.close()


@pytest.mark.parametrize(("name", "known"), [("127.0.0.1", False), ("other.example", True)])
def test_a_certificate_that_does_not_fit_is_refused_once(
    authority: tuple[trustme.CA, str], make_transport: TransportMaker, name: str, known: bool
) -> None:
    server = tls_server(authority[0], name)
    try:
        transport = make_transport(server.url, ca_bundle=authority[1] if known else None)
        found = failure(lambda: transport.post("/procurement/catalog", {}))
        assert type(found) is errors.TlsFailed
        assert found.certainty == "not_sent"
        assert "certificate of 127.0.0.1 is not trusted" in found.sentence
        assert (server.requests, transport.requests) == ([], 1)
    finally:
        server.close()


def test_https_to_a_plain_port(make_transport: TransportMaker) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        opened, _ = listener.accept()
        with opened:
            opened.recv(1000)
            opened.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=talk)
    thread.start()
    transport = make_transport(f"https://127.0.0.1:{listener.getsockname()[1]}")
    found = failure(lambda: transport.get("/system/info"))
    thread.join(5)
    listener.close()
    assert type(found) is errors.TlsFailed
    assert "does not speak https" in found.sentence


def test_a_missing_ca_bundle_is_told(make_transport: TransportMaker, server: ScriptedServer) -> None:
    transport = make_transport(f"https://127.0.0.1:{server.port}", ca_bundle="/nowhere/ca.pem")
    found = failure(lambda: transport.get("/system/info"))
    assert type(found) is errors.TlsFailed
    assert "CA bundle" in found.sentence
