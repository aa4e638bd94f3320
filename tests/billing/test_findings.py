from __future__ import annotations

import re
from pathlib import Path

import pytest

import cwportal.billing
from cwportal.billing.approval import APPROVABLE
from cwportal.billing.findings import CODES, finding, in_order
from cwportal.vocabulary import Effect, Severity


def test_what_waits_stops_an_account_or_the_run_and_warnings_stop_nothing() -> None:
    for code, (severity, effect) in CODES.items():
        if severity in (Severity.WARNING, Severity.INFO):
            assert effect is Effect.NONE, code
        else:
            assert effect is not Effect.NONE, code
    assert CODES["limit_partner"] == (Severity.HOLD, Effect.RUN)
    assert all(CODES[code][0] is Severity.HOLD for code in APPROVABLE)


def test_codes_used_in_the_core_are_in_the_table() -> None:
    text = "\n".join(path.read_text() for path in Path(cwportal.billing.__file__).parent.glob("*.py"))
    used = set(re.findall(r'finding\(\s*"([a-z_]+)"', text))
    assert len(used) > 20
    assert used <= CODES.keys()


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(KeyError):
        finding("typo", "…")


def test_order_and_repetition() -> None:
    account = finding("currency_differs", "x")
    mail, disk = finding("price_missing", "x", part_number="mail"), finding("price_missing", "x", part_number="disk")
    assert in_order([mail, disk, account, mail]) == (account, disk, mail)
