"""The campaign must notice when a safeguard is taken out: each mutation is caught within a few seeds, or this test fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cwportal.billing import existing, lookup, scale
from cwportal.billing.values import Row
from cwportal.connectwise import session
from cwportal.connectwise.pages import Pages, rows_of
from cwportal.sandbox import Sandbox
from cwportal.services import runs
from cwportal.services.apply import intents, users_lookup
from cwportal.services.gate import ConnectionGate
from cwportal.vocabulary import Outcome
from tests.campaign.campaign import Campaign, run_schedule
from tests.campaign.invariants import Violation

SEEDS = 40
Mutation = Callable[[pytest.MonkeyPatch, Campaign], None]


def blind_retry(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    patch.setattr(session, "repeatable", lambda method, failure: True)


def no_look_up(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    def forget(look: intents._LookUps, change: Any) -> None:
        look._free(change, "not looked up")

    patch.setattr(intents._LookUps, "settle", forget)


def look_up_by_desired_values(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    def find(
        rows: tuple[Row, ...], sent: Mapping[str, Any], *, product_id: int, known: frozenset[int], **_: Any
    ) -> lookup.Created:
        wanted = {(q, p, c) for name in campaign.agreements for _, q, p, c in campaign.desired(name)}
        new = [row for row in rows if row.product_id == product_id and row.id not in known]
        hits = [row for row in new if (row.quantity, row.unit_price, row.unit_cost) in wanted]
        return lookup.Created(hits[0] if len(hits) == 1 else None, ())

    patch.setattr(lookup, "find_created", find)


def float_money(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    rounded = scale.to_scale

    def through_float(value: Decimal) -> Decimal:
        return rounded(value) if value == value.to_integral_value() else Decimal(float(value) * 1.0000001)

    import sys

    for name, module in list(sys.modules.items()):
        if name.startswith("cwportal.") and getattr(module, "to_scale", None) is rounded:
            patch.setattr(module, "to_scale", through_float)


def first_page_only(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    campaign.world.control("variant", {"page_limit": 2})
    whole = Pages.pages

    def first(self: Pages, *asked: Any, **named: Any) -> Iterator[list[object]]:
        for page in whole(self, *asked, **named):
            yield page
            return

    patch.setattr(Pages, "pages", first)


def order_relied_upon(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    campaign.world.control("variant", {"page_limit": 2, "shuffle": True})

    def numbered(
        self: Pages, path: str, condition: str = "", extra: Mapping[str, str] | None = None, *_: Any
    ) -> Iterator[list[object]]:
        for number in range(1, 1000):
            asked = {
                **(extra or {}),
                **({"conditions": condition} if condition else {}),
                "pageSize": "2",
                "page": str(number),
            }
            page = rows_of(self._source.get(path, asked).data, path)
            if not page:
                return
            yield page

    patch.setattr(Pages, "pages", numbered)


def lease_ignored(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    taken = runs._take_up

    def at_once(session: Any, runtime: Any, run: Any, token: str, now: Any) -> runs.Lease:
        run.heartbeat_at = run.created_at = now.replace(year=2000)
        return taken(session, runtime, run, token, now)

    patch.setattr(runs, "_take_up", at_once)
    for module in (runs, __import__("cwportal.services.apply.journal", fromlist=["journal"])):
        patch.setattr(module, "confirm", lambda *args: None)


def retry_after_ignored(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    patch.setattr(ConnectionGate, "wait", lambda self: None)
    patch.setattr(ConnectionGate, "hold", lambda self, seconds: None)


def foreign_row_adopted_silently(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    ask = existing.settle

    def use(groups: Any, foreign: Any, decisions: Any, **options: Any) -> existing.Settled:
        if foreign and not decisions:
            return existing.Settled(use=[(foreign[0], groups[0])], create=list(groups[1:]))
        return ask(groups, foreign, decisions, **options)

    import sys

    for name, module in list(sys.modules.items()):
        if name.startswith("cwportal.billing") and getattr(module, "settle", None) is ask:
            patch.setattr(module, "settle", use)


def list_not_looked_up(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    def forget(runtime: Any, client: Any, change: Any, close: Any) -> None:
        with runtime.database.durable() as session:
            close(session, change, Outcome.FAILED, "not looked up")

    patch.setattr(users_lookup, "settle", forget)


def list_taken_for_ours_by_its_name(patch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    asked = users_lookup.settle

    def trusting(runtime: Any, client: Any, change: Any, close: Any) -> None:
        change.known_ids = []
        change.sent = {**change.sent, "size": len(b"by hand")}
        asked(runtime, client, change, close)

    patch.setattr(users_lookup, "settle", trusting)


MUTATIONS: dict[str, Mutation] = {
    "list not looked up": list_not_looked_up,
    "list taken for ours by its name": list_taken_for_ours_by_its_name,
    "blind retry of POST": blind_retry,
    "no look-up": no_look_up,
    "look-up by desired values": look_up_by_desired_values,
    "float money": float_money,
    "first page only": first_page_only,
    "order relied upon": order_relied_upon,
    "lease ignored": lease_ignored,
    "Retry-After ignored": retry_after_ignored,
    "foreign row adopted silently": foreign_row_adopted_silently,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(1000, 1000 + SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with Sandbox() as sandbox, monkeypatch.context() as patch:
            try:
                run_schedule(folder, sandbox, seed, prepare=lambda campaign: MUTATIONS[name](patch, campaign))
            except Violation as caught:
                print(f"{name}: caught by seed {seed}: {str(caught).splitlines()[0]}")
                return
    pytest.fail(f"{name} was not caught by {SEEDS} schedules")
