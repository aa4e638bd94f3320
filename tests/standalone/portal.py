"""The portal with two partners, their products and prices, and somebody of every role, as pages are tested."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from cwportal.standalone.load import load
from tests.blueprints.portal import PEOPLE, Portal, opened

ACCOUNTS = (
    "partner_id,account_id,name,status,city\n"
    "msp,a1,Alder & Finch,active,Portland\nmsp,a2,Ósvík ehf.,suspended,\nmsp,a3,Quarry Hill,closed,\n"
    "rival,a1,Secret customer,active,\nrival,r9,Other secret,active,\n"
)
PRODUCTS = "sku,name,list_cost\nMBX,Mailbox,3.80\nBKP,Backup,\nPBX,Seat,9\nREC,Recording,2.10\n"
PRICES = "partner_id,sku,unit_price\nmsp,MBX,7.50\nmsp,BKP,4\nrival,MBX,6.90\nrival,PBX,77.77\n"
CHARGES = (
    "partner_id,account_id,sku,quantity,unit_cost,unit_price\n"
    "msp,a1,MBX,3,3.80,\nmsp,a1,MBX,2,3.80,\nmsp,a1,MBX,2,3.40,6.95\nmsp,a1,PBX,1,9,\nmsp,a2,BKP,12.5,0.045,0\n"
    "msp,a2,PBX,2,9.0001,\nrival,a1,MBX,4,3.80,\n"
)
USERS = (
    "partner_id,account_id,email,display_name,status,services\n"
    "msp,a1,ann@alder.example,Ann,active,MBX;PBX\nmsp,a1,bob@alder.example,,disabled,\n"
    "rival,a1,spy@secret.example,Spy,active,\n"
)
FILES = {"accounts": ACCOUNTS, "products": PRODUCTS, "prices": PRICES, "charges": CHARGES, "users": USERS}


@contextmanager
def filled(folder: Path, **config: Any) -> Iterator[Portal]:
    """A portal with these data."""
    with opened(folder / "instance", **config) as portal:
        put(portal, folder / "files", **FILES)
        yield portal


def put(portal: Portal, folder: Path, **files: str) -> None:
    """Load files."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for kind, content in files.items():
        (folder / f"{kind}.csv").write_text(content)
    load(portal.own.engine, folder)


def token(client: FlaskClient, path: str = "/password") -> str:
    """The token of a form."""
    found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def post(client: FlaskClient, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
    """As a browser sends it."""
    return client.post(path, data={"csrf_token": token(client), **(data or {})}, **more)


def words(answer: TestResponse) -> str:
    """What a person reads, without marks and with single spaces."""
    text = re.sub(r"<[^>]*>", "", answer.text)
    return re.sub(r"\s+", " ", unescape(text))


@contextmanager
def counted(portal: Portal) -> Iterator[list[str]]:
    """Statements that the portal and the plugin send inside the block."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET ", "ROLLBACK")):
            sent.append(statement)

    engines: Sequence[Any] = (portal.own.engine, portal.runtime.database.engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def id_of(portal: Portal, who: str) -> int:
    """Of somebody of every role."""
    from cwportal.standalone import staff

    found = staff.find(portal.own.engine, PEOPLE[who][0])
    assert found is not None
    return found.id
