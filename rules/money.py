"""Money: a Decimal and an ISO 4217 currency. Knows minor units; refuses rounding, mixing and guessing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

from rules.errors import Invalid

#: Digits after the point per ISO 4217, for the currencies that the form offers.
MINOR_DIGITS: Final[dict[str, int]] = {
    "EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "SEK": 2, "DKK": 2, "NOK": 2, "PLN": 2, "CZK": 2,
    "CAD": 2, "AUD": 2, "MXN": 2, "INR": 2, "JPY": 0, "KWD": 3,
}  # fmt: skip

#: The largest amount that a request may name; the database column holds no more.
LARGEST_AMOUNT: Final = Decimal("9999999.999")

#: Amounts longer than this cannot be brought to the minor unit in decimal's 28 digits, and are nobody's price.
_MOST_DIGITS = 20
_LONGEST_TYPED = 40
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.(?P<fraction>[0-9]+))?", re.ASCII)
#: A number as people write it elsewhere: 1,000.00 and 1.000,00 and 1'000 and 1 000, or 49,90, or 5.
_NUMBER_IN_ANOTHER_STYLE = re.compile(
    r"[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]*)?|[0-9]+,[0-9]*|[0-9]+\.", re.ASCII
)


@dataclass(frozen=True, order=False)
class Money:
    """An amount in one currency. Arithmetic across currencies is an error, never a guess.

    The amount is kept at the currency's minor unit where that is exact, so that 10, 10.0 and the 10.000
    of a database column are written alike; finer amounts are kept as they are.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise Invalid(f"{self.currency!r} is not a currency we know.", "currency")
        if not self.amount.is_finite():
            raise Invalid("An amount must be a finite number.", "amount")
        if self.amount.adjusted() < _MOST_DIGITS:
            at_minor = round_to_minor(self.amount, self.currency)
            if at_minor == self.amount:
                object.__setattr__(self, "amount", at_minor)

    def __str__(self) -> str:
        return f"{self.amount:,.{MINOR_DIGITS[self.currency]}f} {self.currency}"

    def times(self, quantity: int) -> Money:
        """This money, `quantity` times."""
        return Money(self.amount * quantity, self.currency)

    def is_above(self, other: Money) -> bool:
        """Whether this is strictly more than `other`; raises Invalid across currencies."""
        if self.currency != other.currency:
            raise Invalid(f"{self.currency} and {other.currency} cannot be compared.", "currency")
        return self.amount > other.amount

    def per_unit(self, quantity: int) -> Money:
        """The price of one of `quantity`, rounded half up to the minor unit."""
        return Money(round_to_minor(self.amount / quantity, self.currency, up=True), self.currency)


def round_to_minor(amount: Decimal, currency: str, *, up: bool = False) -> Decimal:
    """`amount` at the currency's minor unit: half up when `up`, else cut off (never more than was allowed)."""
    step = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    return amount.quantize(step, rounding=ROUND_HALF_UP if up else ROUND_DOWN)


def parse_amount(text: str, currency: str, field: str = "amount") -> Decimal:
    """The amount a person typed, as a Decimal at the currency's minor unit.

    Args:
        text: ASCII digits with at most one point, such as "1299.90".
        currency: ISO 4217 code.
        field: the form field that an error names.

    Raises:
        Invalid: for anything else; the message says what would be right. Nothing is rounded.
    """
    parse_currency(currency)
    if not text.strip():
        raise Invalid("Please give an amount, for example 49.90.", field)
    if text != text.strip():
        raise Invalid("Please leave out the space before or after the amount.", field)
    plain = _PLAIN_NUMBER.fullmatch(text) if len(text) <= _LONGEST_TYPED else None
    if plain is None:
        if len(text) <= _LONGEST_TYPED and _NUMBER_IN_ANOTHER_STYLE.fullmatch(text):
            raise Invalid("Please write the amount with a point and without separators: 1299.90.", field)
        raise Invalid("The amount must be a plain number such as 49.90.", field)
    digits = MINOR_DIGITS[currency]
    # Zeros count too: whoever types 1.000 may mean a thousand, and must not get one.
    if len(plain["fraction"] or "") > digits:
        raise Invalid(
            f"{currency} has {digits or 'no'} digits after the point; please do not give more.", field
        )
    amount = Decimal(text)
    if amount <= 0:
        raise Invalid("The amount must be more than zero.", field)
    if amount > LARGEST_AMOUNT:
        largest = round_to_minor(LARGEST_AMOUNT, currency)
        raise Invalid(f"The amount must be at most {largest:,}.", field)
    return round_to_minor(amount, currency)


def parse_currency(text: str, field: str = "currency") -> str:
    """The ISO 4217 code, or Invalid with the codes that are known."""
    if text not in MINOR_DIGITS:
        raise Invalid(f"Please choose a currency: {', '.join(MINOR_DIGITS)}.", field)
    return text
