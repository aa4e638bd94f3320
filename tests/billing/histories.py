"""Random histories of an agreement: charges that come and go, hands in ConnectWise, writes that are lost, months that pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from cwportal.billing.values import AccountCharges, AccountPlan, CatalogEntry, Decision, ExportSettings, Row, Sku
from cwportal.portal import Charge
from cwportal.vocabulary import Adopt, Answer, Drift, Ended, Severity
from tests.billing.build import ALL, TODAY, grouped
from tests.billing.model import Died, Fate, World, scripted

PARTS = ("mail", "disk", "vpn")
PRODUCTS = {"mail": 501, "disk": 502}
PRICES = tuple(map(Decimal, ("5", "6", "7.1234", "0")))
COSTS = tuple(map(Decimal, ("3", "4")))

charges = st.lists(
    st.builds(
        Charge,
        st.sampled_from(PARTS),
        st.sampled_from([Decimal(0), Decimal(1), Decimal(2), Decimal("2.5"), Decimal(40)]),
        st.sampled_from(COSTS),
        st.sampled_from(PRICES),
    ),
    max_size=6,
).map(grouped)

fates = st.lists(st.sampled_from([*([Fate.DONE] * 3), *Fate]), max_size=8)


NOTHING = AccountCharges("A", (), frozenset(), ())


@dataclass(frozen=True)
class Step:
    """One thing that happens. `pick` chooses a row, modulo how many there are."""

    what: str
    charges: AccountCharges = NOTHING
    fates: tuple[Fate, ...] = ()
    pick: int = 0
    amount: Decimal = Decimal(1)


exports = st.builds(lambda c, f: Step("export", charges=c, fates=tuple(f)), charges, fates)
hands = st.builds(
    Step,
    st.sampled_from(
        ["quantity", "price", "cancel", "cancel later", "delete", "repoint", "foreign", "copy", "month", "swap"]
    ),
    pick=st.integers(0, 7),
    amount=st.sampled_from([Decimal(0), Decimal(1), Decimal(5), Decimal("6.5")]),
)
histories = st.lists(st.one_of(exports, exports, hands), min_size=1, max_size=9)

settings = st.builds(
    ExportSettings,
    st.sampled_from([ALL, ALL, ALL, *(ALL - {one} for one in sorted(ALL))]),
    st.sampled_from(Ended),
    st.sampled_from(Drift),
    st.sampled_from(Adopt),
)


def empty_world(chosen: ExportSettings, decimals: int | None = None) -> World:
    """Two products are in the catalog, `vpn` is not; account B has a line of its own that nobody may touch."""
    place = World(
        TODAY,
        chosen,
        {part: Sku(part, part.upper(), Decimal(3)) for part in PARTS},
        decimals,
        products={id_: CatalogEntry(id_, part, price=Decimal(9), cost=Decimal(2)) for part, id_ in PRODUCTS.items()},
    )
    place.export("B", grouped([Charge("mail", Decimal(4), Decimal(3), Decimal(5))]))
    return place


def live_through(place: World, steps: list[Step], check: Any = lambda plan: None) -> None:
    """Carry the steps out on account A; `check` sees every plan that was applied."""
    for number, step in enumerate(steps):
        if step.what == "export":
            try:
                check(place.export("A", step.charges, scripted(step.fates)))
            except Died:
                check(None)
        else:
            by_hand(place, step, number)


def by_hand(place: World, step: Step, number: int) -> None:
    """Somebody works in ConnectWise, or a month passes."""
    rows = place.rows[place.agreements["A"]]
    if step.what == "swap":
        place.agreements = {"A": place.agreements["B"], "B": place.agreements["A"]}
        return
    if step.what == "month":
        place.today = (place.today.replace(day=1) + timedelta(days=40)).replace(day=9)
        return
    if step.what == "foreign":
        product, price = (501, 502)[step.pick % 2], place.kept("unitPrice", PRICES[step.pick % 4])
        rows[number + 1] = Row(number + 1, product, step.amount, price, Decimal(3), effective=date(2026, 1, 1))
        return
    if not rows:
        return
    id_ = sorted(rows)[step.pick % len(rows)]
    row = rows[id_]
    if step.what == "delete":
        del rows[id_]
    elif step.what == "copy":
        rows[number + 1] = replace(row, id=number + 1)
    elif step.what == "quantity":
        rows[id_] = replace(row, quantity=step.amount)
    elif step.what == "price":
        rows[id_] = replace(row, unit_price=step.amount)
    elif step.what == "cancel":
        rows[id_] = replace(row, cancelled=place.today - timedelta(days=1))
    elif step.what == "cancel later":
        rows[id_] = replace(row, cancelled=place.today + timedelta(days=20))
    elif step.what == "repoint":
        rows[id_] = replace(row, product_id={501: 502}.get(row.product_id, 501))


def answer_everything(place: World, wanted: AccountCharges, answers: list[int]) -> AccountPlan:
    """A person answers every question about a line that the plan asks, in some way, until none is left."""
    picks = iter(answers)
    decisions = place.decisions.setdefault("A", {})
    for _ in range(60):
        plan = place.plan("A", wanted)
        asked = [one for one in plan.findings if one.severity is Severity.HOLD and one.code != "ambiguous_update"]
        if not asked:
            return plan
        for one in asked:
            assert one.addition_id is not None, one
            pick = next(picks, 0)
            if one.code == "existing_lines":
                choices = [
                    Decision(Answer.LEAVE),
                    Decision(Answer.USE),
                    Decision(Answer.END, place.today + timedelta(days=pick)),
                ]
            elif one.code == "other_account_lines":
                choices = [Decision(Answer.TAKE_OVER), Decision(Answer.END, place.today + timedelta(days=pick))]
            else:
                choices = [Decision(Answer.RECREATE), Decision(Answer.ACCEPT)]
            decisions[one.addition_id] = choices[pick % len(choices)]
    raise AssertionError(f"questions without end: {plan.findings}")
