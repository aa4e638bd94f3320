"""Everything we read from ConnectWise, as records. A read that fails or is incomplete raises; it never returns less."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from cwportal.connectwise import batches, conditions, protocol
from cwportal.connectwise.counts import HIDDEN, Counts
from cwportal.connectwise.errors import Incomplete, Malformed
from cwportal.connectwise.fields import Fields
from cwportal.connectwise.pages import PAGE_SIZE, Pages, rows_of
from cwportal.connectwise.records import (
    Addition,
    Agreement,
    BillingCycle,
    Company,
    CompanyStatus,
    Document,
    NamedItem,
    Product,
    SecurityRow,
    SystemInfo,
)
from cwportal.connectwise.session import Transport, company_info

__all__ = ["Reader", "company_info"]

_T = TypeVar("_T")
COMPANIES = "/company/companies"
AGREEMENTS = "/finance/agreements"
CATALOG = "/procurement/catalog"
_COMPANY_FIELDS = "id,identifier,name,deletedFlag,status,defaultContact"
_AGREEMENT_FIELDS = (
    "id,name,company,type,cancelledFlag,agreementStatus,startDate,endDate,noEndingDateFlag,billStartDate,dateCancelled,"
    "billingCycle,currency,parentAgreement"
)
_PRODUCT_FIELDS = "id,identifier,description,price,cost,inactiveFlag,productClass,type,subcategory"
_ADDITION_FIELDS = (
    "id,product,quantity,lessIncluded,unitPrice,unitCost,billCustomer,effectiveDate,cancelledDate,description,"
    "agreementId"
)


def same_text(one: str, other: str) -> bool:
    """Equal as ConnectWise's database compares texts: without case, and without spaces around."""
    return _compared(one) == _compared(other)


def same_letters(one: str, other: str) -> bool:
    """Equal at least in ASCII letters and figures: a form's texts may be read in another character set than they were sent in."""
    first, second = (re.sub(r"[^a-z0-9]", "", text.casefold()) for text in (one, other))
    return same_text(one, other) or (bool(first) and first == second)


def _compared(text: str) -> str:
    """One spelling for texts that its database takes for equal; an accent may be a sign of its own or part of its letter."""
    return unicodedata.normalize("NFC", text.strip().casefold())


def _at(agreement: Agreement, company_id: int) -> bool:
    """Whether it belongs to the company, as far as ConnectWise tells: a server that ignores a condition gives everybody's."""
    return agreement.company_id in (None, company_id)


class Reader:
    """Reads through one Transport; safe to share between threads. Every method may raise any ConnectWiseError."""

    def __init__(self, transport: Transport, *, page_size: int = PAGE_SIZE) -> None:
        self._transport = transport
        self._pages = Pages(transport, page_size)
        self._counts = Counts(transport, self._pages)

    def system_info(self) -> SystemInfo:
        """Version and region. Not proof of good keys everywhere (contract section 6)."""
        return SystemInfo.from_json(self._transport.get("/system/info").data)

    def my_security(self) -> list[SecurityRow]:
        """The caller's own rights; raises Forbidden where a small role may not see them."""
        path, rows, page = "/system/mySecurity", list[SecurityRow](), 1
        while True:
            answer = self._transport.get(path, {"pageSize": str(PAGE_SIZE), "page": str(page)})
            found = rows_of(answer.data, path)
            rows += [SecurityRow.from_json(row) for row in found]
            following = protocol.next_page(answer.link) if answer.link else None
            if not found or following is None:
                return rows
            if following.get("page") != str(page + 1):
                raise Incomplete("ConnectWise's list of rights does not end properly. Nothing was taken from it.")
            page += 1

    def company_count(self) -> int:
        """How many companies this API member sees."""
        return self._counts.of(COMPANIES, "deletedFlag = false")

    def companies(self, ids: Iterable[int], unread: dict[int, Malformed] | None = None) -> dict[int, Company]:
        """Companies by id, also deleted ones. An id that ConnectWise does not have is absent; `unread`: see `batches`."""
        return batches.by_id(self._pages, COMPANIES, ids, Company.from_json, _COMPANY_FIELDS, unread)

    def agreements(self, ids: Iterable[int], unread: dict[int, Malformed] | None = None) -> dict[int, Agreement]:
        """Agreements by id, also ended ones. An id that ConnectWise does not have is absent; `unread`: see `batches`."""
        return batches.by_id(self._pages, AGREEMENTS, ids, Agreement.from_json, _AGREEMENT_FIELDS, unread)

    def products_by_id(self, ids: Iterable[int], unread: dict[int, Malformed] | None = None) -> dict[int, Product]:
        """Catalog items by id, also inactive ones. An id that ConnectWise does not have is absent; `unread`: see `batches`."""
        return batches.by_id(self._pages, CATALOG, ids, Product.from_json, _PRODUCT_FIELDS, unread)

    def products_by_identifier(
        self, identifiers: Iterable[str], unread: dict[str, Malformed] | None = None
    ) -> dict[str, tuple[Product, ...]]:
        """Every asked identifier -> the catalog items that bear it, also inactive ones: none, one or several; `unread`: see `batches`."""
        return batches.by_identifier(self._pages, CATALOG, identifiers, _compared, _PRODUCT_FIELDS, unread)

    def missing_products(self, identifiers: Iterable[str]) -> frozenset[str]:
        """Those of the identifiers that no catalog item bears, asked before they are created: each list must be as long as it is counted."""
        asked, there = set(identifiers), set[str]()
        for condition in conditions.texts_equal("identifier", filter(None, map(str.strip, asked))):
            rows = list(self._pages.rows(CATALOG, condition.text, {"fields": "id,identifier"}))
            self._counts.as_many(len(rows), CATALOG, condition.text)
            there |= {_compared(Fields(row, "product").text("identifier")) for row in rows}
        return frozenset(identifier for identifier in asked if _compared(identifier) not in there)

    def additions(self, agreement_id: int) -> list[Addition]:
        """Every addition of an agreement, cancelled ones too, by id. One request for up to 1,000 of them.

        A list of several pages is counted afterwards; Incomplete where the count differs. What is concluded from a list without any line
        needs `no_additions` first.
        """
        path = f"{AGREEMENTS}/{agreement_id}/additions"
        pages = list(self._pages.pages(path, extra={"fields": _ADDITION_FIELDS}))
        rows = [Addition.from_json(row) for page in pages for row in page]
        strange = next((row for row in rows if row.agreement_id not in (None, agreement_id)), None)
        if strange is not None:
            raise Malformed(
                f"ConnectWise's answer to {path} holds line {strange.id} of agreement {strange.agreement_id}. "
                "Nothing was taken from it; try again."
            )
        if len(pages) > 1 and self._counts.again(path) != len(rows):
            raise Incomplete(
                f"The additions of agreement {agreement_id} changed while they were read. "
                "Nothing was taken from it; try again."
            )
        return sorted(rows, key=lambda addition: addition.id)

    def no_additions(self, agreement_id: int) -> None:
        """Make sure that an agreement whose list was empty has none: a list that is empty by mistake would look like an agreement on which
        everything is still to be created. Incomplete where ConnectWise counts some.
        """
        count = self._counts.again(f"{AGREEMENTS}/{agreement_id}/additions")
        if count:
            raise Incomplete(
                f"ConnectWise listed no additions of agreement {agreement_id} and counts {count}. Nothing was taken from it; "
                f"try again. {HIDDEN}"
            )

    def all_additions(self, agreement_id: int, listed: int, gone: Iterable[int] = ()) -> None:
        """Make sure that a list was the whole list, or at least that the lines `gone`, which are missing from it, are not there.

        Incomplete where ConnectWise counts otherwise and has one of them, or where none are named.
        """
        path, missing = f"{AGREEMENTS}/{agreement_id}/additions", list(gone)
        if missing:
            self._counts.all_but(missing, listed, path)
        else:
            self._counts.as_many(listed, path)

    def find_company(
        self, *, identifier: str | None = None, name: str | None = None, deleted: bool = False, counted: bool = False
    ) -> list[Company]:
        """Companies of this identifier or name that are not in the recycle bin (`deleted`: also those); case does not matter.

        `counted`: that there is none is believed only if ConnectWise counts none, else Incomplete.
        """
        field, text = ("identifier", identifier) if identifier is not None else ("name", name or "")
        kept = "" if deleted else "deletedFlag = false"
        where = conditions.all_of(conditions.equals(field, text.strip()).text, kept)
        rows = list(self._pages.rows(COMPANIES, where, {"fields": _COMPANY_FIELDS}))
        if counted and not rows:
            self._counts.as_many(0, COMPANIES, where)
        return [
            company
            for company in map(Company.from_json, rows)
            if same_text(getattr(company, field), text) and (deleted or not company.deleted)
        ]

    def find_agreement(self, name: str, company_id: int) -> list[Agreement]:
        """Agreements of this name of a company, ended ones too; case does not matter."""
        where = conditions.all_of(conditions.equals("name", name.strip()).text, f"company/id = {company_id}")
        found = map(Agreement.from_json, self._pages.rows(AGREEMENTS, where, {"fields": _AGREEMENT_FIELDS}))
        return [agreement for agreement in found if same_text(agreement.name, name) and _at(agreement, company_id)]

    def agreements_of(self, company_id: int) -> list[Agreement]:
        """All agreements of a company, ended ones too. That it has none is believed only if ConnectWise counts none."""
        where = f"company/id = {company_id}"
        rows = list(self._pages.rows(AGREEMENTS, where, {"fields": _AGREEMENT_FIELDS}))
        if not rows:
            self._counts.as_many(0, AGREEMENTS, where)
        return [agreement for agreement in map(Agreement.from_json, rows) if _at(agreement, company_id)]

    def iterate_companies(
        self, updated_since: datetime | None = None, unread: dict[int, Malformed] | None = None
    ) -> Iterator[Company]:
        """All companies, deleted ones too, by id; streams page by page. `updated_since`: only those changed after it; `unread`: see `batches`.

        That there are none at all is believed only if ConnectWise counts none: an empty directory would take the place of a full one.
        """
        return self._all(COMPANIES, _COMPANY_FIELDS, Company.from_json, updated_since, unread)

    def iterate_agreements(
        self, updated_since: datetime | None = None, unread: dict[int, Malformed] | None = None
    ) -> Iterator[Agreement]:
        """All agreements, ended ones too, as `iterate_companies`."""
        return self._all(AGREEMENTS, _AGREEMENT_FIELDS, Agreement.from_json, updated_since, unread)

    def billing_cycles(self, unread: dict[int, Malformed] | None = None) -> list[BillingCycle]:
        """How often agreements bill. `unread`: see `batches`."""
        return self._table("/finance/billingCycles", BillingCycle.from_json, unread)

    def company_statuses(self, unread: dict[int, Malformed] | None = None) -> list[CompanyStatus]:
        """The partner's company statuses."""
        return self._table("/company/companies/statuses", CompanyStatus.from_json, unread)

    def agreement_types(self, unread: dict[int, Malformed] | None = None) -> list[NamedItem]:
        """The partner's agreement types."""
        return self._table("/finance/agreements/types", NamedItem.from_json, unread)

    def countries(self) -> dict[str, int]:
        """Country names and two-letter codes, in lower case -> id."""
        found: dict[str, int] = {}
        for row in self._pages.rows("/company/countries"):
            country = Fields(row, "country")
            for text in (country.text("countryCode"), country.text("name")):
                if text.strip():
                    found[text.strip().casefold()] = country.identity()
        return found

    def email_type(self) -> int | None:
        """The communication type of e-mail addresses, the default one first; None where there is none."""
        rows = [Fields(row, "communication type") for row in self._pages.rows("/company/communicationTypes")]
        emails = sorted((not row.flag("defaultFlag"), row.identity()) for row in rows if row.flag("emailFlag"))
        return emails[0][1] if emails else None

    def find_contacts(self, company_id: int, first_name: str, last_name: str) -> list[int]:
        """Contacts of a company with this name, by id. Needs a right that the documented role does not hold.

        That the company has none is believed only if ConnectWise counts none.
        """
        path, where = "/company/contacts", f"company/id = {company_id}"
        contacts = [
            Fields(row, "contact") for row in self._pages.rows(path, where, {"fields": "id,firstName,lastName,company"})
        ]
        if not contacts:
            self._counts.as_many(0, path, where)
        return [
            contact.identity()
            for contact in contacts
            if same_text(contact.text("firstName"), first_name)
            and same_text(contact.text("lastName"), last_name)
            and contact.reference_to("company") in (None, company_id)
        ]

    def product_types(self, unread: dict[int, Malformed] | None = None) -> list[NamedItem]:
        """The partner's product types."""
        return self._table("/procurement/types", NamedItem.from_json, unread)

    def categories(self, unread: dict[int, Malformed] | None = None) -> list[NamedItem]:
        """The partner's product categories."""
        return self._table("/procurement/categories", NamedItem.from_json, unread)

    def subcategories(self, unread: dict[int, Malformed] | None = None) -> list[NamedItem]:
        """The partner's product subcategories."""
        return self._table("/procurement/subcategories", NamedItem.from_json, unread)

    def documents(self, agreement_id: int) -> list[Document]:
        """The documents attached to an agreement."""
        extra = {"recordType": "Agreement", "recordId": str(agreement_id)}
        return [Document.from_json(row) for row in self._pages.rows("/system/documents", extra=extra)]

    def probe(self, path: str, params: Mapping[str, str] | None = None) -> list[object]:
        """One row of a list, only to see whether we may read it; raises Forbidden where not."""
        return rows_of(self._transport.get(path, {**(params or {}), "pageSize": "1"}).data, path)

    def _table(self, path: str, record: Callable[[object], _T], unread: dict[int, Malformed] | None = None) -> list[_T]:
        """A small table of the partner's own. One without rows is counted: it would be filled a second time, or nothing known of it."""
        rows = batches.table(self._pages, path, record, unread)
        if not rows and not unread:
            self._counts.as_many(0, path)
        return rows

    def _all(
        self,
        path: str,
        fields: str,
        record: Callable[[object], _T],
        updated_since: datetime | None,
        unread: dict[int, Malformed] | None,
    ) -> Iterator[_T]:
        none = True
        for item in batches.stream(self._pages, path, conditions.updated_since(updated_since), record, fields, unread):
            none = False
            yield item
        if none and updated_since is None and unread:
            raise next(iter(unread.values()))
        if none and updated_since is None and self._counts.again(path):
            raise Incomplete(
                f"ConnectWise listed no {path.rpartition('/')[2]} and counts some. Nothing was taken from it; try again."
            )
