"""Addresses of ConnectWise's own screens for the records an export wrote."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from cwportal.models import Connection
from cwportal.runtime import Runtime

_PATH = "/v4_6_release/services/system_io/router/openrecord.rails"
_COMPANY, _AGREEMENT = "CompanyFV", "AgreementFV"


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses in one ConnectWise; all None where that is not known. Additions and products have no screen of their own there."""

    site: str | None
    company_id: str

    def company(self, record_id: int | None) -> str | None:
        """A company's screen."""
        return self._record(_COMPANY, record_id)

    def agreement(self, record_id: int | None) -> str | None:
        """An agreement's screen, on which its additions and documents are."""
        return self._record(_AGREEMENT, record_id)

    def _record(self, kind: str, record_id: int | None) -> str | None:
        if self.site is None or record_id is None:
            return None
        query = {"locale": "en_US", "companyName": self.company_id, "recordType": kind, "recid": record_id}
        return f"{self.site}{_PATH}?{urlencode(query)}"


def of(runtime: Runtime, partner_id: str, tenant: str) -> Links:
    """Links into the ConnectWise the partner is connected to, if ids of `tenant` mean something there."""
    with runtime.database.read() as session:
        row = session.get(Connection, partner_id)
    if row is None or row.tenant != tenant:
        return Links(None, "")
    return Links(row.site if "://" in row.site else f"https://{row.site}", row.company_id)
