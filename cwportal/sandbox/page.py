"""A page for people: companies, agreements, additions with their money, products, documents and the requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .inspect import documents, rows
from .jsonio import dumps
from .markup import Html, document, link, money, path, plain, table, text
from .problems import HTML_TYPE
from .store import Tenant
from .wire import Request, Response

if TYPE_CHECKING:
    from .server import Sandbox

PAGE_SIZE = 200
_ZERO = Decimal(0)
_VIEWS = ("companies", "agreements", "products", "documents", "requests")


def handle(sandbox: Sandbox, request: Request, address: str) -> Response:
    """GET / and /page/…: the view of a tenant, 404 for anything else."""
    parts = [part for part in address.removeprefix("/page/").split("/") if part] if address != "/" else []
    tenant = sandbox.engine.tenant(parts[0]) if parts else sandbox.tenant()
    view = parts[1] if len(parts) > 1 else "companies"
    known = tenant is not None and request.method == "GET"
    if tenant is not None and known and len(parts) <= 2 and view in _LISTS:
        number = dict(parse_qsl(request.query)).get("page", "1")
        body = _LISTS[view](tenant, int(number) if number.isdecimal() else 1)
        return _document(sandbox, tenant, view, view.capitalize(), body)
    if tenant is not None and known and len(parts) == 3 and view in _DETAILS and parts[2].isdecimal():
        found = _DETAILS[view](tenant, int(parts[2]))
        if found is not None:
            return _document(sandbox, tenant, view, *found)
    return Response(404, b"<!DOCTYPE html><title>Not found</title><p>Not found</p>", HTML_TYPE)


def _document(sandbox: Sandbox, tenant: Tenant, view: str, title: str, body: Sequence[object]) -> Response:
    links = [(path(tenant.company_id, name), name.capitalize(), name == view) for name in _VIEWS]
    others = [other for other in sandbox.tenants.values() if other is not tenant]
    if others:
        shown = Html(" · ".join(link(path(other.company_id), other.company_id) for other in others[:PAGE_SIZE]))
        body = [*body, Html("<h2>Other companies in this sandbox</h2>"), Html(f"<p>{shown}</p>")]
    subtitle = f"{tenant.name} (company ID {tenant.company_id}, {tenant.codebase})"
    return document(title, subtitle, links, body)


def _pages(address: str, number: int, count: int) -> Html:
    last = max(1, -(-count // PAGE_SIZE))
    parts = [f"{count} in all"]
    if last > 1:
        parts.append(f"page {number} of {last}")
    if number > 1:
        parts.append(link(f"{address}?page={number - 1}", "previous"))
    if number < last:
        parts.append(link(f"{address}?page={number + 1}", "next"))
    return Html(f'<p class="note">{" · ".join(text(part) for part in parts)}</p>')


def _slice(items: list[Any], number: int) -> list[Any]:
    return items[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


def _date(value: str | None) -> str:
    return (value or "")[:10]


def _money_of(tenant: Tenant, agreement: int) -> tuple[int, Decimal, Decimal]:
    """Number of additions that bill, their price and their cost per cycle."""
    live = [line for line in rows(tenant, "addition", agreement) if line["additionStatus"] == "Active"]
    return len(live), sum((line["extPrice"] for line in live), _ZERO), sum((line["extCost"] for line in live), _ZERO)


def _companies(tenant: Tenant, number: int) -> list[object]:
    companies = rows(tenant, "company")
    by_company: dict[int, list[int]] = {}
    for agreement in rows(tenant, "agreement"):
        by_company.setdefault(agreement["company"]["id"], []).append(agreement["id"])
    lines = []
    for company in _slice(companies, number):
        sums = [_money_of(tenant, agreement) for agreement in by_company.get(company["id"], [])]
        lines.append(
            [
                company["id"],
                link(path(tenant.company_id, "companies", company["id"]), company["name"]),
                company["identifier"],
                company.get("status", {}).get("name"),
                len(sums),
                sum(count for count, _, _ in sums),
                money(sum((price for _, price, _ in sums), _ZERO)),
                money(sum((cost for _, _, cost in sums), _ZERO)),
            ]
        )
    columns = ("#Id", "Company", "Company ID", "Status", "#Agreements", "#Additions", "#Price", "#Cost")
    return [
        _pages(path(tenant.company_id, "companies"), number, len(companies)),
        table(columns, lines, empty="No companies yet. Seed some with POST /_sandbox/seed, or export into it."),
    ]


def _agreement_lines(tenant: Tenant, agreements: list[dict[str, Any]]) -> Html:
    lines = []
    for agreement in agreements:
        count, price, cost = _money_of(tenant, agreement["id"])
        lines.append(
            [
                agreement["id"],
                link(path(tenant.company_id, "agreements", agreement["id"]), agreement["name"]),
                link(
                    path(tenant.company_id, "companies", agreement["company"]["id"]), agreement["company"].get("name")
                ),
                agreement.get("type", {}).get("name"),
                agreement.get("billingCycle", {}).get("name"),
                ("good" if agreement["agreementStatus"] == "Active" else "bad", agreement["agreementStatus"]),
                _date(agreement.get("startDate")),
                count,
                money(price),
                money(cost),
            ]
        )
    columns = ("#Id", "Agreement", "Company", "Type", "Cycle", "Status", "Start", "#Additions", "#Price", "#Cost")
    return table(columns, lines, empty="No agreements.")


def _agreements(tenant: Tenant, number: int) -> list[object]:
    agreements = rows(tenant, "agreement")
    pages = _pages(path(tenant.company_id, "agreements"), number, len(agreements))
    return [pages, _agreement_lines(tenant, _slice(agreements, number))]


def _company(tenant: Tenant, number: int) -> tuple[str, list[object]] | None:
    company = next((item for item in rows(tenant, "company") if item["id"] == number), None)
    if company is None:
        return None
    address = ", ".join(str(company[name]) for name in ("addressLine1", "city", "state", "zip") if company.get(name))
    about = f"Company ID {company['identifier']}, status {company.get('status', {}).get('name', 'none')}"
    agreements = [item for item in rows(tenant, "agreement") if item["company"]["id"] == number]
    return str(company["name"]), [
        Html(f'<p class="note">{text(". ".join(part for part in (about, address) if part))}</p>'),
        _agreement_lines(tenant, agreements),
    ]


def _agreement(tenant: Tenant, number: int) -> tuple[str, list[object]] | None:
    agreement = next((item for item in rows(tenant, "agreement") if item["id"] == number), None)
    if agreement is None:
        return None
    lines = [
        [
            line["id"],
            line["product"].get("identifier"),
            line.get("description"),
            plain(line.get("quantity")),
            money(line.get("unitPrice")),
            money(line["extPrice"]),
            money(line.get("unitCost")),
            money(line["extCost"]),
            money(line["margin"]),
            _date(line.get("effectiveDate")),
            _date(line.get("cancelledDate")),
            ("good" if line["additionStatus"] == "Active" else "soft", line["additionStatus"]),
        ]
        for line in rows(tenant, "addition", number)
    ]
    count, price, cost = _money_of(tenant, number)
    company = link(path(tenant.company_id, "companies", agreement["company"]["id"]), agreement["company"].get("name"))
    about = (
        f"{agreement['agreementStatus']}, {agreement.get('billingCycle', {}).get('name', 'no cycle')}. "
        f"{count} additions bill {money(price)} and cost {money(cost)} per cycle "
        f"({agreement.get('currency', {}).get('currencyIdentifier', 'no currency')})."
    )
    columns = (
        *("#Id", "Product", "Description", "#Quantity", "#Unit price", "#Price"),
        *("#Unit cost", "#Cost", "#Margin", "Effective", "Cancelled", "Status"),
    )
    attached = [item for item in documents(tenant) if item["recordType"] == "Agreement" and item["recordId"] == number]
    return str(agreement["name"]), [
        Html(f'<p class="note">{company}. {text(about)}</p>'),
        table(columns, lines, empty="No additions on this agreement."),
        Html("<h2>Documents</h2>"),
        _document_table(tenant, attached),
    ]


def _products(tenant: Tenant, number: int) -> list[object]:
    catalog = rows(tenant, "catalog")
    lines = [
        [
            item["id"],
            item["identifier"],
            item.get("description"),
            item.get("type", {}).get("name"),
            item.get("subcategory", {}).get("name"),
            item.get("productClass"),
            money(item.get("price")),
            money(item.get("cost")),
            ("bad", "inactive") if item.get("inactiveFlag") else ("good", "active"),
        ]
        for item in _slice(catalog, number)
    ]
    columns = ("#Id", "Product ID", "Description", "Type", "Subcategory", "Class", "#Price", "#Cost", "State")
    pages = _pages(path(tenant.company_id, "products"), number, len(catalog))
    return [pages, table(columns, lines, empty="No products yet.")]


def _document_table(tenant: Tenant, items: list[dict[str, Any]]) -> Html:
    lines = []
    for item in items:
        owner: object = f"{item['recordType']} {item['recordId']}"
        if item["recordType"] == "Agreement":
            owner = link(path(tenant.company_id, "agreements", item["recordId"]), owner)
        lines.append([item["id"], item["title"], item["fileName"], owner, item["size"], item["owner"]])
    columns = ("#Id", "Title", "File", "Record", "#Bytes", "Owner")
    return table(columns, lines, empty="No documents.")


def _documents(tenant: Tenant, number: int) -> list[object]:
    items = documents(tenant)
    pages = _pages(path(tenant.company_id, "documents"), number, len(items))
    return [pages, _document_table(tenant, _slice(items, number))]


def _requests(tenant: Tenant, _number: int) -> list[object]:
    lines = []
    for entry in tenant.journal.newest(PAGE_SIZE):
        took = "" if entry.finished is None else f"{(entry.finished - entry.started) * 1000:.0f} ms"
        status: object = "in flight" if entry.finished is None else entry.status or "closed"
        good = entry.status is not None and entry.status < 400
        target = entry.path + (f"?{entry.query}" if entry.query else "")
        lines.append(
            [
                entry.n,
                entry.as_dict()["at"][11:23],
                entry.method,
                ("code", target[:400]),
                ("good" if good else "bad", status),
                took,
                ("code", "" if entry.body is None else dumps(entry.body)[:600]),
                entry.member,
                entry.fault,
            ]
        )
    columns = ("#No", "Time (UTC)", "Method", "Path", "#Status", "#Took", "Body", "Member", "Fault")
    return [table(columns, lines, empty="No requests yet.")]


_LISTS: dict[str, Callable[[Tenant, int], list[object]]] = {
    "companies": _companies,
    "agreements": _agreements,
    "products": _products,
    "documents": _documents,
    "requests": _requests,
}
_DETAILS: dict[str, Callable[[Tenant, int], tuple[str, list[object]] | None]] = {
    "companies": _company,
    "agreements": _agreement,
}
