"""The simulator is filled with the demo's ConnectWise, once."""

from __future__ import annotations

from typing import Any

import pytest

from cwportal.dev.demo import NEWCOMER_DIR, seed_sandbox
from cwportal.errors import CWPortalError
from cwportal.sandbox import Sandbox
from tests.standalone.test_demo_files import table


def companies() -> list[dict[str, str]]:
    """Companies and agreements of both partners' customers."""
    return [*table("connectwise.csv"), *table("connectwise.csv", NEWCOMER_DIR)]


def names(rows: list[dict[str, Any]], field: str) -> list[str]:
    return sorted(row[field] for row in rows)


def test_twice_is_once() -> None:
    from cwportal.dev.demo import _call

    with Sandbox() as sandbox:
        assert seed_sandbox(sandbox.url) == len({row["company_identifier"] for row in companies()})
        first = _call(sandbox.url, "GET", "/_sandbox/state")
        assert seed_sandbox(sandbox.url) == 0
        assert _call(sandbox.url, "GET", "/_sandbox/state") == first
    assert names(first["companies"], "identifier") == sorted({row["company_identifier"] for row in companies()})
    agreements = [row for row in companies() if row["agreement"]]
    assert names(first["agreements"], "name") == names(agreements, "agreement")
    cancelled = [row["name"] for row in first["agreements"] if row.get("cancelledFlag")]
    assert sorted(cancelled) == sorted(row["agreement"] for row in agreements if row["agreement_status"] == "cancelled")
    lines = [line for some in first["additions"].values() for line in some]
    assert sorted((line["product"]["identifier"], float(line["quantity"])) for line in lines) == sorted(
        (line["product"], float(line["quantity"])) for line in table("connectwise_lines.csv")
    )


def test_a_refusal_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cwportal.dev.demo.TENANT", "nowhere")
    with Sandbox() as sandbox, pytest.raises(CWPortalError, match="refused GET /_sandbox/state"):
        seed_sandbox(sandbox.url)
