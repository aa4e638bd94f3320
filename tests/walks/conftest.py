from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType

from cwportal.sandbox import Sandbox
from tests.support import browser as support
from tests.walks.stage import Stage


@pytest.fixture(scope="session")
def browser(browser_type: BrowserType) -> Iterator[Browser]:
    """The system's browser; none is downloaded."""
    with support.launched(browser_type) as browser:
        yield browser


@pytest.fixture
def stage(browser: Browser, tmp_path: Path) -> Iterator[Stage]:
    """A portal of the test's own, with nothing in it."""
    with Sandbox() as sandbox:
        stage = Stage(tmp_path, sandbox)
        try:
            yield stage
        finally:
            stage.close()
