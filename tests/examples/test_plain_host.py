"""The integration inside a portal that has a life of its own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, inspect, select, text

from cwportal.models import Run
from cwportal.services import exports
from tests.examples.conftest import LINES, PARTNER, PASSWORD, Host


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_from_nothing_to_the_first_export_and_a_second_that_writes_nothing(host: Host) -> None:
    host.run("alembic", "upgrade", "head")
    host.cwportal("init")
    for words in host.steps():
        host.run("flask", *words)
    plan = host.cwportal("plan", "--partner", PARTNER)
    assert "Oak Dental" in plan
    assert host.lines() == []
    host.cwportal("export", "--partner", PARTNER)
    assert host.lines() == LINES
    again = json.loads(host.cwportal("export", "--partner", PARTNER, "--json"))
    assert (again["status"], again["counts"]["unchanged"]) == ("succeeded", 3)
    assert not any(again["counts"][name] for name in ("created", "updated", "ended", "adopted"))
    assert host.lines() == LINES


def test_both_migrations_live_side_by_side(host: Host) -> None:
    host.run("alembic", "upgrade", "head")
    own = tables(host.url)
    host.cwportal("init")
    assert own < tables(host.url)
    assert {name for name in tables(host.url) - own if not name.startswith("cwportal_")} == set()
    engine = create_engine(host.url)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == ["0001"]
    engine.dispose()
    assert "No new upgrade operations" in host.run("alembic", "check")
    host.run("alembic", "upgrade", "head")
    host.cwportal("init")


def test_a_database_that_is_not_set_up_is_said(host: Host) -> None:
    assert "not set up" in host.cwportal("runs", "--partner", PARTNER, status=2)


def test_unsaved_work_of_the_host_stays_unsaved_and_is_not_lost(app: Flask, host: Host) -> None:
    from plain_host.tables import Customer, Reseller, db

    runtime = app.extensions["cwportal"]
    with app.app_context():
        reseller = db.session.scalars(select(Reseller)).one()
        db.session.rollback()
        pending = Customer(reseller_id=reseller.id, name="Not saved")
        db.session.add(pending)
        if host.url.startswith(
            "postgresql"
        ):  # on SQLite a flush holds the only write lock there is: see docs/embedding.md
            db.session.flush()
        before = (set(db.session.new), db.session().in_transaction())
        run_id = exports.export(runtime, PARTNER, actor="test", approval={})
        assert (set(db.session.new), db.session().in_transaction()) == before
        assert saved(db.engine, Customer) == 2
        with runtime.database.read() as session:
            assert session.get_one(Run, run_id).state == "succeeded"
        db.session.commit()
        assert saved(db.engine, Customer) == 3
        db.session.add(Customer(reseller_id=pending.reseller_id, name="Thrown away"))
        exports.export(runtime, PARTNER, actor="test", approval={})
        db.session.rollback()
        assert saved(db.engine, Customer) == 3
    assert host.lines() == LINES


def saved(engine: Engine, table: Any) -> int:
    """Rows that others can see."""
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)))


def test_no_session_of_ours_is_the_hosts(app: Flask) -> None:
    from plain_host.tables import db

    runtime = app.extensions["cwportal"]
    with app.app_context(), runtime.database.write() as session:
        assert session.get_bind() is not db.engine
        assert session.get_bind().pool is not db.engine.pool
        assert session.get_bind().url == db.engine.url


def test_the_button_and_a_worker(app: Flask, host: Host) -> None:
    browser = app.test_client()
    assert browser.post("/export").status_code == 400  # no token
    page = browser.get("/sign-in").text
    form = {"email": "ann@blue-river.example", "password": PASSWORD, "csrf_token": token(page)}
    page = browser.post("/sign-in", data=form, follow_redirects=True).text
    assert "Oak Dental" in page
    assert browser.post("/export", data={"csrf_token": token(page)}).status_code == 302
    assert "Export 1 was asked for." in browser.get("/").text
    browser.post("/export", data={"csrf_token": token(page)})
    assert "is under way" in browser.get("/").text
    assert host.lines() == []
    said = host.cwportal("worker", "--burst")
    assert "Run 1: ended" in said
    assert host.lines() == LINES
    with app.extensions["cwportal"].database.read() as session:
        run = session.get_one(Run, 1)
        assert (run.state, run.actor) == ("succeeded", "ann@blue-river.example")


def test_the_pages_of_the_integration_in_the_hosts_own_frame(app: Flask, host: Host) -> None:
    browser = app.test_client()
    place = "/integration/connectwise/"
    assert browser.get(place).headers["Location"].startswith("/sign-in")
    form = {"email": "ann@blue-river.example", "password": PASSWORD, "csrf_token": token(browser.get("/sign-in").text)}
    browser.post("/sign-in", data=form)
    page = browser.get(place)
    assert page.status_code == 200
    assert ">Plain host</p>" in page.text
    assert browser.post(f"{place}exports").status_code == 400
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]+)"', main_part(page.text)))
    assert browser.post(f"{place}exports", data=fields).status_code in {302, 303}
    host.cwportal("worker", "--burst")
    assert host.lines() == LINES
    assert "/integration/connectwise/exports/1" in browser.get(place).text


def main_part(page: str) -> str:
    """Without the frame."""
    return page.partition("<main")[2]


def token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_page_is_for_those_who_signed_in(app: Flask) -> None:
    browser = app.test_client()
    assert browser.get("/").headers["Location"].startswith("/sign-in")
    page = browser.get("/sign-in").text
    form = {"email": "ann@blue-river.example", "password": "wrong", "csrf_token": token(page)}
    assert "do not belong together" in browser.post("/sign-in", data=form).text
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize("left", [True, False])
def test_a_customer_who_left_is_closed_and_one_who_is_gone_is_no_customer_without_usage(app: Flask, left: bool) -> None:
    from plain_host.source import ResellerSource
    from plain_host.tables import Customer, Usage, db

    from cwportal.errors import SourceIncomplete
    from cwportal.vocabulary import AccountStatus

    with app.app_context():
        source = ResellerSource(db.engine)
        customer = db.session.get_one(Customer, 2)
        for usage in customer.usage:
            db.session.delete(db.session.get_one(Usage, usage.id))
        if left:
            customer.left = True
        else:
            db.session.flush()
            db.session.expire(customer)
            db.session.delete(customer)
        db.session.commit()
    if left:
        assert source.accounts(PARTNER)[1].status is AccountStatus.CLOSED
        assert list(source.charges(PARTNER, ["2"])) == [("2", [])]
    else:
        with pytest.raises(SourceIncomplete, match="no customer 2"):
            list(source.charges(PARTNER, ["1", "2"]))


def test_what_the_host_gives_within_reading_is_of_one_moment(app: Flask) -> None:
    from plain_host.source import ResellerSource
    from plain_host.tables import Customer, Service, Usage, db

    from cwportal.portal import PortalSource, ReadsOneMoment

    def all_of(one: PortalSource) -> list[object]:
        ids = [account.id for account in one.accounts(PARTNER)]
        return [one.products(PARTNER), one.accounts(PARTNER), *one.charges(PARTNER, ids)]

    with app.app_context():
        source = ResellerSource(db.engine)
        assert isinstance(source, ReadsOneMoment)
        before = all_of(source)
        with source.reading(PARTNER) as moment:
            assert moment.products(PARTNER) == before[0]
            for table, changed in ((Service, {"cost_cents": 77}), (Usage, {"seats": 77}), (Customer, {"left": True})):
                db.session.execute(db.update(table).values(changed))
            db.session.commit()
            assert all_of(moment) == before
        assert not [one for one in all_of(source) if one in before]
