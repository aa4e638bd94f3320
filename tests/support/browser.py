"""The system's Chromium in front of a page, watched: what it complains about fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Error, Page, Response

CHROMIUM = shutil.which("chromium")
PATIENCE = 20_000.0
"""Milliseconds that a page has to show what is expected."""
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 900}
_LISTEN = """
window.cwRefused = [];
document.addEventListener('securitypolicyviolation', event => window.cwRefused.push(
    `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""


def needs_chromium() -> None:
    """Skip where there is no Chromium; fail where there must be one."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("There is no chromium here; CI installs it with apt-get.")
        pytest.skip("There is no chromium here; install it (apt-get install chromium) to run this test.")


@contextmanager
def launched(kind: BrowserType) -> Iterator[Browser]:
    """The system's browser for the block; none is downloaded."""
    needs_chromium()
    browser = kind.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    try:
        yield browser
    finally:
        browser.close()


class Watch:
    """Keeps what the browser complains about: in its console, as an error of a script, as a violation of the Content-Security-Policy."""

    def __init__(self, context: BrowserContext, expected: tuple[str, ...] = ()) -> None:
        self.told: list[str] = []
        self._expected = expected
        context.add_init_script(_LISTEN)
        context.on("console", lambda message: self._note(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: self._note(f"error: {error.error}"))

    def _note(self, text: str) -> None:
        if not any(part in text for part in self._expected):
            self.told.append(text)

    def look(self, page: Page) -> None:
        """Violations on the page as it is now, for those that reach no console."""
        for text in page.evaluate("window.cwRefused.splice(0)"):
            self._note(f"policy: {text}")


@contextmanager
def person(browser: Browser, *, script: bool = True, **more: Any) -> Iterator[tuple[Page, Watch]]:
    """A page of a browser of somebody's own, and what it complains about. Fails at the end if it did."""
    context = browser.new_context(java_script_enabled=script, **{"viewport": WIDE, **more})
    watch = Watch(context)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    try:
        yield page, watch
        if script:
            watch.look(page)
        assert not watch.told, "\n".join(watch.told)
    finally:
        context.close()


def visit(page: Page, address: str) -> Response | None:
    """Go there. A page that watches an export loads itself anew when that has ended, which may come in between."""
    for _ in range(9):
        try:
            return page.goto(address)
        except Error as error:
            if "ERR_ABORTED" not in str(error):
                raise
    return page.goto(address)


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
