"""What goes wrong is one clear sentence, the promised exit status, and nothing half-written."""

from __future__ import annotations

import socket
import sqlite3
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from cwportal.dev import valkey
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS, EXPORT_ROLE
from tests.commands.instance import PARTNER, Instance, Result


def everything(cli: Instance) -> list[object]:
    """All rows of all tables."""
    with closing(sqlite3.connect(cli.folder / "instance" / "cwportal.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return [(table, database.execute(f'SELECT * FROM "{table}"').fetchall()) for (table,) in tables]  # noqa: S608


@pytest.fixture
def loaded(cli: Instance) -> Instance:
    """With the partner's data, not connected."""
    cli.done("init")
    cli.portal({"a": [("MBX", 3, 2, 5)], "b": [("MBX", 4, 2, 5)]})
    cli.set(CWPORTAL_PRIVATE_KEY=EXPORT_KEYS[1])
    return cli


def connect(cli: Instance, **changed: str) -> Result:
    """`cwportal connect` that is right but for what is changed; nothing may be kept of it."""
    given = {"site": cli.sandbox.url, "company-id": "training", "public-key": EXPORT_KEYS[0], **changed}
    before = everything(cli)
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    result = cli("connect", "--partner", PARTNER, *words)
    assert result.out == ""
    assert everything(cli) == before
    return result


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"site": "http://"}, "is not a ConnectWise site"),
        ({"site": "connectwise.invalid"}, "There is no host named connectwise.invalid"),
        ({"site": "https://10.0.0.1"}, "private network"),
        ({"company-id": "nobody"}, "knows no company ID “nobody”"),
        ({"public-key": "wrong"}, "does not accept the company ID or the API keys"),
    ],
)
def test_wrong_credentials_are_not_kept(loaded: Instance, changed: dict[str, str], said: str) -> None:
    result = connect(loaded, **changed)
    assert result.code == 1
    assert said in result.error


def test_a_wrong_private_key(loaded: Instance) -> None:
    loaded.set(CWPORTAL_PRIVATE_KEY="not-the-key")
    result = connect(loaded)
    assert result.code == 1
    assert "does not accept" in result.error
    assert "not-the-key" not in result.error


def test_an_unreachable_host(loaded: Instance) -> None:
    with socket.socket() as listener:  # bound and not listening: connections are refused
        listener.bind(("127.0.0.1", 0))
        site = f"127.0.0.1:{listener.getsockname()[1]}"
        loaded.set(CWPORTAL_ALLOWED_SITES=site)
        result = connect(loaded, site=f"http://{site}")
    assert result.code == 1
    assert "127.0.0.1" in result.error


@pytest.fixture
def untrusted() -> Iterator[Sandbox]:
    """A simulator with a certificate of an authority that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Sandbox(tls=context) as sandbox:
        yield sandbox


def test_bad_tls(loaded: Instance, untrusted: Sandbox) -> None:
    loaded.set(CWPORTAL_ALLOWED_SITES=untrusted.site)
    result = connect(loaded, site=untrusted.url)
    assert result.code == 1
    assert "certificate" in result.error


def role_without(right: str, level: str) -> dict[str, list[str]]:
    """The described role but for one tick."""
    return {name: [one for one in levels if (name, one) != (right, level)] for name, levels in EXPORT_ROLE.items()}


def member(cli: Instance, rights: Mapping[str, object]) -> dict[str, str]:
    """A member with these rights; its public key as an option."""
    keys = {"public_key": "LimitedPublic", "private_key": EXPORT_KEYS[1]}
    cli.sandbox.seed({"members": [{"identifier": "limited", "rights": rights, **keys}]})
    return {"public-key": "LimitedPublic"}


@pytest.mark.parametrize("right", ["Companies > Company Maintenance", "Finance > Agreements"])
def test_without_a_right_that_everything_needs_there_is_no_connection(loaded: Instance, right: str) -> None:
    result = connect(loaded, **member(loaded, role_without(right, "inquire")))
    assert result.code == 1
    assert f"{right.rpartition(' > ')[2]} > Inquire" in result.error


def test_level_my_is_refused_where_everything_has_to_be_seen_and_told_elsewhere(loaded: Instance) -> None:
    every: dict[str, dict[str, str]] = {name: dict.fromkeys(levels, "All") for name, levels in EXPORT_ROLE.items()}

    def role(area: str) -> dict[str, dict[str, str]]:
        return every | {area: {**every.get(area, {}), "inquire": "My"}}

    refused = connect(loaded, **member(loaded, role("Finance > Agreements")))
    assert refused.code == 1
    assert "gives the right Finance > Agreements > Inquire for its own records only (My)" in refused.error
    options = member(loaded, role("System > Table Setup"))
    words = ["--public-key", options["public-key"], "--site", loaded.sandbox.url, "--company-id", "training"]
    connected = loaded("connect", "--partner", PARTNER, *words)
    assert connected.code == 0
    assert "Warning: the right System > Table Setup > Inquire is at level My" in connected.err
    member(loaded, role("Finance > Agreements"))
    checked = loaded("check", "--partner", PARTNER, "--json")
    assert checked.code == 1
    assert "the right Finance > Agreements > Inquire is at level My, not All." in checked.err
    told = {(r["function"], r["level"]): (r["state"], r["granted"]) for r in checked.json["rights"]}
    assert (told["Agreements", "Inquire"], told["Agreements", "Add"]) == (("has", "My"), ("has", "All"))
    assert "has (My)" in loaded("check", "--partner", PARTNER).out


def test_another_missing_right_is_told_by_connect_check_and_export(loaded: Instance) -> None:
    options = member(loaded, role_without("Finance > Agreements", "add"))
    words = ["--public-key", options["public-key"], "--site", loaded.sandbox.url, "--company-id", "training"]
    connected = loaded("connect", "--partner", PARTNER, *words)
    assert connected.code == 0
    assert connected.err.startswith("Warning: the right Finance > Agreements > Add is missing, needed for: products")
    checked = loaded("check", "--partner", PARTNER, "--json")
    assert checked.code == 1
    assert checked.error.startswith("the right Finance > Agreements > Add is missing. In ConnectWise: ")
    states = {f"{r['module']} > {r['function']} > {r['level']}": r["state"] for r in checked.json["rights"]}
    assert [name for name, state in states.items() if state != "has"] == ["Finance > Agreements > Add"]
    (agreement,) = loaded.company("Acme", "Cloud")
    loaded.map(a=agreement)
    loaded.writes()
    exported = loaded("export", "--partner", PARTNER, "--json")
    assert exported.code == 1
    (account,) = [one for one in exported.json["accounts"] if one["status"] != "skipped"]
    assert [finding["code"] for finding in account["findings"]] == ["missing_right"]
    assert loaded.writes() == []
    assert loaded.lines(agreement) == []


def test_a_right_that_nothing_selected_needs_may_be_missing(loaded: Instance) -> None:
    options = member(loaded, role_without("Companies > Manage Attachments", "add"))
    words = ["--public-key", options["public-key"], "--site", loaded.sandbox.url, "--company-id", "training"]
    assert loaded("connect", "--partner", PARTNER, *words).err == ""
    assert loaded("check", "--partner", PARTNER).code == 0
    loaded.done("settings", "--partner", PARTNER, "--data", "products,quantity,cost,price,users")
    assert loaded("check", "--partner", PARTNER).code == 1


def test_malformed_csv_is_refused_whole_with_every_row(loaded: Instance) -> None:
    before = everything(loaded)
    rows = [(PARTNER, "a", "MBX", "many", 2, 5), (PARTNER, "a", "MBX", 1, 2, 5), (PARTNER, "zz", "MBX", 1, 2, 5)]
    loaded.write("charges.csv", "partner_id,account_id,sku,quantity,unit_cost,unit_price", rows)
    result = loaded("load", loaded.folder / "data")
    assert (result.code, result.out) == (2, "")
    first, one, two = result.err.strip().splitlines()
    assert first == "Error:"
    assert one.startswith('charges.csv line 2, column quantity: "many" is not a number')
    assert two.startswith("charges.csv line 4, column account_id: ")
    assert everything(loaded) == before


@pytest.mark.parametrize("directory", ["nowhere", "empty"])
def test_a_directory_without_files(loaded: Instance, directory: str) -> None:
    (loaded.folder / "empty").mkdir()
    result = loaded("load", loaded.folder / directory)
    assert result.code == 2
    assert directory in result.error


MAPPING = "account_id,company,agreement,export"


def refused_mapping(cli: Instance, *rows: tuple[object, ...], header: str = MAPPING) -> Result:
    """`map import` of a file that must be refused without a trace."""
    before = everything(cli)
    result = cli("map", "import", cli.write("mapping.csv", header, rows), "--partner", PARTNER)
    assert (result.code, result.out) == (2, "")
    assert everything(cli) == before
    return result


@pytest.fixture
def mapped(msp: Instance) -> tuple[Instance, int]:
    """Account `a` mapped to an agreement of Acme, and another company there."""
    (agreement,) = msp.company("Acme", "Cloud")
    msp.company("Bolt", "Cloud")
    msp.map(a=agreement)
    return msp, agreement


def test_an_agreement_used_twice_in_one_file(mapped: tuple[Instance, int]) -> None:
    cli, agreement = mapped
    result = refused_mapping(cli, ("a", "name:Acme", agreement, "yes"), ("b", "name:Acme", "name:Cloud", "yes"))
    assert result.error.startswith(f"mapping.csv line 3, column agreement: agreement {agreement} is used for account a")


def test_an_agreement_that_another_account_has(mapped: tuple[Instance, int]) -> None:
    cli, agreement = mapped
    result = refused_mapping(cli, ("b", "name:Acme", agreement, "yes"))
    assert result.error == (
        f"mapping.csv line 2, column agreement: agreement {agreement} is already used by account a."
    )


def test_an_agreement_of_another_company(mapped: tuple[Instance, int]) -> None:
    cli, agreement = mapped
    result = refused_mapping(cli, ("b", "name:Bolt", agreement, "yes"))
    assert "belongs to another company, not to 'Bolt'" in result.error


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("zz", "name:Acme", "name:Cloud", "yes"), "there is no account 'zz'"),
        (("b", "name:Acme", "name:Nothing", "yes"), "ConnectWise has no agreement of this company 'name:Nothing'"),
        (("b", "identifier:Nope", "name:Cloud", "yes"), "ConnectWise has no company 'identifier:Nope'"),
        (("b", "Acme", "name:Cloud", "yes"), "'Acme' is not understood"),
        (("b", "name:Acme", "name:Cloud", "maybe"), "'maybe' is neither yes nor no"),
        (("b", "name:Acme", "name:Cloud"), "3 columns instead of 4"),
    ],
)
def test_rows_that_cannot_be_used(mapped: tuple[Instance, int], row: tuple[object, ...], said: str) -> None:
    assert said in refused_mapping(mapped[0], row).error


def test_a_mapping_file_with_a_wrong_header_or_bytes(msp: Instance) -> None:
    assert (
        "not known: firm"
        in refused_mapping(msp, ("a", "1", "2", "yes"), header="account_id,firm,agreement,export").error
    )
    path = msp.write("mapping.csv", MAPPING, [("a", "name:Acme", "name:Cloud", "yes")])
    path.write_bytes(path.read_bytes() + b"b,name:\xff,name:Cloud,yes\n")
    result = msp("map", "import", path, "--partner", PARTNER)
    assert (result.code, result.error) == (2, "mapping.csv line 3: not UTF-8. Save the file as CSV UTF-8.")
    missing = msp("map", "import", Path("nowhere.csv"), "--partner", PARTNER)
    assert (missing.code, missing.error) == (2, "nowhere.csv cannot be read: No such file or directory.")


def test_an_unmapped_account_is_a_warning_with_its_amount(mapped: tuple[Instance, int]) -> None:
    cli, _ = mapped
    cli.portal({"a": [], "b": [("MBX", 3, 2, 5)]})
    result = cli("plan", "--partner", PARTNER)
    assert result.code == 0
    assert "Warning: Account b (b): Account b has charges of 15.00 a month and is not mapped" in result.out


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("plan",),
        ("export",),
        ("settings",),
        ("runs",),
        ("upcoming",),
        ("map", "export"),
        ("decide", "--account", "a", "--line", "1", "use"),
    ],
)
def test_an_unknown_partner(msp: Instance, words: tuple[str, ...]) -> None:
    result = msp(*words, "--partner", "nobody")
    assert (result.code, result.out) == (2, "")
    assert result.error == 'There is no partner "nobody" in the portal.'


@pytest.mark.parametrize("words", [("check",), ("plan",), ("export",)])
def test_a_partner_that_is_not_connected(loaded: Instance, words: tuple[str, ...]) -> None:
    result = loaded(*words, "--partner", PARTNER)
    assert result.code == 2
    assert "Test MSP is not connected to ConnectWise yet. Connect first: cwportal connect" in result.error


def test_an_export_that_loses_its_connectwise_says_so(mapped: tuple[Instance, int]) -> None:
    cli, _ = mapped
    cli.sandbox.close()
    result = cli("export", "--partner", PARTNER)
    assert result.code == 1
    assert result.out.startswith("Run 1: Error. Nothing was written.\nError: ")
    assert cli("plan", "--partner", PARTNER).code == 1


# --- a database that cannot be used -------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [("runs", "--partner", PARTNER), ("init",), ("worker", "--burst")])
def test_a_database_that_is_away(loaded: Instance, words: tuple[str, ...]) -> None:
    with socket.socket() as listener:  # bound and not listening: connections are refused
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        loaded.set(CWPORTAL_DATABASE_URL=f"postgresql+psycopg://someone:secret@127.0.0.1:{port}/portal")
        result = loaded(*words)
    assert result.code == 1
    assert f"The database portal at 127.0.0.1:{port} cannot be used" in result.error
    assert "Check that it runs" in result.error
    assert "secret" not in result.err


@pytest.mark.parametrize(
    "words", [("settings", "--partner", PARTNER, "--export", "daily"), ("load", "portal"), ("doctor",)]
)
def test_a_database_that_may_not_be_written(loaded: Instance, words: tuple[str, ...]) -> None:
    file = loaded.folder / "instance" / "cwportal.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute(
            "PRAGMA journal_mode = DELETE"
        )  # as SQLite sees it where neither it nor its folder may be written
    loaded.set(CWPORTAL_DATABASE_URL=f"sqlite:///file:{file}?mode=ro&uri=true")
    result = loaded(*words)
    valkey.stop(loaded.folder / "instance")  # doctor has asked it
    told = result.out if words == ("doctor",) else result.error
    assert result.code == (1 if words == ("doctor",) else 2)
    assert "cannot be used by the user who runs this (attempt to write a readonly database). " in told
    assert "Make the file, and the folder it is in, writable" in told


def test_a_file_that_is_no_database(loaded: Instance) -> None:
    file = loaded.folder / "instance" / "cwportal.sqlite"
    file.write_bytes(b"something else " * 1000)
    result = loaded("runs", "--partner", PARTNER)
    assert result.code == 1
    assert f"The database {file} cannot be used (file is not a database). Look at the disk" in result.error
