"""What was exported, to read, to compute with and to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from tests.commands.instance import PARTNER, Instance


@pytest.fixture
def history(msp: Instance) -> Instance:
    """Three runs: one with a failure, one that ends a line, one without a change."""
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("=SUM(1)", 40, 1, 2)]})
    msp.map(a=agreement)
    msp.sandbox.engine.faults.put(
        {"seed": 1, "rules": [{"match": {"method": "POST", "path": "/additions"}, "kind": "error_before", "times": 1}]}
    )
    assert msp("export", "--partner", PARTNER).code == 1
    assert msp("export", "--partner", PARTNER, "--approve").code == 0
    msp.portal({"a": [("=SUM(1)", 41, 1, 2)]})
    assert msp("export", "--partner", PARTNER, "--approve").code == 0
    return msp


def test_runs_newest_first(history: Instance) -> None:
    shown = history("runs", "--partner", PARTNER, "--json").json
    assert [run["run_id"] for run in shown] == [3, 2, 1]
    assert [run["status"] for run in shown] == ["succeeded", "succeeded", "partial"]
    assert shown[0]["counts"]["ended"] == 1
    head, first, *_ = history.done("runs", "--partner", PARTNER).splitlines()
    assert head.split()[:2] == ["run", "status"]
    assert first.split()[:2] == ["3", "succeeded"]


def test_no_runs_yet(msp: Instance) -> None:
    assert msp("runs", "--partner", PARTNER, "--json").json == []
    assert msp.done("runs", "--partner", PARTNER) == "No exports yet.\n"


def test_a_log_tells_findings_then_changes_with_their_outcome(history: Instance) -> None:
    shown = history("log", 3, "--json").json
    assert (shown["run_id"], shown["partner_id"], shown["status"]) == (3, PARTNER, "succeeded")
    changes = {change["action"]: change for change in shown["changes"]}
    assert (changes["end"]["before"], changes["end"]["after"]) == ({"quantity": "3"}, {"quantity": "0"})
    assert {change["outcome"] for change in shown["changes"]} == {"applied"}
    text = history.done("log", 3)
    assert text.startswith("Run 3 of msp: Success. Started ")
    assert (
        "  - line 1 of MBX: quantity 3 -> 0  (No charges are left for it): done." in text or "quantity 3 -> 0" in text
    )


def test_a_failure_stands_in_the_log_with_its_reason(history: Instance) -> None:
    rows = list(csv.DictReader(io.StringIO(history.done("log", 1, "--csv"))))
    (bad,) = [row for row in rows if row["error"]]
    assert (bad["level"], bad["kind"], bad["action"]) == ("change", "addition", "create")
    assert "ConnectWise" in bad["error"]
    assert bad["error"] in history.done("log", 1)


def test_no_cell_is_a_formula(history: Instance) -> None:
    cells = [cell for row in csv.reader(io.StringIO(history.done("log", 2, "--csv"))) for cell in row]
    assert "'=SUM(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_mapping_as_csv_is_harmless_and_can_be_read_back(msp: Instance) -> None:
    (agreement,) = msp.company("=cmd|' /C calc'!A0", "Cloud")
    msp.portal({"a": [], "-b": []}, a="+1 Ltd")
    msp.map(a=agreement)
    exported = msp.done("map", "export", "--partner", PARTNER)
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert [(row["account_id"], row["agreement"], row["export"]) for row in rows] == [
        ("'-b", "", "no"),
        ("a", str(agreement), "yes"),
    ]
    assert (rows[1]["account_name"], rows[1]["company_name"]) == ("'+1 Ltd", "'=cmd|' /C calc'!A0")
    path = msp.folder / "again.csv"
    path.write_text(exported)
    assert msp.done("map", "import", path, "--partner", PARTNER) == "Mapped: 1, of which exported: 1. Unmapped: 1.\n"
    assert msp.done("map", "export", "--partner", PARTNER) == exported


@pytest.mark.parametrize("words", [("log", "99"), ("log", "99", "--csv"), ("log", "99", "--json")])
def test_an_unknown_run(msp: Instance, words: tuple[str, ...]) -> None:
    result = msp(*words)
    assert (result.code, result.out) == (2, "")
    assert result.error.startswith("There is no run 99.")


def test_csv_and_json_at_once_are_refused(history: Instance) -> None:
    assert history("log", 1, "--csv", "--json").code == 2
