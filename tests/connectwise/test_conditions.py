"""The condition language: quoting that is certain, and batches that fit into a URL."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

import pytest

from cwportal.connectwise import conditions
from cwportal.connectwise.conditions import Condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mailbox", Condition('name = "Mailbox"')),
        ("O'Neill & Söhne + 50 %", Condition('name = "O\'Neill & Söhne + 50 %"')),
        ('19" rack', Condition("name = '19\" rack'")),
        ("", Condition('name = ""')),
        ("19\" O'Neill rack", Condition('name contains "Neill rack"', exact=False)),
        ("\"'", Condition("", exact=False)),
        ("\"' ", Condition("", exact=False)),
        ("a\\b and more", Condition('name contains "b and more"', exact=False)),
        ("tail\\", Condition('name contains "tail"', exact=False)),
        ("line\nbreak here", Condition('name contains "break here"', exact=False)),
        ("\"'100% _x_ [brackets] *", Condition('name contains "brackets"', exact=False)),
    ],
)
def test_equals_never_needs_an_escape(text: str, expected: Condition) -> None:
    assert conditions.equals("name", text) == expected


def test_or_is_put_into_parentheses_when_joined() -> None:
    joined = conditions.all_of('name = "A" or name = "B"', "", "id > 3")
    assert joined == '(name = "A" or name = "B") and id > 3'


def test_ids_come_sorted_once_in_batches_of_100() -> None:
    batches = list(conditions.ids_in("id", [*range(250, 0, -1), 7]))
    assert [batch.count(",") + 1 for batch in batches] == [100, 100, 50]
    assert batches[0].startswith("id in (1,2,3,")


def test_no_ids_make_no_request() -> None:
    assert list(conditions.ids_in("id", [])) == []


@pytest.mark.parametrize("letter", ["A", "ü", "“", "&"])
def test_text_batches_stay_under_the_url_limit_when_encoded(letter: str) -> None:
    texts = [f"{number:03}" + letter * 57 for number in range(250)]
    batches = list(conditions.texts_equal("identifier", texts))
    assert all(len(quote_plus(batch.text)) + conditions.USED <= conditions.MAX_URL for batch in batches)
    asked = [piece for batch in batches for piece in batch.text.split(" or ")]
    assert asked == [f'identifier = "{text}"' for text in texts]


def test_texts_that_cannot_be_quoted_come_alone() -> None:
    found = list(conditions.texts_equal("identifier", ["A", "x\"y'z long", "B"]))
    assert found == [
        Condition('identifier = "A" or identifier = "B"'),
        Condition('identifier contains "z long"', exact=False),
    ]


def test_updated_since_is_utc_to_the_second_in_square_brackets() -> None:
    instant = datetime(2026, 3, 1, 1, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert conditions.updated_since(instant) == "lastUpdated > [2026-02-28T23:30:05Z]"
    assert conditions.updated_since(None) == ""
    with pytest.raises(ValueError, match="naive"):
        conditions.updated_since(datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point
