"""A tenant that tests in the same process may look into and change directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import inspect, seed
from .store import Tenant


class OpenTenant(Tenant):
    """Adds reading as answers would show it, and hand edits. Amounts are Decimal, ids are this tenant's."""

    def companies(self) -> list[dict[str, Any]]:
        """All companies by id."""
        return inspect.rows(self, "company")

    def agreements(self) -> list[dict[str, Any]]:
        """All agreements by id."""
        return inspect.rows(self, "agreement")

    def additions(self, agreement_id: int) -> list[dict[str, Any]]:
        """All additions of an agreement by id."""
        return inspect.rows(self, "addition", agreement_id)

    def catalog(self) -> list[dict[str, Any]]:
        """All catalog items by id."""
        return inspect.rows(self, "catalog")

    def documents(self) -> list[dict[str, Any]]:
        """All documents with recordType, recordId, sha256 and text."""
        return inspect.documents(self)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """All records of any kind, such as `subcategory` or `billingCycle`. ValueError names the kinds."""
        return inspect.rows(self, kind)

    def edit(self, given: Mapping[str, Any]) -> None:
        """A hand edit; see `seed.edit`."""
        seed.edit(self, given)
