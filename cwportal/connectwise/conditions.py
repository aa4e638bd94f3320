"""ConnectWise's `conditions` language, restricted to what is certain (contract section 3, filter grammar).

How a quote is escaped inside a string is not settled between sources, and `contains` may treat `% _ * [ ]` as
wildcards. So a text is put into the kind of quotes it does not hold; where that is impossible we ask for a harmless
piece of it and compare on our side. `exact` False says that the rows must still be compared by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_plus

MAX_URL = 8000
MAX_VALUES = 100
USED = 700
_UNCERTAIN = re.compile(r"[\\\x00-\x1f]")
_PIECES = re.compile(r"""["'\\%_*?\[\]\x00-\x1f]+""")


@dataclass(frozen=True, slots=True)
class Condition:
    """`text` for the query parameter; "" means no condition at all."""

    text: str
    exact: bool = True


def quoted(text: str) -> str | None:
    """The text as a string of the condition language, or None where no certain form exists."""
    if _UNCERTAIN.search(text):
        return None
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    return None


def equals(field: str, text: str) -> Condition:
    """Rows whose field equals the text; a superset (`exact` False) where the text cannot be quoted with certainty."""
    literal = quoted(text)
    if literal is not None:
        return Condition(f"{field} = {literal}")
    piece = max(_PIECES.split(text), key=len)
    return Condition(f'{field} contains "{piece}"' if piece.strip() else "", exact=False)


def all_of(*conditions: str) -> str:
    """Join with `and`, leaving out empty ones; each part that holds an `or` comes in parentheses."""
    parts = [part for part in conditions if part]
    if len(parts) < 2:
        return "".join(parts)
    return " and ".join(f"({part})" if " or " in part else part for part in parts)


def updated_since(instant: datetime | None) -> str:
    """Rows changed after an instant of ConnectWise's own clock; "" for None. Datetimes are UTC, to the second, in square brackets.

    `>` and not `>=`: one server was seen to answer the latter with nothing (contract section 3).
    """
    if instant is None:
        return ""
    if instant.tzinfo is None:
        raise ValueError("naive datetime")
    return f"lastUpdated > [{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}]"


def _batches(values: Iterable[str], room: int, separator: str) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for value in values:
        cost = len(quote_plus(value)) + len(quote_plus(separator))
        if batch and (len(batch) >= MAX_VALUES or length + cost > room):
            yield batch
            batch, length = [], 0
        batch.append(value)
        length += cost
    if batch:
        yield batch


def ids_in(field: str, ids: Iterable[int], *, used: int = USED) -> Iterator[str]:
    """`field in (1,2,3)` in batches of at most 100 values whose encoded URL stays under 8,000 characters.

    `used` is the length of everything else in the URL (host, path, other parameters), generously counted.
    """
    for batch in _batches((str(number) for number in sorted(set(ids))), MAX_URL - used - len(field), ","):
        yield f"{field} in ({','.join(batch)})"


def texts_equal(field: str, texts: Iterable[str], *, used: int = USED) -> Iterator[Condition]:
    """The same for texts, as `field = "A" or field = "B"`: `in` with strings is nowhere promised, `=` and `or` are.

    Texts that cannot be quoted with certainty come one by one, as from `equals`.
    """
    plain: list[str] = []
    special: list[Condition] = []
    for text in sorted(set(texts)):
        condition = equals(field, text)
        if condition.exact:
            plain.append(condition.text)
        else:
            special.append(condition)
    for batch in _batches(plain, MAX_URL - used, " or "):
        yield Condition(" or ".join(batch))
    yield from special
