"""JSON in and out without a float in between: amounts are Decimal from the text on and go back as written."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii as _quote
from typing import Any

LARGEST_EXPONENT = 60
"""Numbers beyond 10^60 are refused: no amount is that large and their plain text would fill the memory."""


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the JSON scanner lets no such text through
        raise ValueError(f"{text} is not a number") from None
    if value and abs(value.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _refuse(text: str) -> Decimal:
    raise ValueError(f"{text} is not JSON")


def loads(text: str | bytes) -> Any:
    """Parse JSON; fractions become Decimal. Raises ValueError, also for NaN, Infinity and bytes that are not UTF-8."""
    return json.loads(text, parse_float=_number, parse_constant=_refuse)


def number_text(value: Decimal) -> str:
    """A double as the server writes it: 12.50 is `12.5`, 5 is `5.0`, never an exponent."""
    text = format(value, "f")
    if "." not in text:
        return text + ".0"
    text = text.rstrip("0")
    return text + "0" if text.endswith(".") else text


def dumps(value: Any) -> str:
    """JSON text of plain values, with Decimal as a JSON number."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: Any, add: Callable[[str], None]) -> None:
    if isinstance(value, str):
        add(_quote(value))
    elif value is None:
        add("null")
    elif isinstance(value, bool):
        add("true" if value else "false")
    elif isinstance(value, Decimal):
        add(number_text(value))
    elif isinstance(value, int | float):
        add(repr(value))
    elif isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            add(f"{separator}{_quote(str(key))}:")
            _write(item, add)
            separator = ","
        add("}" if separator == "," else "{}")
    elif isinstance(value, list | tuple):
        separator = "["
        for item in value:
            add(separator)
            _write(item, add)
            separator = ","
        add("]" if separator == "," else "[]")
    else:
        raise TypeError(f"{type(value).__name__} is not JSON")
