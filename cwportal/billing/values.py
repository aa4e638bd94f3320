"""What the core is told and what it answers: frozen values, no behaviour beyond small properties.

Money and quantity are Decimal, days are `date` on the partner's calendar (ConnectWise's dates are calendar dates, never shifted).
Field names inside `before`/`after`/`Values.named()` are ConnectWise's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from cwportal.billing.users_file import UsersInput
from cwportal.portal import Address
from cwportal.vocabulary import (
    AccountStatus,
    Action,
    Adopt,
    Answer,
    Data,
    Drift,
    Effect,
    Ended,
    Kind,
    PlanState,
    Severity,
    Taxable,
)


# --- what is wanted ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class GroupKey:
    """The unit price and unit cost a group (and the addition that stands for it) has, at the sent scale. None = not known."""

    unit_price: Decimal | None
    unit_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Group:
    """All charges of one account with the same part number, price and cost. One group is one addition (rule 1)."""

    part_number: str
    key: GroupKey
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know. `message` says what, why and what to do; `amount` is money a month not billed or at stake.

    `command`: what answers it on the command line. Pages have buttons for that.
    """

    code: str
    severity: Severity
    effect: Effect
    message: str
    part_number: str | None = None
    addition_id: int | None = None
    amount: Decimal | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True)
class AccountCharges:
    """The charges of one account, grouped and checked without any knowledge of ConnectWise (rules 1, 3, 10)."""

    account_id: str
    groups: tuple[Group, ...]
    blocked: frozenset[str]
    findings: tuple[Finding, ...]


# --- what is there ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Row:
    """One addition as ConnectWise shows it now."""

    id: int
    product_id: int
    quantity: Decimal
    unit_price: Decimal
    unit_cost: Decimal
    less_included: Decimal = Decimal(0)
    effective: date | None = None
    cancelled: date | None = None
    description: str = ""
    bill_customer: str = "Billable"


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """State of a mapped agreement. `billing_option` is `billingOptions` of its cycle, None where no cycle is known."""

    id: int
    name: str
    company_id: int
    cancelled: bool = False
    status: str | None = None
    start: date | None = None
    end: date | None = None
    bill_start: date | None = None
    billing_option: str | None = "Monthly"
    currency: str | None = None
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """State of a mapped company. `deleted` = in the recycle bin; `contact_id` = its default contact."""

    id: int
    name: str
    deleted: bool = False
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person has asked to be created for an account (rule 13), and what ConnectWise has of that kind already.

    `company`: a new company too, else only an agreement of the mapped one. `twins`: names of other accounts that want a new company of
    the same name. `same_name`: companies that bear the account's name. `taken`: identifiers in use, in lower case. `agreements`: those of
    the company that bear the name the new one would get. `country_id`, `email_type_id`: the tables' rows for the account's
    country and for e-mail addresses; `contact_id`: a contact that was created for this account before.
    """

    company: bool
    address: Address = field(default_factory=Address)
    twins: tuple[str, ...] = ()
    same_name: tuple[CompanyFacts, ...] = ()
    taken: frozenset[str] = frozenset()
    agreements: tuple[AgreementFacts, ...] = ()
    country_id: int | None = None
    email_type_id: int | None = None
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A product in ConnectWise's catalog."""

    id: int
    identifier: str
    inactive: bool = False
    product_class: str = "NonInventory"
    price: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Values:
    """Fields of an addition as sent or as echoed; None = never sent / not known."""

    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    cancelled: date | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An addition that is ours, and what we know of it. `intended`: values of writes whose outcome was never learnt."""

    addition_id: int
    product_id: int
    part_number: str
    account_id: str
    agreement_id: int
    key: GroupKey
    sent: Values
    echoed: Values
    intended: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerProduct:
    """A catalog product that is ours (`created`), or that a person linked to a SKU (`linked`), or found by its identifier."""

    part_number: str
    product_id: int
    created: bool
    linked: bool = False
    sent_cost: Decimal | None = None
    echoed_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer about one line; `until` is the date of `end:DATE`."""

    answer: Answer
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A write of an earlier run that ConnectWise has not confirmed and that still needs time or a person.

    `users`: it concerns the list of users, and only that waits. `command`: as of a finding.
    """

    message: str
    part_number: str | None = None
    candidates: tuple[int, ...] = ()
    users: bool = False
    command: str | None = None


# --- the rules chosen -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Limits:
    """What an export may change without a person (rule 14). Percent as whole numbers or decimals, e.g. 30."""

    account_ended_percent: Decimal = Decimal(30)
    account_ended_least: int = 3
    growth_factor: Decimal = Decimal(10)
    growth_over: Decimal = Decimal(20)
    partner_ended_percent: Decimal = Decimal(10)
    partner_ended_least: int = 10
    partner_change_percent: Decimal = Decimal(25)


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the partner has chosen."""

    data: frozenset[Data] = frozenset({Data.PRODUCTS, Data.QUANTITY, Data.COST, Data.PRICE})
    ended: Ended = Ended.ZERO
    drift: Drift = Drift.OVERWRITE
    adopt: Adopt = Adopt.ASK
    limits: Limits = field(default_factory=Limits)
    taxable: Taxable = Taxable.DEFAULT


@dataclass(frozen=True, slots=True)
class Sku:
    """A SKU the source knows: its name and what the partner pays by the price list."""

    part_number: str
    name: str
    list_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """What is known of products for one run.

    `hits`: part number -> every catalog product whose identifier equals it (case-insensitively); absent = not read.
    `by_id`: products that the ledger or a link names, by id; an id that was asked for and is absent is gone.
    """

    skus: Mapping[str, Sku]
    hits: Mapping[str, tuple[CatalogEntry, ...]]
    by_id: Mapping[int, CatalogEntry]
    ledger: Mapping[str, LedgerProduct]


@dataclass(frozen=True, slots=True)
class AgreementType:
    """The type for new agreements that the partner has chosen: `known` and not `inactive` in ConnectWise, as far as it may be read."""

    id: int
    name: str = ""
    known: bool = True
    inactive: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for every account of one plan. `today` is the partner's local date. `tenant` only enters the digest.

    `brand` begins the names of new agreements, `agreement_type` is their type (None = not chosen).

    `missing_rights`: (kind, action) -> ConnectWise's name of a right that is known to be missing.
    """

    tenant: str
    today: date
    currency: str
    settings: ExportSettings
    catalog: Catalog
    missing_rights: Mapping[tuple[Kind, Action], str] = field(default_factory=dict)
    brand: str = ""
    agreement_type: AgreementType | None = None


@dataclass(frozen=True, slots=True)
class AccountInput:
    """Everything about one account.

    `company_id`/`agreement_id` are the mapping (None = not mapped, or still to be created as `wish` says); `company`/`agreement` what was
    read of them (None = gone).
    `lines`: ledger rows of this account on this agreement. `stray_lines`: its ledger rows on other agreements (remapped).
    `other_lines`: ledger rows of other accounts on this agreement. `exported_before`: a run has written or adopted for it before.
    """

    account_id: str
    name: str
    status: AccountStatus
    export: bool
    charges: AccountCharges
    company_id: int | None = None
    agreement_id: int | None = None
    per_cycle_confirmed: bool = False
    company: CompanyFacts | None = None
    agreement: AgreementFacts | None = None
    rows: tuple[Row, ...] = ()
    lines: tuple[LedgerLine, ...] = ()
    stray_lines: tuple[LedgerLine, ...] = ()
    other_lines: tuple[LedgerLine, ...] = ()
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    unconfirmed: tuple[Unconfirmed, ...] = ()
    users: UsersInput | None = None
    exported_before: bool = False
    wish: Wish | None = None

    @property
    def mapped(self) -> bool:
        """Whether a person has said where the account is billed, there already or still to be created."""
        return self.agreement_id is not None or self.wish is not None


# --- the answer -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Money:
    """Monthly amounts of our lines only."""

    price_before: Decimal = Decimal(0)
    price_after: Decimal = Decimal(0)
    cost_before: Decimal = Decimal(0)
    cost_after: Decimal = Decimal(0)

    def __add__(self, other: Money) -> Money:
        return Money(
            self.price_before + other.price_before,
            self.price_after + other.price_after,
            self.cost_before + other.cost_before,
            self.cost_after + other.cost_after,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `before`/`after` hold changed fields only, in ConnectWise's names, values Decimal, date, str or int.

    An addition's `key` is the group key its ledger row will have. `after` may be empty: then only our ledger changes
    (an existing line used as it is). `price_delta`: by how much the monthly bill moves; None = not known beforehand.
    `product_id` is None while the product itself is still to be created.
    """

    kind: Kind
    action: Action
    part_number: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    addition_id: int | None = None
    product_id: int | None = None
    key: GroupKey | None = None
    price_delta: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rekey:
    """A ledger row that stands for another group key from now on; nothing is written to ConnectWise."""

    addition_id: int
    key: GroupKey


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The proposal for one account. `changes` are in the order in which they must be applied.

    `products`: part numbers of products that must be created (or whose cost must be updated) before the changes can be applied.
    `rekeys`, `taken_over` (addition ids whose ledger row moves to this account) and `closed` (ledger rows that stand for nothing
    any more) change only our ledger. `live_before`/`ended`: counts for the limits. `unchanged`: additions that are right already.
    """

    account_id: str
    agreement_id: int | None
    state: PlanState
    digest: str
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    money: Money = Money()
    products: tuple[str, ...] = ()
    rekeys: tuple[Rekey, ...] = ()
    taken_over: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    unchanged: int = 0
    live_before: int = 0
    ended: int = 0
    exported_before: bool = False
    exported: bool = False
