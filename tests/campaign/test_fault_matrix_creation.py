"""Every fault on every write that creates what additions need: one company, contact and agreement at the end, and the bill right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cwportal.models import Mapping, RunChange
from cwportal.portal import Account, Address
from cwportal.sandbox import Sandbox
from cwportal.services import mapping
from cwportal.vocabulary import AccountStatus, Outcome
from tests.campaign.campaign import Campaign, restore
from tests.campaign.test_fault_matrix import FAULTS
from tests.support.portal import PARTNER, charge

NAME = "Alpha & Omega"
BRAND = "Partner Portal"
WRITES = {
    "company POST": ("company/companies$", "Companies > Company Maintenance"),
    "contact POST": ("company/contacts$", "Companies > Contacts"),
    "agreement POST": ("finance/agreements$", "Finance > Agreements"),
    "type POST": ("procurement/types$", "System > Table Setup"),
    "category POST": ("procurement/categories$", "System > Table Setup"),
    "subcategory POST": ("procurement/subcategories/?$", "System > Table Setup"),
}


class _Creation(Campaign):
    """A campaign whose one account wants a new agreement, and a new company too unless one is given."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        super().__init__(folder, sandbox, 1)
        world = self.world
        world.connect()
        world.choose(limit_ended="1000", limit_change="1000", agreement_type_id="1")
        self.other = world.agreement("other", company="Known")
        self.known = next(one["id"] for one in world.state()["companies"] if one["name"] == "Known")
        world.source.add_account("a", charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
        address = Address(city="Springfield", contact_first_name="Ada", contact_email="ada@example.com")
        world.source.customers["a"] = Account("a", NAME, AccountStatus.ACTIVE, address)

    def wish(self, company: str) -> None:
        text = f"account_id,company,agreement,export\na,{company},new,yes\n"
        mapping.import_file(self.world.runtime, PARTNER, text, actor="test")

    def come_to_rest(self) -> None:
        """Exports until one succeeds; then every invariant, also that a further one writes nothing."""
        for _ in range(8):
            if self.export() == "succeeded":
                break
        row = self.mapped()
        if row.cw_agreement_id is None:
            self.fail("no agreement was created")
        self.agreements = {"a": row.cw_agreement_id or 0}
        self.settle()
        self.check(self.mapped())

    def mapped(self) -> Mapping:
        with self.world.database.read() as session:
            return session.get_one(Mapping, (PARTNER, "a"))

    def check(self, row: Mapping) -> None:
        """Exactly one of everything, and the mapping holds it."""
        state = self.world.state()
        if row.new_company:
            made = [one["id"] for one in state["companies"] if one["name"] == NAME]
            if made != [row.cw_company_id]:
                self.fail(f"companies {made}, mapped to {row.cw_company_id}")
        made = [one["id"] for one in state["agreements"] if one["name"] == f"{BRAND} – {NAME}"]
        if made != [row.cw_agreement_id]:
            self.fail(f"agreements {made}, mapped to {row.cw_agreement_id}")
        contacts = [one["id"] for one in state["contacts"] if one["company"]["id"] == row.cw_company_id]
        if len(contacts) > 1:
            self.fail(f"contacts {contacts} of one company")
        for table in ("productType", "category", "subcategory"):
            rows = [one["id"] for one in state["tables"][table] if one["name"] == BRAND]
            if len(rows) != 1:
                self.fail(f"{table}: {rows}")
        with self.world.database.read() as session:
            open_still = session.query(RunChange).filter(RunChange.outcome.in_([Outcome.STARTED, Outcome.UNKNOWN]))
            if open_still.count():
                self.fail(f"not confirmed: {[(one.kind, one.outcome) for one in open_still]}")


def _fault(campaign: _Creation, kind: str, write: str) -> dict[str, Any]:
    path, right = WRITES[write]
    rule: dict[str, Any] = {"kind": kind, "match": {"method": "POST", "path": path}, **FAULTS[kind]}
    if kind == "right_lost":
        rule |= {"right": right, "level": "add"}
    elif kind.startswith("agreement_"):
        rule["id"] = campaign.other
    elif kind.startswith("company_"):
        rule["id"] = campaign.known
    elif kind == "hand_edit":
        rule |= {"record": "company", "id": campaign.known, "set": {"city": "Elsewhere"}}
    return rule


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", FAULTS)
def test_fault(kind: str, write: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with Sandbox() as sandbox:
        campaign = _Creation(tmp_path, sandbox)
        try:
            campaign.wish("new" if write == "company POST" else str(campaign.known))
            campaign.world.faults(_fault(campaign, kind, write))
            campaign.export()
            assert campaign.hits[kind] >= 1, f"{kind} did not meet a {write}"
            restore(campaign)
            if kind == "company_gone" and write != "company POST":
                campaign.wish("new")  # what a person does whose company is gone
            campaign.come_to_rest()
        finally:
            campaign.world.close()
        record_property("fault", [write, kind, campaign.hits[kind]])


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("commit", range(1, 15))
def test_killed(commit: int, after: bool, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        campaign = _Creation(tmp_path, sandbox)
        try:
            campaign.wish("new")
            campaign.world.database.kill_at(commit, after=after)  # type: ignore[attr-defined]
            campaign.export()
            campaign.come_to_rest()
        finally:
            campaign.world.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["close_after", "commit_late", "close_before"])
def test_everything_is_lost_once(kind: str, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        campaign = _Creation(tmp_path, sandbox)
        world = campaign.world
        try:
            campaign.wish("new")
            for table, record in zip(
                ("type", "category", "subcategory"), ("company", "contact", "agreement"), strict=True
            ):
                paths = [WRITES[f"{name} POST"][0] for name in (table, record)]
                world.faults(
                    *({"kind": kind, "match": {"method": "POST", "path": path}, **FAULTS[kind]} for path in paths)
                )
                campaign.export()
            assert campaign.hits[kind] == len(WRITES)
            campaign.come_to_rest()
        finally:
            world.close()


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("commit", [7, 9, 11, 13])
def test_killed_among_many_products(commit: int, after: bool, tmp_path: Path) -> None:
    """They are written several at once: whichever are in flight when the process dies, each is there once in the end."""
    skus = [f"S{number}" for number in range(8)]
    with Sandbox() as sandbox:
        campaign = _Creation(tmp_path, sandbox)
        world = campaign.world
        try:
            world.map({"a": campaign.other})
            world.source.set_charges("a", *(charge(sku, 1, 2, 5) for sku in skus))
            world.database.kill_at(commit, after=after)  # type: ignore[attr-defined]
            campaign.export()
            for _ in range(8):
                if campaign.export() == "succeeded":
                    break
            made = sorted(one["identifier"] for one in world.state()["catalog"])
            billed = [line[0] for line in world.lines(campaign.other)]
            if not made == billed == skus:
                campaign.fail(f"products {made}, lines {billed}")
        finally:
            world.close()
