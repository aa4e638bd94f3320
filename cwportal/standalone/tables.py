"""The portal's own tables, all prefixed `portal_`, on metadata of their own.

Money and quantities are kept as text on every database: SQLite has no decimals, and text keeps the digits that were
written ("12.50" stays 12.50). Nothing is summed in SQL, so nothing is lost by it.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cwportal.vocabulary import AccountStatus, Role

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal stored as plain text (never with an exponent), given back with the same digits."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Refuse anything but a finite Decimal: a float here would be a rounding error on somebody's bill."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"expected a Decimal, got {type(value).__name__}")
        if not value.is_finite():
            raise ValueError(f"{value} is not a finite number")
        return format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """The stored digits."""
        return None if value is None else Decimal(value)


class Base(DeclarativeBase):
    """Metadata of the portal; the plugin's tables live on another."""

    metadata = MetaData(naming_convention=NAMING)


class PartnerRow(Base):
    """A managed service provider.

    `revision` counts the loads that touched the partner's data, so that a reader who takes several short reads
    can tell that they belong together.
    """

    __tablename__ = "portal_partner"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    revision: Mapped[int] = mapped_column(default=0, server_default="0")


class AccountRow(Base):
    """A partner's customer; ids are unique within their partner."""

    __tablename__ = "portal_account"
    __table_args__ = (
        CheckConstraint("status IN (" + ", ".join(f"'{status}'" for status in AccountStatus) + ")", name="status"),
    )

    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    address1: Mapped[str]
    city: Mapped[str]
    state: Mapped[str]
    zip: Mapped[str]
    country: Mapped[str]
    phone: Mapped[str]
    website: Mapped[str]
    contact_first_name: Mapped[str]
    contact_last_name: Mapped[str]
    contact_email: Mapped[str]


class ProductRow(Base):
    """A SKU of the vendor; the same for every partner."""

    __tablename__ = "portal_product"

    sku: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    list_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)


class PriceRow(Base):
    """What a partner's customers pay for one SKU unless the charge says otherwise."""

    __tablename__ = "portal_price"

    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey(ProductRow.sku), primary_key=True)
    unit_price: Mapped[Decimal] = mapped_column(ExactDecimal)


class PriceChangeRow(Base):
    """One change of a retail price: who made it and when. A price that is None was not there, or is there no longer."""

    __tablename__ = "portal_price_change"
    __table_args__ = (Index(None, "partner_id", "sku", "id"), Index(None, "partner_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id))
    sku: Mapped[str] = mapped_column(ForeignKey(ProductRow.sku))
    at: Mapped[int] = mapped_column(BigInteger)
    """Seconds since 1970."""
    actor: Mapped[str]
    before: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    after: Mapped[Decimal | None] = mapped_column(ExactDecimal)


class UsageRow(Base):
    """What the charges of a partner come to for one SKU, so that no page reads all charges. Written with every load of charges.

    `retail_` counts only charges without a price of their own, which take the partner's retail price.
    """

    __tablename__ = "portal_usage"

    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey(ProductRow.sku), primary_key=True)
    accounts: Mapped[int]
    retail_accounts: Mapped[int]
    retail_quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    retail_cost: Mapped[Decimal] = mapped_column(ExactDecimal)


class ChargeRow(Base):
    """One row of what an account uses. Several rows per account and SKU are normal; `id` keeps the file's order.

    Every load counts the ids on, so they need 64 bits (SQLite counts only in its own INTEGER, which has them).
    """

    __tablename__ = "portal_charge"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "account_id"], [AccountRow.partner_id, AccountRow.id]),
        Index(None, "partner_id", "account_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    partner_id: Mapped[str]
    account_id: Mapped[str]
    sku: Mapped[str] = mapped_column(ForeignKey(ProductRow.sku))
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit_price: Mapped[Decimal | None] = mapped_column(ExactDecimal)


class AccountUserRow(Base):
    """A user of an account. `services` holds the names as they stood in the file, separated by `;`."""

    __tablename__ = "portal_account_user"
    __table_args__ = (ForeignKeyConstraint(["partner_id", "account_id"], [AccountRow.partner_id, AccountRow.id]),)

    partner_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    status: Mapped[str]
    services: Mapped[str]


class StaffRow(Base):
    """Somebody at the partner who signs in to the portal. One e-mail address is one login in the whole portal.

    A session is good as long as `generation` is what it was when the person signed in. `must_change`: the password was
    chosen by somebody else.
    """

    __tablename__ = "portal_staff"
    __table_args__ = (CheckConstraint("role IN (" + ", ".join(f"'{role}'" for role in Role) + ")", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), index=True)
    role: Mapped[str]
    generation: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    must_change: Mapped[bool] = mapped_column(default=False, server_default=false())


class AttemptRow(Base):
    """One attempt to sign in that did not succeed (yet). `subject` is a hash of the e-mail address typed, or a network address."""

    __tablename__ = "portal_attempt"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    subject: Mapped[str]
    at: Mapped[int] = mapped_column(BigInteger)
    """Seconds since 1970."""
