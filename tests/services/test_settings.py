"""Settings: what can be chosen, what goes together, two people at once, and what an export makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select, text

from cwportal.db import Database
from cwportal.errors import NotConnected
from cwportal.models import AuditEntry, Settings
from cwportal.services import (
    connection,
    directory,
    disable,
    schema,
    settings,
    settings_notes,
    settings_page,
    settings_typed,
    upcoming,
)
from cwportal.services.settings import Chosen, SettingsChanged
from cwportal.services.settings_typed import BadSettings
from cwportal.vocabulary import Data, Drift, Ended, Frequency, Taxable
from tests.support.portal import PARTNER, charge
from tests.support.world import World


def chosen(world: World) -> Chosen:
    return settings.get(world.runtime, PARTNER)


def history(world: World) -> list[dict[str, Any]]:
    query = select(AuditEntry).where(AuditEntry.action == "settings").order_by(AuditEntry.id)
    with world.database.read() as session:
        return [entry.detail for entry in session.scalars(query)]


def table_id(world: World, table: str, name: str) -> int:
    return next(int(row["id"]) for row in world.state()["tables"][table] if row["name"] == name)


BAD = [
    ("export", "hourly", "manual, daily, monthly"),
    ("export", "", "Nothing is chosen"),
    ("time", "", "No time is given"),
    ("time", "24:00", "02:00"),
    ("time", "1:00", "02:00"),
    ("time", "٠٢:٠٠", "02:00"),
    ("day", "0", "1 to 31"),
    ("day", "32", "1 to 31"),
    ("day", "٣", "1 to 31"),
    ("day", "1" * 5000, "1 to 31"),
    ("timezone", "Mars/Base", "America/New_York"),
    ("timezone", "../../etc/passwd", "America/New_York"),
    ("timezone", "", "America/New_York"),
    ("data", "", "at least one"),
    ("data", "products,everything", "choose one of"),
    ("notify", "ann", "ann@example.com"),
    ("notify", "a@b.example\nBcc: c@d.example", "ann@example.com"),
    ("notifications", "maybe", "yes nor no"),
    ("taxable", "sometimes", "default, yes, no"),
    ("agreement_type_id", "1.5", "number of the record"),
    ("agreement_type_id", "9999999999", "number of the record"),
    ("product_type_id", "-1", "number of the record"),
    ("product_subcategory_id", "x", "number of the record"),
    ("limit_ended", "-1", "from 0 to 1000"),
    ("limit_ended_all", "NaN", "from 0 to 1000"),
    ("limit_change", "1e99", "from 0 to 1000"),
    ("limit_change", "0.00001", "from 0 to 1000"),
    ("limit_growth", "0.9", "from 1 to 1000"),
]


@pytest.mark.parametrize(("name", "typed", "says"), BAD)
def test_what_cannot_be_used_is_said_and_never_repeated_in_full(name: str, typed: str, says: str) -> None:
    parsed = settings_typed.parse({name: typed})
    assert name not in parsed.values
    assert says in parsed.problems[name]
    assert len(parsed.problems[name]) < 300


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("time", " 23:59 ", "23:59"),
        ("day", "LAST", "last"),
        ("day", "07", "7"),
        ("data", "price, products", (Data.PRODUCTS, Data.PRICE)),
        ("notify", "b@x.example, a@x.example,b@x.example", ("b@x.example", "a@x.example")),
        ("agreement_type_id", "", None),
        ("limit_change", "12,5 %", Decimal("12.5")),
        ("limit_growth", "", None),
        ("taxable", "NO", Taxable.NO),
    ],
)
def test_what_is_typed_is_read(name: str, typed: str, value: object) -> None:
    assert settings_typed.parse({name: typed}).values[name] == value


def test_every_bad_field_is_told_at_once_and_nothing_is_stored(world: World) -> None:
    with pytest.raises(BadSettings) as refused:
        settings.update(
            world.runtime, PARTNER, {"time": "9", "day": "40", "ended": "cancel", "notifications": "yes"}, actor="ann"
        )
    assert set(refused.value.problems) == {"time", "day", "notify"}
    assert str(refused.value).splitlines()[0].startswith("time: ")
    assert (chosen(world), history(world)) == (Chosen(timezone="America/New_York"), [])


def test_the_history_says_before_and_after(world: World) -> None:
    world.choose(ended="cancel", limit_change="40")
    world.choose(limit_change="", data="users")
    world.choose(data="users")  # the same again is no change
    assert history(world) == [
        {"version": 1, "changes": {"ended": ["zero", "cancel"], "limit_change": ["", "40"]}},
        {"version": 2, "changes": {"data": ["products,quantity,cost,price", "users"], "limit_change": ["40", ""]}},
    ]


def test_the_second_of_two_people_is_told_what_the_first_has_changed(world: World) -> None:
    world.choose(time="01:00")
    seen = settings.stored(world.runtime, PARTNER).version
    settings.update(world.runtime, PARTNER, {"time": "02:00", "drift": "keep"}, actor="ann", version=seen)
    settings.update(world.runtime, PARTNER, {"time": "03:00"}, actor="bob")
    with pytest.raises(SettingsChanged) as refused:
        settings.update(world.runtime, PARTNER, {"time": "04:00"}, actor="cid", version=seen)
    told = {name: (one.before, one.after, one.actor) for name, one in refused.value.changes.items()}
    assert told == {"time": ("01:00", "03:00", "bob"), "drift": ("overwrite", "keep", "ann")}
    assert (chosen(world).time, refused.value.version) == ("03:00", seen + 2)
    settings.update(world.runtime, PARTNER, {"time": "04:00"}, actor="cid", version=refused.value.version)
    assert chosen(world).time == "04:00"


def test_what_an_export_remembers_is_no_change_by_a_person(world: World) -> None:
    world.choose(time="01:00")
    before = settings.stored(world.runtime, PARTNER)
    tenant = connection.tenants_in_use(world.runtime, PARTNER) or ""
    settings.remember_product_place(
        world.runtime, PARTNER, tenant=tenant, product_type_id=1, category_id=2, subcategory_id=3
    )
    after = settings.stored(world.runtime, PARTNER)
    assert after.version == before.version
    assert (after.chosen.product_type_id, after.chosen.product_category_id, after.chosen.time) == (1, 2, "01:00")


def test_limits_of_one_account_and_of_all(world: World) -> None:
    world.choose(limit_ended="20")
    limits = chosen(world).for_core().limits
    assert limits.account_ended_percent == limits.partner_ended_percent == 20
    world.choose(limit_ended_all="5", limit_growth="3")
    limits = chosen(world).for_core().limits
    assert [limits.account_ended_percent, limits.partner_ended_percent, limits.growth_factor] == [20, 5, 3]
    world.choose(limit_ended="", limit_ended_all="", limit_growth="")
    assert chosen(world).for_core().limits == settings_page.DEFAULTS


def test_a_page_of_before_brings_nothing_back_that_disable_has_let_go(world: World) -> None:
    world.choose(export="daily")
    version = settings.stored(world.runtime, PARTNER).version
    settings.update(world.runtime, PARTNER, {"day": "2"}, actor="ann", version=version, connected=True)
    disable.disable(world.runtime, PARTNER, actor="bob")
    with pytest.raises(NotConnected, match="not kept"):
        settings.update(world.runtime, PARTNER, {"day": "3"}, actor="ann", version=version + 1, connected=True)
    with world.database.read() as session:
        assert session.get(Settings, PARTNER) is None


def test_notifications_need_somebody(world: World) -> None:
    with pytest.raises(BadSettings, match="nobody is chosen"):
        world.choose(notifications="yes")
    world.choose(notify="ann@msp.example")
    assert chosen(world).notifications
    world.choose(notifications="no")
    assert (chosen(world).notify, chosen(world).notifications) == (("ann@msp.example",), False)
    world.choose(notifications="yes")
    with pytest.raises(BadSettings, match="nobody is chosen"):
        world.choose(notifications="yes", notify="")


def test_types_are_checked_once_the_tables_have_been_read(world: World) -> None:
    world.choose(agreement_type_id="4711", product_type_id="4712")
    directory.refresh(world.runtime, PARTNER)
    world.choose(agreement_type_id="4711", time="05:00")  # what was there before may stay
    for name in ("agreement_type_id", "product_type_id", "product_subcategory_id"):
        with pytest.raises(BadSettings, match=r"no .* 4713") as refused:
            world.choose(**{name: "4713"})
        assert set(refused.value.problems) == {name}
    number = table_id(world, "agreementType", "Managed Services")
    world.choose(agreement_type_id=str(number))
    assert chosen(world).agreement_type_id == number


def test_an_inactive_type_is_refused_and_a_subcategory_brings_its_category(world: World) -> None:
    tables = world.state()["tables"]
    kind = tables["agreementType"][0]["id"]
    world.control("edit", {"kind": "agreementType", "id": kind, "set": {"inactiveFlag": True}})
    directory.refresh(world.runtime, PARTNER)
    with pytest.raises(BadSettings, match="inactive"):
        world.choose(agreement_type_id=str(kind))
    subcategory = tables["subcategory"][0]
    world.choose(product_subcategory_id=str(subcategory["id"]))
    assert chosen(world).product_category_id == subcategory["category"]["id"]
    world.choose(product_subcategory_id="")
    assert (chosen(world).product_subcategory_id, chosen(world).product_category_id) == (None, None)


@pytest.mark.parametrize(("typed", "expected"), [("default", {False}), ("yes", {True}), ("no", {False})])
def test_new_products_and_lines_are_marked_and_never_again(world: World, typed: str, expected: set[bool]) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    world.choose(taxable=typed, limit_change="1000")
    assert world.export()["status"] == "succeeded"
    created = [
        entry["body"] for entry in world.writes() if entry["method"] == "POST" and "effectiveDate" in entry["body"]
    ]
    assert ["taxableFlag" in body for body in created] == [typed != "default"]
    assert {row["taxableFlag"] for row in world.additions(agreement)} == expected
    assert {row["taxableFlag"] for row in world.state()["catalog"] if row["identifier"] == "MBX"} == expected

    world.clear_journal()
    world.choose(taxable="no" if typed == "yes" else "yes")
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    assert world.export()["counts"]["updated"] == 1
    assert "taxableFlag" not in str(world.writes())
    assert {row["taxableFlag"] for row in world.additions(agreement)} == expected


NOTES: list[tuple[set[Data], Ended, list[str]]] = [
    ({Data.PRODUCTS, Data.QUANTITY, Data.COST, Data.PRICE}, Ended.ZERO, []),
    ({Data.USERS}, Ended.ZERO, ["Only the lists of users"]),
    ({Data.QUANTITY, Data.COST, Data.PRICE}, Ended.ZERO, ["nothing new is created"]),
    ({Data.PRODUCTS, Data.COST, Data.PRICE}, Ended.ZERO, ["quantity 0", "keeps billing"]),
    ({Data.PRODUCTS, Data.COST, Data.PRICE}, Ended.CANCEL, ["quantity 0"]),
    ({Data.PRODUCTS, Data.QUANTITY}, Ended.ZERO, ["price and cost of ConnectWise's catalog", "cannot be told apart"]),
    ({Data.PRODUCTS, Data.QUANTITY, Data.PRICE}, Ended.ZERO, ["the cost of", "cannot be told apart"]),
]


@pytest.mark.parametrize(("data", "ended", "says"), NOTES)
def test_what_a_choice_means(data: set[Data], ended: Ended, says: list[str]) -> None:
    found = settings_notes.notes(Chosen(data=tuple(word for word in Data if word in data), ended=ended))
    assert len(found) == len(says)
    for note, part in zip(found, says, strict=True):
        assert part in note


def test_starts_across_changes_of_the_clock() -> None:
    daily = Chosen(export=Frequency.DAILY, time="02:30", timezone="America/New_York")
    gap = upcoming.starts(daily, datetime(2027, 3, 13, 12, tzinfo=UTC), 2)
    assert [(f"{one.at:%d %H:%M %Z}", one.skipped, one.twice) for one in gap] == [
        ("14 03:00 EDT", True, False),
        ("15 02:30 EDT", False, False),
    ]
    fold = upcoming.starts(
        Chosen(export=Frequency.DAILY, time="01:30", timezone="America/New_York"),
        datetime(2027, 11, 6, 12, tzinfo=UTC),
        2,
    )
    assert [(f"{one.at:%d %H:%M %Z}", one.skipped, one.twice) for one in fold] == [
        ("07 01:30 EDT", False, True),
        ("08 01:30 EST", False, False),
    ]
    assert upcoming.starts(Chosen(), datetime(2027, 1, 1, tzinfo=UTC)) == []


def _to_first(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "cwportal:migrations")
    with engine.begin() as connection:
        config.attributes.update(connection=connection, version_table=schema.VERSION_TABLE)
        command.upgrade(config, "0001")


def test_settings_of_before_keep_what_they_meant(empty_url: str) -> None:
    database = Database(empty_url)
    _to_first(database.engine)
    with database.engine.begin() as connection:
        for partner, notify, limit in (("told", '["a@x.example"]', "12.5"), ("silent", "[]", None)):
            connection.execute(
                text(
                    "INSERT INTO cwportal_settings (partner_id, export, time, day, timezone, data, notify, ended, drift, adopt, limit_ended) "
                    "VALUES (:partner, 'daily', '02:00', '1', 'UTC', '[\"users\"]', :notify, 'zero', 'keep', 'ask', :limit)"
                ),
                {"partner": partner, "notify": notify, "limit": limit},
            )
    schema.upgrade(database.engine)
    with database.read() as session:
        told, silent = session.get_one(Settings, "told"), session.get_one(Settings, "silent")
        assert (told.notifications, told.limit_ended, told.limit_ended_all) == (True, Decimal("12.5"), Decimal("12.5"))
        assert (silent.notifications, silent.limit_ended_all, silent.limit_growth) == (False, None, None)
        assert (told.taxable, told.version, told.drift) == (Taxable.DEFAULT, 1, Drift.KEEP)
    database.dispose()
