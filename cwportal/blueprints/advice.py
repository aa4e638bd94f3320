"""What a finding is called on pages, and where a person goes to settle it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import url_for

from cwportal.services.found import RUN, Found

PriceUrl = Callable[[str, str], str | None]
"""(account id, SKU) -> the portal's page on which its retail price is set, where there is one."""


class Said(NamedTuple):
    """`title` for a finding, `step` (words of a link, kind of page) to what mends it, None where nothing of ours does."""

    title: str
    step: tuple[str, str] | None


_MAP, _PREVIEW, _PRICE, _SETTINGS, _KEYS = "mapping", "preview", "price", "settings", "credentials"
_CHOOSE = ("Choose an agreement", _MAP)
_DECIDE = ("Decide in the preview", _PREVIEW)
_SAID = {
    RUN: Said("The export stopped", None),
    "not_mapped": Said("Accounts that are not mapped to an agreement", ("Map it", _MAP)),
    "export_off_lines_stay": Said("Lines that stay although Export is off", ("Look at the mapping", _MAP)),
    "price_below_cost": Said("Retail price below cost", ("Look at the price", _PRICE)),
    "scale": Said("Amounts with more decimals than are sent", ("Look at the price", _PRICE)),
    "billing_cycle_unknown": Said("Agreement without a billing cycle", ("Look at the mapping", _MAP)),
    "catalog_price_bills": Said("The price of ConnectWise's product is billed", ("Look at the settings", _SETTINGS)),
    "less_included": Said("A line bills less than its quantity", None),
    "pinned": Said("ConnectWise's value is kept, as somebody decided", ("Look at the preview", _PREVIEW)),
    "kept_by_setting": Said("Left as it is because of the settings", ("Look at the settings", _SETTINGS)),
    "starts_later": Said("Lines that bill only later", None),
    "drift": Said("Changed in ConnectWise by hand", ("Look at the preview", _PREVIEW)),
    "agreement_gone": Said("The agreement is not in ConnectWise any more", _CHOOSE),
    "agreement_not_live": Said("The agreement is cancelled, has ended or is not active", _CHOOSE),
    "company_gone": Said("The company is not in ConnectWise any more", ("Choose a company", _MAP)),
    "billing_cycle": Said("The agreement is not billed every month", ("Look at the mapping", _MAP)),
    "currency_differs": Said("The agreement has another currency", _CHOOSE),
    "contact_missing": Said("The company has no default contact", None),
    "agreement_type_missing": Said("No agreement type for new agreements", ("Choose one in the settings", _SETTINGS)),
    "company_exists": Said("The company exists in ConnectWise already", ("Choose the company", _MAP)),
    "agreement_exists": Said("The agreement exists in ConnectWise already", _CHOOSE),
    "missing_right": Said("The API member lacks a right in ConnectWise", ("Test the connection", _KEYS)),
    "read_failed": Said("ConnectWise could not be read", None),
    "price_missing": Said("No retail price", ("Set the price", _PRICE)),
    "negative_amount": Said("Quantity, price or cost that cannot be billed", None),
    "unknown_sku": Said("Unknown product", None),
    "part_number_invalid": Said("Part number that ConnectWise cannot take", None),
    "part_number_twins": Said("Part numbers that differ only by case or accents", None),
    "product_inactive": Said("The product is inactive in ConnectWise", None),
    "product_ambiguous": Said("Several products have the part number in ConnectWise", None),
    "product_bundle": Said("The product is a bundle in ConnectWise", None),
    "products_not_selected": Said("Products are not selected for export", ("Look at the settings", _SETTINGS)),
    "existing_lines": Said("Lines that exist on the agreement already", _DECIDE),
    "charges_vanished": Said("All charges of an account are gone", ("Review and approve", _PREVIEW)),
    "limit_account": Said("Larger changes than your limits for an account", ("Review and approve", _PREVIEW)),
    "ended_by_hand": Said("A line was ended in ConnectWise by hand", _DECIDE),
    "gone": Said("A line was deleted in ConnectWise", _DECIDE),
    "product_changed": Said("A line has another product in ConnectWise", _DECIDE),
    "other_account_lines": Said("Lines of another account on this agreement", _DECIDE),
    "unconfirmed_write": Said("Not confirmed by ConnectWise: will be checked, never sent twice", None),
    "ambiguous_update": Said("Not clear which line stands for which charge", ("Look at the settings", _SETTINGS)),
    "limit_partner": Said("Larger changes than your limits for one export", ("Review and approve", _PREVIEW)),
}
_DECIDED = frozenset({"unconfirmed_write"})
"""Findings that a person can settle in the preview where they name a line."""


class Step(NamedTuple):
    """A link to what settles a finding."""

    word: str
    url: str


def title(code: str) -> str:
    """The finding in a few words."""
    said = _SAID.get(code)
    return said.title if said else "Something was found"


def step(one: Found, run_id: int, price_url: PriceUrl) -> Step | None:
    """Where to go next for this finding of that run; None where the way leads through ConnectWise or the operator."""
    said = _SAID.get(one.code)
    found = _DECIDE if one.code in _DECIDED and one.addition_id is not None else said.step if said else None
    if found is None:
        return None
    word, page = found
    url = _url(page, one, run_id, price_url)
    return Step(word, url) if url else None


def _url(page: str, one: Found, run_id: int, price_url: PriceUrl) -> str | None:
    if page == _MAP:
        return url_for("cwportal.mapping.page", q=one.account_id or "")
    if page == _PREVIEW:
        return url_for("cwportal.preview.page", run_id=run_id, account=one.account_id)
    if page == _SETTINGS:
        return url_for("cwportal.settings.page")
    if page == _KEYS:
        return url_for("cwportal.settings.credentials")
    return price_url(one.account_id or "", one.part_number) if one.part_number else None
