"""Two things at once around the pages: what is decided for one ConnectWise never reaches another, and nothing outlives Disable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cwportal.errors import NotConnected, UsageError
from cwportal.models import Connection, Draft, Mapping
from cwportal.sandbox import Sandbox
from cwportal.services import (
    credentials,
    disable,
    draft,
    mapping,
    mapping_draft,
    mapping_facts,
    mapping_row,
    mapping_save,
    rekey,
    runs,
    settings,
)
from cwportal.services.credentials import Typed
from cwportal.services.mapping_row import Choice
from cwportal.services.settings import SettingsChanged
from cwportal.vocabulary import Trigger
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, World

ANN, BEN = "ann@msp.example", "ben@msp.example"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        world.source.add_account("a", charge("MBX", 3, 2, 5))
        yield world
        world.close()


def _elsewhere(world: World, tenant: str = "cw.example/copy") -> None:
    """The partner is connected to another ConnectWise now, as if by somebody else."""
    with world.database.write() as session:
        row = session.get_one(Connection, PARTNER)
        row.tenant = tenant
        credentials.forget_choices_of_others(session, world.runtime, PARTNER, tenant, actor=BEN)


def _disable(world: World) -> None:
    disable.disable(world.runtime, PARTNER, actor=BEN)


def _rows(world: World) -> dict[str, tuple[str, bool]]:
    with world.database.read() as session:
        return {row.account_id: (row.tenant, row.export) for row in session.scalars(select(Mapping))}


def _typed(world: World, agreement: int) -> mapping_facts.Place:
    """Somebody has typed a mapping with Export on, and has not saved it."""
    where = mapping_facts.place(world.runtime, PARTNER)
    assert where is not None
    company = next(one for one in world.state()["agreements"] if one["id"] == agreement)["company"]["id"]
    typed = mapping_row.Typed(Choice(company, agreement, export=True), "Company")
    everything = mapping_facts.known(world.runtime, where)
    mapping_draft.store(world.runtime, where, ANN, {"a": typed}, everything)
    return where


def _in_between(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, deed: Callable[[], None]) -> None:
    """Somebody does something after ConnectWise has answered and before anything is written."""
    real = getattr(place, name)

    def slow(*args: Any, **more: Any) -> Any:
        answer = real(*args, **more)
        deed()
        return answer

    monkeypatch.setattr(place, name, slow)


@pytest.mark.parametrize("deed", [_disable, _elsewhere])
def test_a_mapping_is_not_saved_into_a_connectwise_that_was_left_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, deed: Callable[[World], None]
) -> None:
    where = _typed(world, world.agreement("North"))
    _in_between(monkeypatch, mapping_save.mapping_check, "against_connectwise", lambda: deed(world))
    done = mapping_save.save(world.runtime, where, ANN)
    assert done.unreachable
    assert _rows(world) == {}


def test_what_was_typed_for_one_connectwise_is_not_checked_against_another(world: World) -> None:
    where = _typed(world, world.agreement("North"))
    _elsewhere(world)
    assert "another ConnectWise" in mapping_save.save(world.runtime, where, ANN).unreachable


@pytest.mark.parametrize("deed", [_disable, _elsewhere])
def test_a_file_is_not_imported_into_a_connectwise_that_was_left_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, deed: Callable[[World], None]
) -> None:
    agreement = world.agreement("North")
    _in_between(monkeypatch, mapping, "resolve", lambda: deed(world))
    with pytest.raises(NotConnected):
        world.map({"a": agreement})
    assert _rows(world) == {}


def test_settings_of_a_former_connection_do_not_return_with_an_old_page(world: World) -> None:
    world.choose(export="daily")
    old = settings.stored(world.runtime, PARTNER).version
    _disable(world)
    world.connect()
    world.choose(export="manual", time="03:00")
    with pytest.raises(SettingsChanged):
        settings.update(world.runtime, PARTNER, {"export": "daily"}, actor=ANN, version=old)
    assert settings.get(world.runtime, PARTNER).export == "manual"


@pytest.mark.parametrize("chosen", [True, False])
def test_numbers_of_another_connectwise_are_not_saved_from_an_old_page(world: World, chosen: bool) -> None:
    if chosen:
        world.choose(agreement_type_id="1")
    else:
        world.choose(time="03:00")
    old = settings.stored(world.runtime, PARTNER)
    _elsewhere(world)
    with pytest.raises(SettingsChanged) as told:
        settings.update(world.runtime, PARTNER, {"agreement_type_id": "1"}, actor=ANN, version=old.version)
    assert [(one.before, one.after, one.actor) for one in told.value.changes.values()] == (
        [("1", "", BEN)] if chosen else []
    )
    assert settings.get(world.runtime, PARTNER).agreement_type_id is None


def test_product_ids_of_an_export_that_ends_late_are_not_kept_for_another_connectwise(world: World) -> None:
    with world.database.read() as session:
        tenant = session.get_one(Connection, PARTNER).tenant
    _elsewhere(world)
    settings.remember_product_place(
        world.runtime, PARTNER, tenant=tenant, product_type_id=5, category_id=6, subcategory_id=7
    )
    assert settings.get(world.runtime, PARTNER).product_type_id is None


def _wizard(world: World) -> None:
    begun = draft.begin(world.runtime, PARTNER, actor=ANN)
    typed = Typed(world.sandbox.url, "training", *KEYS)
    kept = draft.keep_credentials(world.runtime, PARTNER, typed, version=begun.version, actor=ANN)
    proven = credentials.prove(world.runtime, typed)
    draft.accept(world.runtime, PARTNER, proven, version=kept.version, actor=ANN)


def test_starting_over_switches_export_off_again(world: World) -> None:
    agreement = world.agreement("North")
    _disable(world)
    _wizard(world)
    world.map({"a": agreement})
    _typed(world, agreement)
    draft.start_over(world.runtime, PARTNER, actor=ANN)
    assert {key: export for key, (_, export) in _rows(world).items()} == {"a": False}


def test_no_keys_are_kept_by_a_test_that_ends_after_disable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    version = rekey.now(world.runtime, PARTNER).version
    real = credentials.prove

    def elsewhere(*args: Any, **more: Any) -> Any:
        proven = real(*args, **more)
        _disable(world)
        return replace(proven, tenant="cw.example/copy")

    monkeypatch.setattr(credentials, "prove", elsewhere)
    with pytest.raises(UsageError):
        rekey.change(
            world.runtime,
            PARTNER,
            Typed(world.sandbox.url, "training", *KEYS),
            version=version,
            elsewhere=False,
            patience=1,
            actor=ANN,
        )
    with world.database.read() as session:
        assert session.get(Draft, PARTNER) is None


def test_a_page_of_a_draft_that_was_given_up_changes_nothing_in_the_next_one(world: World) -> None:
    _disable(world)
    old = draft.begin(world.runtime, PARTNER, actor=ANN)
    draft.start_over(world.runtime, PARTNER, actor=BEN)
    draft.begin(world.runtime, PARTNER, actor=BEN)
    with pytest.raises(draft.Outdated):
        draft.keep_credentials(
            world.runtime, PARTNER, Typed("old.example", "old", "", ""), version=old.version, actor=ANN
        )


@pytest.mark.parametrize("how", [runs.begin, runs.request])
def test_no_run_begins_after_disable_has_looked_for_one(world: World, how: Callable[..., Any]) -> None:
    with world.database.read() as session:
        tenant = session.get_one(Connection, PARTNER).tenant
    _disable(world)
    with pytest.raises(NotConnected):
        how(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor=ANN, approval={})
