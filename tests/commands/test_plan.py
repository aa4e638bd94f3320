"""The preview: what a person reads, what a script reads, and the exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.commands.instance import PARTNER, SCRIPT, Instance

MONTH = f"{datetime.now(UTC):%Y-%m}-01"


@pytest.fixture
def exported(msp: Instance) -> tuple[Instance, int, int]:
    """Two accounts exported, one with a wide name; their agreements."""
    one, two = msp.company("Acme", "Cloud A", "Cloud B")
    msp.portal(
        {"a": [("MBX", 3, 2, 5), ("BKP", 7, 1, 2), ("PBX", 1, 1, "1.005")], "b": [("MBX", 1, 2, 5)]}, b="株式会社山田"
    )
    msp.map(a=one, b=two)
    assert msp("export", "--partner", PARTNER).code == 0
    return msp, one, two


def test_a_first_plan_reads_like_this(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": [("MBX", 1, 2, 5)]})
    msp.map(a=agreement)
    msp.writes()
    result = msp("plan", "--partner", PARTNER)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "What an export of msp would do now. Amounts are USD a month, our lines only.",
        "",
        "Warning: Account b (b): Account b has charges of 5.00 a month and is not mapped to an agreement, so nothing of it is billed. Map it.",
        "",
        f"Account a (a), agreement {agreement} “Cloud” of Acme",
        "  + product MBX: name Product MBX  (ConnectWise has no product with this ID)",
        f"  + MBX: quantity 3, price 5.00, cost 2.00, from {MONTH}  +15.00  (No line bills this price and cost yet)",
        "    price 0.00 -> 15.00 (+15.00), cost 0.00 -> 6.00 (+6.00), margin 0.00 -> 9.00 (+9.00)",
        "",
        "1 account not exported.",
        "Plan: 2 to create, 0 to change, 0 to end; price a month 0.00 -> 15.00 USD (+15.00)",
    ]
    assert msp.writes() == []
    assert msp("plan", "--partner", PARTNER).out == result.out


def test_changes_and_ends_read_like_this(exported: tuple[Instance, int, int]) -> None:
    cli, one, _ = exported
    ids = {row["quantity"]: row["id"] for row in cli.additions(one)}
    cli.portal({"a": [("MBX", 4, 2, 5), ("PBX", 1, 1, "1.005")], "b": [("MBX", 1, 2, 5)]}, b="株式会社山田")
    cli.done("settings", "--partner", PARTNER, "--limit-change", "1000")
    result = cli("plan", "--partner", PARTNER)
    assert result.code == 0, result.out
    assert result.out.splitlines()[2:] == [
        f"Account a (a), agreement {one} “Cloud A” of Acme",
        f"  - line {ids[7]} of BKP: quantity 7 -> 0  -14.00  (There are no charges for it any more)",
        f"  ~ line {ids[3]} of MBX: quantity 3 -> 4  +5.00  (Quantity changed)",
        "    price 30.01 -> 21.01 (-9.00), cost 14.00 -> 9.00 (-5.00), margin 16.01 -> 12.01 (-4.00)",
        "",
        "1 account without a change.",
        "Plan: 0 to create, 1 to change, 1 to end; price a month 35.01 -> 26.01 USD (-9.00)",
    ]


def test_no_change(exported: tuple[Instance, int, int]) -> None:
    result = exported[0]("plan", "--partner", PARTNER)
    assert (result.code, result.out.splitlines()[-1]) == (0, "Plan: no change; price a month 35.01 USD")


def test_the_json_has_the_promised_shape(exported: tuple[Instance, int, int]) -> None:
    cli, one, two = exported
    cli.portal({"a": [("MBX", 4, 2, 5), ("BKP", 7, 1, 2)], "b": [("MBX", 1, 2, 5)], "c": [("BKP", 1, 1, 2)]})
    cli.done("settings", "--partner", PARTNER, "--limit-change", "1000")
    shown = cli("plan", "--partner", PARTNER, "--json").json
    assert (shown["status"], shown["findings"]) == ("ready", [])
    assert shown["money"] == {
        "currency": "USD",
        "price_before": "35.005",
        "price_after": "39",
        "cost_before": "16",
        "cost_after": "17",
    }
    first, second, third = shown["accounts"]
    assert [(a["account_id"], a["agreement_id"], a["status"]) for a in shown["accounts"]] == [
        ("a", one, "ready"),
        ("b", two, "empty"),
        ("c", None, "empty"),
    ]
    assert len(first["digest"]) == 64
    assert first["money"]["price_after"] == "34"
    ended, changed = first["changes"]
    assert list(ended) == ["kind", "action", "part_number", "addition_id", "before", "after", "reason"]
    assert (ended["action"], ended["part_number"], ended["before"], ended["after"]) == (
        "end",
        "PBX",
        {"quantity": "1"},
        {"quantity": "0"},
    )
    assert (changed["kind"], changed["action"], changed["before"], changed["after"]) == (
        "addition",
        "update",
        {"quantity": "3"},
        {"quantity": "4"},
    )
    assert (second["changes"], second["findings"]) == ([], [])
    (warning,) = third["findings"]
    assert (warning["code"], warning["severity"], warning["part_number"], warning["amount"]) == (
        "not_mapped",
        "warning",
        None,
        "2",
    )


def test_a_new_line_in_the_json(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", "2.50", "2.10", 5)], "b": []})
    msp.map(a=agreement)
    product, addition = msp("plan", "--partner", PARTNER, "--json").json["accounts"][0]["changes"]
    assert (product["kind"], product["action"], product["part_number"]) == ("product", "create", "MBX")
    assert (addition["action"], addition["addition_id"], addition["before"]) == ("create", None, {})
    assert addition["after"] == {
        **addition["after"],
        "quantity": "2.5",
        "unitPrice": "5",
        "unitCost": "2.1",
        "effectiveDate": MONTH,
    }


def test_the_whole_plan_waiting_says_so_and_ends_with_1(exported: tuple[Instance, int, int]) -> None:
    cli, _, _ = exported
    cli.portal({"a": [("MBX", 9, 2, 5), ("BKP", 7, 1, 2)], "b": [("MBX", 1, 2, 5)]})
    result = cli("plan", "--partner", PARTNER)
    assert result.code == 1
    first = result.out.splitlines()[2]
    assert first.startswith("Waiting for approval: ")
    assert "--approve" in first
    assert ", 2 of them waiting for approval; price a month" in result.out.splitlines()[-1]
    shown = cli("plan", "--partner", PARTNER, "--json")
    assert (shown.code, shown.json["status"]) == (1, "held")
    assert [finding["code"] for finding in shown.json["findings"]] == ["limit_partner"]


def test_a_question_names_the_command_that_answers_it(msp: Instance) -> None:
    foreign = {
        "product": {"identifier": "MBX"},
        "billCustomer": "Billable",
        "quantity": 2,
        "unitPrice": 5,
        "unitCost": 2,
    }
    msp.sandbox.seed({"catalog": [{"identifier": "MBX", "description": "Mailbox"}]})
    (agreement,) = msp.company("Acme", {"name": "Cloud", "additions": [foreign]})
    msp.portal({"a": [("MBX", 3, 2, 5)]})
    msp.map(a=agreement)
    (existing,) = [row["id"] for row in msp.additions(agreement)]
    asked = msp("plan", "--partner", PARTNER)
    assert asked.code == 1
    assert asked.out.splitlines()[2].startswith("Waiting for approval: Account a (a): ")
    assert f"cwportal decide --partner {PARTNER} --account a --line {existing} use" in asked.out
    words = ("decide", "--partner", PARTNER, "--account", "a", "--line", existing)
    said = msp.done(*words, "use")
    assert said == (
        f"Line {existing} of account a is used for this account from now on. See what that means: cwportal plan --partner msp\n"
    )
    answered = msp("plan", "--partner", PARTNER)
    assert answered.code == 0
    assert f"  = line {existing} of MBX: quantity 2 -> 3  +5.00  (This existing line is used" in answered.out
    assert ", 1 existing to use; price" in answered.out
    assert msp.done("export", "--partner", PARTNER).startswith("Run 1: Success. 1 existing used.")
    assert [row["id"] for row in msp.additions(agreement)] == [existing]


def test_nothing_of_connectwise_or_the_portal_reaches_the_terminal_as_a_command(msp: Instance) -> None:
    nasty = "Evil \u202eyenom Ltd"
    (agreement,) = msp.company("Acme \x1b]0;title\x07", "Cloud\x1b[2J\x9b31m")
    msp.portal({"a": [("MBX", 3, 9, 5)], "b": [("MBX", 3, 9, 5)]}, a=nasty, b=nasty)
    msp.map(a=agreement)
    outputs = [
        msp(*words, "--partner", PARTNER)
        for words in (["plan"], ["plan", "--json"], ["export"], ["map", "export"], ["runs"])
    ]
    outputs += [msp("log", 1), msp("log", 1, "--csv"), msp("log", 1, "--json")]
    for result in outputs:
        text = result.out + result.err
        assert "\x1b" not in text
        assert not {"\x07", "\x9b", "\u202e"} & set(text)
    assert f"Evil yenom Ltd (a), agreement {agreement} “Cloud[2J31m” of Acme ]0;title" in outputs[0].out


def terminal(cli: Instance, *words: str, **environ: str) -> str:
    """What the script shows on a terminal."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environ}
    with subprocess.Popen(
        [SCRIPT, *words], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cli.folder
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while more := os.read(master, 65536):
                shown += more
        except OSError:  # Linux: the other side has closed
            pass
        assert process.wait(60) == 0
    os.close(master)
    return shown.decode()


def test_colours_and_a_bar_on_a_terminal_only(exported: tuple[Instance, int, int]) -> None:
    cli, _, _ = exported
    cli.portal({"a": [("MBX", 4, 2, 5), ("BKP", 7, 1, 2), ("PBX", 1, 1, "1.005")], "b": [("MBX", 1, 2, 5)]})
    coloured = terminal(cli, "plan", "--partner", PARTNER)
    assert "\x1b[33m~ line" in coloured
    assert "Reading agreements" in coloured
    assert "\x1b[33m" not in terminal(cli, "plan", "--partner", PARTNER, NO_COLOR="1")
    summary = terminal(cli, "export", "--partner", PARTNER)
    assert "Run 2: \x1b[1mSuccess\x1b[0m. 1 changed, 3 without a change." in summary
    assert "[1m" not in summary.replace("\x1b[1m", "")
    piped = cli.process("plan", "--partner", PARTNER)
    assert (piped.err, "\x1b" in piped.out) == ("", False)


def test_many_unmapped_accounts_are_counted_not_listed(msp: Instance) -> None:
    msp.portal({f"a{number}": [("MBX", number, 2, 5)] for number in range(1, 6)})
    assert msp.done("plan", "--partner", PARTNER).count("Warning: ") == 5
    msp.portal({f"a{number}": [("MBX", number, 2, 5)] for number in range(1, 7)})
    (warning,) = [text for text in msp.done("plan", "--partner", PARTNER).splitlines() if "Warning" in text]
    assert warning.startswith("Warning: 6 accounts have charges of 105.00 USD a month in all and are not mapped")
    shown = msp("plan", "--partner", PARTNER, "--json").json
    assert [one["findings"][0]["code"] for one in shown["accounts"]] == ["not_mapped"] * 6


def test_what_is_to_be_created_reads_like_this(msp: Instance) -> None:
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": []}, a="Acme Works Ltd")
    path = msp.write("mapping.csv", "account_id,company,agreement,export", [("a", "new", "new", "yes")])
    msp.done("map", "import", path, "--partner", PARTNER)
    undecided = msp("plan", "--partner", PARTNER)
    assert (undecided.code, f"cwportal settings --partner {PARTNER}" in undecided.out) == (1, True)
    kind = msp.state()["tables"]["agreementType"][0]["id"]
    msp.done("settings", "--partner", PARTNER, "--agreement-type", kind)
    lines = msp("plan", "--partner", PARTNER).out.splitlines()
    assert (
        "  + company: name Acme Works Ltd, identifier AcmeWorksLtd  (A new company was asked for in the mapping)"
        in lines
    )
    assert (
        f"  + agreement: name Partner Portal – Acme Works Ltd, from {MONTH}  (A new agreement was asked for in the mapping)"
        in lines
    )
    assert msp.done("export", "--partner", PARTNER).startswith("Run 1: Success. ")
    assert [company["name"] for company in msp.state()["companies"]] == ["Acme Works Ltd"]


def test_columns_line_up_whatever_the_script() -> None:
    from cwportal.commands.text import table, width

    rows = table(("name", "n"), [("株式会社山田", 1), ("Zoë", 22), ("Ab", 333)], right=(1,)).splitlines()
    assert len({width(row) for row in rows}) == 1
    assert rows[1].endswith("    1")


def test_the_output_of_a_plan_may_be_read_in_part(exported: tuple[Instance, int, int]) -> None:
    cli, _, _ = exported
    with subprocess.Popen(
        [SCRIPT, "log", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cli.folder
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_demo_readme_shows_what_is_printed() -> None:
    """The example in README is made of lines as the code makes them."""
    from decimal import Decimal

    from cwportal.commands import words

    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"price {words.change(Decimal('487.35'), Decimal('505.3'))}" in text
    assert json.dumps("What an export of northwind would do now.")[1:-1] in text
