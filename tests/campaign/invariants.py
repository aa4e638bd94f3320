"""What must hold after every step of a campaign, and at its end: checked against ConnectWise's data and its journal of requests."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cwportal.models import LedgerAddition, RunChange, Settings
from cwportal.vocabulary import Outcome

if TYPE_CHECKING:
    from tests.campaign.campaign import Campaign

SCALE = 20
"""How much faster than real time a campaign's clock goes."""
RETRY_AFTER = 10
"""Seconds of that clock that a 429 asks to wait."""
ON_ITS_WAY = Decimal("0.2")
"""Real seconds in which a request that had passed the gate may still arrive."""


class Violation(AssertionError):
    """An invariant does not hold; the message says which, and the seed that shows it again."""


def step(campaign: Campaign, foreign: dict[int, Any], before: dict[str, Decimal]) -> None:
    """Foreign rows are untouched, nobody is billed more than the larger of before and desired, and no limit on requests was broken."""
    now = {
        row["id"]: values(row)
        for agreement in campaign.agreements.values()
        for row in campaign.world.additions(agreement)
    }
    ours = {name: campaign.ours(name) for name in campaign.agreements}
    used = {row["id"] for rows in ours.values() for row in rows}
    for key, was in foreign.items():
        if key not in used and key in now and now[key] != was:
            campaign.fail(f"foreign row {key} was touched: {was} -> {now.get(key)}")
    for name in campaign.agreements:
        adopted = sum(
            (
                foreign[row["id"]]["unitPrice"] * foreign[row["id"]]["quantity"]
                for row in ours[name]
                if row["id"] in foreign
            ),
            Decimal(0),
        )
        most = max(before[name] + adopted, campaign.desired_bill(name)) + Decimal(
            "0.5" if campaign.round is not None else 0
        )
        billed = campaign.bill(ours[name])
        if billed > most:
            campaign.fail(
                f"{name} is billed {billed}, more than {before[name]} before and {campaign.desired_bill(name)} desired"
            )
    limit = campaign.world.config.concurrency
    for entry in campaign.step_journal:
        if entry["concurrent"] > limit:
            campaign.fail(f"{entry['concurrent']} requests in flight, {limit} allowed")
    retry_after(campaign)


def retry_after(campaign: Campaign) -> None:
    """Nobody asks again inside a Retry-After."""
    for told in campaign.step_journal:
        if told["status"] != 429:
            continue
        until = told["finished"] + Decimal(RETRY_AFTER) / SCALE
        for entry in campaign.step_journal:
            # One account, one agreement, one thread: the same request again, and not another's that was on its way.
            again = "additions" in told["path"] and (entry["method"], entry["path"]) == (
                told["method"],
                told["path"],
            )
            since = told["finished"] + (0 if again else ON_ITS_WAY)
            if since < entry["started"] < until - Decimal("0.005"):
                campaign.fail(f"request {entry['n']} came {until - entry['started']} s inside a Retry-After")


def bill(campaign: Campaign) -> None:
    """Every account's live rows of ours are what the portal wants, no more and no less."""
    for name in campaign.agreements:
        rows = [row for row in campaign.ours(name) if not row.get("cancelledDate") and row["quantity"]]
        products = {item["id"]: item["identifier"] for item in campaign.world.state()["catalog"]}
        actual = Counter(
            (products[r["product"]["id"]], four(r["quantity"]), four(r["unitPrice"]), four(r["unitCost"])) for r in rows
        )
        wanted = Counter({(s, q, four(p), four(c)): n for (s, q, p, c), n in campaign.desired(name).items()})
        with campaign.world.database.read() as session:
            lines = session.scalars(select(LedgerAddition).where(LedgerAddition.account_id == name))
            ending = {
                (line.part_number, four(line.key_price), four(line.key_cost))
                for line in lines
                if line.sent_cancelled is not None and line.sent_cancelled >= campaign.clock().date()
            }
        for sku, quantity, price, cost in list(wanted - actual):
            if (sku, price, cost) in ending:  # covered until its last day (rule 4)
                del wanted[sku, quantity, price, cost]
        if actual != wanted:
            campaign.fail(f"bill of {name}: too much {actual - wanted}, missing {wanted - actual}")


def ledger(campaign: Campaign) -> None:
    """Every row our keys made is in the ledger once; open ledger rows equal ConnectWise."""
    actual = {
        row["id"]: row for agreement in campaign.agreements.values() for row in campaign.world.additions(agreement)
    }
    made = [
        e["entity_id"]
        for e in campaign.journal
        if e["method"] == "POST" and "additions" in e["path"] and e["entity_id"]
    ]
    with campaign.world.database.read() as session:
        ledger = {row.cw_addition_id: row for row in session.scalars(select(LedgerAddition))}
    wanted = {
        (quantity, four(price), four(cost))
        for name in campaign.agreements
        for _, quantity, price, cost in campaign.desired(name)
    }
    for key in made:
        if key in actual and key not in ledger:
            campaign.fail(f"addition {key} is ours and not in the ledger")
    for key, row in ledger.items():
        if row.closed_at is not None or row.sent_cancelled is not None:
            continue
        if row.cw_agreement_id not in campaign.agreements.values():
            continue
        if key not in actual:
            campaign.fail(f"ledger row {key} is not in ConnectWise")
        now = (four(actual[key]["quantity"]), four(actual[key]["unitPrice"]), four(actual[key]["unitCost"]))
        if now in wanted:  # a person set what the portal wants: nothing to write, the old echo stays
            continue
        if now[0] and now != (row.echoed_quantity, row.echoed_price, row.echoed_cost):
            campaign.fail(
                f"ledger row {key} says {row.echoed_quantity, row.echoed_price, row.echoed_cost}, ConnectWise {now}"
            )


def log(campaign: Campaign) -> None:
    """Every write has its log row, and every log row its truth."""
    with campaign.world.database.read() as session:
        changes = list(session.scalars(select(RunChange).where(RunChange.kind == "addition")))
        silently = session.scalar(select(Settings.adopt)) == "yes"
    for change in changes:
        if change.action != "adopt" or change.cw_addition_id in campaign.used:
            continue
        if not silently or "unitPrice" in change.before:
            campaign.fail(f"existing line {change.cw_addition_id} was taken into use without being asked")
    if any(change.outcome in (Outcome.STARTED, Outcome.UNKNOWN) for change in changes):
        campaign.fail("a write is still not confirmed")
    created = Counter(c.cw_addition_id for c in changes if c.outcome == Outcome.APPLIED and c.action == "create")
    made = Counter(
        e["entity_id"]
        for e in campaign.journal
        if e["method"] == "POST" and "additions" in e["path"] and e["entity_id"]
    )
    for counter in (created, made):
        for key in campaign.deleted | campaign.used:
            del counter[key]
    if created != made:
        campaign.fail(f"created by the log {created - made}, by ConnectWise {made - created}")
    patched = Counter(
        c.cw_addition_id for c in changes if c.outcome == Outcome.APPLIED and c.sent and c.action != "create"
    )
    done = Counter(
        e["entity_id"]
        for e in campaign.journal
        if e["method"] == "PATCH" and "additions" in e["path"] and e["entity_id"]
    )
    if patched - done:
        campaign.fail(f"the log says that {patched - done} were changed, ConnectWise does not")


def four(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize() + 0


def values(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: row["product"]["id"] if key == "product" else row.get(key)
        for key in ("product", "quantity", "unitPrice", "unitCost", "cancelledDate", "effectiveDate")
    }
