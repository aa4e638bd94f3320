"""Every fault on every kind of write: the next exports put it right, and every invariant holds. The table is printed and asserted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cwportal.portal import User
from cwportal.sandbox import Sandbox
from tests.campaign.campaign import Campaign, restore
from tests.campaign.invariants import RETRY_AFTER
from tests.campaign.lists import DELETION, UPLOAD
from tests.support.portal import charge

WRITES: dict[str, dict[str, str]] = {
    "product POST": {"method": "POST", "path": "procurement/catalog"},
    "addition POST": {"method": "POST", "path": "additions"},
    "addition PATCH": {"method": "PATCH", "path": "additions"},
    "document POST": UPLOAD,
    "document DELETE": DELETION,
}
FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.05},
    "rate_limit_json": {"retry_after": RETRY_AFTER},
    "rate_limit_html": {"retry_after": RETRY_AFTER},
    "error_before": {"status": 502},
    "error_after": {"status": 500},
    "close_before": {},
    "close_after": {},
    "hang_before": {"seconds": 0.8},
    "hang_after": {"seconds": 0.8},
    "commit_late": {"seconds": 0.9},
    "truncated": {},
    "html_page": {},
    "revoked_keys": {},
    "right_lost": {},
    "codebase_changed": {"to": "v2026_9/"},
    "agreement_cancelled": {},
    "agreement_gone": {},
    "company_gone": {},
    "company_inactive": {},
    "hand_edit": {"set": {"unitPrice": 77}},
}
RIGHT = {
    "product POST": "Procurement > Product Catalog",
    "addition POST": "Finance > Agreements",
    "addition PATCH": "Finance > Agreements",
    "document POST": "Companies > Manage Attachments",
    "document DELETE": "Companies > Manage Attachments",
}
LEVEL = {
    "product POST": "add",
    "addition POST": "add",
    "addition PATCH": "edit",
    "document POST": "add",
    "document DELETE": "delete",
}


def _fault(kind: str, write: str, agreement: int, company: int) -> dict[str, Any]:
    rule = {"kind": kind, "match": WRITES[write], **FAULTS[kind]}
    if kind == "right_lost":
        rule |= {"right": RIGHT[write], "level": LEVEL[write]}
    if kind.startswith("agreement_"):
        rule["id"] = agreement
    if kind.startswith("company_"):
        rule["id"] = company
    if kind == "hand_edit" and write != "addition PATCH":
        rule |= {"record": "catalog", "id": 1, "set": {"description": "renamed by hand"}}
    return rule


def _repair(campaign: Campaign, kind: str) -> None:
    """What a person does about the faults that do not pass by themselves."""
    world, agreement = campaign.world, campaign.agreements["a"]
    restore(campaign)
    if kind == "agreement_cancelled":
        world.control(
            "edit",
            {
                "kind": "agreement",
                "id": agreement,
                "set": {"cancelledFlag": False, "dateCancelled": None, "agreementStatus": "Active"},
            },
        )
    elif kind in ("agreement_gone", "company_gone"):
        world.source.add_account("b")
        campaign.agreements["b"] = world.agreement("again")
        world.source.set_charges("b", *world.source.usage["a"])
        world.source.people["b"] = world.source.people["a"]
        world.source.set_charges("a")
        world.map({"a": None, "b": campaign.agreements["b"]})
        del campaign.agreements["a"]


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", FAULTS)
def test_fault(kind: str, write: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("fault", [write, kind, come_right(kind, write, tmp_path)])


def come_right(kind: str, write: str, folder: Path, **config: str) -> int:
    """An export that meets the fault on this kind of write, and those after it. How often it hit."""
    with Sandbox() as sandbox:
        campaign = Campaign(folder, sandbox, 1, **config)
        world = campaign.world
        try:
            foreign = {"product": {"identifier": "OLD"}, "quantity": 1, "unitPrice": 3, "unitCost": 1}
            world.control(
                "seed", {"catalog": [{"identifier": "OLD", "description": "OLD", "customerDescription": "OLD"}]}
            )
            world.connect()
            world.choose(limit_ended="1000", limit_change="1000", adopt="no")
            campaign.agreements["a"] = world.agreement("a", foreign)
            company = world.state()["agreements"][0]["company"]["id"]
            world.source.add_account("a", charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
            world.map(dict(campaign.agreements))
            campaign.lists.exported = write.startswith("document")
            campaign.lists.select()
            campaign.lists.change("a")
            if write == "document DELETE":
                assert campaign.export() == "succeeded"
                world.source.people["a"] = [User("ann@a.example", "Ann", "active", ("Mail",))]
            if write == "addition PATCH":
                assert campaign.export() == "succeeded"
                world.source.set_charges("a", charge("MBX", 5, 2, 5), charge("MBX", 2, 2, Decimal("6.5")))
            world.faults(_fault(kind, write, campaign.agreements["a"], company))
            campaign.export()
            assert campaign.hits[kind] >= 1, f"{kind} did not meet a {write}"
            _repair(campaign, kind)
            campaign.answer()
            campaign.settle()
        finally:
            world.close()
        return campaign.hits[kind]
