"""The directory, read from a real simulator into a real database: complete or unchanged, changes only where that is enough."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from cwportal.billing.choosable import Unfit
from cwportal.connectwise import errors
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.records import Company
from cwportal.errors import NotConnected, UnknownPartner
from cwportal.models import Connection, Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.sandbox import Sandbox
from cwportal.services import choices, directory
from cwportal.services.directory_rows import Table
from tests.support.portal import PARTNER
from tests.support.world import World

COMPANIES = "/company/companies"


def companies(world: World) -> dict[str, tuple[Unfit, ...]]:
    """What can be chosen from: name -> reasons against it."""
    return {company.name: company.reasons for company in choices.companies(world.runtime, PARTNER)}


def agreements(world: World) -> dict[str, tuple[Unfit, ...]]:
    return {agreement.facts.name: agreement.reasons for agreement in choices.agreements(world.runtime, PARTNER)}


def refresh(world: World, *, full: bool = False) -> directory.Refreshed:
    return directory.refresh(world.runtime, PARTNER, full=full)


def asked(world: World, path: str) -> list[dict[str, Any]]:
    """Requests for one list since the journal was cleared."""
    return [entry for entry in world.control("journal") if entry["path"].endswith(path)]


def stored(world: World) -> int:
    """Rows of all generations."""
    with world.database.read() as session:
        return sum(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (DirectoryCompany, DirectoryAgreement, DirectoryEntry)
        )


def company_id(world: World, name: str) -> int:
    return next(item.id for item in choices.companies(world.runtime, PARTNER) if item.name == name)


def test_everything_is_kept_and_what_cannot_be_chosen_has_its_reason(world: World) -> None:
    world.agreement("Good")
    world.agreement("Cancelled", cancelledFlag=True)
    world.agreement("Expired", endDate="2025-01-31")
    world.agreement("Once", billingCycle="One time")
    world.agreement("Yearly", billingCycle="Yearly")
    world.agreement("Euro", currency="EUR")
    parent = world.agreement("Parent")
    world.agreement("Child", parentAgreement=parent)
    world.control(
        "seed", {"companies": [{"name": "Binned", "deletedFlag": True}, {"name": "Left", "status": "Former Client"}]}
    )

    done = refresh(world)
    assert done.full
    found = companies(world)
    assert found["Binned"] == (Unfit.RECYCLE_BIN,)
    assert found["Left"] == (Unfit.INACTIVE,)
    assert found["Company Good"] == ()
    assert {name.removeprefix("Agreement "): reasons for name, reasons in agreements(world).items()} == {
        "Good": (),
        "Cancelled": (Unfit.CANCELLED,),
        "Expired": (Unfit.EXPIRED,),
        "Once": (Unfit.NOT_RECURRING,),
        "Yearly": (),
        "Euro": (Unfit.CURRENCY_DIFFERS,),
        "Parent": (),
        "Child": (Unfit.CHILD,),
    }
    totals = choices.totals(world.runtime, PARTNER)
    assert (totals.agreements, totals.choosable_agreements) == (8, 3)
    assert totals.companies - totals.choosable_companies == 2
    assert totals.company_reasons == {Unfit.RECYCLE_BIN: 1, Unfit.INACTIVE: 1}
    assert (done.companies, done.agreements) == (totals.companies, 8)


def test_an_agreement_expires_without_being_read_again(world: World) -> None:
    day = world.clock().date() + timedelta(days=3)
    world.agreement("A", endDate=day.isoformat(), noEndingDateFlag=False)
    refresh(world)
    assert agreements(world) == {"Agreement A": ()}
    world.clock.advance(5 * 86_400)
    assert agreements(world) == {"Agreement A": (Unfit.EXPIRED,)}


def test_facts_names_and_tables(world: World) -> None:
    number = world.agreement("A", startDate="2025-02-01", billingCycle="Monthly")
    refresh(world)
    (one,) = choices.agreements(world.runtime, PARTNER, company_id=company_id(world, "Company A"))
    assert (one.facts.id, one.facts.start, one.facts.end, one.cycle_name) == (number, date(2025, 2, 1), None, "Monthly")
    assert one.facts.billing_option == "Monthly"
    assert one.type_name
    assert list(choices.agreements(world.runtime, PARTNER, company_id=999_999)) == []
    cycles = [entry.name for entry in choices.entries(world.runtime, PARTNER, Table.BILLING_CYCLE)]
    assert "Monthly" in cycles
    assert cycles == sorted(cycles, key=str.casefold)
    statuses = {entry.name: entry for entry in choices.entries(world.runtime, PARTNER, Table.COMPANY_STATUS)}
    assert statuses["Inactive"].inactive
    assert not statuses["Active"].inactive
    for table in (Table.AGREEMENT_TYPE, Table.PRODUCT_TYPE):
        assert choices.entries(world.runtime, PARTNER, table)


def test_companies_are_found_by_every_word_whatever_the_case(world: World) -> None:
    names = [
        ("Müller & Söhne", "MuellerS"),
        ("ÄRZTEHAUS", "Aerzte"),
        ("100% Pure_Water", "Pure"),
        ("1000 Pure Water", "Pure2"),
    ]
    world.control("seed", {"companies": [{"name": name, "identifier": short} for name, short in names]})
    refresh(world)

    def find(text: str) -> list[str]:
        return [company.name for company in choices.find_companies(world.runtime, PARTNER, text)]

    assert find("SÖHNE müller") == ["Müller & Söhne"]
    assert find("ärzte") == ["ÄRZTEHAUS"]
    assert find("aerzte") == ["ÄRZTEHAUS"]
    assert find("100%") == ["100% Pure_Water"]
    assert find("pure_") == ["100% Pure_Water"]
    assert find("nobody") == []
    assert len(choices.find_companies(world.runtime, PARTNER, "", limit=2)) == 2


def test_the_second_refresh_asks_only_for_what_has_changed(world: World) -> None:
    world.agreement("A")
    gone = world.agreement("B")
    refresh(world)
    world.sandbox.set_variant(clock=3600.0)  # an hour later in ConnectWise, so that the overlap holds nothing
    world.clock.advance(3600)
    refresh(world)
    world.clear_journal()
    quiet = refresh(world)
    assert (quiet.full, quiet.companies, quiet.agreements) == (False, 0, 0)

    first = company_id(world, "Company A")
    world.control("edit", {"kind": "company", "id": first, "set": {"name": "Renamed"}})
    world.control("edit", {"kind": "agreement", "id": gone, "set": {"cancelledFlag": True}})
    world.agreement("C")
    before = stored(world)
    changed = refresh(world)
    assert (changed.full, changed.companies, changed.agreements) == (False, 2, 2)
    assert {"Renamed", "Company B", "Company C"} <= companies(world).keys()
    assert "Company A" not in companies(world)
    assert agreements(world) == {"Agreement A": (), "Agreement B": (Unfit.CANCELLED,), "Agreement C": ()}
    assert stored(world) == before + 2


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
def test_changes_are_asked_for_by_connectwises_own_clock(world: World, skew: float) -> None:
    world.sandbox.set_variant(clock=skew)
    world.agreement("A")
    before = datetime.now(UTC)
    refresh(world)
    with world.database.read() as session:
        read_to = session.scalars(select(Directory.read_to)).one()
    assert read_to is not None
    here = read_to + directory.OVERLAP - timedelta(seconds=skew)
    second = timedelta(seconds=1)  # its time is told in whole ones
    assert before - second <= here <= datetime.now(UTC) + second
    world.control("edit", {"kind": "company", "id": company_id(world, "Company A"), "set": {"name": "Renamed"}})
    assert not refresh(world).full
    assert "Renamed" in companies(world)


def test_a_table_row_that_changes_is_seen_at_once(world: World) -> None:
    world.control("seed", {"companies": [{"name": "Left", "status": "Not Approved"}]})
    refresh(world)
    assert companies(world)["Left"] == ()
    status = next(
        entry.id
        for entry in choices.entries(world.runtime, PARTNER, Table.COMPANY_STATUS)
        if entry.name == "Not Approved"
    )
    world.control("edit", {"kind": "companyStatus", "id": status, "set": {"inactiveFlag": True}})
    assert not refresh(world).full
    assert companies(world)["Left"] == (Unfit.INACTIVE,)


def test_once_a_week_everything_is_read_and_what_is_gone_is_removed(world: World) -> None:
    number = world.agreement("A")
    world.agreement("B")
    refresh(world)
    world.control("edit", {"kind": "agreement", "id": number, "delete": True})
    assert not refresh(world).full
    assert agreements(world).keys() == {"Agreement A", "Agreement B"}
    before = stored(world)
    world.clock.advance(directory.FULL_EVERY.total_seconds())
    assert refresh(world).full
    assert agreements(world).keys() == {"Agreement B"}
    assert stored(world) == before - 1
    assert not refresh(world).full


def test_full_can_be_asked_for(world: World) -> None:
    number = world.agreement("A")
    refresh(world)
    world.control("edit", {"kind": "agreement", "id": number, "delete": True})
    assert refresh(world, full=True).full
    assert agreements(world) == {}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("path", [COMPANIES, "/finance/agreements", "/finance/billingCycles"])
def test_a_read_that_fails_leaves_everything_as_it_was_and_says_so(world: World, path: str, full: bool) -> None:
    world.agreement("A")
    refresh(world)
    before, rows = (companies(world), agreements(world)), stored(world)
    world.control("edit", {"kind": "company", "id": company_id(world, "Company A"), "set": {"name": "Renamed"}})
    world.agreement("B")
    world.faults({"kind": "error_before", "match": {"method": "GET", "path": f"{path}$"}, "times": None})
    world.clock.scale = 100.0
    with pytest.raises(errors.ServerFailed) as caught:
        refresh(world, full=full)
    assert (companies(world), agreements(world)) == before
    assert stored(world) == rows
    standing = choices.standing(world.runtime, PARTNER)
    assert standing.error == str(caught.value)
    assert standing.failed_at is not None
    assert standing.refreshed_at is not None
    assert standing.refreshed_at < standing.failed_at
    world.faults()
    refresh(world, full=full)
    assert "Company B" in companies(world)
    assert choices.standing(world.runtime, PARTNER).error is None


def test_a_list_that_breaks_off_on_its_second_page_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.agreement("A")
    refresh(world)
    before = companies(world)
    world.control("seed", {"companies": [{"name": f"More {number}"} for number in range(30)]})
    world.sandbox.set_variant(page_limit=10)
    rule = {"kind": "truncated", "match": {"method": "GET", "path": f"{COMPANIES}$"}, "times": None, "skip": 1}
    world.faults(rule)
    world.clock.scale = 100.0
    with pytest.raises(errors.ConnectWiseError):
        refresh(world, full=True)
    assert companies(world) == before
    world.faults()
    refresh(world)
    assert len(companies(world)) == len(before) + 30


def test_a_refresh_that_was_killed_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.agreement("A")
    refresh(world)
    before, rows = companies(world), stored(world)

    class Killed(BaseException):
        pass

    def dies(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Any]:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Reader, "iterate_agreements", dies)
        with pytest.raises(Killed):
            refresh(world, full=True)
    assert companies(world) == before
    assert stored(world) > rows  # what it had staged
    refresh(world)
    assert companies(world) == before
    assert stored(world) == rows


def test_of_two_refreshes_the_later_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.agreement("A")
    real = Reader.iterate_companies
    inner: list[directory.Refreshed] = []

    def while_reading(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Company]:
        monkeypatch.setattr(Reader, "iterate_companies", real)
        inner.append(refresh(world))
        return real(self, since)

    monkeypatch.setattr(Reader, "iterate_companies", while_reading)
    with pytest.raises(directory.Overtaken, match="started in the meantime"):
        refresh(world)
    assert inner[0].full
    assert agreements(world) == {"Agreement A": ()}
    assert choices.standing(world.runtime, PARTNER).error is None
    assert not refresh(world).full


def test_a_release_that_cannot_be_asked_for_changes_is_read_in_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.agreement("A")
    refresh(world)
    real = Reader.iterate_companies

    def refuses(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Company]:
        if since is not None:
            raise errors.Invalid("The field lastUpdated is not a member of Company.")
        return real(self)

    monkeypatch.setattr(Reader, "iterate_companies", refuses)
    world.agreement("B")
    assert refresh(world).full
    assert "Company B" in companies(world)
    assert choices.standing(world.runtime, PARTNER).error is None


def test_another_tenant_starts_empty_and_the_former_is_forgotten(world: World) -> None:
    world.agreement("A")
    refresh(world)
    with Sandbox() as second:
        other = World(Path(world.config.instance), second, database=world.database, CWPORTAL_ALLOWED_SITES=second.site)
        other.connect()
        assert choices.standing(other.runtime, PARTNER).refreshed_at is None
        assert companies(other) == {}
        assert choices.entries(other.runtime, PARTNER, Table.BILLING_CYCLE) == []
        other.agreement("Z")
        assert refresh(other).full
        assert agreements(other) == {"Agreement Z": ()}
    world.connect()
    assert companies(world) == {}
    assert refresh(world).full
    assert agreements(world) == {"Agreement A": ()}


def test_partners_do_not_see_each_other(world: World) -> None:
    world.agreement("A")
    refresh(world)
    with world.database.write() as session:
        mine = session.get_one(Connection, PARTNER)
        values = {column.key: getattr(mine, column.key) for column in Connection.__table__.columns}
        session.add(Connection(**{**values, "partner_id": "other"}))
    assert list(choices.companies(world.runtime, "other")) == []
    assert choices.standing(world.runtime, "other").refreshed_at is None


def test_without_a_connection(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        with pytest.raises(NotConnected):
            refresh(world)
        with pytest.raises(UnknownPartner):
            directory.refresh(world.runtime, "nobody")
        assert choices.standing(world.runtime, PARTNER).refreshed_at is None
        world.close()


def test_names_that_no_database_takes_are_taken(world: World) -> None:
    world.control("seed", {"companies": [{"name": "Nul\x00Half\ud800", "identifier": "Odd"}]})
    refresh(world)
    assert "NulHalf?" in companies(world)


def test_retry_after_is_obeyed_before_anything_is_sent(world: World) -> None:
    with world.database.write() as session:
        session.get_one(Connection, PARTNER).not_before = world.clock() + timedelta(hours=1)
    world.clear_journal()
    with pytest.raises(errors.RateLimitedLong):
        refresh(world)
    assert world.control("journal") == []


def test_progress_is_told(world: World) -> None:
    world.agreement("A")
    told: list[tuple[str, int]] = []
    directory.refresh(world.runtime, PARTNER, progress=lambda what, count: told.append((what, count)))
    assert ("companies", 0) in told
    assert ("agreements", 1) in told


@pytest.mark.slow
def test_twenty_thousand_companies_in_twenty_requests(world: World) -> None:
    seeded = [{"identifier": f"C{number}", "name": f"Company {number}"} for number in range(20_000)]
    world.sandbox.seed({"companies": seeded})
    world.agreement("A")
    world.clear_journal()
    done = refresh(world)
    assert done.companies >= 20_000
    assert len(asked(world, COMPANIES)) <= done.companies // 1000 + 1
    assert done.requests == len(world.control("journal")) <= 30
    assert len(companies(world)) == done.companies


def test_memory_does_not_grow_with_the_directory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def peak(count: int) -> int:
        def many(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Company]:
            for number in range(1, count + 1):
                yield Company(number, f"C{number}", f"Company number {number}", False, 1, "Active", None)

        monkeypatch.setattr(Reader, "iterate_companies", many)
        tracemalloc.start()
        try:
            refresh(world, full=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    refresh(world)
    small = peak(2_000)
    assert peak(20_000) < small + 500_000
    assert len(companies(world)) == 20_000
