"""A plan in a real browser: keys do what they say, and what is approved is what ConnectWise bills afterwards."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from cwportal.models import Rejection, Run
from cwportal.services import exports
from cwportal.vocabulary import Trigger
from tests.support import browser as support
from tests.walks.stage import PARTNER, PASSWORD, PREFIX, Stage, company

NAMES = {"oak": "Oak Dental", "elm": "Elm Law", "fir": "Fir Freight"}


def _ready(stage: Stage) -> int:
    """Three accounts with prices of a fraction of a cent; a preview."""
    stage.load(
        partners=[(PARTNER, "Northwind IT", "America/New_York", "USD")],
        accounts=[(key, name, "active") for key, name in NAMES.items()],
        products=[("LOG", "Log lines", "0.0010")],
        prices=[("LOG", "0.0125")],
        charges=[(key, "LOG", quantity, "0.0010", "") for key, quantity in (("oak", 37), ("elm", 77), ("fir", 10))],
    )
    stage.staff(ann="admin", ben="billing")
    stage.seed(*(company(name, f"{name} plan") for name in NAMES.values()))
    stage.connect()
    rows = {row["company"]["name"]: row for row in stage.control("state")["agreements"]}
    found = {key: rows[name] for key, name in NAMES.items()}
    stage.map(*(f"{key},{row['company']['id']},{row['id']},yes" for key, row in found.items()))
    return exports.export(stage.runtime, PARTNER, actor="ann@northwind.example", trigger=Trigger.PREVIEW)


@pytest.mark.parametrize("script", [True, False], ids=["with-javascript", "without"])
def test_approved_by_keys_and_billed_to_the_cent(stage: Stage, browser: Browser, script: bool) -> None:
    run_id = _ready(stage)
    with support.person(browser, script=script) as (page, _):
        page.goto(f"{stage.url}/sign-in")
        page.get_by_label("E-mail address").fill("ben@northwind.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        page.goto(f"{stage.url}{PREFIX}/preview/{run_id}")
        expect(page.locator("[data-cw-sum]")).to_contain_text("3 accounts can be approved: +1.55 USD a month")

        first = page.get_by_role("checkbox", name="Select Elm Law")
        first.focus()
        page.keyboard.press("Enter")  # no button of the bar is meant by that
        expect(page.locator("[data-cw-sum]")).to_contain_text("account")
        with stage.runtime.database.read() as session:
            assert session.query(Rejection).count() == 0
            assert session.query(Run).count() == 1
        first.set_checked(True)
        page.get_by_role("checkbox", name="Select Oak Dental").set_checked(True)
        if script:
            expect(page.locator("[data-cw-sum]")).to_contain_text("2 accounts selected: +1.43 USD a month")
        page.get_by_role("button", name=re.compile("^Approve and export (2 accounts|selected)$")).click()
        expect(page.get_by_text("2 accounts were approved")).to_be_visible()
        with stage.runtime.database.read() as session:
            export_id = session.query(Run).order_by(Run.id.desc()).first().id  # type: ignore[union-attr]
        assert exports.run(stage.runtime, export_id)

        billed = sum((line[1] * line[2] for lines in stage.lines().values() for line in lines), Decimal(0))
        assert billed == Decimal("0.0125") * (37 + 77)
        support.visit(page, f"{stage.url}{PREFIX}/")
        price = page.locator(".cw-tiles > div").filter(has_text="Monthly price")
        expect(price).to_contain_text("+1.43")
        expect(page.locator("section[aria-labelledby=history] tbody tr").first).to_contain_text("+1.43 USD")
        page.goto(f"{stage.url}{PREFIX}/exports/{export_id}")
        expect(price).to_contain_text("+1.43")
