"""The directory under rights and keys that change, and what the mapping page concludes from what is not in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from cwportal.billing.choosable import Unfit
from cwportal.connectwise import errors
from cwportal.connectwise.reader import Reader
from cwportal.services import choices, directory, mapping_facts
from tests.services.test_directory import agreements, companies, refresh
from tests.support.portal import PARTNER
from tests.support.world import KEYS, World


def grant(world: World, **more: list[str]) -> None:
    """The API member may see companies and agreements, and what is given."""
    seen = {"Companies > Company Maintenance": ["inquire"], "Finance > Agreements": ["inquire"], **more}
    world.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": seen}})


@pytest.mark.parametrize("full", [True, False])
def test_without_table_setup_companies_and_agreements_are_read_all_the_same(world: World, full: bool) -> None:
    world.agreement("A")
    if not full:
        refresh(world)
    grant(world)
    world.agreement("B", billingCycle="One time")
    done = refresh(world)
    assert done.full is full
    assert all("System > Table Setup > Inquire" in sentence for sentence in done.unread)
    assert len(done.unread) >= 3
    # What is not known is no reason; what was known stays.
    assert agreements(world) == {"Agreement A": (), "Agreement B": () if full else (Unfit.NOT_RECURRING,)}
    assert refresh(world, full=True).unread == done.unread
    assert agreements(world)["Agreement B"] == (() if full else (Unfit.NOT_RECURRING,))
    assert choices.standing(world.runtime, PARTNER).error is None
    grant(world, **{"System > Table Setup": ["inquire"]})
    refresh(world)
    assert agreements(world)["Agreement B"] == (Unfit.NOT_RECURRING,)


def test_a_role_without_agreements_leaves_the_directory_as_it_was(world: World) -> None:
    world.agreement("A")
    refresh(world)
    world.agreement("B")
    world.control(
        "edit",
        {
            "kind": "member",
            "public_key": KEYS[0],
            "set": {"rights": {"Companies > Company Maintenance": ["inquire"], "System > Table Setup": ["inquire"]}},
        },
    )
    with pytest.raises(errors.Forbidden, match="Finance > Agreements > Inquire"):
        refresh(world, full=True)
    assert agreements(world) == {"Agreement A": ()}
    assert "Company B" not in companies(world)


def test_after_the_keys_were_saved_everything_is_read(world: World) -> None:
    world.agreement("A")
    refresh(world)
    assert not refresh(world).full
    world.connect()
    assert refresh(world).full
    assert not refresh(world).full


def test_everything_is_read_again_when_a_person_asks(world: World) -> None:
    number = world.agreement("A")
    refresh(world)
    world.control("edit", {"kind": "agreement", "id": number, "delete": True})
    directory.asked(world.runtime, PARTNER, world.clock())
    assert not refresh(world).full
    directory.asked(world.runtime, PARTNER, world.clock(), everything=True)
    assert agreements(world).keys() == {"Agreement A"}
    assert refresh(world).full
    assert agreements(world) == {}
    assert not refresh(world).full


def problem(world: World) -> str:
    """What the mapping page says of account `a`."""
    where = mapping_facts.place(world.runtime, PARTNER)
    assert where is not None
    return mapping_facts.known(world.runtime, where)["a"].problem


def test_what_is_created_while_others_read_is_not_told_to_be_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Reader.iterate_agreements

    def while_reading(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Any]:
        before = list(real(self, since))
        world.map({"a": world.agreement("New")})
        return iter(before)

    world.source.add_account("a")
    world.agreement("A")
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "iterate_agreements", while_reading)
        refresh(world)
    assert "Agreement New" not in agreements(world)
    assert problem(world) == ""
    refresh(world, full=True)
    assert problem(world) == ""


def test_what_is_gone_is_told_after_everything_was_read(world: World) -> None:
    number = world.agreement("A")
    world.source.add_account("a")
    world.map({"a": number})
    world.control("edit", {"kind": "agreement", "id": number, "delete": True})
    refresh(world)
    assert "was not found in ConnectWise. Choose another one." in problem(world)
    directory.asked(world.runtime, PARTNER, world.clock(), everything=True)
    assert "was not found in ConnectWise. Choose another one." in problem(world)  # also until that has been read


def test_an_error_of_the_portal_itself_is_told_and_nothing_is_left_reading(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Reader, since: datetime | None = None, *_: object) -> Iterator[Any]:
        raise KeyError("x")

    world.agreement("A")
    refresh(world)
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "iterate_agreements", broken)
        with pytest.raises(KeyError):
            refresh(world, full=True)
    standing = choices.standing(world.runtime, PARTNER)
    assert "An error of the portal itself" in (standing.error or "")
    assert (standing.begun, standing.waits) == (False, False)
    assert agreements(world) == {"Agreement A": ()}
