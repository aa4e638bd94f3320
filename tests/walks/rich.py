"""A partner in whose data every kind of state is met, and whose every name tries to break out of pages and files."""

from __future__ import annotations

from typing import Any

from tests.walks.stage import PARTNER, Stage, company

NASTY = {
    "markup": "<nasty onnasty=nasty>\"quoted\" & 'single'</nasty>",
    "script": "<script>nasty()</script>",
    "right to left": "\u202egro.elpmaxe\u202c عربي \u2066x\u2069",
    "long": "N" * 100,
    "formula": "=nasty|' /C calc'!A0",
    "template": "{{ 7*7 }}{% nasty %}",
    "spaces": "@nasty\u00a0 \u200b\u200d",
}
"""Names by what they try. Parts that must never be markup are called nasty."""
LONGEST = "Ñ" * 200
SKUS = {
    "MBX-<b>&\"'": NASTY["markup"],
    "=1+1": NASTY["formula"],
    "BACKUP": NASTY["right to left"],
    "ARCHIVE": LONGEST,
    "NOPRICE": NASTY["script"],
}


def fill(stage: Stage) -> None:
    """Two exports with every kind of finding, and a third that waits."""
    names = [*NASTY.values(), LONGEST]
    keys = [f"a{number}" for number in range(len(names))]
    stage.load(
        partners=[(PARTNER, NASTY["markup"], "America/New_York", "USD")],
        accounts=[*zip(keys, names, ["active"] * len(keys), strict=True), ("gone", "Gone <nasty>", "closed")],
        products=[(sku, name, "2.5") for sku, name in SKUS.items()],
        prices=[(sku, "4.25") for sku in SKUS if sku != "NOPRICE"],
        charges=[(key, sku, 12 + number, "2.5", "") for number, key in enumerate(keys) for sku in SKUS],
        users=[(key, f"u{number}@x.example", NASTY["formula"], "active", "mail") for number, key in enumerate(keys)],
    )
    stage.staff(ann="admin", ben="billing", cleo="viewer")
    seeded: list[dict[str, Any]] = [company(_fits(name), _fits(f"{name} plan")) for name in names]
    seeded[3]["agreements"][0]["additions"] = [{"product": "BACKUP", "quantity": 2, "unitPrice": 3}]
    product = {"identifier": "BACKUP", "description": "Backup", "price": 3, "cost": 2}
    stage.seed(*seeded, catalog=[{**product, "type": "Service", "subcategory": "Cloud Subscriptions"}])
    stage.connect()
    stage.choose(data="products,quantity,cost,price,users", agreement_type_id="1")
    state = stage.control("state")
    plans = {row["company"]["name"]: row for row in state["agreements"]}
    mapped = [plans[_fits(name)] for name in names[:-2]]
    stage.map(
        *(f"{key},{row['company']['id']},{row['id']},yes" for key, row in zip(keys, mapped, strict=False)),
        f"{keys[-2]},new,new,yes",
    )
    stage.export()
    charges = [(key, sku, 400 + number, "5", "") for number, key in enumerate(keys[1:]) for sku in list(SKUS)[:2]]
    stage.load(charges=charges)  # one has nothing any more, others less of it and much more of it
    row = next(iter(stage.sandbox.tenant("training").additions(mapped[2]["id"])))
    stage.control("edit", {"kind": "addition", "id": row["id"], "set": {"unitPrice": 77}})
    stage.control("edit", {"kind": "agreement", "id": mapped[5]["id"], "set": {"cancelledFlag": True}})
    stage.export()


def _fits(name: str) -> str:
    """As long as a name in ConnectWise may be."""
    return name[:50]
