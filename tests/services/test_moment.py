"""The portal's data of one moment, whatever is loaded while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import event

from cwportal.errors import SourceIncomplete
from cwportal.portal import Account, Charge, Product
from cwportal.sandbox import Sandbox
from cwportal.services.planning.material import read_portal
from cwportal.standalone.source import StandaloneSource
from cwportal.vocabulary import AccountStatus
from tests.standalone.portal import filled, put
from tests.support.portal import PARTNER, MemorySource, charge
from tests.support.world import World

MSP = "msp"
_T = TypeVar("_T")


@dataclass
class Loaded(MemorySource):
    """A host that implements what it had to before there was `reading`; its data are loaded anew after a call."""

    after: dict[str, list[Callable[[], None]]] = field(default_factory=dict)

    def products(self, partner_id: str) -> Sequence[Product]:
        return self._then("products", super().products(partner_id))

    def accounts(self, partner_id: str) -> Sequence[Account]:
        return self._then("accounts", super().accounts(partner_id))

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        yield from self._then("charges", list(super().charges(partner_id, account_ids)))

    def _then(self, call: str, given: _T) -> _T:
        if self.after.get(call):
            self.after[call].pop(0)()
        return given


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        yield world
        world.close()


def _with(world: World, source: Loaded) -> World:
    world.runtime = replace(world.runtime, source=source)
    source.add_account("1", charge("MAIL", 3, 1, 2))
    source.add_account("2", charge("MAIL", 4, 1, 2))
    return world


@pytest.mark.parametrize("call", ["products", "accounts", "charges"])
def test_a_load_between_two_calls_of_any_host_is_read_whole_or_not_at_all(world: World, call: str) -> None:
    source = Loaded()
    _with(world, source)

    def load() -> None:
        source.skus["MAIL"] = Product("MAIL", "Mail", Decimal(9))
        source.customers["1"] = replace(source.customers["1"], status=AccountStatus.CLOSED)
        source.add_account("3", charge("NEW", 1, 1, 1))
        source.set_charges("1")

    source.after[call] = [load]
    read = read_portal(world.runtime, PARTNER)
    assert read.accounts["1"].status is AccountStatus.CLOSED
    assert not read.charges["1"].groups
    assert read.skus["MAIL"].list_cost == 9
    assert read.charges.keys() == read.accounts.keys() == {"1", "2", "3"}
    assert "NEW" in read.skus


def test_a_host_whose_data_never_stand_still_is_not_planned_from(world: World) -> None:
    source = Loaded()
    _with(world, source)
    names = iter(range(100))

    def rename() -> None:
        source.customers["1"] = replace(source.customers["1"], name=f"Name {next(names)}")

    source.after["charges"] = [rename] * 50
    with pytest.raises(SourceIncomplete, match="changed again and again while they were being read"):
        read_portal(world.runtime, PARTNER)


def test_a_host_may_give_its_rows_in_any_order(world: World) -> None:
    source = Loaded()
    _with(world, source)

    def turn() -> None:
        source.customers = dict(reversed(source.customers.items()))

    source.after["charges"] = [turn] * 50
    assert read_portal(world.runtime, PARTNER).accounts.keys() == {"1", "2"}


def test_an_export_reads_the_portal_of_our_own_at_one_moment(tmp_path: Path, database_url: str) -> None:
    with filled(tmp_path, CWPORTAL_DATABASE_URL=database_url) as portal:
        engine = portal.own.engine
        assert isinstance(portal.runtime.source, StandaloneSource)
        before = read_portal(portal.runtime, MSP)
        loads: list[str] = []

        @event.listens_for(engine, "after_cursor_execute")
        def loaded(connection: object, cursor: object, statement: str, *_: object) -> None:
            if "list_cost" in statement and not loads:
                loads.append(statement)
                put(
                    portal,
                    tmp_path / "files",
                    accounts="partner_id,account_id,name,status\nmsp,a1,Alder,closed\nmsp,a2,O,active\nmsp,a3,Q,active\n",
                    charges="partner_id,account_id,sku,quantity,unit_cost,unit_price\nmsp,a3,MBX,9,1,\n",
                )

        during = read_portal(portal.runtime, MSP)
        event.remove(engine, "after_cursor_execute", loaded)
        after = read_portal(portal.runtime, MSP)
        assert loads
        assert (during.skus, during.accounts, during.charges) == (before.skus, before.accounts, before.charges)
        assert after.accounts["a1"].status is AccountStatus.CLOSED
        assert not after.charges["a1"].groups
