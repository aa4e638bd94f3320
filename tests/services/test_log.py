"""The log of a real export: what is found once for many accounts, filters that mean the same on the page and in the file."""

from __future__ import annotations

from typing import Any

import pytest

from cwportal.errors import UsageError
from cwportal.models import Run, RunAccount
from cwportal.services import found, log, recordlinks, reports
from cwportal.services.log import Wanted
from cwportal.vocabulary import AccountState, Severity
from tests.support.portal import PARTNER, charge
from tests.support.world import World


@pytest.fixture
def run(world: World) -> int:
    """An export of three accounts after a first one: updates, an end, a create, a missing price and vanished charges."""
    for name in ("alder", "birch", "cedar"):
        number = world.agreement(name)
        world.source.add_account(name, charge("MBX", 3, 2, 5), charge("PBX-1", 1, 1, 4))
        world.map({name: number})
    world.export()
    world.source.set_charges("alder", charge("MBX", 4, 2, 5), charge("NEW", 1, 1, 3))
    world.source.set_charges("birch", charge("MBX", 9, 2, None), charge("PBX-1", 2, 1, 4))
    world.source.set_charges("cedar")
    return int(world.export()["run_id"])


def _page(world: World, run: int, number: int = 1, **wanted: Any) -> log.Log:
    return log.page(world.runtime, PARTNER, run, Wanted(**wanted), number)


def test_all_of_it(world: World, run: int) -> None:
    page = _page(world, run)
    assert page.accounts == 3
    assert page.states[AccountState.HELD] == 1
    assert [(group.code, group.severity) for group in page.findings] == [
        ("price_missing", Severity.ERROR),
        ("charges_vanished", Severity.HOLD),
    ]
    assert page.findings[0].shown[0].account_id == "birch"
    assert {item["account_id"] for item in page.changes.items} == {"alder", "birch", "cedar"}
    assert page.places["alder"].agreement_name == "Agreement alder"


CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"action": "create"}, {"alder"}),
    ({"outcome": "applied"}, {"alder", "birch"}),
    ({"outcome": "planned"}, {"cedar"}),
    ({"account": "birch"}, {"birch"}),
    ({"account": "Account B"}, {"birch"}),
    ({"account": "nobody"}, set()),
    ({"text": "pbx"}, {"alder", "birch", "cedar"}),
    ({"text": "new"}, {"alder"}),
    ({"text": "product pbx-1", "account": "birch"}, {"birch"}),
    ({"text": "%"}, set()),
    ({"level": "change", "account": "birch"}, {"birch"}),
    ({"level": "error"}, set()),
    ({"code": "price_missing"}, set()),
]
FINDINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"level": "hold"}, ["charges_vanished"]),
    ({"code": "price_missing"}, ["price_missing"]),
    ({"account": "cedar"}, ["charges_vanished"]),
    ({"text": "vanish"}, []),
    ({"text": "ACCOUNT CEDAR"}, ["charges_vanished"]),
    ({"action": "create"}, []),
    ({"level": "change"}, []),
]


def test_filters_mean_the_same_on_the_page_and_in_the_file(world: World, run: int) -> None:
    for wanted, accounts in CHANGES:
        page = _page(world, run, **wanted)
        assert {item["account_id"] for item in page.changes.items} == accounts, wanted
        rows = list(log.rows(world.runtime, PARTNER, run, Wanted(**wanted)))
        assert len([row for row in rows if row["level"] == "change"]) == page.changes.total, wanted
        assert len([row for row in rows if row["level"] != "change"]) == sum(one.total for one in page.findings), wanted
    for wanted, codes in FINDINGS:
        assert [group.code for group in _page(world, run, **wanted).findings] == codes, wanted
    # a page beyond the last is the last
    assert _page(world, run, 99).changes.number == 1
    assert _page(world, run, -5).changes.number == 1


def test_another_partners_run_is_no_run(world: World, run: int) -> None:
    with world.runtime.database.write() as session:
        session.get_one(Run, run).partner_id = "rival"
    with pytest.raises(UsageError):
        _page(world, run)
    with pytest.raises(UsageError):
        list(log.rows(world.runtime, PARTNER, run, Wanted()))


def test_the_command_line_keeps_its_commands_and_the_page_has_none(world: World) -> None:
    number = world.agreement("a")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": number})
    world.export()
    (line,) = world.additions(number)
    world.edit(line["id"], quantity=7)
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    run = int(world.export()["run_id"])
    (typed,) = [row["reason"] for row in reports.log_rows(world.runtime, run) if row["code"] == "drift"]
    assert typed.endswith(f"On the command line: cwportal decide --partner … --account a --line {line['id']} pin")
    (shown,) = [row["reason"] for row in log.rows(world.runtime, PARTNER, run, Wanted(level="info"))]
    assert "cwportal" not in shown
    assert "cwportal" not in _page(world, run).findings[0].shown[0].message


def _add(world: World, run: int, number: int) -> None:
    """So many accounts with a warning, the last of them with an error."""
    told = {"code": "scale", "severity": "warning", "part_number": "MBX", "addition_id": None, "amount": "1.5"}
    told |= {"message": "It has five decimals."}
    loud = {**told, "code": "read_failed", "severity": "error"}
    columns = {
        "run_id": run,
        "partner_id": PARTNER,
        "plan_state": "empty",
        "state": "unchanged",
        "digest": "",
        "money": {},
    }
    with world.runtime.database.write() as session:
        for place in range(number):
            finding = loud if place == number - 1 else told
            session.add(RunAccount(**columns, account_id=f"x{place:02}", findings=[finding], unchanged=0))


def test_the_same_of_many_accounts_is_said_once(world: World, run: int) -> None:
    _add(world, run, 30)
    group = next(one for one in _page(world, run).findings if one.code == "scale")
    assert (group.total, group.accounts, len(group.shown), str(group.amount)) == (29, 29, found.FEW, "43.5")
    (all_of_it,) = _page(world, run, code="scale").findings
    assert len(all_of_it.shown) == 29


def test_of_very_many_the_loud_ones_are_read(world: World, run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(world, run, 30)
    monkeypatch.setattr(found, "READ_AT_MOST", 5)
    page = _page(world, run)
    assert page.more_findings
    assert "read_failed" in {one.code for one in page.findings}


def test_links_lead_into_the_partners_own_connectwise_only(world: World, run: int) -> None:
    with world.runtime.database.read() as session:
        tenant = session.get_one(Run, run).tenant
    links = recordlinks.of(world.runtime, PARTNER, tenant)
    assert links.agreement(7) == (
        f"{world.sandbox.url}/v4_6_release/services/system_io/router/openrecord.rails"
        "?locale=en_US&companyName=training&recordType=AgreementFV&recid=7"
    )
    assert links.company(None) is None
    assert recordlinks.of(world.runtime, PARTNER, "elsewhere/training").agreement(7) is None
    assert recordlinks.of(world.runtime, "rival", tenant).agreement(7) is None


def test_text_is_found_whatever_its_case_in_any_alphabet(world: World) -> None:
    number = world.agreement("alder")
    world.source.add_account("alder", charge("ÜBER-STRAßE", 3, 2, 5))
    world.map({"alder": number})
    run = int(world.export()["run_id"])
    for typed in ("über", "STRAßE", "strasse"):
        assert {change["kind"] for change in _page(world, run, text=typed).changes.items} == {"addition", "product"}
