"""What can be sent instead of a company that ConnectWise refused (rule 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cwportal.billing import creation
from cwportal.billing.values import Finding
from cwportal.connectwise.errors import Invalid
from cwportal.connectwise.reader import Reader
from cwportal.services.planning.creation import bears


class Exists(Exception):
    """A company has the identifier that may well be the account's."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def otherwise(read: Reader, name: str, fields: Mapping[str, Any], error: Invalid, following: str) -> dict[str, Any]:
    """The fields for another try: with the following identifier, or without what ConnectWise does not accept.

    Raises Exists, or the refusal itself where nothing else can be tried, or what reading raises.
    """
    if error.has_code("ObjectExists"):
        hits = read.find_company(identifier=fields["identifier"], deleted=True)
        if not hits:
            raise Exists(creation.exists_unseen(name, fields["identifier"]))
        same = [(company.id, company.name) for company in hits if not company.deleted and bears(company, name)]
        if same:
            raise Exists(creation.exists(name, same))
        return {**fields, "identifier": following}
    named = {one.field.partition("/")[0] for one in error.errors}
    if not named or not named <= set(creation.OPTIONAL) & fields.keys():
        raise creation_refused(error, "company", name, "Correct the account in the portal, or create")
    return {key: value for key, value in fields.items() if key not in named}


def creation_refused(error: Invalid, what: str, name: str, advice: str = "Or create") -> Invalid:
    """The refusal with the way that always goes on: what ConnectWise wants beyond what we send, a person can give it there."""
    return Invalid(
        f"{error.sentence} {advice} the {what} in ConnectWise and map {name} to it.",
        status=error.status,
        errors=error.errors,
        code=error.code,
    )
