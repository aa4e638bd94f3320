"""Every page of the url map: axe finds nothing, no page is wider than a telephone, each has one heading and a title, none complains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from cwportal.models import Run
from cwportal.sandbox import Sandbox
from cwportal.vocabulary import RunState
from tests.support import axe
from tests.support import browser as support
from tests.walks import rich
from tests.walks.addresses import addresses, pages
from tests.walks.stage import PARTNER, PASSWORD, PREFIX, Stage

THEMES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": support.NARROW},
}
ADMIN = "ann@northwind.example"
MORE = [f"{PREFIX}/exports/99", f"{PREFIX}/?page=2"]
"""Besides the url map: a refusal, and a page that is empty."""


@pytest.fixture(scope="module")
def full(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A portal with everything in it."""
    with Sandbox() as sandbox:
        stage = Stage(tmp_path_factory.mktemp("full"), sandbox)
        try:
            rich.fill(stage)
            yield stage
        finally:
            stage.close()


def _values(stage: Stage) -> dict[str, list[object]]:
    """Values for the parts of paths: every run, and an account with the worst name."""
    with stage.runtime.database.read() as session:
        runs: list[object] = [run.id for run in session.query(Run).filter_by(partner_id=PARTNER)]
    return {"run_id": runs, "account_id": ["a0", "a7"], "staff_id": [2]}


@pytest.mark.parametrize("theme", THEMES)
def test_a_partner_who_exports(full: Stage, browser: Browser, theme: str) -> None:
    paths = pages(full.app, ADMIN, addresses(full.app, _values(full)))
    assert len(paths) > 5
    with support.person(browser, **THEMES[theme]) as (page, watch):
        _sign_in(page, full)
        wrong = [line for path in [*paths, *MORE] for line in _look(page, watch, full.url + path)]
        with full.runtime.database.write() as session:
            session.add(
                run := Run(
                    partner_id=PARTNER,
                    tenant="",
                    trigger="manual",
                    actor=rich.NASTY["markup"],
                    approval={},
                    state=RunState.APPLYING,
                    created_at=full.runtime.clock(),
                    heartbeat_at=full.runtime.clock(),
                )
            )
        wrong += _look(page, watch, f"{full.url}{PREFIX}/")  # while one is under way
        with full.runtime.database.write() as session:
            session.delete(session.get_one(Run, run.id))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("theme", THEMES)
def test_a_partner_who_has_just_come(stage: Stage, browser: Browser, theme: str) -> None:
    stage.load(partners=[(PARTNER, "Northwind", "Europe/Berlin", "EUR")], accounts=[("oak", "Oak Dental", "active")])
    stage.staff(ann="admin")
    paths = pages(stage.app, ADMIN, addresses(stage.app, _values(stage)))
    with support.person(browser, **THEMES[theme]) as (page, watch):
        wrong = _look(page, watch, f"{stage.url}/sign-in")
        _sign_in(page, stage)
        wrong += [line for path in paths for line in _look(page, watch, stage.url + path)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("theme", THEMES)
def test_a_partner_in_the_wizard(stage: Stage, browser: Browser, theme: str) -> None:
    stage.load(
        partners=[(PARTNER, "Northwind", "Europe/Berlin", "EUR")],
        accounts=[("oak", "Oak Dental", "active"), ("elm", "Elm " + "Long" * 40, "closed")],
    )
    stage.staff(ann="admin")
    stage.seed({"identifier": "Oak", "name": "Oak Dental PC", "agreements": [{"name": "Cloud"}]})
    stage.half_connect(ADMIN)
    paths = pages(stage.app, ADMIN, addresses(stage.app, _values(stage)))
    assert {f"{PREFIX}/connect/{step}" for step in ("credentials", "settings", "mapping")} <= set(paths)
    with support.person(browser, **THEMES[theme]) as (page, watch):
        _sign_in(page, stage)
        wrong = [line for path in paths for line in _look(page, watch, stage.url + path)]
    assert not wrong, "\n".join(wrong)


def _sign_in(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.url}/sign-in")
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def _look(page: Page, watch: support.Watch, address: str) -> list[str]:
    """What is wrong with one page."""
    answer = page.goto(address)
    assert answer is not None
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")  # there the bar at the bottom covers nothing
    watch.look(page)
    watch.told = [text for text in watch.told if answer.ok or "Failed to load resource" not in text]
    wrong = [*axe.violations(page), *watch.told]
    watch.told = []
    if (over := support.sideways(page)) > 0:
        wrong.append(f"the page is {over} pixels wider than its window")
    if (headings := page.locator("h1").count()) != 1:
        wrong.append(f"{headings} h1")
    if len(page.title()) < 5:
        wrong.append(f"title {page.title()!r}")
    return [f"{page.url}: {text}" for text in wrong]
