"""The guard: public addresses only, checked on the address that is connected to."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from cwportal.connectwise.errors import SiteRefused, TimedOut, Unreachable
from cwportal.connectwise.guard import AddressGuard, AddressInfo, is_public

from .support import ScriptedServer, answer


def info(address: str, port: int = 443) -> AddressInfo:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "52.10.20.30", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2001:0:808:808::1",
        "2001:db8::1",
        "3fff::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "5f00::1",
        "4000::1",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


class Opened:
    """Stands for a socket; remembers where it was connected to."""

    connected: list[object]

    def __init__(self, connected: list[object]) -> None:
        self.connected = connected

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def connect(self, address: object) -> None:
        self.connected.append(address)

    def close(self) -> None: ...


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr("cwportal.connectwise.guard.socket.socket", lambda *_: Opened(found))
    return found


def guard(*addresses: str, allowed: frozenset[str] = frozenset()) -> AddressGuard:
    return AddressGuard(allowed, resolve=lambda _host, port: [info(address, port) for address in addresses])


def test_connects_to_the_very_address_that_was_checked(connected: list[object]) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[AddressInfo]:
        asked.append(host)
        return [info("52.10.20.30" if len(asked) == 1 else "127.0.0.1", port)]

    AddressGuard(resolve=rebinding).connect("cw.example.com", 443, 5)
    assert connected == [("52.10.20.30", 443)]
    assert asked == ["cw.example.com"]


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["52.10.20.30", "10.0.0.1"], ["10.0.0.1", "52.10.20.30"], ["52.10.20.30", "::1"]]
)
def test_one_private_address_is_enough_to_refuse(connected: list[object], addresses: list[str]) -> None:
    with pytest.raises(SiteRefused, match="private network") as caught:
        guard(*addresses).connect("cw.example.com", 443, 5)
    assert connected == []
    assert caught.value.certainty == "not_sent"


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "::ffff:7f00:1"])
def test_spellings_of_this_machine_are_resolved_before_the_check(spelling: str) -> None:
    with pytest.raises(SiteRefused, match="private network"):
        AddressGuard().connect(spelling, 9, 5)


@pytest.mark.parametrize("allowed", ["cw.internal", "cw.internal:8443", " CW.Internal "])
def test_the_operator_may_allow_a_host(connected: list[object], allowed: str) -> None:
    guard("10.0.0.1", allowed=frozenset({allowed})).connect("CW.internal", 8443, 5)
    assert connected == [("10.0.0.1", 8443)]


@pytest.mark.parametrize("allowed", ["cw.internal:443", "other.internal", "internal", ""])
def test_other_hosts_and_ports_stay_refused(connected: list[object], allowed: str) -> None:
    with pytest.raises(SiteRefused):
        guard("10.0.0.1", allowed=frozenset({allowed})).connect("cw.internal", 8443, 5)
    assert connected == []


def test_only_https_unless_allowed() -> None:
    with pytest.raises(SiteRefused, match="only talked to over https"):
        AddressGuard().check_scheme("http", "cw.example.com", 80)
    AddressGuard().check_scheme("https", "cw.example.com", 443)
    AddressGuard(frozenset({"cw.example.com"})).check_scheme("http", "cw.example.com", 80)


@pytest.mark.parametrize("problem", [OSError("no such name"), UnicodeError("label too long"), None])
def test_unknown_names(problem: Exception | None) -> None:
    def resolve(_host: str, _port: int) -> Sequence[AddressInfo]:
        if problem is not None:
            raise problem
        return []

    with pytest.raises(Unreachable, match=r"no host named cw\.example\.com") as caught:
        AddressGuard(resolve=resolve).connect("cw.example.com", 443, 5)
    assert caught.value.permanent
    assert caught.value.certainty == "not_sent"


def test_the_next_address_is_tried_when_one_refuses(server: ScriptedServer) -> None:
    server.scripts = [answer(200, b"")]
    with socket.create_server(("127.0.0.1", 0)) as spare:
        dead = spare.getsockname()[1]

    def resolve(_host: str, port: int) -> Sequence[AddressInfo]:
        return [info("127.0.0.1", dead), info("127.0.0.1", port)]

    opened = AddressGuard(frozenset({"cw"}), resolve=resolve).connect("cw", server.port, 5)
    assert opened.getpeername() == ("127.0.0.1", server.port)
    opened.close()


def test_refused_on_every_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as spare:
        dead = spare.getsockname()[1]
    with pytest.raises(Unreachable, match=f"refuses the connection on port {dead}") as caught:
        AddressGuard(frozenset({"127.0.0.1"})).connect("127.0.0.1", dead, 5)
    assert not caught.value.permanent


def test_silence_is_a_time_out_that_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Opened):
        def connect(self, _address: object) -> None:
            raise TimeoutError

    monkeypatch.setattr("cwportal.connectwise.guard.socket.socket", lambda *_: Silent([]))
    with pytest.raises(TimedOut, match="does not answer on port 443") as caught:
        guard("52.10.20.30").connect("cw.example.com", 443, 5)
    assert caught.value.certainty == "not_sent"
