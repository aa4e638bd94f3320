"""A person with a real browser in front of `make run`: with JavaScript, and without."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from tests.support.demo import Demo, running

CHROMIUM = shutil.which("chromium")
PATIENCE = 30_000.0
"""Milliseconds."""
READS = {"method": "GET", "path": "/additions"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Everything, running."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("There is no chromium here; CI installs it with apt-get.")
        pytest.skip("There is no chromium here; install it (apt-get install chromium) to run this test.")
    with running(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="module")
def browser(demo: Demo, browser_type: BrowserType) -> Iterator[Browser]:
    """The system's browser; none is downloaded."""
    browser = browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


def _control(demo: Demo, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(f"{demo.sandbox}/_sandbox/{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30):
        pass


@pytest.mark.parametrize("script", [True, False], ids=["with-javascript", "without"])
def test_sign_in_start_an_export_and_see_it_end(demo: Demo, browser: Browser, script: bool) -> None:
    page = browser.new_page(java_script_enabled=script)
    page.set_default_timeout(PATIENCE)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(f"{demo.portal}/")
    page.get_by_label("E-mail address").fill("billing@northwind.example")
    page.get_by_label("Password").fill("northwind-demo")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Export status")).to_be_visible()
    rows = page.locator("section[aria-labelledby=history] tbody tr")
    before = rows.count()

    _control(demo, "barriers", {"name": "hold", "point": "before", "match": READS, "times": 1})
    page.get_by_role("button", name="Start export now").click()
    _until(page, script, "Reading:")
    expect(page.get_by_role("button", name="Start export now")).to_be_disabled()
    expect(page.locator("#run")).to_contain_text("started by billing@northwind.example")
    _control(demo, "barriers/release", {"name": "hold"})
    _until(page, script, "No change", rows.first)
    if not script:
        page.reload()  # it may have ended while that page was put together

    expect(rows).to_have_count(before + 1)
    expect(page.get_by_role("button", name="Start export now")).to_be_enabled()
    rows.first.get_by_role("link").click()
    expect(page.get_by_text("Nothing had to be changed in ConnectWise.")).to_be_visible()
    assert told == []
    page.close()


def _until(page: Page, script: bool, text: str, where: Any = None) -> None:
    """Until the page shows it: by itself with JavaScript, by pressing Update without."""
    place = where or page.locator("main")
    if not script:
        for _ in range(100):
            if text in (place.text_content() or ""):
                break
            update = page.get_by_role("link", name="Update")
            if update.count():
                update.click()
            else:
                page.reload()
            page.wait_for_timeout(100)
    expect(place).to_contain_text(text, timeout=PATIENCE)
