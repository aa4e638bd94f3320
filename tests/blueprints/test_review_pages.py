"""Forms that come too late, from elsewhere, or with something no page of ours sends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from cwportal.models import (
    Connection,
    Directory,
    DirectoryAgreement,
    DirectoryCompany,
    DirectoryEntry,
    Mapping,
    MappingDraft,
)
from cwportal.sandbox import Sandbox
from cwportal.services import connection, directory
from tests.blueprints.portal import MINE, PREFIX, Portal, opened, token
from tests.blueprints.test_mapping import KEYS, PAGE, Form, _control

COPY = "cw.example/copy"


@pytest.fixture
def portal(tmp_path: Path, template: Path) -> Iterator[Portal]:
    """Connected to the simulator, whose company One with one agreement has been read."""
    shutil.copy(template, tmp_path / "cwportal.sqlite")
    with Sandbox() as sandbox, opened(tmp_path, CWPORTAL_ALLOWED_SITES=sandbox.site) as portal:
        portal.account("a", "Account a")
        member = {"identifier": "m", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
        agreement = {"name": "Monthly", "billingCycle": "Monthly"}
        company = {"identifier": "One", "name": "Company One", "agreements": [agreement]}
        _control(sandbox, "seed", {"members": [member], "companies": [company]})
        connection.connect(
            portal.runtime,
            MINE,
            site=sandbox.url,
            company_id="training",
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )
        directory.refresh(portal.runtime, MINE)
        yield portal


def _copy(portal: Portal) -> None:
    """The partner is connected to a copy of its ConnectWise now, where the same numbers mean other records."""
    with portal.runtime.database.write() as session:
        for table in (Connection, Directory, DirectoryCompany, DirectoryAgreement, DirectoryEntry):
            session.execute(update(table).where(table.partner_id == MINE).values(tenant=COPY))


def _kept(portal: Portal) -> int:
    with portal.runtime.database.read() as session:
        return len([*session.scalars(select(MappingDraft)), *session.scalars(select(Mapping))])


@pytest.mark.parametrize("do", ["save", "go", "bulk"])
def test_rows_of_a_page_of_another_connectwise_are_not_taken(portal: Portal, do: str) -> None:
    client = portal.client("billing")
    with portal.runtime.database.read() as session:
        company, agreement = session.execute(
            select(DirectoryAgreement.cw_company_id, DirectoryAgreement.cw_agreement_id).where(
                DirectoryAgreement.name == "Monthly"
            )
        ).one()
    fields = Form(client.get(PAGE).text).fields
    _copy(portal)
    chosen = {"company-0": "Company One", "cid-0": str(company), "agreement-0": str(agreement), "export-0": "yes"}
    answer = client.post(PAGE, data={**fields, **chosen, "do": do, "bulk": "export-on", "select": "a"})
    assert _kept(portal) == 0
    assert "another ConnectWise" in client.get(answer.headers["Location"]).text


def test_a_question_of_another_connectwise_confirms_nothing(portal: Portal) -> None:
    client = portal.client("billing")
    answer = client.post(PAGE, data={"csrf_token": token(client, PAGE), "do": "save", "answer": "x", "at_place": "old"})
    assert "another ConnectWise" in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "was",
    [
        "[" * 100_000,
        '["","²","",0,0,"0-0-nnnn",""]',
        f'["","{"9" * 5000}","",0,0,"0-0-nnnn",""]',
        '["\\ud800","","",0,0,"0-0-nnnn",""]',
    ],
    ids=["deep", "superscript", "long", "surrogate"],
)
@pytest.mark.parametrize("company", ["", "²", "9" * 5000], ids=["none", "superscript", "long"])
def test_rows_that_no_page_sends_do_no_harm(portal: Portal, was: str, company: str) -> None:
    client = portal.client("billing")
    fields = Form(client.get(PAGE).text).fields
    for name in ({}, {"company-0": "One"}):
        data = {**fields, "was-0": was, "cid-0": company, "agreement-0": company, "do": "go", **name}
        if not name:
            del data["company-0"]
        assert client.post(PAGE, data=data).status_code == 303
        assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize("path", ["/mapping", "/settings", "/connect/finish"])
def test_no_file_is_taken_where_none_is_asked_for(portal: Portal, path: str) -> None:
    client = portal.client("admin")
    parts = [f'name="csrf_token"\r\n\r\n{token(client, PAGE)}', f'name="x"; filename="x"\r\n\r\n{"0" * (5 << 20)}']
    body = "".join(f"--cut\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--cut--\r\n"
    answer = client.post(f"{PREFIX}{path}", data=body, content_type="multipart/form-data; boundary=cut")
    assert answer.status_code == 413


def test_who_types_while_connectwise_is_disabled_is_told_that_nothing_was_kept(portal: Portal) -> None:
    client = portal.client("billing")
    fields = Form(client.get(PAGE).text).fields
    with portal.runtime.database.write() as session:
        session.execute(delete(Connection))
    answer = client.post(PAGE, data={**fields, "company-0": "One", "do": "go"})
    assert "was not kept" in client.get(answer.headers["Location"]).text


def test_who_types_in_the_wizard_while_somebody_finishes_is_told_that_nothing_was_kept(portal: Portal) -> None:
    client = portal.client("admin")
    data = {"csrf_token": token(client, PAGE), "do": "go"}
    answer = client.post(f"{PREFIX}/connect/mapping", data=data, follow_redirects=True)
    assert "was not kept" in answer.text
