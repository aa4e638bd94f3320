"""A small portal as files, and a look at everything that is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from cwportal.standalone.tables import Base

Rows = dict[str, list[tuple[Any, ...]]]
Write = Callable[..., Path]

PARTNERS = "partner_id,name,timezone,currency\nacme,Acme IT,America/New_York,USD\nbeta,Beta IT,Europe/Berlin,EUR\n"
ACCOUNTS = (
    "partner_id,account_id,name,status\n"
    "acme,a1,Alder & Finch,active\nacme,a2,Ósvík ehf.,suspended\nacme,a3,Quarry Hill,closed\n"
    "beta,a1,Müller GmbH,active\n"
)
PRODUCTS = "sku,name,list_cost\nMBX,Mailbox,3.80\nBKP,Backup,\nPBX,Seat,9\n"
PRICES = "partner_id,sku,unit_price\nacme,MBX,7.50\nacme,BKP,4\nbeta,MBX,6.90\n"
CHARGES = (
    "partner_id,account_id,sku,quantity,unit_cost,unit_price\n"
    "acme,a1,MBX,3,3.80,\nacme,a1,MBX,2,3.40,6.95\nacme,a1,PBX,1,9,\nacme,a2,BKP,12.5,0.045,0\nbeta,a1,MBX,4,3.80,\n"
)
USERS = (
    "partner_id,account_id,email,display_name,status,services\n"
    "acme,a1,ann@alder.example,Ann,active,MBX; PBX\nacme,a1,bob@alder.example,,disabled,\n"
)
FILES = {
    "partners": PARTNERS,
    "accounts": ACCOUNTS,
    "products": PRODUCTS,
    "prices": PRICES,
    "charges": CHARGES,
    "users": USERS,
}


def rows(engine: Engine) -> Rows:
    """Everything in the portal's tables, to compare before and after."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }
