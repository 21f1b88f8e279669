"""Reads a vendor's answer to an order (Amazon Business Ordering 2022-10-30). Knows that 200 is not success and
that an answer which does not fit the question proves nothing; knows no network.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rules.exact_json import parse_exact
from rules.money import LARGEST_AMOUNT, MINOR_DIGITS, Money, round_to_minor
from rules.order import OrderOutcome, OrderState, PurchaseOrder, Rejection

_LONGEST_TEXT: Final = 500
_LARGEST_TOTAL: Final = LARGEST_AMOUNT * 1000
_UNIT_PRICE_BROKEN: Final = "BrokenUnitPriceExpectation"
_CHARGE_BROKEN: Final = "BrokenChargeExpectation"
#: Rejections that carry no code of their own -> the code and the sentence we keep.
_NAMED_REJECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    _UNIT_PRICE_BROKEN: ("BROKEN_UNIT_PRICE_EXPECTATION", "The price is now above the highest accepted one."),
    _CHARGE_BROKEN: ("BROKEN_CHARGE_EXPECTATION", "The charge is now above the highest accepted one."),
    "UnavailableQuantity": ("UNAVAILABLE_QUANTITY", "The vendor does not have the whole quantity."),
    "DeliveryTimeRangeIncongruity": ("DELIVERY_TIME", "The vendor cannot deliver in the time asked for."),
    "AgeRestriction": ("AGE_RESTRICTION", "The product is sold with an age restriction."),
}


_Part = Mapping[str, Any]


class OrderAnswerUnclear(Exception):
    """The answer does not fit what was asked: it proves neither an order nor a refusal."""


def read_order_answer(body: bytes, order: PurchaseOrder) -> OrderOutcome:
    """What an answer to placing or reading `order` means.

    Args:
        body: the body of a 2xx answer.

    Raises:
        OrderAnswerUnclear: for everything that cannot be trusted: no JSON, cut JSON, another order's line,
            quantities that do not add up, an amount above the one we accepted, unsigned orders.
    """
    try:
        document = parse_exact(body)
    except ValueError as reason:
        raise OrderAnswerUnclear(f"not a JSON document: {str(reason)[:200]}") from None
    answer = _mapping(document, "the answer")
    if answer.get("externalId", order.external_id) != order.external_id:
        raise OrderAnswerUnclear("the answer is about another order")
    accepted_artifacts = _items(answer, "acceptanceArtifacts")
    rejected_artifacts = _items(answer, "rejectionArtifacts")
    lines = _items(answer, "lineItems")
    if not lines and rejected_artifacts and not accepted_artifacts:
        return _refusal(order, rejected_artifacts)
    line = _only_line(lines, order)
    accepted, rejected = _items(line, "acceptedItems"), _items(line, "rejectedItems")
    accepted_quantity = sum(_quantity(item) for item in accepted)
    if accepted_quantity + sum(_quantity(item) for item in rejected) != order.quantity:
        raise OrderAnswerUnclear(f"the quantities do not add up to the {order.quantity} asked for")
    reasons = [artifact for item in rejected for artifact in _items(item, "artifacts")] + rejected_artifacts
    if not accepted:
        return _refusal(order, reasons)
    signed = any(artifact.get("acceptanceArtifactType") == "Signed" for artifact in accepted_artifacts)
    return _acceptance(order, accepted, reasons, signed=signed)


def _acceptance(
    order: PurchaseOrder, accepted: Sequence[_Part], reasons: Sequence[_Part], *, signed: bool
) -> OrderOutcome:
    if signed == order.trial:
        raise OrderAnswerUnclear(
            "a trial came back as a real order"
            if order.trial
            else "items were accepted, but no order was signed"
        )
    read = [_read_accepted(item, order) for item in accepted]
    order_ids = tuple(dict.fromkeys(identifier for part in read for identifier in part.order_ids))
    if not order_ids and not order.trial:
        raise OrderAnswerUnclear("items were accepted without an order number")
    quantity = sum(part.quantity for part in read)
    return OrderOutcome(
        state=OrderState.PLACED if quantity == order.quantity else OrderState.PART_PLACED,
        vendor_order_ids=order_ids,
        accepted_quantity=quantity,
        charged_unit_price=Money(max(part.unit_price for part in read), order.highest_unit_price.currency),
        charged_total=Money(
            sum((part.total for part in read), Decimal(0)), order.highest_unit_price.currency
        ),
        rejections=_rejections(reasons),
        trial=order.trial,
    )


def _refusal(order: PurchaseOrder, reasons: Sequence[_Part]) -> OrderOutcome:
    unit_price = total = None
    for reason in reasons:
        kind = reason.get("rejectionArtifactType")
        if kind == _UNIT_PRICE_BROKEN:
            unit_price = Money(_amount(reason, "actualAmount", order), order.highest_unit_price.currency)
            total = unit_price.times(order.quantity)
        elif kind == _CHARGE_BROKEN and unit_price is None:
            total = Money(_amount(reason, "actualAmount", order), order.highest_unit_price.currency)
    return OrderOutcome(
        state=OrderState.REFUSED if total is None else OrderState.PRICE_CHANGED,
        rejections=_rejections(reasons),
        actual_unit_price=unit_price,
        actual_total=total,
        trial=order.trial,
    )


@dataclass(frozen=True)
class _Accepted:
    quantity: int
    order_ids: tuple[str, ...]
    unit_price: Decimal
    total: Decimal


def _read_accepted(item: _Part, order: PurchaseOrder) -> _Accepted:
    quantity = _quantity(item)
    order_ids: list[str] = []
    prices: list[Decimal] = []
    charges: list[tuple[_Part, Decimal]] = []
    for artifact in _items(item, "artifacts"):
        kind = artifact.get("acceptanceArtifactType")
        if kind == "OrderIdentifier":
            order_ids.append(_text(artifact.get("identifier"), "an order number"))
        elif kind == "UnitPrice":
            prices.append(_amount(artifact, "amount", order))
        elif kind == "Charge":
            charges.append((artifact, _amount(artifact, "amount", order, may_be_negative=True)))
    if len(prices) != 1:
        raise OrderAnswerUnclear(f"an accepted item has {len(prices)} unit prices")
    if prices[0] > order.highest_unit_price.amount:
        raise OrderAnswerUnclear(f"the vendor charges {prices[0]}, more than the accepted price")
    return _Accepted(quantity, tuple(order_ids), prices[0], _total(charges, prices[0] * quantity, order))


def _total(charges: Sequence[tuple[_Part, Decimal]], goods: Decimal, order: PurchaseOrder) -> Decimal:
    if not charges:
        return goods
    total = subtotal = Decimal(0)
    for charge, amount in charges:
        # The vendor's pages do not say which sign a discount has; it never makes anything dearer.
        total += -abs(amount) if charge.get("type") == "DISCOUNT" else amount
        if charge.get("category") == "SUBTOTAL" and charge.get("type") == "PRINCIPAL":
            subtotal += amount
    if subtotal > order.highest_total.amount or total < 0:
        raise OrderAnswerUnclear(f"the vendor charges {subtotal} for the goods, another amount than accepted")
    return total


def _only_line(lines: Sequence[_Part], order: PurchaseOrder) -> _Part:
    if len(lines) != 1:
        raise OrderAnswerUnclear(f"the answer has {len(lines)} lines where one was asked for")
    if lines[0].get("externalId") != order.line_id:
        raise OrderAnswerUnclear("the answer is about a line that we did not ask for")
    return lines[0]


def _rejections(reasons: Iterable[_Part]) -> tuple[Rejection, ...]:
    """Codes paired with the messages that follow them; a code or a message alone stands by itself."""
    found: list[Rejection] = []
    for reason in reasons:
        kind = str(reason.get("rejectionArtifactType"))
        if kind == "RejectionCode":
            found.append(Rejection(clean_vendor_text(reason.get("code")) or "REJECTED", ""))
        elif kind == "RejectionMessage":
            message = clean_vendor_text(reason.get("message"))
            if found and not found[-1].message:
                found[-1] = Rejection(found[-1].code, message)
            else:
                found.append(Rejection("REJECTED", message))
        elif kind in _NAMED_REJECTIONS:
            found.append(Rejection(*_NAMED_REJECTIONS[kind]))
    return tuple(dict.fromkeys(found))


def clean_vendor_text(value: object, longest: int = _LONGEST_TEXT) -> str:
    """A vendor's text on one line without characters that a store, a log or a screen cannot hold safely."""
    if not isinstance(value, str):
        return ""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in value[: 4 * longest])
    return " ".join(shown.split())[:longest]


def _mapping(value: object, what: str) -> _Part:
    if not isinstance(value, Mapping):
        raise OrderAnswerUnclear(f"{what} is not an object")
    return value


def _items(holder: _Part, key: str) -> list[_Part]:
    value = holder.get(key)
    if not isinstance(value, list):
        raise OrderAnswerUnclear(f"{key} is missing or not a list")
    return [_mapping(item, f"an item of {key}") for item in value]


def _quantity(item: _Part) -> int:
    value = item.get("quantity")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise OrderAnswerUnclear("a quantity is not a whole number above zero")
    return value


def _text(value: object, what: str) -> str:
    cleaned = clean_vendor_text(value)
    if not cleaned:
        raise OrderAnswerUnclear(f"{what} is empty")
    return cleaned


def _amount(holder: _Part, key: str, order: PurchaseOrder, *, may_be_negative: bool = False) -> Decimal:
    """A finite amount in the order's currency, no finer than the minor unit."""
    try:
        amount = read_amount(holder.get(key), order.highest_unit_price.currency)
    except ValueError as reason:
        raise OrderAnswerUnclear(f"{key}: {reason}") from None
    if amount < 0 and not may_be_negative:
        raise OrderAnswerUnclear(f"{key}: the amount is negative")
    return amount


def read_amount(value: object, currency: str | None = None) -> Decimal:
    """The amount in a vendor's `{"currencyCode": "EUR", "amount": 24.99}`, whose numbers were parsed exactly.

    Args:
        currency: the only currency that is right; None takes any that we know.

    Raises:
        ValueError: for another currency, no number, a boundless one, or one finer than the minor unit.
    """
    money = value if isinstance(value, Mapping) else {}
    code, amount = money.get("currencyCode"), money.get("amount")
    if code not in MINOR_DIGITS or currency not in {None, code}:
        raise ValueError(f"{str(code)[:10]!r} is not the currency asked for")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise ValueError("the amount is not a number")  # noqa: TRY004  one error for every bad amount
    exact = Decimal(amount)
    if not exact.is_finite() or abs(exact) > _LARGEST_TOTAL:
        raise ValueError("the amount is out of bounds")
    if exact != round_to_minor(exact, code):
        raise ValueError(f"{exact} has more digits than {code}")
    return exact
