"""A partner as large as wanted, as rows: what pages are measured with, and what their numbers of queries are counted with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from cwportal.models import (
    Connection,
    Directory,
    DirectoryAgreement,
    DirectoryCompany,
    LedgerAddition,
    Mapping,
    Run,
    RunAccount,
    RunChange,
)
from cwportal.runtime import Runtime
from cwportal.services import settings
from cwportal.services.secrets import Keyring
from cwportal.standalone.tables import AccountRow, ChargeRow, PriceRow, ProductRow
from cwportal.vocabulary import RunState

_AT_ONCE = 5_000
_TENANT = "cw.example/large"
_ADDRESS = ("address1", "city", "state", "zip", "country", "phone", "website")
_CONTACT = ("contact_first_name", "contact_last_name", "contact_email")


@dataclass(frozen=True, slots=True)
class Volume:
    """How much. `lines` is charges, additions of ours and changes of an export per account."""

    accounts: int
    lines: int
    companies: int
    runs: int


@dataclass(frozen=True, slots=True)
class Filled:
    """Ids of what was put in: an ended export in which something waits, a preview, and the export under way."""

    export: int
    preview: int
    running: int


def fill(runtime: Runtime, portal_engine: Any, partner_id: str, volume: Volume, now: datetime) -> Filled:
    """Give a partner that is in the portal already everything else: a connection, accounts, a directory, mappings and exports."""
    ids = [f"a{number:05}" for number in range(volume.accounts)]
    parts = [f"PART-{number:03}" for number in range(volume.lines)]
    _portal(portal_engine, partner_id, ids, parts)
    with runtime.database.write() as session:
        _connection(session, runtime, partner_id, now)
        _directory(session, partner_id, volume, now)
        _mapped(session, partner_id, ids, parts, now)
        for number in range(volume.runs - 2):
            _run(session, partner_id, now - timedelta(days=volume.runs - number), state=RunState.SUCCEEDED)
        export = _run(session, partner_id, now - timedelta(hours=2), state=RunState.PARTIAL, planned_at=now)
        preview = _run(session, partner_id, now - timedelta(hours=1), trigger="preview", planned_at=now)
        running = _run(session, partner_id, now, state=RunState.APPLYING, finished_at=None, heartbeat_at=now)
        for run, outcome in ((export, "applied"), (preview, "planned"), (running, "planned")):
            _plans(session, run, partner_id, ids, parts, outcome, now)
    settings.update(runtime, partner_id, {"export": "daily", "timezone": "America/New_York"}, actor="ann")
    return Filled(export, preview, running)


def _portal(engine: Any, partner_id: str, ids: Sequence[str], parts: Sequence[str]) -> None:
    empty = dict.fromkeys((*_ADDRESS, *_CONTACT), "")
    with engine.begin() as connection:
        _several(
            connection,
            AccountRow,
            (
                {"partner_id": partner_id, "id": key, "name": f"Customer number {key}", "status": "active", **empty}
                for key in ids
            ),
        )
        products = [{"sku": part, "name": f"Product {part}", "list_cost": Decimal("2.50")} for part in parts]
        _several(connection, ProductRow, products)
        prices = [{"partner_id": partner_id, "sku": part, "unit_price": Decimal("4.25")} for part in parts]
        _several(connection, PriceRow, prices)
        charge = {"partner_id": partner_id, "quantity": Decimal(3), "unit_cost": Decimal("2.50"), "unit_price": None}
        _several(connection, ChargeRow, ({**charge, "account_id": key, "sku": part} for key in ids for part in parts))


def _several(connection: Any, table: Any, rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _AT_ONCE:
            connection.execute(insert(table), waiting)
            waiting = []
    if waiting:
        connection.execute(insert(table), waiting)


def _connection(session: Session, runtime: Runtime, partner_id: str, now: datetime) -> None:
    secret = Keyring.of(runtime.config).encrypt(partner_id, "not a key")
    session.add(
        Connection(
            partner_id=partner_id,
            tenant=_TENANT,
            site="cw.example",
            company_id="large",
            public_key=secret,
            private_key=secret,
            codebase="v4_6_release/",
            is_cloud=True,
            connected_at=now,
        )
    )


def _directory(session: Session, partner_id: str, volume: Volume, now: datetime) -> None:
    mine = {"partner_id": partner_id, "tenant": _TENANT}
    session.add(Directory(**mine, generation=1, last_generation=1, read_to=now, full_at=now, refreshed_at=now))
    numbers = range(1, volume.companies + 1)
    company = {**mine, "generation": 1, "deleted": False}
    _several(
        session,
        DirectoryCompany,
        (
            {
                **company,
                "cw_company_id": n,
                "identifier": f"C{n}",
                "name": f"Company {n}",
                "search": f"company {n} c{n}",
            }
            for n in numbers
        ),
    )
    agreement = {**mine, "generation": 1, "cancelled": False, "name": "Managed services"}
    _several(session, DirectoryAgreement, ({**agreement, "cw_agreement_id": n, "cw_company_id": n} for n in numbers))


def _mapped(session: Session, partner_id: str, ids: Sequence[str], parts: Sequence[str], now: datetime) -> None:
    mine = {"partner_id": partner_id, "tenant": _TENANT}
    mapping = {
        **mine,
        "agreement_name": "Managed services",
        "export": True,
        "per_cycle_confirmed": False,
        "changed_at": now,
    }
    _several(
        session,
        Mapping,
        (
            {**mapping, "account_id": key, "cw_company_id": n, "cw_agreement_id": n, "company_name": f"Company {n}"}
            for n, key in enumerate(ids[: len(ids) * 9 // 10], 1)
        ),
    )
    line = {**mine, "cw_product_id": 1, "origin": "created", "created_at": now, "sent_quantity": Decimal(3)}
    _several(
        session,
        LedgerAddition,
        (
            {
                **line,
                "account_id": key,
                "cw_agreement_id": n,
                "cw_addition_id": n * 1000 + place,
                "part_number": part,
                "key_price": Decimal("4.25"),
                "key_cost": Decimal("2.50"),
            }
            for n, key in enumerate(ids, 1)
            for place, part in enumerate(parts)
        ),
    )


def _run(session: Session, partner_id: str, at: datetime, **columns: Any) -> int:
    money = {"price_before": "100.00", "price_after": "112.50", "cost_before": "50", "cost_after": "55"}
    values = {"trigger": "daily", "state": RunState.SUCCEEDED, "actor": "ann@msp.example", "finished_at": at, **columns}
    run = Run(
        partner_id=partner_id,
        tenant=_TENANT,
        approval={},
        created_at=at,
        counts={"updated": 3, "unchanged": 9},
        money=money,
        **values,
    )
    session.add(run)
    session.flush()
    return run.id


def _plans(
    session: Session, run: int, partner_id: str, ids: Sequence[str], parts: Sequence[str], outcome: str, now: datetime
) -> None:
    """Every account with changes and a warning; every third waits, every seventh lacks a price."""
    warning = {"code": "price_below_cost", "severity": "warning", "part_number": parts[0], "addition_id": None}
    warning |= {"amount": "12.75", "message": "It is sold below its cost.", "effect": "none", "command": None}
    waits = {
        **warning,
        "code": "limit_account",
        "severity": "hold",
        "message": "Larger than the limit.",
        "amount": "50",
    }
    error = {**warning, "code": "price_missing", "severity": "error", "message": "There is no retail price for it."}
    money = {"price_before": "10.00", "price_after": "60.00", "cost_before": "5.00", "cost_after": "6.00"}
    plan = {"run_id": run, "partner_id": partner_id, "digest": "d" * 64, "money": money, "unchanged": 2}
    plan |= {"changes": len(parts), "delta_cents": 5000, "loudest": "warning", "asks": False, "error": None}
    _several(
        session,
        RunAccount,
        (
            {
                **plan,
                "account_id": key,
                "cw_agreement_id": n,
                "plan_state": "held" if n % 3 == 0 else "ready",
                "state": "held" if n % 3 == 0 else "skipped" if outcome == "planned" else "succeeded",
                "findings": [warning] + [waits] * (n % 3 == 0) + [error] * (n % 7 == 0),
            }
            for n, key in enumerate(ids, 1)
        ),
    )
    change = {"run_id": run, "partner_id": partner_id, "tenant": _TENANT, "kind": "addition", "action": "update"}
    change |= {
        "before": {"quantity": "3"},
        "after": {"quantity": "4"},
        "reason": "Quantity changed",
        "outcome": outcome,
    }
    change |= {"price_delta": Decimal("4.25"), "finished_at": now if outcome == "applied" else None}
    _several(
        session,
        RunChange,
        (
            {
                **change,
                "account_id": key,
                "position": place,
                "part_number": part,
                "cw_agreement_id": n,
                "cw_addition_id": n * 1000 + place,
            }
            for n, key in enumerate(ids, 1)
            for place, part in enumerate(parts)
        ),
    )
