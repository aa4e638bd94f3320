"""Faults between client and simulator: what the error says is what happened, and one create never makes two."""

from __future__ import annotations

from typing import Any

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.writer import Writer

from .support import failure
from .world import World, addition

FAULTS: list[tuple[str, dict[str, Any], type[errors.ConnectWiseError] | None, int]] = [
    ("rate_limit_json", {"retry_after": 1}, None, 1),
    ("rate_limit_html", {"retry_after": 1}, None, 1),
    ("rate_limit_html", {"retry_after": 1, "times": 4}, errors.RateLimited, 0),
    ("rate_limit_json", {"retry_after": 3600}, errors.RateLimitedLong, 0),
    ("error_before", {}, errors.ServerFailed, 0),
    ("error_after", {}, errors.ServerFailed, 1),
    ("close_before", {}, errors.Interrupted, 0),
    ("close_after", {}, errors.Interrupted, 1),
    ("hang_before", {"seconds": 30}, errors.TimedOut, 0),
    ("hang_after", {"seconds": 30}, errors.TimedOut, 1),
    ("truncated", {}, errors.Interrupted, 1),
    ("html_page", {}, errors.NotJson, 0),
    ("html_page", {"done": True}, errors.NotJson, 1),
    ("revoked_keys", {}, errors.Rejected, 0),
    ("right_lost", {"right": "Finance > Agreements", "level": "add"}, errors.Forbidden, 0),
    ("agreement_gone", {}, errors.NotFound, 0),
    ("codebase_changed", {"to": "v2026_9/"}, None, 1),
]


@pytest.mark.parametrize(("kind", "options", "expected", "written"), FAULTS)
def test_one_create_never_makes_two(
    fresh: World, kind: str, options: dict[str, Any], expected: type[errors.ConnectWiseError] | None, written: int
) -> None:
    number, product = fresh.agreement(), fresh.product("FAULTY")
    transport = fresh.connect(timeout=1.0)
    fresh.fault(kind, **options)
    if expected is None:
        Writer(transport).create_addition(number, addition(product))
    else:
        found = failure(lambda: Writer(transport).create_addition(number, addition(product)))
        assert type(found) is expected
        assert found.certainty == "unknown" if written else found.certainty in {"refused", "unknown"}
    assert len(fresh.control("state")["additions"].get(str(number), [])) == written


@pytest.mark.parametrize(
    "kind", ["error_before", "close_before", "close_after", "hang_after", "truncated", "html_page", "rate_limit_html"]
)
def test_a_read_survives_three_faults(fresh: World, kind: str) -> None:
    number = fresh.agreement(5)
    fault = {"kind": kind, "match": {"method": "GET", "path": "additions"}, "times": 3, "seconds": 30}
    fresh.sandbox.engine.faults.put({"rules": [{**fault, "retry_after": 1}]})
    assert len(Reader(fresh.connect(timeout=1.0)).additions(number)) == 5


def test_a_codebase_that_changes_is_followed_and_told(fresh: World) -> None:
    fresh.sandbox.set_variant(codebase="v2026_9")
    assert fresh.read.company_count() == 0
    assert fresh.codebases == ["v2026_9/"]
    before = fresh.transport.requests
    fresh.read.company_count()
    assert fresh.transport.requests - before == 1
