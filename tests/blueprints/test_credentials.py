"""Other credentials for an active connection: the same ConnectWise, another one, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from cwportal.blueprints import trouble
from cwportal.models import AuditEntry, Mapping, Settings
from cwportal.services.secrets import Keyring
from cwportal.vocabulary import RunState
from tests.blueprints.joined import PRIVATE, PUBLIC, Joined, hidden_fields, joined
from tests.blueprints.portal import MINE, PREFIX

PAGE = f"{PREFIX}/settings/credentials"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Joined]:
    with joined(tmp_path) as here:
        here.member()
        here.walk()
        for run in here.portal.runs():
            with here.runtime.database.write() as session:
                session.merge(run).state = RunState.CANCELLED
        second = {"identifier": "x", "public_key": PUBLIC, "private_key": PRIVATE, "rights": "admin"}
        here.control("seed", {"tenant": "second", "members": [second]})
        yield here


def _send(here: Joined, **fields: str) -> str:
    good = {"site": here.sandbox.url, "company_id": "training", "public_key": PUBLIC, "private_key": ""}
    answer = here.post(PAGE, **{**good, **fields})
    return answer.text if answer.status_code != 303 else here.get(answer.location).text


def _key(here: Joined) -> str:
    row = here.row()
    assert row is not None
    return Keyring.of(here.runtime.config).decrypt(MINE, row.private_key)


def test_blank_keeps_the_key_and_tests_again(here: Joined) -> None:
    page = _send(here)
    assert "Nothing was changed." in page
    assert _key(here) == PRIVATE
    assert PRIVATE not in page


def test_a_new_pair_of_keys_is_kept_only_if_it_works(here: Joined) -> None:
    refused = _send(here, private_key="wrong")
    assert "ConnectWise refused the API keys" in refused
    assert trouble.KEY_AGAIN in refused
    assert "is kept" not in refused
    assert _key(here) == PRIVATE
    assert trouble.KEY_AGAIN in _send(here, site="", private_key="wrong")
    assert trouble.KEY_AGAIN not in _send(here, site="")
    here.control(
        "seed", {"members": [{"identifier": "new", "public_key": "pub2", "private_key": "priv2", "rights": "admin"}]}
    )
    assert "Saved. Connected to training" in _send(here, public_key="pub2", private_key="priv2")
    assert _key(here) == "priv2"
    with here.runtime.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "credentials")).one()
    assert (entry.detail["private_key_changed"], entry.actor) == (True, "admin@msp.example")
    assert "priv2" not in str(entry.detail)


def test_the_kept_key_is_not_sent_to_another_site(here: Joined) -> None:
    assert "is not sent to this one" in _send(here, site="https://other.example")


def test_another_connectwise_is_asked_for_and_explained_first(here: Joined) -> None:
    with here.runtime.database.write() as session:
        row = here.row()
        assert row is not None
        session.add(
            Mapping(
                partner_id=MINE,
                account_id="a",
                tenant=row.tenant,
                cw_company_id=1,
                cw_agreement_id=2,
                company_name="C",
                agreement_name="A",
                export=True,
                per_cycle_confirmed=False,
                changed_at=datetime.now(UTC),
            )
        )
        session.get_one(Settings, MINE).agreement_type_id = 5
    page = _send(here, company_id="second", private_key=PRIVATE)
    assert "This is another ConnectWise" in page
    assert "Yes, <bdi>second</bdi> takes the place of <bdi>training</bdi>" in page
    row = here.row()
    assert row is not None
    assert row.company_id == "training"
    page = _send(here, company_id="second", elsewhere="yes")
    assert "another ConnectWise than before" in page
    row = here.row()
    assert row is not None
    assert (row.company_id, row.active, here.draft()) == ("second", True, None)
    with here.runtime.database.read() as session:
        assert session.get_one(Settings, MINE).agreement_type_id is None
        assert session.scalars(select(Mapping.export)).all() == [False]


def test_not_while_an_export_runs(here: Joined) -> None:
    run = here.portal.run(state=RunState.APPLYING)
    page = _send(here, company_id="second", private_key=PRIVATE, elsewhere="yes")
    assert f"An export is under way (no. {run})" in page
    row = here.row()
    assert row is not None
    assert row.company_id == "training"


def test_the_second_of_two_people_is_told(here: Joined) -> None:
    page = _send(here, version="0123456789abcdef")
    assert "Somebody else has changed or tested the credentials" in page


def test_without_a_connection_one_begins_at_the_entry_and_is_told_what_was_lost(here: Joined) -> None:
    forms = {path: hidden_fields(here.get(path).text) for path in (PAGE, f"{PREFIX}/settings")}
    with here.runtime.database.write() as session:
        session.delete(session.merge(here.row()))
    assert here.get(PAGE).location == f"{PREFIX}/start"
    for path, hidden in forms.items():
        assert "What you typed was not kept" not in here.get(f"{PREFIX}/start").text
        answer = here.client.post(path, data={**hidden, "site": here.sandbox.url, "export": "daily"})
        assert (answer.status_code, answer.location) == (303, f"{PREFIX}/start")
        assert "What you typed was not kept" in here.get(f"{PREFIX}/start").text


def test_keys_that_cannot_be_read_any_more_are_typed_again_here(here: Joined) -> None:
    with here.runtime.database.write() as session:
        row = session.merge(here.row())
        row.public_key = row.private_key = "of another secret key"
    assert here.get(PAGE).status_code == 200
    assert "cannot be read any more" in _send(here)
    assert "Saved. Connected to training" in _send(here, private_key=PRIVATE)
    assert _key(here) == PRIVATE
