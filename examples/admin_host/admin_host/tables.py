"""The portal's own tables. They know nothing of ConnectWise."""

from __future__ import annotations

from decimal import Decimal

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Numeric
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_Money = Numeric(10, 2)


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

    def __str__(self) -> str:
        return self.name


class Staff(UserMixin, Base):
    """Somebody who signs in: of a reseller, or of us (no reseller). `role`: "reader", "clerk" or "owner"."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int | None] = mapped_column(ForeignKey(Reseller.id))
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    reseller: Mapped[Reseller | None] = relationship()


class Customer(Base):
    """Whom a reseller sells to: an account of the integration."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int] = mapped_column(ForeignKey(Reseller.id), index=True)
    name: Mapped[str]
    left: Mapped[bool] = mapped_column(default=False)
    reseller: Mapped[Reseller] = relationship()
    subscriptions: Mapped[list[Subscription]] = relationship(back_populates="customer", order_by="Subscription.id")

    def __str__(self) -> str:
        return self.name


class Service(Base):
    """What we sell, and what a reseller pays for it."""

    __tablename__ = "service"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    cost: Mapped[Decimal] = mapped_column(_Money)

    def __str__(self) -> str:
        return self.name


class Subscription(Base):
    """What a customer uses this month, and at which price the reseller sells it (None: not known yet)."""

    __tablename__ = "subscription"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), index=True)
    code: Mapped[str] = mapped_column(ForeignKey(Service.code))
    seats: Mapped[int]
    price: Mapped[Decimal | None] = mapped_column(_Money)
    customer: Mapped[Customer] = relationship(back_populates="subscriptions")
    service: Mapped[Service] = relationship()
