"""JSON text both ways without floats: money and quantity are Decimal from the first byte to the last."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NoReturn

_ESCAPED = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def decode(body: bytes) -> object:
    """Parse a JSON body; numbers with a fraction or exponent become Decimal, whole numbers int.

    Raises ValueError for everything that is not one complete JSON document (also NaN and Infinity). Escapes that stand for no character
    are not kept, since no database and no file could: NUL is left out, half a surrogate pair becomes a question mark.
    """
    text = body.decode("utf-8-sig")
    try:
        data: object = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
        return _storable(data) if _ESCAPED.search(text) else data
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _storable(data: object) -> object:
    if isinstance(data, str):
        return data.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(data, dict):
        return {_storable(name): _storable(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_storable(value) for value in data]
    return data


def date_text(day: date) -> str:
    """A calendar date as ConnectWise stores it: midnight UTC, never moved through a local zone (contract section 9)."""
    return f"{day.isoformat()}T00:00:00Z"


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} cannot be written as JSON")
    return format(value, "f") if value else "0"


def _encode(value: object) -> str:
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a datetime without a zone cannot be sent")
        return json.dumps(value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if isinstance(value, date):
        return json.dumps(date_text(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return "[" + ",".join(_encode(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} cannot be sent to ConnectWise")


def encode(value: object) -> bytes:
    """JSON of dict, list, str, bool, int, Decimal (its exact digits, no exponent), date and aware datetime.

    A float raises TypeError: it would have lost digits before it came here.
    """
    return _encode(value).encode()
