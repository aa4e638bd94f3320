"""Transports on fake time, and the scripted server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from cwportal.connectwise.gate import LocalGate
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Credentials, Endpoint
from cwportal.connectwise.session import Transport

from .support import BASE, PRIVATE_KEY, FakeTime, ScriptedServer, TransportMaker
from .world import World


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gate(fake_time: FakeTime) -> LocalGate:
    return LocalGate(fake_time.monotonic, fake_time.sleep)


@pytest.fixture
def make_transport(fake_time: FakeTime, gate: LocalGate) -> Iterator[TransportMaker]:
    made: list[Transport] = []

    def make(base_url: str = BASE, **options: object) -> Transport:
        settings: dict[str, object] = {
            "endpoint": Endpoint(base_url, "v4_6_release/"),
            "client_id": "11111111-2222-3333-4444-555555555555",
            "guard": AddressGuard(frozenset({"127.0.0.1", "localhost"})),
            "gate": gate,
            "clock": fake_time.now,
            "sleep": fake_time.sleep,
            "random": lambda: 0.0,
            "timeout": 5.0,
        } | options
        transport = Transport(Credentials("training", "public-key-1", PRIVATE_KEY), **settings)  # type: ignore[arg-type]
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture
def world(shared: World) -> World:
    """The module's sandbox without faults and variants of an earlier test."""
    shared.sandbox.engine.faults.clear()
    shared.sandbox.set_variant(
        cloud=False, my_security="allowed", contact_required=False, round_money=None, shuffle=False, page_limit=1000
    )
    return shared


@pytest.fixture
def fresh() -> Iterator[World]:
    """A sandbox of the test's own, for faults that last."""
    made = World()
    yield made
    made.close()


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock
