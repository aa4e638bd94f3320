"""The standalone portal with two partners and a person of every role, without the command line."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from sqlalchemy import insert, select

from cwportal.app import create_app
from cwportal.commands.context import OWN_PORTAL
from cwportal.models import Connection, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import schema
from cwportal.services.secrets import Keyring
from cwportal.standalone.tables import AccountRow, PartnerRow, StaffRow
from cwportal.vocabulary import RunState

PREFIX = "/integration/connectwise"
MINE, OTHER = "msp", "rival"
WHEN = datetime(2026, 11, 23, 14, 41, 9, tzinfo=UTC)
PEOPLE = {
    "viewer": ("viewer@msp.example", MINE, "viewer"),
    "billing": ("billing@msp.example", MINE, "billing"),
    "admin": ("admin@msp.example", MINE, "admin"),
    "other": ("billing@rival.example", OTHER, "billing"),
}
FILE = "cwportal.sqlite"
NOWHERE = "unix:///nowhere/socket"
"""A queue that is away."""


class Portal:
    """The application and its rows."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.app: Flask = create_app({"CWPORTAL_INSTANCE": str(folder), "CWPORTAL_REDIS_URL": NOWHERE, **config})
        self.app.testing = True
        self.app.jinja_env.undefined = StrictUndefined  # as in some hosts
        self.runtime: Runtime = self.app.extensions["cwportal"]
        self.own: Any = self.app.extensions[OWN_PORTAL]
        if not self.own.is_current():
            self._begin()

    def _begin(self) -> None:
        schema.upgrade(self.runtime.database.engine)
        self.own.migrate()
        with self.own.engine.begin() as connection:
            connection.execute(
                insert(PartnerRow),
                [
                    {"id": key, "name": f"Partner {key}", "timezone": "America/New_York", "currency": "USD"}
                    for key in (MINE, OTHER)
                ],
            )
            connection.execute(
                insert(StaffRow),
                [
                    {"email": email, "partner_id": partner, "role": role, "password_hash": "none"}
                    for email, partner, role in PEOPLE.values()
                ],
            )

    def close(self) -> None:
        """Let the databases go."""
        self.runtime.database.dispose()
        self.own.dispose()

    def client(self, who: str | None) -> FlaskClient:
        """A browser in which this person is signed in."""
        client = self.app.test_client()
        if who is not None:
            with client.session_transaction() as session:
                session["_user_id"] = PEOPLE[who][0]
        return client

    def connect(self, *partners: str) -> None:
        """Partners with a ConnectWise that nobody reaches."""
        keys = Keyring.of(self.runtime.config)
        with self.runtime.database.write() as session:
            for partner in partners:
                session.add(
                    Connection(
                        partner_id=partner,
                        tenant=f"cw.example/{partner}",
                        site="https://cw.example",
                        company_id=partner,
                        public_key=keys.encrypt(partner, "public"),
                        private_key=keys.encrypt(partner, "private"),
                        codebase="",
                        is_cloud=False,
                        connected_at=WHEN,
                    )
                )

    def account(self, key: str, name: str) -> None:
        """An account of MINE."""
        columns = ("address1", "city", "state", "zip", "country", "phone", "website")
        contact = ("contact_first_name", "contact_last_name", "contact_email")
        with self.own.engine.begin() as connection:
            connection.execute(
                insert(AccountRow).values(
                    partner_id=MINE, id=key, name=name, status="active", **dict.fromkeys((*columns, *contact), "")
                )
            )

    def run(self, partner: str = MINE, state: RunState = RunState.SUCCEEDED, **columns: Any) -> int:
        """A run; its id."""
        ended = {} if state in (RunState.QUEUED, RunState.READING, RunState.APPLYING) else {"finished_at": WHEN}
        values = {
            "tenant": "cw.example/x",
            "trigger": "manual",
            "actor": "ann@msp.example",
            "approval": {},
            "created_at": WHEN,
            **ended,
        }
        with self.runtime.database.write() as session:
            run = Run(partner_id=partner, state=state, **{**values, **columns})
            session.add(run)
            session.flush()
            return run.id

    def planned(self, run_id: int, account: str, *, finding: str = "") -> None:
        """An account in the run."""
        found = {"code": "drift", "severity": "warning", "part_number": "MBX", "message": finding}
        with self.runtime.database.write() as session:
            session.add(
                RunAccount(
                    run_id=run_id,
                    account_id=account,
                    partner_id=MINE,
                    cw_agreement_id=7,
                    plan_state="ready",
                    state="succeeded",
                    digest="",
                    findings=[found] if finding else [],
                    money={},
                    unchanged=0,
                )
            )

    def change(
        self, run_id: int, account: str, part_number: str = "MBX", outcome: str = "applied", **more: Any
    ) -> None:
        """A change of the run."""
        values: dict[str, Any] = {
            "partner_id": MINE,
            "tenant": "cw.example/x",
            "position": 0,
            "kind": "addition",
            "action": "update",
            "cw_agreement_id": 7,
            "cw_addition_id": 11,
            "before": {"quantity": Decimal(3)},
            "after": {"quantity": Decimal(4)},
            "reason": "The portal's quantity is another",
            "finished_at": WHEN,
        }
        with self.runtime.database.write() as session:
            session.add(
                RunChange(
                    run_id=run_id, account_id=account, part_number=part_number, outcome=outcome, **{**values, **more}
                )
            )

    def runs(self, partner: str = MINE) -> list[Run]:
        """Runs of the partner, oldest first."""
        with self.runtime.database.read() as session:
            return list(session.scalars(select(Run).where(Run.partner_id == partner).order_by(Run.id)))


@cache
def _begun() -> bytes:
    with tempfile.TemporaryDirectory(prefix="cwportal-model-") as folder:
        Portal(Path(folder)).close()
        return (Path(folder) / FILE).read_bytes()


@contextmanager
def opened(folder: Path, **config: Any) -> Iterator[Portal]:
    """A portal for the block. A new SQLite file is the copy of one that was begun once."""
    file = folder / FILE
    if "CWPORTAL_DATABASE_URL" not in config and not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(_begun())
    portal = Portal(folder, **config)
    try:
        yield portal
    finally:
        portal.close()


def token(client: FlaskClient, path: str = f"{PREFIX}/") -> str:
    """The token of the first form on the page (the one for signing out has the same)."""
    found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]
