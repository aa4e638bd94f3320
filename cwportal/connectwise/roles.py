"""ConnectWise's security role screen: which right which call needs (contract section 7)."""

from __future__ import annotations

from typing import Literal

Level = Literal["inquire", "add", "edit", "delete"]

COMPANIES = ("Company", "Company Maintenance")
CONTACTS = ("Company", "Contacts")
ATTACHMENTS = ("Company", "Manage Attachments")
AGREEMENTS = ("Finance", "Agreements")
CATALOG = ("Procurement", "Product Catalog")
TABLES = ("System", "Table Setup")
REPORTS = ("System", "API Reports")

_AREAS: tuple[tuple[str, tuple[str, str]], ...] = (
    ("/company/companies/statuses", TABLES),
    ("/company/companies/types", TABLES),
    ("/company/companies", COMPANIES),
    ("/company/contacts", CONTACTS),
    ("/company/", TABLES),
    ("/finance/agreements/types", TABLES),
    ("/finance/agreements", AGREEMENTS),
    ("/finance/", TABLES),
    ("/procurement/catalog", CATALOG),
    ("/procurement/", TABLES),
    ("/system/documents", ATTACHMENTS),
    ("/system/reports", REPORTS),
    ("/system/mysecurity", ("System", "My Security")),
)
_LEVELS: dict[str, Level] = {"GET": "inquire", "POST": "add", "PATCH": "edit", "PUT": "edit", "DELETE": "delete"}


def area(path: str) -> tuple[str, str]:
    """(module, function) as the role screen names them, for an API path; longest match first."""
    lowered = path.lower()
    for prefix, found in _AREAS:
        if lowered.startswith(prefix):
            return found
    return ("System", "the table concerned")


def right_for(method: str, path: str) -> str:
    """The right a call needs, as a partner finds it: "Procurement > Product Catalog > Add"."""
    module, function = area(path)
    return f"{module} > {function} > {_LEVELS.get(method.upper(), 'inquire').capitalize()}"
