"""The portal's own tables. They know nothing of ConnectWise."""

from __future__ import annotations

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Everything of the portal."""


db = SQLAlchemy(model_class=Base)


class Reseller(Base):
    """Who resells our services: a partner of the integration."""

    __tablename__ = "reseller"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]


class User(UserMixin, Base):
    """Somebody who signs in."""

    __tablename__ = "user_login"

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int] = mapped_column(ForeignKey(Reseller.id))
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    reseller: Mapped[Reseller] = relationship()


class Customer(Base):
    """Whom a reseller sells to: an account of the integration."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int] = mapped_column(ForeignKey(Reseller.id), index=True)
    name: Mapped[str]
    left: Mapped[bool] = mapped_column(default=False)
    usage: Mapped[list[Usage]] = relationship(order_by="Usage.id")


class Service(Base):
    """What we sell. Cents, because they are exact."""

    __tablename__ = "service"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    cost_cents: Mapped[int]


class Usage(Base):
    """What a customer uses this month, and at which price the reseller sells it (None: not known yet)."""

    __tablename__ = "usage"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), index=True)
    code: Mapped[str] = mapped_column(ForeignKey(Service.code))
    seats: Mapped[int]
    price_cents: Mapped[int | None]
    service: Mapped[Service] = relationship()
