"""Two people, two presses: the second is told, and nothing happens twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from cwportal.models import Mapping, Run
from cwportal.services import directory
from tests.support import browser as support
from tests.walks.stage import PARTNER, PASSWORD, PREFIX, Stage, company


def _ready(stage: Stage) -> None:
    stage.load(
        partners=[(PARTNER, "Northwind IT", "America/New_York", "USD")],
        accounts=[("oak", "Oak Dental", "active")],
        products=[("MAIL", "Mailbox", "2.10")],
        prices=[("MAIL", "4.50")],
        charges=[("oak", "MAIL", 12, "2.10", "")],
    )
    stage.staff(ann="admin", ben="billing")
    stage.seed(company("Oak Dental", "Oak plan", "Oak second"))
    stage.connect()
    directory.refresh(stage.runtime, PARTNER)
    stage.map("oak,name:Oak Dental,name:Oak plan,no")


def _open(page: Page, stage: Stage, name: str, path: str) -> None:
    page.goto(f"{stage.url}/sign-in")
    page.get_by_label("E-mail address").fill(f"{name}@northwind.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    page.goto(f"{stage.url}{PREFIX}{path}")


def test_two_browsers_on_one_mapping(stage: Stage, browser: Browser) -> None:
    """In a portal that has its own name for the token against requests from other sites."""
    stage.app.config["WTF_CSRF_FIELD_NAME"] = "_token"
    _ready(stage)
    with support.person(browser) as (ann, _), support.person(browser) as (ben, _):
        _open(ann, stage, "ann", "/mapping")
        _open(ben, stage, "ben", "/mapping")
        company_field = ann.get_by_role("combobox", name="ConnectWise company for Oak Dental")
        expect(company_field).to_be_visible()  # the script works
        choice = ann.get_by_label("Agreement for Oak Dental", exact=True)
        wanted = next(text for text in choice.locator("option").all_inner_texts() if text.startswith("Oak second"))
        choice.select_option(label=wanted)
        ann.get_by_role("button", name="Save mapping").click()
        expect(ann.get_by_role("status").first).to_contain_text("saved")
        moved = _mapping(stage)
        ben.get_by_label("Export Oak Dental", exact=True).check()
        ben.get_by_role("button", name="Save mapping").click()
        expect(ben.get_by_role("heading", name="1 row is not saved")).to_be_visible()
        expect(ben.locator("main")).to_contain_text("ann@northwind.example")
        assert _mapping(stage) == moved
    assert not moved[1]


def _typed(page: Page, text: str, script: bool) -> None:
    """Type a company's name and wait for what the page makes of it."""
    page.get_by_label("ConnectWise company for Oak Dental", exact=True).fill(text)
    if script:
        page.get_by_role("option", name=text).click()


@pytest.mark.parametrize("script", [True, False], ids=["with-javascript", "without"])
def test_two_windows_of_one_person_on_one_row(stage: Stage, browser: Browser, script: bool) -> None:
    _ready(stage)
    stage.seed(company("Elm Dental", "Elm plan"))
    directory.refresh(stage.runtime, PARTNER, full=True)
    saved = _mapping(stage)
    with support.person(browser, script=script) as (first, _):
        _open(first, stage, "ann", "/mapping")
        second = first.context.new_page()
        second.goto(first.url)
        if script:
            unsaved = first.locator("#unsaved")
            first.get_by_label("Export Oak Dental", exact=True).check()
            expect(unsaved).to_contain_text("1 change not saved")
            first.get_by_label("Export Oak Dental", exact=True).uncheck()
            expect(unsaved).to_have_text("Everything is saved.")
        _typed(first, "Elm Dental", script)
        first.get_by_role("button", name="Look up typed companies").click()
        expect(first.get_by_label("Agreement for Oak Dental", exact=True).locator("option:checked")).to_have_text(
            "Elm plan"
        )
        if script:
            first.get_by_label("Export Oak Dental", exact=True).check()
            expect(first.locator("#unsaved")).to_contain_text("1 change not saved")
            first.get_by_label("Export Oak Dental", exact=True).uncheck()
        second.get_by_label("Export Oak Dental", exact=True).check()
        second.get_by_role("button", name="Save mapping").click()
        expect(second.get_by_role("heading", name="1 row is not saved")).to_be_visible()
        expect(second.locator("main")).to_contain_text("In another window you typed: company “Elm Dental”")
        assert _mapping(stage) == saved
        second.get_by_role("button", name="Save mapping").click()
        expect(second.get_by_role("status").first).to_contain_text("1 row was saved")
        assert _mapping(stage) == (saved[0], True)


def test_what_a_page_says_is_not_read_by_the_next_person_at_the_browser(stage: Stage, browser: Browser) -> None:
    _ready(stage)
    keep = "sessionStorage.setItem('cwportal-messages', JSON.stringify([location.href, '<p>Said to Ann</p>']))"
    with support.person(browser) as (page, _):
        _open(page, stage, "ann", "/mapping")
        page.evaluate(keep)
        page.reload()
        expect(page.locator("main")).to_contain_text("Said to Ann")
        page.reload()
        expect(page.locator("main")).not_to_contain_text("Said to Ann")
        page.evaluate(keep)
        page.get_by_role("button", name="Sign out").click()
        _open(page, stage, "ben", "/mapping")
        expect(page.get_by_role("heading", name="Account mapping")).to_be_visible()
        expect(page.locator("main")).not_to_contain_text("Said to Ann")
        assert page.evaluate("sessionStorage.length") == 0


def _mapping(stage: Stage) -> tuple[int | None, bool]:
    with stage.runtime.database.read() as session:
        row = session.query(Mapping).filter_by(partner_id=PARTNER, account_id="oak").one()
        return row.cw_agreement_id, row.export


@pytest.mark.parametrize("script", [True, False], ids=["with-javascript", "without"])
def test_a_double_click_starts_one_export(stage: Stage, browser: Browser, script: bool) -> None:
    _ready(stage)
    with support.person(browser, script=script) as (page, _):
        _open(page, stage, "ben", "/")
        page.get_by_role("button", name="Start export now").dblclick()
        expect(page.get_by_role("button", name="Cancel export")).to_be_visible()
    with stage.runtime.database.read() as session:
        assert session.query(Run).count() == 1
