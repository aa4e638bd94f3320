"""The portal's own pages where the token against requests from other sites has another name (WTF_CSRF_FIELD_NAME)."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.blueprints.portal import PREFIX, Portal
from tests.blueprints.test_settings import FORM
from tests.standalone.portal import words


def token(client: FlaskClient, path: str) -> str:
    """The token of a form under its other name."""
    page = client.get(path).text
    found = re.search(r'name="_token" type="hidden" value="([^"]+)"', page)
    assert found is not None
    assert 'name="csrf_token"' not in page
    return found[1]


def test_forms_are_sent_and_say_what_is_wrong(portal: Portal) -> None:
    portal.app.config["WTF_CSRF_FIELD_NAME"] = "_token"
    stranger = portal.client(None)
    sent = {"email": "a@b.example", "password": "wrong"}
    assert "This page was open too long" in words(stranger.post("/sign-in", data=sent))
    answer = stranger.post("/sign-in", data={**sent, "_token": token(stranger, "/sign-in")})
    assert "This page was open too long" not in words(answer)

    client = portal.client("admin")
    of_session = token(client, "/staff/add")
    answer = client.post("/staff/add", data={"_token": of_session, "email": "", "role": "viewer", "password": "short"})
    assert answer.status_code == 400
    assert "Type an e-mail address" in words(answer)
    sale = {"row": ["MBX"], "price": ["8.25"], "was": ["7.50"], "go": "save", "_token": of_session}
    assert client.post("/pricing/retail", data=sale).status_code == 303
    assert client.post("/sign-out", data={"_token": of_session}).status_code in {302, 303}


def test_settings_take_no_token_for_a_setting(portal: Portal) -> None:
    portal.connect("msp")
    portal.app.config["WTF_CSRF_FIELD_NAME"] = "_token"
    client = portal.client("admin")
    page = f"{PREFIX}/settings"
    answer = client.post(page, data={**FORM, "_token": token(client, page)})
    assert answer.status_code == 303
