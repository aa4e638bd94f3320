"""companyinfo: the unauthenticated look-up of a company ID's codebase (contract section 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cwportal.connectwise import answers, errors

_CODEBASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}/")


@dataclass(frozen=True, slots=True)
class CompanyInfo:
    """What a site says about a company ID. `company_id` is ConnectWise's own spelling, `codebase` ends with a slash."""

    company_id: str
    codebase: str
    is_cloud: bool
    version: str


def parse_company_info(raw: answers.RawAnswer, company_id: str, now: datetime) -> CompanyInfo:
    """The answer as CompanyInfo.

    `null`, or 404 on some hosts, means an unknown company ID: UnknownCompany. Anything else that no ConnectWise says:
    NotConnectWise. Rate limits and 5xx stay what they are.
    """
    unknown = errors.UnknownCompany(
        f"This site knows no company ID “{answers.plain(company_id, 60)}”. Type Company ID as at the ConnectWise login "
        "(capitals matter), and check Site.",
        status=raw.status,
    )
    if raw.status == 404:
        raise unknown
    stranger = errors.NotConnectWise(
        "Something answers at this site, but not as a ConnectWise does. Type Site as the address you log in to "
        "ConnectWise with, such as na.myconnectwise.net.",
        status=raw.status,
    )
    try:
        data = answers.interpret(raw, now).data
    except (errors.RateLimited, errors.ServerFailed, errors.TimedOut):
        raise
    except errors.ConnectWiseError:
        raise stranger from None
    if data is None:
        raise unknown
    codebase = data.get("Codebase") if isinstance(data, Mapping) else None
    codebase = codebase.strip().strip("/") + "/" if isinstance(codebase, str) else ""
    if not isinstance(data, Mapping) or not _CODEBASE.fullmatch(codebase):
        raise stranger
    told = data.get("CompanyID")
    version = data.get("VersionNumber") or data.get("VersionCode")
    return CompanyInfo(
        company_id=told.strip() if isinstance(told, str) and told.strip() else company_id,
        codebase=codebase,
        is_cloud=data.get("IsCloud") is True,
        version=answers.plain(version or "", 60),
    )
