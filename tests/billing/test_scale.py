from __future__ import annotations

from decimal import Decimal

import pytest

from cwportal.billing.scale import canonical, exact_sum, to_scale


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("1.00005", "1.0001"),
        ("1.00004999", "1"),
        ("-1.00005", "-1.0001"),
        ("0.00005", "0.0001"),
        ("5", "5"),
        ("123456789012345678901234567890.12345", "123456789012345678901234567890.1235"),
    ],
)
def test_half_goes_away_from_zero_at_four_decimals(given: str, sent: str) -> None:
    assert to_scale(Decimal(given)) == Decimal(sent)


@pytest.mark.parametrize("given", ["-0", "-0.00004", "0.00001"])
def test_minus_zero_is_zero(given: str) -> None:
    assert str(to_scale(Decimal(given))) == "0"


@pytest.mark.parametrize("given", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        to_scale(Decimal(given))


@pytest.mark.parametrize(
    ("given", "text"),
    [("5.0", "5"), ("5", "5"), ("5E+3", "5000"), ("0.10", "0.1"), ("-0.0", "0"), ("1E-7", "0.0000001"), ("100", "100")],
)
def test_equal_numbers_have_one_spelling(given: str, text: str) -> None:
    assert canonical(Decimal(given)) == text


def test_sums_keep_every_decimal() -> None:
    many = [Decimal("0.00001")] * 5 + [Decimal("1e25")]
    assert exact_sum(many) == Decimal("10000000000000000000000000.00005")
