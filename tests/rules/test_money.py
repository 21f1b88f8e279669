"""Amounts are read digit for digit or refused with what would be right; currencies never mix."""

from __future__ import annotations

import string
from decimal import Decimal

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid
from rules.money import LARGEST_AMOUNT, MINOR_DIGITS, Money, parse_amount, parse_currency, round_to_minor
from tests.rules.samples import euros, money

CURRENCIES = sorted(MINOR_DIGITS)


def refusal(text: str, currency: str = "EUR") -> str:
    """Why the amount is refused."""
    with pytest.raises(Invalid) as refused:
        parse_amount(text, currency)
    assert refused.value.field == "amount"
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1299.90", "EUR", "1299.90"),
        ("5", "EUR", "5.00"),
        ("0.01", "EUR", "0.01"),
        ("0.5", "EUR", "0.50"),
        ("007", "EUR", "7.00"),
        ("100", "JPY", "100"),
        ("1.234", "KWD", "1.234"),
        ("9999999.99", "EUR", "9999999.99"),
        ("9999999.999", "KWD", "9999999.999"),
        ("9999999", "JPY", "9999999"),
    ],
)
def test_plain_number_is_read_at_the_minor_unit(text: str, currency: str, amount: str) -> None:
    assert str(parse_amount(text, currency)) == amount


@pytest.mark.parametrize(
    "text",
    ["NaN", "nan", "sNaN", "-NaN", "NaN123", "Infinity", "-Infinity", "inf", "1E+999999", "1e-9999999", "1e3", "0x10"],
)  # fmt: skip
def test_what_only_decimal_calls_a_number_is_refused(text: str) -> None:
    assert refusal(text) == "The amount must be a plain number such as 49.90."


@pytest.mark.parametrize(
    "text", ["１２", "٣", "१२", "1_000", "+5", "-1", "-0.0", "−5", "5€", "€5", "½", "5²", ".5", "5..0"]
)
def test_only_ascii_digits_and_one_point_are_a_number(text: str) -> None:
    assert refusal(text) == "The amount must be a plain number such as 49.90."


@pytest.mark.parametrize("text", [" 5 ", "5 ", "\t5", "5\n", "\u00a05", "5\u3000"])
def test_space_around_a_number_is_named(text: str) -> None:
    assert refusal(text) == "Please leave out the space before or after the amount."


@pytest.mark.parametrize("text", ["", " ", "\n", "\u3000"])
def test_nothing_typed_asks_for_an_amount(text: str) -> None:
    assert refusal(text) == "Please give an amount, for example 49.90."


@pytest.mark.parametrize("text", ["0", "0.0", "0.00", "000"])
def test_zero_is_no_amount(text: str) -> None:
    assert refusal(text) == "The amount must be more than zero."


@pytest.mark.parametrize(
    ("text", "currency", "digits"),
    [
        ("10.005", "EUR", "2"),
        ("0.001", "EUR", "2"),
        ("100.5", "JPY", "no"),
        ("1.2345", "KWD", "3"),
        # Trailing zeros are not harmless: where a point groups thousands, these are a thousand and more.
        ("1.000", "EUR", "2"),
        ("12.000", "USD", "2"),
        ("100.0", "JPY", "no"),
        ("1.0000", "KWD", "3"),
    ],
)
def test_more_digits_than_the_currency_has_are_refused_not_rounded(
    text: str, currency: str, digits: str
) -> None:
    expected = f"{currency} has {digits} digits after the point; please do not give more."
    assert refusal(text, currency) == expected


@pytest.mark.parametrize(
    "text",
    ["1,000.00", "1.000,00", "1'000", "1’000.50", "1 000", "1\u00a0000,50", "1\u202f000", "1.000.000", "49,90", "49,", "5."],
)  # fmt: skip
def test_a_number_in_another_style_is_refused_with_the_style_that_is_right(text: str) -> None:
    assert refusal(text) == "Please write the amount with a point and without separators: 1299.90."


@pytest.mark.parametrize(
    ("text", "currency", "largest"),
    [
        ("10000000", "EUR", "9,999,999.99"),
        ("9999999999999", "EUR", "9,999,999.99"),
        ("10000000", "JPY", "9,999,999"),
        ("10000000", "KWD", "9,999,999.999"),
    ],
)
def test_too_large_an_amount_is_told_the_largest_that_would_be_taken(
    text: str, currency: str, largest: str
) -> None:
    assert refusal(text, currency) == f"The amount must be at most {largest}."
    assert parse_amount(largest.replace(",", ""), currency) <= LARGEST_AMOUNT


def test_five_thousand_digits_are_refused() -> None:
    assert refusal("1" * 5000) == "The amount must be a plain number such as 49.90."


def test_refusal_names_the_field_it_was_asked_for() -> None:
    with pytest.raises(Invalid) as refused:
        parse_amount("x", "EUR", "max_amount")
    assert refused.value.field == "max_amount"


@pytest.mark.parametrize("text", ["", "€", "usd", "Eur", "BTC", "EUR ", "EURO", "ＥＵＲ", "XXX"])
def test_unknown_currency_is_refused_with_the_known_ones(text: str) -> None:
    for refuse in (parse_currency, lambda code: parse_amount("1", code)):
        with pytest.raises(Invalid) as refused:
            refuse(text)
        assert refused.value.field == "currency"
        assert "EUR, USD" in refused.value.message


@pytest.mark.parametrize("currency", CURRENCIES)
def test_known_currency_is_read_as_it_stands(currency: str) -> None:
    assert parse_currency(currency) == currency


@pytest.mark.parametrize("currency", CURRENCIES)
def test_minor_digits_are_those_of_the_currency_tables(currency: str) -> None:
    assert MINOR_DIGITS[currency] == get_currency_precision(currency)


@given(money())
def test_an_amount_written_out_is_read_back_equal(given_money: Money) -> None:
    assert str(parse_amount(str(given_money.amount), given_money.currency)) == str(given_money.amount)


@given(money())
def test_money_on_a_page_is_the_amount_with_separators(given_money: Money) -> None:
    shown, currency = str(given_money).split(" ")
    assert currency == given_money.currency
    assert parse_amount(shown.replace(",", ""), currency) == given_money.amount


@given(st.text(string.digits + ".,-+ eE_'٣１NaN", max_size=12), st.sampled_from(CURRENCIES))
def test_any_text_is_either_the_amount_it_spells_or_refused(text: str, currency: str) -> None:
    try:
        amount = parse_amount(text, currency)
    except Invalid:
        return
    assert amount == Decimal(text)
    assert 0 < amount <= LARGEST_AMOUNT
    assert text.isascii()
    assert -int(amount.as_tuple().exponent) == MINOR_DIGITS[currency]


def test_amounts_of_one_value_are_one_money_and_written_alike() -> None:
    forms = [Money(Decimal(text), "EUR") for text in ("10", "10.0", "10.00", "10.000", "1E+1")]
    assert len(set(forms)) == 1
    assert {str(form.amount) for form in forms} == {"10.00"}
    assert str(Money(Decimal("10.000"), "JPY").amount) == "10"


def test_an_amount_finer_than_the_minor_unit_is_kept_as_it_is() -> None:
    assert Money(Decimal("1.005"), "EUR").amount == Decimal("1.005")
    assert Money(Decimal("1E+300"), "EUR").amount == Decimal("1E+300")


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_is_never_endless_nor_no_number(amount: str) -> None:
    with pytest.raises(Invalid, match="finite"):
        Money(Decimal(amount), "EUR")


@pytest.mark.parametrize("currency", ["", "eur", "BTC"])
def test_money_has_a_known_currency(currency: str) -> None:
    with pytest.raises(Invalid, match="not a currency we know"):
        Money(Decimal(1), currency)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1299.9", "EUR", "1,299.90 EUR"),
        ("0", "EUR", "0.00 EUR"),
        ("1234567", "JPY", "1,234,567 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
    ],
)
def test_money_is_shown_with_its_minor_digits(amount: str, currency: str, shown: str) -> None:
    assert str(Money(Decimal(amount), currency)) == shown


def test_comparing_is_strict_and_within_one_currency() -> None:
    assert euros("10.01").is_above(euros("10.00"))
    assert not euros("10.00").is_above(euros("10.00"))
    assert not euros("9.99").is_above(euros("10.00"))
    with pytest.raises(Invalid, match="EUR and USD cannot be compared"):
        euros("10.00").is_above(Money(Decimal(1), "USD"))


def test_a_price_times_a_quantity_is_exact() -> None:
    assert euros("0.10").times(3) == euros("0.30")
    assert Money(Decimal("9999999.999"), "KWD").times(999).amount == Decimal("9989999999.001")


@pytest.mark.parametrize(
    ("total", "quantity", "one"), [("10.00", 3, "3.33"), ("20.00", 3, "6.67"), ("0.05", 2, "0.03")]
)
def test_price_of_one_is_rounded_half_up(total: str, quantity: int, one: str) -> None:
    assert euros(total).per_unit(quantity) == euros(one)


@pytest.mark.parametrize(
    ("amount", "currency", "cut", "up"),
    [("1.999", "EUR", "1.99", "2.00"), ("1.995", "EUR", "1.99", "2.00"), ("1.994", "EUR", "1.99", "1.99"),
     ("1.5", "JPY", "1", "2"), ("1.2345", "KWD", "1.234", "1.235")],
)  # fmt: skip
def test_rounding_cuts_off_unless_told_otherwise(amount: str, currency: str, cut: str, up: str) -> None:
    assert str(round_to_minor(Decimal(amount), currency)) == cut
    assert str(round_to_minor(Decimal(amount), currency, up=True)) == up
