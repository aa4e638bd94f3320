"""Both example hosts in front of a real browser: the integration stays inside their frame, under its strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserType, Error, Page, expect

from tests.examples.conftest import LINES, PASSWORD, Host
from tests.support import axe
from tests.support import browser as support
from tests.support.listening import listening


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType) -> Iterator[Browser]:
    """The system's browser; none is downloaded."""
    with support.launched(browser_type) as browser:
        yield browser


@pytest.fixture
def empty_url(browser: Browser, tmp_path: object) -> str:
    """One kind of database is enough here."""
    return f"sqlite:///{tmp_path}/host.sqlite"


def _sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("E-mail").fill("ann@blue-river.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _export(page: Page, host: Host) -> None:
    """From the status page to the log of an export that a worker has done."""
    expect(page.get_by_role("heading", level=1, name="Export status")).to_be_visible()
    page.get_by_role("button", name="Start export now").click()
    expect(page.get_by_text("Export 1 was started.")).to_have_count(1)
    host.cwportal("worker", "--burst")
    assert host.lines() == LINES
    with suppress(Error):  # the page may be loading itself again just now
        page.goto(page.url)
    page.wait_for_load_state()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plain_host(app: Flask, host: Host, browser: Browser, theme: str) -> None:
    with listening(app) as address, support.person(browser, color_scheme=theme) as (page, _):
        _sign_in(page, address)
        assert axe.violations(page) == []
        page.get_by_role("navigation", name="Portal").get_by_role("link", name="ConnectWise").click()
        _export(page, host)
        expect(page.locator(".frame-name")).to_have_text("Plain host")
        assert axe.violations(page) == []
        page.set_viewport_size(support.NARROW)
        assert support.sideways(page) == 0


def test_admin_host(admin_app: Flask, admin_host: Host, browser: Browser) -> None:
    with listening(admin_app) as address, support.person(browser) as (page, _):
        _sign_in(page, address)
        page.get_by_role("button", name="Integration").click()
        page.get_by_role("link", name="ConnectWise").click()
        _export(page, admin_host)
        expect(page.locator(".navbar-brand")).to_have_text("Cloud portal")
        page.get_by_role("button", name="Integration").click()  # the menu works under our policy too
        expect(page.get_by_role("link", name="ConnectWise", exact=True)).to_be_visible()
        assert axe.violations(page, within=".cw") == []  # around it are templates of Flask-Admin
        page.set_viewport_size(support.NARROW)
        assert support.sideways(page) == 0
