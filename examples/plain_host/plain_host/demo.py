"""`flask demo`: a reseller with two customers, to try things out."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from werkzeug.security import generate_password_hash

from plain_host.tables import Customer, Reseller, Service, Usage, User, db


@click.command()
@click.password_option("--password", envvar="PLAIN_HOST_PASSWORD", help="Of ann@blue-river.example.")
@with_appcontext
def demo(password: str) -> None:
    """Fill the portal with a reseller, its login and two customers."""
    river = Reseller(slug="blue-river", name="Blue River IT", timezone="Europe/Berlin", currency="USD")
    db.session.add_all(
        [Service(code="MAIL", name="Mailbox", cost_cents=210), Service(code="BACKUP", name="Backup", cost_cents=380)]
    )
    db.session.add(river)
    db.session.flush()
    db.session.add(
        User(reseller_id=river.id, email="ann@blue-river.example", password_hash=generate_password_hash(password))
    )
    oak = [Usage(code="MAIL", seats=12, price_cents=450), Usage(code="MAIL", seats=3, price_cents=395)]
    db.session.add(Customer(reseller_id=river.id, name="Oak Dental", usage=oak))
    db.session.add(
        Customer(reseller_id=river.id, name="Pine Law", usage=[Usage(code="BACKUP", seats=5, price_cents=899)])
    )
    db.session.commit()
    click.echo("Reseller blue-river with the customers 1 (Oak Dental) and 2 (Pine Law).")
