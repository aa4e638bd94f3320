"""A tenant's data as answers would show it, for assertions and for the page."""

from __future__ import annotations

import hashlib
from typing import Any

from .render import shown
from .resources import RESOURCES, resource_of
from .store import Tenant

LONGEST_TEXT = 1_000_000


def rows(tenant: Tenant, kind: str, parent: int | None = None) -> list[dict[str, Any]]:
    """Records of a kind (below a parent) as the API shows them, by id. Amounts are Decimal."""
    with tenant.lock:
        resource = resource_of(kind)
        return [dict(shown(tenant, resource, record)) for record in tenant.tables[kind].ordered(parent)]


def documents(tenant: Tenant) -> list[dict[str, Any]]:
    """Documents with recordType, recordId, sha256 of the file, and its text where it is UTF-8."""
    with tenant.lock:
        found = []
        for record in tenant.tables["document"].ordered():
            content = tenant.files.get(record.id, b"")
            entry = dict(shown(tenant, RESOURCES["document"], record))
            entry["recordType"], entry["recordId"] = record.row["recordType"], record.row["recordId"]
            entry["sha256"] = hashlib.sha256(content).hexdigest()
            try:
                entry["text"] = content[:LONGEST_TEXT].decode("utf-8")
            except UnicodeDecodeError:
                entry["text"] = None
            found.append(entry)
        return found


def state(tenant: Tenant) -> dict[str, Any]:
    """Everything of a tenant: companies, contacts, agreements, additions by agreement id, catalog, documents, tables."""
    shown_apart = {"company", "contact", "agreement", "addition", "catalog", "document"}
    with tenant.lock:
        additions = {
            str(record.id): rows(tenant, "addition", record.id) for record in tenant.tables["agreement"].ordered()
        }
        return {
            "tenant": tenant.company_id,
            "name": tenant.name,
            "codebase": tenant.codebase,
            "members": [
                {
                    "public_key": member.public_key,
                    "identifier": member.identifier,
                    "rights": "admin" if member.rights is None else member.rights,
                    "revoked": member.revoked,
                }
                for member in tenant.members.values()
            ],
            "companies": rows(tenant, "company"),
            "contacts": rows(tenant, "contact"),
            "agreements": rows(tenant, "agreement"),
            "additions": additions,
            "catalog": rows(tenant, "catalog"),
            "documents": documents(tenant),
            "tables": {kind: rows(tenant, kind) for kind in RESOURCES if kind not in shown_apart},
        }
