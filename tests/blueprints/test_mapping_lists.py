"""Who unmaps or moves an account is told of its list of users, too: people's names stay where the portal attached them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cwportal.models import LedgerDocument, Mapping
from cwportal.sandbox import Sandbox
from tests.blueprints.portal import MINE, WHEN, Portal
from tests.blueprints.test_mapping import PAGE, Form, _control, _press, portal, sandbox

__all__ = ["portal", "sandbox"]


def test_what_stays_is_told_and_nothing_is_said_of_invoices_where_there_are_no_lines(
    portal: Portal, sandbox: Sandbox
) -> None:
    client = portal.client("billing")
    _press(client, do="lookup", **{"company-0": "Company One"})
    agreement = sandbox.tenant("training").agreements()[0]["id"]
    assert "1 row was saved" in _press(client, do="save", **{"agreement-0": str(agreement)})
    with portal.runtime.database.write() as session:
        (row,) = session.scalars(select(Mapping))
        session.add(
            LedgerDocument(
                partner_id=MINE,
                tenant=row.tenant,
                account_id=row.account_id,
                cw_agreement_id=agreement,
                cw_document_id=7,
                file_name="users.csv",
                rows=1,
                sha256="0" * 64,
                superseded=False,
                uploaded_at=WHEN,
            )
        )
        at = f"company-{Form(client.get(PAGE).text).fields['row'].index(row.account_id)}"
    page = saved(client, **{at: ""})
    assert "<h1>Lists of users stay in ConnectWise</h1>" in page
    assert "It is unmapped." in page
    assert "The list of users on agreement “<bdi>Monthly</bdi>” stays.</li>" in page
    assert "invoiced" not in page
    saved(client, **{at: ""})


def saved(client: FlaskClient, **fields: str) -> str:
    """The page after Save was pressed."""
    return _press(client, do="save", **fields)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("error_before", "answered that it had an error of its own (500)"),
        ("close_before", "The connection broke off"),
        ("rate_limit_json", "ConnectWise asks us to wait"),
        ("revoked_keys", "An administrator can correct that under Settings"),
    ],
)
def test_why_nothing_was_saved_is_said_in_words_of_people(
    portal: Portal, sandbox: Sandbox, fault: str, said: str
) -> None:
    client = portal.client("billing")
    _press(client, do="lookup", **{"company-0": "Company One"})
    agreement = sandbox.tenant("training").agreements()[0]["id"]
    _control(sandbox, "faults", {"rules": [{"kind": fault, "match": {"path": "/company/companies"}, "times": 9}]})
    page = saved(client, **{"agreement-0": str(agreement)})
    assert said in page
    assert "Nothing was saved" in page
    assert "What you typed is kept" in page
    assert [word for word in ("GET /company", "CWPORTAL_") if word in page] == []
