"""A company with more agreements than a list holds: every one of them can be found and chosen, without JavaScript."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import select

from cwportal.models import Mapping
from cwportal.sandbox import Sandbox
from cwportal.services import directory
from cwportal.services.mapping_options import OPTIONS
from tests.blueprints.portal import MINE, Portal
from tests.blueprints.test_mapping import PAGE, Form, _control, _press, portal, sandbox

__all__ = ["portal", "sandbox"]
SEVERAL = OPTIONS + 12


def listed(text: str) -> list[str]:
    """What can be chosen as agreement in the first row."""
    select_ = re.search(r'<select [^>]*name="agreement-0".*?</select>', text, re.DOTALL)
    assert select_ is not None
    return re.findall(r"<option [^>]*>([^<]*)</option>", select_[0])


def crowd(portal: Portal, sandbox: Sandbox) -> None:
    """A company with SEVERAL agreements, read into the directory."""
    agreements = [{"name": f"Umbrella {number:03}", "billingCycle": "Monthly"} for number in range(SEVERAL)]
    agreements.append({"name": "Ümlaut <b>", "billingCycle": "Monthly"})
    company = {"identifier": "Umb", "name": "Umbrella", "agreements": agreements}
    _control(sandbox, "seed", {"companies": [company]})
    directory.refresh(portal.runtime, MINE)


def test_an_agreement_beyond_the_list_is_found_by_a_part_of_its_name_and_chosen(
    portal: Portal, sandbox: Sandbox
) -> None:
    crowd(portal, sandbox)
    client = portal.client("billing")
    assert 'name="among-0"' not in client.get(PAGE).text
    page = _press(client, do="lookup", **{"company-0": "Umb"})
    assert f"{SEVERAL + 1} agreements to choose from" in page
    assert "13 more: press Look up typed companies, then search among them" in listed(page)
    assert not any("Ümlaut" in name for name in listed(page))

    page = _press(client, do="go", **{"among-0": " üMLAUT ", "among-1": "nobody's"})
    assert listed(page) == ["Choose …", "Ümlaut &lt;b&gt;", "+ New agreement"]
    assert f"1 of {SEVERAL + 1} agreements has these words" in page
    number = re.search(r'<option value="(\d+)"[^>]*>Ümlaut', page)
    assert number is not None

    page = _press(client, do="save", **{"agreement-0": number[1]})
    assert "1 row was saved" in page
    with portal.runtime.database.read() as session:
        (row,) = session.scalars(select(Mapping))
    assert str(row.cw_agreement_id) == number[1]
    chosen = re.search(rf'<option value="{number[1]}" selected[^>]*>([^<]*)', page)  # it stays in the list, by its name
    assert chosen is not None
    assert chosen[1] == "Ümlaut &lt;b&gt;"


def test_by_number_and_by_words_that_nothing_has(portal: Portal, sandbox: Sandbox) -> None:
    crowd(portal, sandbox)
    client = portal.client("billing")
    page = _press(client, do="lookup", **{"company-0": "Umb"})
    number = re.search(r'<option value="(\d+)"[^>]*>Umbrella 007', page)
    assert number is not None
    assert "Umbrella 007" in listed(found(client, number[1]))
    page = found(client, "no such words")
    assert f"None of {SEVERAL + 1} agreements has these words" in page
    assert listed(page) == ["Choose …", "+ New agreement"]
    page = _press(client, do="lookup", **{"among-0": ""})  # emptied: the whole list again
    assert "Umbrella 000" in listed(page)


def test_what_is_typed_and_not_listed_keeps_its_name(portal: Portal, sandbox: Sandbox) -> None:
    crowd(portal, sandbox)
    client = portal.client("billing")
    _press(client, do="lookup", **{"company-0": "Umb"})
    page = found(client, "ümlaut")
    number = re.search(r'<option value="(\d+)"[^>]*>Ümlaut', page)
    assert number is not None
    page = _press(client, do="go", **{"agreement-0": number[1], "among-0": ""})
    assert listed(page)[1] == "Ümlaut &lt;b&gt;"
    assert Form(page).fields["agreement-0"] == number[1]


def found(client: FlaskClient, words: str) -> str:
    """Words typed in the first row, and Find pressed."""
    return _press(client, do="go", **{"among-0": words})
