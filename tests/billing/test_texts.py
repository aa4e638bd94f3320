"""Texts that ConnectWise would refuse or show as rubbish."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwportal.billing.creation import agreement_name, company_name
from cwportal.billing.texts import cut, length, one_line


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("😀😀", 3, "😀"),
        ("a😀", 2, "a"),
        ("ab cd", 3, "ab"),
        ("\ud83d", 5, ""),
        ("", 3, ""),
    ],
)
def test_cut(text: str, most: int, expected: str) -> None:
    assert cut(text, most) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \t b\r\nc ", "a b c"),
        ("a\x00b\x07", "ab"),
        ("a \x00 b", "a b"),
        ("👩\u200d🔧", "👩\u200d🔧"),
        ("\x1b", ""),
    ],
)
def test_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


@given(st.text(), st.integers(0, 60))
def test_what_is_sent_fits_and_can_be_written(text: str, most: int) -> None:
    line = cut(one_line(text), most)
    assert length(line) <= most
    assert line == line.strip()
    assert line == cut(one_line(line), most)
    assert all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in line)
    assert one_line(text).startswith(line)


def test_names_of_emojis_fit_in_connectwise() -> None:
    assert company_name("😀" * 50) == "😀" * 25
    assert length(agreement_name("Portal", "😀" * 300)) <= 100
