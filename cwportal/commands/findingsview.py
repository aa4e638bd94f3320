"""Findings to read: the loudest first, and what is the same for many accounts said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cwportal.billing import money
from cwportal.commands import words
from cwportal.commands.context import program
from cwportal.commands.out import Paint
from cwportal.commands.text import cell
from cwportal.vocabulary import Severity

_MANY = 5
"""More unmapped accounts than this are counted, not listed: a partner that begins has hundreds."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as `reports.finding` gives it, with the name of its account; None: of the plan as a whole."""

    account: str | None
    finding: Mapping[str, Any]


def account_name(names: Mapping[str, str], account_id: str) -> str:
    """ "Acme Ltd (acme)"."""
    return f"{cell(names.get(account_id, ''))} ({cell(account_id)})"


def lines(told: Iterable[Told], partner_id: str, currency: str, paint: Paint) -> Iterator[tuple[Severity, str]]:
    """Each finding with its severity, in the order in which they matter."""
    several = list(told)
    for severity, (word, colour) in words.LEVELS.items():
        head = paint(f"{word}:", colour)
        for one in _without_many([one for one in several if one.finding["severity"] == severity]):
            where = f"{one.account}: " if one.account else ""
            yield severity, f"{head} {where}{cell(words.for_partner(one.finding['message'], partner_id))}"
        if severity is Severity.WARNING and len(_unmapped(several)) > _MANY:
            yield severity, f"{head} {_many(_unmapped(several), partner_id, currency)}"


def _many(unmapped: list[Told], partner_id: str, currency: str) -> str:
    amount = sum((Decimal(one.finding["amount"] or 0) for one in unmapped), Decimal(0))
    return (
        f"{len(unmapped)} accounts have charges of {money.text(words.cents(amount))} {currency} a month in all and are not mapped to an "
        f"agreement, so nothing of them is billed. Map them; which they are: {program()} map export --partner {partner_id}"
    )


def _unmapped(several: list[Told]) -> list[Told]:
    return [one for one in several if one.finding["code"] == "not_mapped"]


def _without_many(several: list[Told]) -> list[Told]:
    if len(_unmapped(several)) <= _MANY:
        return several
    return [one for one in several if one.finding["code"] != "not_mapped"]
