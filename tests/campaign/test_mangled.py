"""A ConnectWise nobody has seen: whatever its answers look like, in the end every bill is right, once, and nobody else's is touched."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cwportal.models import Mapping, Run, RunAccount, RunChange
from cwportal.portal import User
from cwportal.sandbox import Sandbox
from cwportal.services import mapping
from tests.campaign.mangle import Mangler
from tests.support.clock import ScaledClock
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, Line, World, group

SKUS = ("MBX", "BCK", "SEC")


class Strange:
    """A partner with accounts of every kind, and a mangler before its ConnectWise."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.clock = ScaledClock(200)
        self.world = World(
            folder, sandbox, clock=self.clock, CWPORTAL_TIMEOUT="2", CWPORTAL_CONCURRENCY="2", CWPORTAL_SETTLE="0"
        )
        world = self.world
        other = {"quantity": 7, "unitPrice": 9, "unitCost": 3}
        world.control(
            "seed",
            {
                "catalog": [
                    {"identifier": sku, "description": sku, "customerDescription": sku} for sku in ("MBX", "OTHER")
                ]
            },
        )
        world.connect()
        world.choose(
            limit_ended="1000",
            limit_change="1000",
            adopt="no",
            agreement_type_id="1",
            data="products,quantity,cost,price,users",
        )
        self.agreements = {
            "a": world.agreement("a", {"product": {"identifier": "OTHER"}, **other}),
            "b": world.agreement("b", {"product": {"identifier": "MBX"}, **other}),
            "c": world.agreement("c", {"product": {"identifier": "MBX"}, **other, "cancelledDate": "2026-01-31"}),
        }
        world.agreement("nobody", {"product": {"identifier": "MBX"}, **other})
        for name in self.agreements:
            world.source.add_account(name)
        world.map(dict(self.agreements))
        self.wanted: dict[str, list[Line]] = {}
        self.mangler = Mangler(sandbox)
        self.new = 0
        self._last_run = 0
        self.foreign = {row["id"]: row for row in self._additions()}

    def _additions(self) -> list[dict[str, Any]]:
        return [row for agreement in self.world.state()["agreements"] for row in self.world.additions(agreement["id"])]

    def charges(self, rng: random.Random, name: str) -> None:
        rows = {
            (sku, price): (sku, rng.randint(1, 30), rng.randint(1, 3), price)
            for sku in rng.sample(SKUS, rng.randint(1, 3))
            for price in rng.sample(["4.5", "5", "6.25"], rng.randint(1, 2))
        }
        self.world.source.set_charges(name, *(charge(*row) for row in rows.values()))
        self.wanted[name] = sorted(group(*row) for row in rows.values())
        self.world.source.people[name] = [User(f"u{rng.randint(1, 9)}@{name}.example", "User", "active", ("Mail",))]

    def live(self, seed: int) -> None:
        """New usage, sometimes a new customer; some exports with mangled answers and two with proper ones."""
        rng = random.Random(seed)
        for name in self.agreements:
            self.charges(rng, name)
        if seed % 3 == 0:
            self.new += 1
            name = f"n{self.new}"
            self.world.source.add_account(name)
            self.charges(rng, name)
            mapping.import_file(
                self.world.runtime, PARTNER, f"account_id,company,agreement,export\n{name},new,new,yes", actor="test"
            )
        self.mangler.begin(seed)
        states = []
        for _ in range(rng.choice([1, 2, 3])):
            states.append(self.world.export(approve=True)["status"])
            self.clock.advance(61)
        self.mangler.end()
        for _ in range(2):
            self.clock.advance(61)
            states.append(self.world.export(approve=True)["status"])
        self.check(seed, states)

    def check(self, seed: int, states: list[str]) -> None:
        told = f"seed {seed}: {states}\n" + "\n".join(self.mangler.done)
        with self.world.database.read() as session:
            texts = [f"{run.id} {run.error}" for run in session.scalars(select(Run).where(Run.id > self._last_run))]
            texts += [
                f"{a.account_id} {a.state} {a.error} {a.findings}"
                for a in session.scalars(select(RunAccount).where(RunAccount.run_id > self._last_run))
            ]
            texts += [
                f"{c.error} {c.sent}"
                for c in session.scalars(select(RunChange).where(RunChange.run_id > self._last_run))
            ]
            self._last_run = max(session.scalars(select(Run.id)))
        told += "\n" + "\n".join(texts)
        assert states[-1] == "succeeded", told
        assert not [text for text in texts if "error in the portal itself" in text], told
        assert not [text for text in texts for key in KEYS if key in text], told
        state = self.world.state()
        by_company = Counter(one["identifier"].casefold() for one in state["companies"])
        by_name = Counter(one["name"] for one in state["companies"])
        by_product = Counter(one["identifier"].casefold() for one in state["catalog"])
        by_agreement = Counter((one["company"]["id"], one["name"]) for one in state["agreements"])
        for counted in (by_company, by_name, by_product, by_agreement):
            assert set(counted.values()) == {1}, (counted.most_common(3), told)
        with self.world.database.read() as session:
            mapped = {row.account_id: row.cw_agreement_id for row in session.scalars(select(Mapping))}
        rows = {row["id"]: row for row in self._additions()}
        for number, before in self.foreign.items():
            assert rows.get(number) == before, told
        for name, wanted in self.wanted.items():
            number = mapped[name]
            assert number is not None, told
            products = {item["id"]: item["identifier"] for item in state["catalog"]}
            ours = sorted(
                group(products[row["product"]["id"]], row["quantity"], row["unitCost"], row["unitPrice"])
                for row in self.world.additions(number)
                if row["id"] not in self.foreign and row["quantity"]
            )
            assert ours == wanted, (name, told)


def live_through(folder: Path, seeds: range) -> None:
    with Sandbox() as sandbox:
        strange = Strange(folder, sandbox)
        for seed in seeds:
            strange.live(seed)
        strange.world.close()


def test_whatever_answers_look_like_every_bill_comes_right(tmp_path: Path) -> None:
    live_through(tmp_path, range(1025, 1030))  # lines of another agreement, among others


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, 10))
def test_whatever_answers_look_like(first: int, tmp_path: Path) -> None:
    live_through(tmp_path, range(first, first + 10))
