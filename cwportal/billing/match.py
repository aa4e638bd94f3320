"""Which addition stands for which group of one product (rule 4). Pure pairing; what is written follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from cwportal.billing.charges import group_order
from cwportal.billing.lines import Lost, Ours
from cwportal.billing.values import Decision, Group, GroupKey, LedgerLine
from cwportal.vocabulary import Answer


class _Ordered(Protocol):
    @property
    def line(self) -> LedgerLine: ...


T = TypeVar("T")
L = TypeVar("L", bound=_Ordered)


@dataclass(slots=True)
class Pairing:
    """The result for one product. `waits`: a person must answer first, and then `open` and `left` stay untouched.

    `matched`: our row stands for the group. `covered`: our row that we ended and that bills until its last day. `absorbed`: a group
    that is not billed, because a person accepted what happened to its line. `open`: groups without any line. `left`: our rows that
    bill and stand for no group. `undecided`: lost lines that need an answer. `over`: lost lines that stand for nothing any more.
    """

    matched: list[tuple[Ours, Group]] = field(default_factory=list)
    covered: list[tuple[Ours, Group]] = field(default_factory=list)
    absorbed: list[tuple[Lost, Group]] = field(default_factory=list)
    open: list[Group] = field(default_factory=list)
    left: list[Ours] = field(default_factory=list)
    idle: list[Ours] = field(default_factory=list)
    undecided: list[Lost] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    ambiguous: bool = False
    waits: bool = False


def pair(
    groups: Sequence[Group],
    live: Sequence[Ours],
    ending: Sequence[Ours] = (),
    lost: Sequence[Lost] = (),
    *,
    decisions: Mapping[int, Decision],
    key_exported: bool,
    waits: bool = False,
) -> Pairing:
    """Pair the groups of one product with our lines of it.

    `key_exported`: price and cost are both exported; if not, rows of other keys cannot be told apart by what they bill, and
    several of them are not guessed. `waits`: something else about this product waits, so only equal keys are paired.
    """
    result = Pairing(waits=waits)
    open_groups = sorted(groups, key=group_order)
    active = sorted((ours for ours in live if ours.row.quantity != 0), key=lambda ours: ours.order)
    zeroed = sorted((ours for ours in live if ours.row.quantity == 0), key=lambda ours: ours.order)

    found, active, open_groups = _equal(active, open_groups)
    result.matched += found
    found, _, open_groups = _equal(sorted(ending, key=lambda ours: ours.order), open_groups)
    result.covered += found

    accepted, open_groups = _settle_lost(result, sorted(lost, key=lambda one: one.order), open_groups, decisions)
    if active and open_groups and not result.waits and not key_exported and (len(active), len(open_groups)) != (1, 1):
        result.ambiguous = result.waits = True
    if result.waits:
        result.open, result.left, result.idle = open_groups, active, zeroed
        return result

    found, active, open_groups = _zipped(active, open_groups)
    result.matched += found
    absorbed, _, open_groups = _zipped(accepted, open_groups)
    result.absorbed += absorbed
    found, zeroed, open_groups = _equal(zeroed, open_groups)
    result.matched += found
    found, zeroed, open_groups = _zipped(zeroed, open_groups)
    result.matched += found
    result.open, result.left, result.idle = open_groups, active, zeroed
    return result


def equal_first(
    items: Iterable[T], groups: Sequence[Group], key: Callable[[T], GroupKey]
) -> tuple[list[tuple[T, Group]], list[T], list[Group]]:
    """Pair each item with a group of its key, in the order given; returns (pairs, items left, groups left)."""
    left = list(groups)
    pairs: list[tuple[T, Group]] = []
    rest: list[T] = []
    for item in items:
        own = key(item)
        same = next((group for group in left if group.key == own), None)
        if same is None:
            rest.append(item)
        else:
            pairs.append((item, same))
            left.remove(same)
    return pairs, rest, left


def _settle_lost(
    result: Pairing, lost: Sequence[Lost], open_groups: list[Group], decisions: Mapping[int, Decision]
) -> tuple[list[Lost], list[Group]]:
    """Lost lines: an accepted one takes a group of its key; where then nothing is wanted any more, a person did what we would do.

    Returns the accepted lines that took no group yet, and the groups still open.
    """
    answers = {one.line.addition_id: decisions.get(one.line.addition_id) for one in lost}
    accepted = [one for one in lost if (d := answers[one.line.addition_id]) is not None and d.answer is Answer.ACCEPT]
    absorbed, accepted, open_groups = _equal(accepted, open_groups)
    result.absorbed += absorbed
    taken = {one.line.addition_id for one, _ in absorbed}
    if not open_groups:
        result.over += [one.line.addition_id for one in lost if one.line.addition_id not in taken]
        return [], open_groups
    for one in lost:
        decision = answers[one.line.addition_id]
        if decision is not None and decision.answer is Answer.RECREATE:
            result.over.append(one.line.addition_id)
        elif decision is None or decision.answer is not Answer.ACCEPT:
            result.undecided.append(one)
            result.waits = True
    return accepted, open_groups


def _equal(items: Sequence[L], groups: Sequence[Group]) -> tuple[list[tuple[L, Group]], list[L], list[Group]]:
    return equal_first(items, groups, lambda item: item.line.key)


def _zipped(items: Sequence[T], groups: Sequence[Group]) -> tuple[list[tuple[T, Group]], list[T], list[Group]]:
    count = min(len(items), len(groups))
    return list(zip(items, groups, strict=False)), list(items[count:]), list(groups[count:])
