"""axe-core on a page: WCAG 2.2 AA and good practice."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, *, within: str | None = None) -> list[str]:
    """What is wrong on the page as it is now (in the part that `within` selects), a line for every place."""
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found: dict[str, Any] = Axe().run(page, context=within, options=options).response
    return [
        f"{rule['id']}: {' '.join(place['target'])}: {' '.join(place['failureSummary'].split())}"
        for rule in found["violations"]
        for place in rule["nodes"]
    ]
