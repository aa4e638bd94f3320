"""The whole way of a partner: first visit, wizard, preview, export, log, remap, settings, disable, and connect again.

Once with JavaScript, once without, once with nothing but keys. At the end ConnectWise has what is used, and nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as support
from tests.walks.hands import Keys, Mouse
from tests.walks.stage import KEYS, PARTNER, PASSWORD, PREFIX, Stage, company, line

FIRST = {"Oak plan": [line("MAIL", "12", "4.50")], "Pine plan": [line("BACKUP", "5", "8.99")]}
MOVED = {**FIRST, "Oak second": [line("MAIL", "12", "4.50")]}
"""After Oak Dental was mapped to another agreement: what was exported before stays, as the page has said."""
APPROVE = re.compile("^Approve and export (all|it)")


class Walk:
    """One person, one way of working."""

    def __init__(self, stage: Stage, page: Page, hands: Mouse, *, script: bool) -> None:
        self.stage, self.page, self.hands, self.script = stage, page, hands, script

    def heading(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1, name=text)).to_be_visible()

    def until(self, what: Callable[[], bool]) -> None:
        """By itself with JavaScript; without it a person loads the page again."""
        for _ in range(200):
            if what():
                return
            self.page.wait_for_timeout(150)
            if not self.script:
                self.page.goto(self.page.url)
        assert what(), self.page.locator("main").inner_text()

    def sign_in(self) -> None:
        self.page.goto(f"{self.stage.url}/")
        self.hands.fill("E-mail address", "ann@northwind.example")
        self.hands.fill("Password", PASSWORD)
        self.hands.press("Sign in")

    def connect(self) -> None:
        """Steps 1 and 2."""
        self.heading("Your ConnectWise invoices, right without typing")
        self.hands.press("Get started with ConnectWise")
        self.heading("Connect ConnectWise")
        self.hands.fill("Site", self.stage.sandbox.url)
        self.hands.fill("Company ID", "training")
        self.hands.fill("Public API key", KEYS[0])
        self.hands.fill("Private API key", KEYS[1])
        self.hands.press("Next: test the connection")
        expect(self.page.get_by_role("heading", name=re.compile("Connected to"))).to_be_visible()
        assert KEYS[1] not in self.page.content()
        self.hands.press("Next: Settings")
        self.hands.press("Next: Mapping")
        expect(self.page.get_by_role("heading", name="Account mapping")).to_be_visible()
        for _ in range(100):  # what a person sees of ConnectWise's companies being read
            if self.page.locator("[data-cw-reading]").count() == 0:
                break
            self.page.wait_for_timeout(200)
            self.hands.press("Update")

    def place(self, account: str, name: str, agreement: str) -> None:
        """Map an account to a company and an agreement, and tick Export."""
        field = f"ConnectWise company for {account}"
        if self.script:
            self.hands.offered(field, name)
        else:
            self.hands.fill(field, name)
            self.hands.press("Look up typed companies")
        self.hands.choose(f"Agreement for {account}", agreement)
        self.hands.tick(f"Export {account}")

    def approve(self) -> None:
        """From Finish to the end of the export."""
        self.hands.press("Finish")
        self.until(lambda: self.page.get_by_role("button", name=APPROVE).count() > 0)
        self.hands.press(APPROVE)
        self.heading("Export status")
        self.until(self._ended)
        support.visit(self.page, f"{self.stage.url}{PREFIX}/")

    def _ended(self) -> bool:
        return bool(self.stage.settled())


@pytest.mark.parametrize("way", ["mouse", "without-javascript", "keys"])
def test_from_the_first_visit_to_connecting_again(stage: Stage, browser: Browser, way: str) -> None:
    stage.load(
        partners=[(PARTNER, "Northwind IT", "America/New_York", "USD")],
        accounts=[("oak", "Oak Dental", "active"), ("pine", "Pine Law", "active"), ("elm", "Elm Bakery", "active")],
        products=[("MAIL", "Mailbox", "2.10"), ("BACKUP", "Backup", "3.80")],
        prices=[("MAIL", "4.50"), ("BACKUP", "8.99")],
        charges=[("oak", "MAIL", 12, "2.10", ""), ("pine", "BACKUP", 5, "3.80", "")],
    )
    stage.staff(ann="admin")
    stage.seed(company("Oak Dental", "Oak plan", "Oak second"), company("Pine Law", "Pine plan"), company("Other"))
    stage.work()
    script = way != "without-javascript"
    with support.person(browser, script=script) as (page, _):
        walk = Walk(stage, page, Keys(page) if way == "keys" else Mouse(page), script=script)
        hands = walk.hands
        walk.sign_in()
        walk.connect()
        walk.place("Oak Dental", "Oak Dental", "Oak plan")
        walk.place("Pine Law", "Pine Law", "Pine plan")
        walk.approve()
        assert stage.lines() == FIRST

        page.get_by_role("table").last.get_by_role("link").first.wait_for()
        hands.follow(re.compile(r"\d{4}.*\d\d:\d\d"))
        walk.heading(re.compile("Export"))
        expect(page.locator("main")).to_contain_text("MAIL")

        hands.follow("Account mapping")
        hands.choose("Agreement for Oak Dental", "Oak second")
        hands.press("Save mapping")
        walk.heading("Lines stay in ConnectWise")
        hands.press("Save 1 change")
        walk.heading("Account mapping")

        hands.follow("Settings")
        hands.mark("Every day")
        hands.press("Save settings")
        expect(page.get_by_role("status").first).to_contain_text("saved")

        hands.follow("Disable ConnectWise")
        walk.heading("Disable ConnectWise?")
        hands.tick(re.compile("I understand"))
        hands.press("Disable ConnectWise")

        walk.connect()
        expect(page.get_by_label("Export Oak Dental", exact=True)).not_to_be_checked()
        hands.tick("Export Oak Dental")
        hands.tick("Export Pine Law")
        walk.approve()
        assert stage.lines() == MOVED
