"""Money is integer minor units with its currency; what people write is exact on the way in and on the way out."""

from fractions import Fraction

import pytest

from domain.money import EXPONENTS, Money, decimal, minor, percent, written
from domain.rejections import Malformed


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (123_456, "USD", "1,234.56"),
        (-123_456_789, "EUR", "-1,234,567.89"),
        (1_234, "JPY", "1,234"),
        (1_234, "KWD", "1.234"),
    ],
)
def test_minor_units_are_written_with_the_decimals_of_their_currency(
    amount_minor: int, currency: str, text: str
) -> None:
    assert written(amount_minor, currency) == text
    assert str(Money(amount_minor, currency)) == f"{text} {currency}"


@pytest.mark.parametrize(
    ("exact", "currency", "text"),
    [
        (Fraction(49, 2), "USD", "0.245"),
        (Fraction(-1, 2), "USD", "-0.005"),
        (Fraction(1, 3), "JPY", "0.3333333333…"),
        (Fraction(3, 1), "USD", "0.03"),
    ],
)
def test_an_exact_ratio_keeps_the_decimals_it_needs_and_an_endless_one_says_that_it_was_cut(
    exact: Fraction, currency: str, text: str
) -> None:
    assert written(exact, currency) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("150.00", Fraction(150)), ("0.1", Fraction(1, 10)), ("7", Fraction(7)), ("007.50", Fraction(15, 2))],
)
def test_a_written_decimal_is_exact(text: str, value: Fraction) -> None:
    assert decimal(text) == value


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1,000", ".5", "5.", "1e3", "1/3", "٣", "1_000", " 1", "1\n", "inf", "nan"]
)
def test_a_decimal_is_plain_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        decimal(text, key="rate")
    assert refusal.value.key == "rate"


@pytest.mark.parametrize(
    ("text", "value"),
    [("2.75 %", Fraction(11, 400)), ("3%", Fraction(3, 100)), ("0 %", Fraction(0)), ("150 %", Fraction(3, 2))],
)
def test_a_written_rate_is_an_exact_ratio(text: str, value: Fraction) -> None:
    assert percent(text) == value


@pytest.mark.parametrize("text", ["", "%", "3", "0.03", "3 %%", "3 % of fare", "-3 %", "three %"])
def test_a_rate_needs_a_number_and_a_percent_sign(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        percent(text, key="amount.rate")
    assert refusal.value.key == "amount.rate"


def test_a_decimal_amount_becomes_minor_units_of_its_currency() -> None:
    assert minor(Fraction("150.00"), "USD") == 15_000
    assert minor(Fraction("150"), "JPY") == 150
    assert minor(Fraction("1.5"), "BHD") == 1_500
    assert minor(Fraction("0.005"), "USD") == Fraction(1, 2)


def test_currencies_are_three_capital_letters_with_the_exponent_of_iso_4217() -> None:
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in EXPONENTS)
    known = {"USD": 2, "EUR": 2, "SGD": 2, "INR": 2, "JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "TND": 3, "XCG": 2}
    assert {code: EXPONENTS[code] for code in known} == known
