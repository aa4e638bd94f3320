"""JSON without floats."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from cwportal.connectwise import jsontext


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.50"),
        (Decimal("0.1"), "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0"), "0"),
        (Decimal("-3.20"), "-3.20"),
        (Decimal("12345678901234567890.1234"), "12345678901234567890.1234"),
        (True, "true"),
        (7, "7"),
        (None, "null"),
        ('ü "x"', '"\\u00fc \\"x\\""'),
        (date(2026, 3, 1), '"2026-03-01T00:00:00Z"'),
        (datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), '"2026-02-28T23:30:00Z"'),
        ({"product": {"id": 3}, "list": [Decimal("1.0"), False]}, '{"product":{"id":3},"list":[1.0,false]}'),
    ],
)
def test_encode(value: object, text: str) -> None:
    assert jsontext.encode(value) == text.encode()


@pytest.mark.parametrize(
    "value",
    [1.5, Decimal("NaN"), Decimal("Infinity"), datetime(2026, 3, 1), b"bytes", object(), {"a": [2.0]}],  # noqa: DTZ001
)
def test_what_would_lose_something_is_not_sent(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        jsontext.encode(value)


def test_decode_keeps_every_digit() -> None:
    found = jsontext.decode(b'\xef\xbb\xbf{"a": 0.1, "b": 5, "c": 12.50, "d": 1e2}')
    assert found == {"a": Decimal("0.1"), "b": 5, "c": Decimal("12.50"), "d": Decimal("1E+2")}
    assert isinstance(found, dict)
    assert [type(value) for value in found.values()] == [Decimal, int, Decimal, Decimal]
    assert str(found["c"]) == "12.50"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": 1', b"NaN", b"[Infinity]", b"{} {}", b"\xff\xfe", b"[" * 100_000, b"1" * 5000]
)
def test_decode_refuses_what_is_not_one_json_document(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        jsontext.decode(body)


def test_a_date_is_midnight_utc_of_its_day() -> None:
    assert jsontext.date_text(date(2026, 12, 31)) == "2026-12-31T00:00:00Z"


def test_a_datetime_in_utc_keeps_its_time() -> None:
    assert jsontext.encode(datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)) == b'"2026-03-01T04:05:06Z"'


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'"a\ud800b"', "a?b"),
        (r'"a\udc00"', "a?"),
        (r'"\uDFFF\uD800"', "??"),
        (r'"a\u0000b"', "ab"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800"', r"\ud800"),
    ],
)
def test_what_is_no_character_can_be_kept_all_the_same(text: str, read: str) -> None:
    found = jsontext.decode(f'{{{text}: [{text}, {{"n": {text}}}, 1.5]}}'.encode())
    assert found == {read: [read, {"n": read}, Decimal("1.5")]}
    str(found).encode()
