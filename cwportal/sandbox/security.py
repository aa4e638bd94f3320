"""Who is asking, what they may do, and what the system says about itself (contract.md sections 1, 2, 6, 7)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from .problems import Problem, forbidden
from .resources import (
    AGREEMENT_RIGHT,
    ATTACHMENT_RIGHT,
    CATALOG_RIGHT,
    COMPANY_RIGHT,
    CONTACT_RIGHT,
    REPORT_RIGHT,
    TABLE_RIGHT,
)
from .store import ACTIONS, LEVELS, Member, Tenant
from .variant import Variant

VERSION = "2025.1"

RIGHTS = (
    COMPANY_RIGHT,
    CONTACT_RIGHT,
    ATTACHMENT_RIGHT,
    "Companies > Configurations",
    AGREEMENT_RIGHT,
    "Finance > Invoicing",
    CATALOG_RIGHT,
    "Procurement > Purchase Orders",
    "Service Desk > Service Tickets",
    REPORT_RIGHT,
    "System > Member Maintenance",
    "System > My Company",
    TABLE_RIGHT,
)
"""Rows of a role screen: those of contract.md section 7 and a few that are none of our business."""

REPORTS = ("Agreement", "AgreementInvoice", "Company", "Invoice")
"""Names that GET /system/reports lists; their rows are not simulated."""


def parse_rights(given: Any) -> dict[str, dict[str, str]] | None:
    """Rights of the control API: "admin", or right -> list of actions (level All) or action -> level. ValueError."""
    if given in ("admin", None):
        return None
    if not isinstance(given, dict):
        raise ValueError("rights are 'admin' or an object of right: actions")
    rights = {}
    for name, actions in given.items():
        right = right_name(name)
        levels = dict.fromkeys(actions, "All") if isinstance(actions, list) else dict(actions)
        if not set(levels) <= set(ACTIONS) or not set(levels.values()) <= set(LEVELS):
            raise ValueError(f"{name}: actions are {', '.join(ACTIONS)}, levels {', '.join(LEVELS)}")
        rights[right] = levels
    return rights


def right_name(name: str) -> str:
    """The full name of a right; `Company > …` is understood as `Companies > …`. Raises ValueError."""
    right = name.replace("Company > ", "Companies > ") if name.startswith("Company > ") else name
    if right not in RIGHTS:
        raise ValueError(f"unknown right {name!r}; known: {', '.join(RIGHTS)}")
    return right


def credentials(headers: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Company ID, public and private key of a Basic header; None if there is none that can be read."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, private = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    company, plus, public = user.partition("+")
    return (company, public, private) if colon and plus else None


def member_of(tenant: Tenant, public: str, private: str) -> Member | None:
    """The member with these keys, None for wrong or revoked ones."""
    member = tenant.members.get(public)
    if member is None or member.revoked or member.private_key != private:
        return None
    return member


def check_client(variant: Variant, client_id: str) -> None:
    """Refuse a missing or unregistered clientId; sources disagree about the status, so it is a variant."""
    if client_id and (variant.client_ids is None or client_id in variant.client_ids):
        return
    text = "The clientId header is missing or does not belong to a registered integration."
    raise Problem(variant.client_id_status, {"code": "ConnectWiseApi", "message": text, "errors": None})


def company_info(tenant: Tenant, site: str) -> dict[str, Any]:
    """What the lookup tells: canonical company id and the codebase with its trailing slash."""
    return {
        "CompanyName": tenant.name,
        "Codebase": tenant.codebase,
        "VersionCode": f"v{VERSION}",
        "VersionNumber": f"v{VERSION}.1000",
        "CompanyID": tenant.company_id,
        "IsCloud": tenant.variant.cloud,
        "SiteUrl": site,
    }


def info(tenant: Tenant) -> dict[str, Any]:
    """GET /system/info."""
    out: dict[str, Any] = {
        "version": f"v{VERSION}.1000",
        "isCloud": tenant.variant.cloud,
        "serverTimeZone": "Eastern Standard Time",
        "licenseBits": [],
    }
    if tenant.variant.cloud:
        out["cloudRegion"] = "NA"
    return out


def rows(tenant: Tenant, member: Member) -> list[dict[str, Any]]:
    """GET /system/mySecurity: one row per function, with the caller's levels. 403 with that variant."""
    if tenant.variant.my_security == "refused":
        raise forbidden()
    out = []
    for number, right in enumerate(RIGHTS, 1):
        module, _, function = right.partition(" > ")
        out.append(
            {
                "id": number,
                **{f"{action}Level": member.level(right, action) for action in ACTIONS},
                "moduleFunctionName": function,
                "moduleFunctionDescription": function,
                "myAllFlag": True,
                "moduleFunctionIdentifier": function.replace(" ", ""),
                "reportFlag": False,
                "restrictFlag": False,
                "customFlag": False,
                "moduleDescription": module,
                "moduleIdentifier": module.replace(" ", ""),
                "moduleName": module,
                "sortOrder": number,
            }
        )
    return out
