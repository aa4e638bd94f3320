"""Setting up: the database, people, settings, keys; and the script itself."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from datetime import datetime

import pytest
from cryptography.fernet import Fernet

from cwportal.cli import commands
from cwportal.commands.group import COMMANDS
from tests.commands.instance import PARTNER, SCRIPT, Instance


def test_init_may_be_done_again_and_keeps_its_files_private(cli: Instance) -> None:
    assert cli("init").code == 0
    cli.portal({"a": []})
    again = cli("init")
    assert (again.code, again.out, again.err) == (0, "", "The database is ready.\n")
    assert cli("runs", "--partner", PARTNER).code == 0
    folder = cli.folder / "instance"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cli.connect()
    private = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}
    assert {"cwportal.sqlite", "secret_keys"} <= private.keys()
    assert set(private.values()) == {0o600}


@pytest.mark.parametrize(
    "words",
    [("runs", "--partner", "x"), ("plan", "--partner", "x"), ("load", "."), ("log", "1"), ("rotate-keys",), ("tick",)],
)
def test_without_init_every_command_says_so(cli: Instance, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert (result.code, result.out) == (2, "")
    assert result.error == "The database is not set up for this version. Run: cwportal init"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CWPORTAL_CONCURRENCY", "none"),
        ("CWPORTAL_TIMEOUT", "-1"),
        ("CWPORTAL_DATABASE_URL", "nothing-like-a-url"),
        ("CWPORTAL_DATABASE_URL", "oracle://somewhere/else"),
    ],
)
def test_a_wrong_key_is_named(cli: Instance, name: str, value: str) -> None:
    cli.set(**{name: value})
    result = cli("init")
    assert (result.code, result.out) == (2, "")
    assert name in result.error


def test_a_secret_key_that_is_none(msp: Instance) -> None:
    msp.set(CWPORTAL_SECRET_KEYS="abc")
    result = msp("plan", "--partner", PARTNER)
    assert result.code == 2
    assert "CWPORTAL_SECRET_KEYS holds something that is not a Fernet key" in result.error
    assert "abc" not in result.error


def test_keys_are_rotated(msp: Instance) -> None:
    old = (msp.folder / "instance" / "secret_keys").read_text().strip()
    new = Fernet.generate_key().decode()
    msp.set(CWPORTAL_SECRET_KEYS=new)
    unreadable = msp("rotate-keys")
    assert unreadable.code == 2
    assert "cannot be read with the present CWPORTAL_SECRET_KEYS" in unreadable.error
    msp.set(CWPORTAL_SECRET_KEYS=f"{new},{old}")
    assert msp.done("rotate-keys") == "The keys of 1 connection are encrypted with the newest secret key.\n"
    msp.set(CWPORTAL_SECRET_KEYS=new)
    assert msp("check", "--partner", PARTNER).code == 0


def test_people(msp: Instance) -> None:
    words = ("user", "add", "Ann@Example.com", "--partner", PARTNER, "--role", "billing")
    msp.set(CWPORTAL_PASSWORD="a long password")
    assert msp.done(*words) == "Ann@Example.com may sign in for msp as billing.\n"
    twice = msp(*words)
    assert (twice.code, twice.error) == (2, "There is a login ann@example.com already; choose another address.")
    assert msp("user", "add", "ann", "--partner", PARTNER, "--role", "billing").code == 2
    assert msp("user", "add", "bob@example.com", "--partner", PARTNER, "--role", "king").code == 2
    msp.set(CWPORTAL_PASSWORD="short")
    assert "needs 10 to" in msp("user", "add", "bob@example.com", "--partner", PARTNER, "--role", "viewer").error


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (("user", "add", "ann@example.com", "--partner", PARTNER, "--role", "billing"), "CWPORTAL_PASSWORD"),
        (
            ("connect", "--partner", PARTNER, "--site", "x.example", "--company-id", "c", "--public-key", "k"),
            "CWPORTAL_PRIVATE_KEY",
        ),
    ],
)
def test_a_secret_is_never_an_option_and_its_absence_is_told(
    msp: Instance, words: tuple[str, ...], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    result = msp.process(*words)
    assert result.code == 2
    assert variable in result.error
    assert not [option for option in _options(words[0]) if "private" in option or "password" in option]


def _options(name: str) -> list[str]:
    import click

    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return [option for parameter in command.params for option in parameter.opts]


def settings(cli: Instance, *words: str) -> dict[str, str]:
    """What `cwportal settings` prints."""
    rows = [line.partition(" ") for line in cli.done("settings", "--partner", PARTNER, *words).splitlines()[1:]]
    return {name: value.strip() for name, _, value in rows}


def test_settings_are_shown_and_changed(msp: Instance) -> None:
    shown = settings(msp)
    assert (shown["export"], shown["timezone"], shown["data"]) == ("manual", "UTC", "products,quantity,cost,price")
    assert (shown["notify"], shown["agreement-type"]) == ("", "not set")
    changes = {
        "export": "monthly",
        "time": "04:30",
        "day": "last",
        "timezone": "Europe/Berlin",
        "data": "products,quantity",
        "notifications": "yes",
        "notify": "a@example.com,b@example.com",
        "ended": "cancel",
        "drift": "keep",
        "adopt": "no",
        "taxable": "yes",
        "agreement-type": "7",
        "product-type": "3",
        "product-subcategory": "4",
        "limit-ended": "12.5",
        "limit-ended-all": "8",
        "limit-change": "50",
        "limit-growth": "5",
    }
    assert settings(msp, *(word for name, value in changes.items() for word in (f"--{name}", value))) == changes
    assert settings(msp) == changes
    emptied = {"notifications": "no", "notify": "", "limit-ended": "not set", "limit-ended-all": "not set"}
    assert settings(msp, "--notify", "", "--limit-ended", "") == {**changes, **emptied}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("export", "hourly"),
        ("time", "25:00"),
        ("day", "32"),
        ("timezone", "Mars/Base"),
        ("data", "everything"),
        ("data", ""),
        ("notify", "nobody"),
        ("ended", "never"),
        ("drift", "away"),
        ("adopt", "maybe"),
        ("notifications", "yes"),
        ("notifications", "perhaps"),
        ("taxable", "often"),
        ("agreement-type", "x"),
        ("product-type", "0"),
        ("product-subcategory", "99999999999"),
        ("limit-ended", "-1"),
        ("limit-ended-all", "1e9"),
        ("limit-change", "lots"),
        ("limit-growth", "0.5"),
    ],
)
def test_a_setting_that_cannot_be_used_changes_nothing(msp: Instance, name: str, value: str) -> None:
    before = settings(msp)
    result = msp("settings", "--partner", PARTNER, "--limit-change", "9", f"--{name}", value)
    assert (result.code, result.out) == (2, "")
    assert result.error.startswith("notify" if (name, value) == ("notifications", "yes") else name)
    assert settings(msp) == before


def test_upcoming(msp: Instance) -> None:
    words = ("upcoming", "--partner", PARTNER, "--from", "2026-10-20T00:00:00Z", "--count", "3", "--json")
    assert msp(*words).json == []
    msp.done("settings", "--partner", PARTNER, "--export", "monthly", "--day", "last", "--timezone", "Europe/Berlin")
    assert msp(*words).json == [
        {"utc": "2026-10-31T01:00:00Z", "local": "2026-10-31T02:00:00+01:00"},
        {"utc": "2026-11-30T01:00:00Z", "local": "2026-11-30T02:00:00+01:00"},
        {"utc": "2026-12-31T01:00:00Z", "local": "2026-12-31T02:00:00+01:00"},
    ]
    assert msp.done(*words[:-1]).splitlines()[0] == (
        "Saturday 31 October 2026, 02:00 (Europe/Berlin)  =  2026-10-31T01:00:00Z"
    )
    assert "do not start by themselves yet" in msp(*words[:-1]).err
    (first, *_) = msp("upcoming", "--partner", PARTNER, "--json").json
    assert datetime.fromisoformat(first["utc"]) > datetime.now().astimezone()
    assert msp("upcoming", "--partner", PARTNER, "--from", "tomorrow").code == 2


def test_decisions_that_do_not_fit_are_refused(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": []})
    msp.map(a=agreement)
    msp.done("export", "--partner", PARTNER)
    (ours,) = [row["id"] for row in msp.additions(agreement)]

    def refused(account: str, number: object, answer: str) -> str:
        result = msp("decide", "--partner", PARTNER, "--account", account, "--line", number, answer)
        assert (result.code, result.out) == (2, "")
        return result.error

    assert refused("zz", ours, "use") == "There is no account 'zz' of partner msp."
    assert refused("b", ours, "use") == "Account b is not mapped to an agreement, so it has no lines. Map it first."
    assert "choose one of: use, end:DATE" in refused("a", ours, "perhaps")
    assert "choose one of: use, end:DATE" in refused("a", ours, "pin:2026-01-01")
    assert "is not a date" in refused("a", 999, "end:2026-13-01")
    assert "is not a date" in refused("a", 999, "end:20261101")
    assert "needs its last day" in refused("a", 999, "end")
    assert "was made for this account by the portal, so use is no answer" in refused("a", ours, "use")
    assert "is not the portal's, so pin is no answer about it; choose: use, leave, end" in refused("a", 999, "pin")
    assert refused("a", ours, "unpin") == f"Line {ours} of account a is not pinned."
    assert "keeps the values" in msp.done("decide", "--partner", PARTNER, "--account", "a", "--line", ours, "pin")
    assert "gets the portal's" in msp.done("decide", "--partner", PARTNER, "--account", "a", "--line", ours, "unpin")


def test_prices_per_cycle_are_confirmed(msp: Instance) -> None:
    (agreement,) = msp.company("Acme", {"name": "Cloud", "billingCycle": "Yearly"})
    msp.portal({"a": [("MBX", 3, 2, 5)], "b": []})
    msp.map(a=agreement)
    blocked = msp("plan", "--partner", PARTNER)
    assert blocked.code == 1
    assert "Error: Account a (a): " in blocked.out
    msp.done("map", "confirm-cycle", "--partner", PARTNER, "a")
    assert msp("plan", "--partner", PARTNER).code == 0
    assert msp("map", "confirm-cycle", "--partner", PARTNER, "b").code == 2


def test_help_of_every_command() -> None:
    from click.testing import CliRunner

    def walk(command: object, words: list[str]) -> list[list[str]]:
        found = [words]
        for name in getattr(command, "list_commands", lambda _: [])(None):
            found += walk(command.get_command(None, name), [*words, name])  # type: ignore[attr-defined]
        return found

    every = walk(commands, [])
    assert ["map", "import"] in every
    for words in every:
        result = CliRunner().invoke(commands, [*words, "--help"])
        assert result.exit_code == 0, words
        assert result.output.startswith("Usage: ")


def test_help_is_quick(tmp_path: object) -> None:
    """Under 0.3 s on an idle machine: of processor time, so that a busy one does not matter."""
    subprocess.run([SCRIPT, "--help"], check=True, stdout=subprocess.DEVNULL)
    before = os.times()
    subprocess.run([SCRIPT, "--help"], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.3


@pytest.mark.parametrize("name", ["suggest", "match", "scheduler"])
def test_what_does_not_exist_yet_says_so(cli: Instance, name: str) -> None:
    target = COMMANDS[name].target
    result = cli(name)
    assert (result.code, result.out) == (2, "")
    assert "not yet available" in result.error, target


@pytest.mark.parametrize("words", [(), ("nothing",), ("plan",), ("plan", "--wrong"), ("log", "x")])
def test_wrong_words(cli: Instance, words: tuple[str, ...]) -> None:
    assert cli(*words).code == 2


def test_an_error_nobody_foresaw_is_one_sentence_after_its_traceback(
    msp: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cwportal.services import reports

    def fail(*_: object) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(reports, "runs_list", fail)
    result = msp("runs", "--partner", PARTNER)
    assert (result.code, result.out) == (1, "")
    assert "ZeroDivisionError: unforeseen" in result.err
    assert result.err.strip().splitlines()[-1].startswith("Error: something unexpected happened")


def test_the_simulator_as_a_command(cli: Instance) -> None:
    with cli.start("sandbox", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ConnectWise sandbox: http://127.0.0.1:")
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode in {0, 130}
    taken = cli("sandbox", "--port", cli.sandbox.site.rpartition(":")[2])
    assert taken.code == 2
    assert "Address already in use. Choose another" in taken.error


def test_a_slow_start_is_not_because_of_rooms_a_command_does_not_need(cli: Instance) -> None:
    code = (
        "import sys; from cwportal.cli import run; run(['--help']); run(['plan', '--help']); "
        "print([name for name in ('flask', 'sqlalchemy', 'requests', 'rich', 'alembic') if name in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run(
        [SCRIPT.parent / "python", "-c", code], cwd=cli.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]", time.monotonic() - started
