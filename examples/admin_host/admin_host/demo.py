"""`flask demo`: a reseller with two customers and three people, to try things out."""

from __future__ import annotations

from decimal import Decimal

import click
from flask.cli import with_appcontext
from werkzeug.security import generate_password_hash

from admin_host.tables import Customer, Reseller, Service, Staff, Subscription, db

_PEOPLE = (
    ("ann@blue-river.example", "Ann", "owner", True),
    ("ben@blue-river.example", "Ben", "clerk", True),
    ("cleo@blue-river.example", "Cleo", "reader", True),
    ("support@cloud.example", "Support", "owner", False),
)


@click.command()
@click.password_option("--password", envvar="ADMIN_HOST_PASSWORD", help="Of everybody in the demonstration.")
@with_appcontext
def demo(password: str) -> None:
    """Fill the portal with a reseller, its people and two customers."""
    river = Reseller(slug="blue-river", name="Blue River IT", timezone="Europe/Berlin", currency="USD")
    db.session.add_all(
        [
            Service(code="MAIL", name="Mailbox", cost=Decimal("2.10")),
            Service(code="BACKUP", name="Backup", cost=Decimal("3.80")),
        ]
    )
    db.session.add(river)
    db.session.flush()
    secret = generate_password_hash(password)
    for email, name, role, theirs in _PEOPLE:
        place = river.id if theirs else None
        db.session.add(Staff(reseller_id=place, email=email, name=name, password_hash=secret, role=role))
    mail = [
        Subscription(code="MAIL", seats=12, price=Decimal("4.50")),
        Subscription(code="MAIL", seats=3, price=Decimal("3.95")),
    ]
    backup = [Subscription(code="BACKUP", seats=5, price=Decimal("8.99"))]
    db.session.add(Customer(reseller_id=river.id, name="Oak Dental", subscriptions=mail))
    db.session.add(Customer(reseller_id=river.id, name="Pine Law", subscriptions=backup))
    db.session.commit()
    click.echo("Reseller blue-river with the customers 1 (Oak Dental) and 2 (Pine Law).")
    click.echo(f"Sign in as {', '.join(email for email, *_ in _PEOPLE)}.")
