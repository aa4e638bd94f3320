"""Commands that advice names are called as they are called here: the script `cwportal` would open another portal's database."""

from __future__ import annotations

import pytest
from flask import Flask

from cwportal.billing import findings
from cwportal.commands import words
from cwportal.commands.context import OWN_PORTAL

ADVICE = (
    f"Look. On the command line: {findings.APPROVE}",
    "Answer. On the command line: cwportal decide --partner … --account a1 --line 7 use|leave",
    "Choose one. On the command line: cwportal settings --partner … --agreement-type ID",
)


@pytest.mark.parametrize("advice", ADVICE)
def test_advice_is_ready_to_be_copied(advice: str) -> None:
    host = Flask("host")
    with host.app_context():
        assert words.for_partner(advice, "acme") == advice.replace("cwportal", "flask cwportal").replace("…", "acme")
    host.extensions[OWN_PORTAL] = object()
    with host.app_context():
        assert words.for_partner(advice, "acme") == advice.replace("…", "acme")


def test_other_words_stay_as_they_are() -> None:
    told = "The portal of cwportal GmbH made this line, and cwportal plan is a product."
    with Flask("host").app_context():
        assert words.for_partner(told, "acme") == told
