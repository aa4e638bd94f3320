"""Rows of a partner's own tables in ConnectWise: what others refer to by id and name."""

from __future__ import annotations

from dataclasses import dataclass

from cwportal.connectwise.fields import Fields


@dataclass(frozen=True, slots=True)
class CompanyStatus:
    """`/company/companies/statuses`: names are the partner's own; `inactive` is the flag that counts."""

    id: int
    name: str
    inactive: bool

    @classmethod
    def from_json(cls, data: object) -> CompanyStatus:
        """From the API's JSON."""
        row = Fields(data, "company status")
        return cls(id=row.identity(), name=row.text("name"), inactive=row.flag("inactiveFlag"))


@dataclass(frozen=True, slots=True)
class BillingCycle:
    """`/finance/billingCycles`. `billing_options` is Monthly, Yearly, NotRecurring and so on; "" where not told."""

    id: int
    name: str
    billing_options: str

    @classmethod
    def from_json(cls, data: object) -> BillingCycle:
        """From the API's JSON."""
        row = Fields(data, "billing cycle")
        return cls(id=row.identity(), name=row.text("name"), billing_options=row.text("billingOptions"))


@dataclass(frozen=True, slots=True)
class NamedItem:
    """A row of one of the partner's own tables: agreement types, product types, categories, subcategories (with their category)."""

    id: int
    name: str
    inactive: bool
    default: bool
    category_id: int | None = None

    @classmethod
    def from_json(cls, data: object) -> NamedItem:
        """From the API's JSON."""
        row = Fields(data, "table row")
        return cls(
            id=row.identity(),
            name=row.text("name"),
            inactive=row.flag("inactiveFlag"),
            default=row.flag("defaultFlag"),
            category_id=row.reference_to("category"),
        )
