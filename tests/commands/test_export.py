"""The main job through the installed script: exactly once, and nothing that did not change."""

from __future__ import annotations

from tests.commands.instance import PARTNER, Instance, line


def export(cli: Instance) -> dict[str, int]:
    """One export that must succeed, as a process of its own; what it counted."""
    result = cli.process("export", "--partner", PARTNER, "--json")
    assert result.code == 0, result.err
    assert result.err == ""
    return {name: number for name, number in result.json["counts"].items() if number}


def test_a_second_export_writes_nothing(msp_on_both: Instance) -> None:
    msp = msp_on_both
    one, two = msp.company("Acme", "Cloud", "More")
    msp.portal({"a": [("MBX", 3, 2, 5), ("BKP", "12.5", "0.04", "0.1")], "b": [("MBX", 1, 2, 5)]})
    msp.map(a=one, b=two)
    assert export(msp) == {"created": 5}
    assert msp.lines(one) == [line("BKP", "12.5", "0.04", "0.1"), line("MBX", 3, 2, 5)]
    assert msp.lines(two) == [line("MBX", 1, 2, 5)]
    msp.writes()
    assert export(msp) == {"unchanged": 3}
    assert msp.writes() == []


def test_one_changed_quantity_is_one_patch_with_one_operation(msp_on_both: Instance) -> None:
    msp = msp_on_both
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("BKP", 7, 1, 2)]})
    msp.map(a=agreement)
    export(msp)
    (mailboxes,) = [row["id"] for row in msp.additions(agreement) if row["quantity"] == 3]
    msp.writes()
    msp.portal({"a": [("MBX", 4, 2, 5), ("BKP", 7, 1, 2)]})
    assert export(msp) == {"updated": 1, "unchanged": 1}
    (write,) = msp.writes()
    assert (write["method"], write["entity_id"]) == ("PATCH", mailboxes)
    assert write["body"] == [{"op": "replace", "path": "quantity", "value": 4}]


def test_two_accounts_of_one_company_are_never_added_together(msp: Instance) -> None:
    one, two = msp.company("Acme", "Cloud A", "Cloud B")
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": [("MBX", 4, 2, 5)]})
    msp.map(a=one, b=two)
    assert export(msp) == {"created": 3}
    assert (msp.lines(one), msp.lines(two)) == ([line("MBX", 3, 2, 5)], [line("MBX", 4, 2, 5)])


def test_every_combination_of_price_and_cost_is_a_line(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 1, 2, 5), ("MBX", 2, 2, 6), ("MBX", 4, 3, 6), ("MBX", 8, 2, 5)]})
    msp.map(a=agreement)
    assert export(msp) == {"created": 4}
    assert msp.lines(agreement) == [line("MBX", 2, 2, 6), line("MBX", 4, 3, 6), line("MBX", 9, 2, 5)]


def test_a_vanished_sku_goes_to_zero_and_comes_back_on_the_same_line(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    both = [("MBX", 3, 2, 5), ("BKP", 7, 1, 2)]
    msp.portal({"a": both})
    msp.map(a=agreement)
    export(msp)
    ids = [row["id"] for row in msp.additions(agreement)]
    msp.portal({"a": both[:1]})
    assert msp.process("export", "--partner", PARTNER).code == 1  # a bill that falls by half waits for a person
    approved = msp.process("export", "--partner", PARTNER, "--approve", "--json")
    assert (approved.code, approved.json["counts"]["ended"]) == (0, 1)
    assert msp.lines(agreement) == [line("BKP", 0, 1, 2), line("MBX", 3, 2, 5)]
    msp.portal({"a": both})
    assert msp.process("export", "--partner", PARTNER, "--approve").code == 0
    assert msp.lines(agreement) == [line("BKP", 7, 1, 2), line("MBX", 3, 2, 5)]
    assert [row["id"] for row in msp.additions(agreement)] == ids


def test_switching_price_off_changes_nobodys_quantities(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("MBX", 4, 2, 6)]})
    msp.map(a=agreement)
    export(msp)
    before = msp.lines(agreement)
    msp.writes()
    msp.done("settings", "--partner", PARTNER, "--data", "products,quantity,cost")
    assert export(msp) == {"unchanged": 2}
    assert (msp.writes(), msp.lines(agreement)) == ([], before)


def test_the_json_has_exactly_the_promised_shape(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": [("MBX", 1, 9, 5)]})
    msp.map(a=agreement)
    msp.writes()
    shown = msp.process("export", "--partner", PARTNER, "--json").json
    assert list(shown) == ["run_id", "status", "counts", "requests", "accounts"]
    assert list(shown["counts"]) == [
        *("created", "updated", "ended", "unchanged", "adopted", "failed", "unknown", "skipped")
    ]
    assert shown["requests"] == len(msp.sandbox.tenant().journal.since())
    assert [list(account) for account in shown["accounts"]] == [["account_id", "status", "error", "findings"]] * 2
    assert [account["status"] for account in shown["accounts"]] == ["succeeded", "skipped"]


def test_what_is_printed_is_a_summary_and_what_to_do(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("LOSS", 1, 9, 5)], "b": [("MBX", 1, 2, 5)]})
    msp.map(a=agreement)
    result = msp.process("export", "--partner", PARTNER)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Run 1: Success. 4 created."
    assert lines[1] == "Price a month, our lines only: 0.00 -> 20.00 USD (+20.00)."
    assert lines[2].startswith("Warning: Account a (a): LOSS is sold at 5 and costs 9")
    assert lines[3].startswith("Warning: Account b (b): Account b has charges of 5.00 a month and is not mapped")
    assert lines[4:] == ["Accounts: 1 success, 1 not exported.", "All of it: cwportal log 1"]
    again = msp.process("export", "--partner", PARTNER)
    assert again.out.startswith("Run 2: No change. 2 without a change.\n")


def test_an_error_of_one_account_is_told_and_ends_with_1(msp: Instance) -> None:
    one, two = msp.company("Acme", "Cloud A", "Cloud B")
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": [("BKP", 4, 2, "")]})
    msp.map(a=one, b=two)
    result = msp.process("export", "--partner", PARTNER)
    assert result.code == 1
    assert result.out.startswith("Run 1: Warning. 2 created.\n")
    (told,) = [text for text in result.out.splitlines() if text.startswith("Error: Account b (b): ")]
    assert "BKP" in told
    assert (msp.lines(one), msp.lines(two)) == ([line("MBX", 3, 2, 5)], [])


def test_while_a_run_is_under_way_the_second_is_told_which(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5)]})
    msp.map(a=agreement)
    barriers = msp.sandbox.engine.barriers
    barriers.put({"name": "hold", "match": {"method": "POST", "path": "/additions"}, "point": "before"})
    with msp.start("export", "--partner", PARTNER) as first:
        msp.wait_until(lambda: barriers.state()[0]["waiting"])
        second = msp("export", "--partner", PARTNER)
        barriers.release()
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert second.code == 2
    assert second.error.startswith("Run 1 of this partner is under way (started ")
    assert msp.lines(agreement) == [line("MBX", 3, 2, 5)]


def test_ctrl_c_ends_the_run_in_order(msp: Instance) -> None:
    import signal

    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("BKP", 1, 1, 1)]})
    msp.map(a=agreement)
    barriers = msp.sandbox.engine.barriers
    barriers.put({"name": "hold", "match": {"method": "POST", "path": "/additions"}, "point": "after", "times": 1})
    with msp.start("export", "--partner", PARTNER) as process:
        msp.wait_until(lambda: barriers.state()[0]["waiting"])
        process.send_signal(signal.SIGINT)
        barriers.release()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "Stopped.")
    (run,) = msp("runs", "--partner", PARTNER, "--json").json
    assert run["finished"] is not None
    assert msp.process("export", "--partner", PARTNER).code == 0
    assert msp.lines(agreement) == [line("BKP", 1, 1, 1), line("MBX", 3, 2, 5)]
