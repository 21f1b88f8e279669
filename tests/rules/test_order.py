"""Keys, highest prices and read-back waits; and what an answer to an order means, or does not prove."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.money import Money
from rules.order import (
    OrderOutcome,
    OrderState,
    PurchaseOrder,
    Rejection,
    external_id,
    highest_unit_price,
    is_for_a_person,
    may_send_again,
    read_back_wait_seconds,
)
from rules.order_answer import OrderAnswerUnclear, read_order_answer

REQUEST = UUID("019a9b2c-0000-7000-8000-000000000001")
ORDER = PurchaseOrder(
    external_id(REQUEST, 1), "PR-2026-000123", "amazon.es", "B0ABCDEFG1", "offer-1", 3, Money(Decimal("26.24"), "EUR")
)  # fmt: skip
Edit = Callable[[dict[str, Any]], object]


def euros(amount: object) -> dict[str, Any]:
    return {"currencyCode": "EUR", "amount": amount}


def taken(quantity: int = 3, price: object = 24.99, identifier: str = "404-1-1") -> dict[str, Any]:
    return {
        "acceptedItemType": "SingleAcceptedItem",
        "quantity": quantity,
        "artifacts": [
            {"acceptanceArtifactType": "OrderIdentifier", "identifier": identifier},
            {"acceptanceArtifactType": "UnitPrice", "amount": euros(price)},
        ],
    }


def left_out(quantity: int, *artifacts: dict[str, Any]) -> dict[str, Any]:
    return {"quantity": quantity, "artifacts": list(artifacts)}


def answer(accepted: list[Any], rejected: list[Any], *, signed: bool = True) -> dict[str, Any]:
    return {
        "acceptanceArtifacts": [{"acceptanceArtifactType": "Signed"}] if signed else [],
        "rejectionArtifacts": [],
        "lineItems": [
            {"externalId": ORDER.line_id, "acceptedItems": accepted, "rejectedItems": rejected},
        ],
    }


def read(document: Any, order: PurchaseOrder = ORDER) -> OrderOutcome:
    return read_order_answer(json.dumps(document).encode(), order)


CODE = {"rejectionArtifactType": "RejectionCode", "code": "OUT_OF_STOCK"}
MESSAGE = {"rejectionArtifactType": "RejectionMessage", "message": "None\u202e left\r\nin stock"}
BROKEN_PRICE = {
    "rejectionArtifactType": "BrokenUnitPriceExpectation",
    "boundary": euros(26.24),
    "actualAmount": euros(31.50),
}


def test_key_is_the_same_for_every_attempt_and_another_for_every_round() -> None:
    assert external_id(REQUEST, 1) == external_id(UUID(str(REQUEST)), 1)
    assert external_id(REQUEST, 2) != external_id(REQUEST, 1)
    assert len(external_id(REQUEST, 99)) < 100, "the vendor takes 127 characters for a line"
    with pytest.raises(ValueError, match="from 1"):
        external_id(REQUEST, 0)


@given(a=st.tuples(st.uuids(), st.integers(1, 999)), b=st.tuples(st.uuids(), st.integers(1, 999)))
def test_two_requests_or_rounds_never_share_a_key(a: tuple[UUID, int], b: tuple[UUID, int]) -> None:
    assert (external_id(*a) == external_id(*b)) == (a == b)


def test_trial_has_a_key_of_its_own() -> None:
    trial = ORDER.as_trial()
    assert trial.trial
    assert trial.external_id != ORDER.external_id
    assert trial.line_id != ORDER.line_id


@pytest.mark.parametrize(
    ("approved", "currency", "percent", "highest"),
    [
        ("100.00", "EUR", "5", "105.00"),
        ("24.99", "EUR", "5", "26.23"),  # 26.2395: never up beyond the tolerance
        ("0.01", "EUR", "5", "0.01"),
        ("24.99", "EUR", "0", "24.99"),
        ("1000", "JPY", "2.5", "1025"),
        ("33", "JPY", "5", "34"),
        ("1.234", "KWD", "5", "1.295"),
    ],
)
def test_highest_price_is_cut_off_at_the_minor_unit(
    approved: str, currency: str, percent: str, highest: str
) -> None:
    assert highest_unit_price(Money(Decimal(approved), currency), Decimal(percent)) == Money(
        Decimal(highest), currency
    )


@given(st.decimals("0.01", "99999", places=2), st.decimals(0, 100, places=2))
def test_highest_price_is_never_above_the_tolerance_nor_a_cent_below(
    price: Decimal, percent: Decimal
) -> None:
    exact = price + price * percent / 100
    highest = highest_unit_price(Money(price, "EUR"), percent).amount
    assert exact - Decimal("0.01") < highest <= exact
    assert highest >= price


@pytest.mark.parametrize("percent", ["-1", "101", "NaN"])
def test_tolerance_outside_0_to_100_is_refused(percent: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        highest_unit_price(Money(Decimal(10), "EUR"), Decimal(percent))


def test_read_back_waits_grow_and_stay_within_a_quarter_of_an_hour() -> None:
    waits = [read_back_wait_seconds(attempt) for attempt in range(1, 200)]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits == sorted(waits)
    assert waits[-1] == 7200
    assert read_back_wait_seconds(10**9) == 7200
    with pytest.raises(ValueError, match="from 1"):
        read_back_wait_seconds(0)


def test_person_settles_an_outcome_unknown_for_24_hours() -> None:
    since = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert not is_for_a_person(since, since + timedelta(hours=24, microseconds=-1))
    assert is_for_a_person(since, since + timedelta(hours=24))


def test_order_is_sent_again_only_after_several_clear_denials() -> None:
    assert [may_send_again(count) for count in (0, 1, 5, 6, 7)] == [False, False, False, True, True]


def test_accepted_and_signed_order_is_placed() -> None:
    assert read(answer([taken()], [])) == OrderOutcome(
        OrderState.PLACED, ("404-1-1",), 3, Money(Decimal("24.99"), "EUR"), Money(Decimal("74.97"), "EUR")
    )


def test_line_split_over_two_orders_is_one_placed_order_at_its_dearer_price() -> None:
    outcome = read(answer([taken(1, 24.99, "404-1-1"), taken(2, 25.5, "404-1-2")], []))
    assert outcome.state is OrderState.PLACED
    assert outcome.vendor_order_ids == ("404-1-1", "404-1-2")
    assert outcome.charged_unit_price == Money(Decimal("25.5"), "EUR")
    assert outcome.charged_total == Money(Decimal("75.99"), "EUR")


def test_part_accepted_line_is_recorded_as_such() -> None:
    unavailable = {"rejectionArtifactType": "UnavailableQuantity", "quantity": 2}
    outcome = read(answer([taken(1)], [left_out(2, unavailable)]))
    assert outcome.state is OrderState.PART_PLACED
    assert outcome.accepted_quantity == 1
    assert outcome.charged_total == Money(Decimal("24.99"), "EUR")
    assert [rejection.code for rejection in outcome.rejections] == ["UNAVAILABLE_QUANTITY"]


def test_rejection_inside_a_200_is_a_refusal_with_code_and_a_message_fit_for_display() -> None:
    outcome = read(answer([], [left_out(3, CODE, MESSAGE)], signed=False))
    assert outcome == OrderOutcome(
        OrderState.REFUSED, rejections=(Rejection("OUT_OF_STOCK", "None left in stock"),)
    )


def test_order_rejected_as_a_whole_is_a_refusal() -> None:
    document = {"acceptanceArtifacts": [], "lineItems": [], "rejectionArtifacts": [CODE, MESSAGE]}
    assert read(document).state is OrderState.REFUSED


def test_price_above_the_expected_one_comes_back_with_the_actual_price() -> None:
    outcome = read(answer([], [left_out(3, BROKEN_PRICE)], signed=False))
    assert outcome.state is OrderState.PRICE_CHANGED
    assert outcome.actual_unit_price == Money(Decimal("31.5"), "EUR")
    assert outcome.actual_total == Money(Decimal("94.5"), "EUR")


def test_charge_above_the_expected_one_comes_back_with_the_actual_total() -> None:
    broken = BROKEN_PRICE | {"rejectionArtifactType": "BrokenChargeExpectation", "sources": ["SUBTOTAL"]}
    outcome = read(answer([], [left_out(3, broken)], signed=False))
    assert outcome.state is OrderState.PRICE_CHANGED
    assert outcome.actual_unit_price is None
    assert outcome.actual_total == Money(Decimal("31.5"), "EUR")


def test_charges_add_up_and_a_discount_lowers_them_whatever_its_sign() -> None:
    def with_discount(amount: float) -> OrderOutcome:
        item = taken()
        for category, kind, value in (
            ("SUBTOTAL", "PRINCIPAL", 74.97), ("SUBTOTAL", "TAX", 15.74),
            ("SHIPPING", "PRINCIPAL", 4.99), ("SUBTOTAL", "DISCOUNT", amount),
        ):  # fmt: skip
            item["artifacts"].append(
                {
                    "acceptanceArtifactType": "Charge",
                    "category": category,
                    "type": kind,
                    "amount": euros(value),
                }
            )
        return read(answer([item], []))

    assert with_discount(5).charged_total == Money(Decimal("90.70"), "EUR")
    assert with_discount(-5) == with_discount(5)


def test_trial_is_placed_without_an_order() -> None:
    trial = ORDER.as_trial()
    document = answer([taken()], [], signed=False)
    del document["lineItems"][0]["acceptedItems"][0]["artifacts"][0]
    document["lineItems"][0]["externalId"] = trial.line_id
    outcome = read(document, trial)
    assert outcome.state is OrderState.PLACED
    assert outcome.trial
    assert outcome.vendor_order_ids == ()


def test_amounts_are_read_digit_for_digit() -> None:
    body = json.dumps(answer([taken()], [])).replace("24.99", "24.990000000000000000").encode()
    assert read_order_answer(body, ORDER).charged_total == Money(Decimal("74.97"), "EUR")
    finer = json.dumps(answer([taken()], [])).replace("24.99", "24.990000000000000001").encode()
    with pytest.raises(OrderAnswerUnclear, match="digits"):
        read_order_answer(finer, ORDER)


def _line(document: dict[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = document["lineItems"][0]
    return line


def _set_price(amount: object) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        _line(document)["acceptedItems"][0]["artifacts"][1]["amount"] = amount

    return edit


def _add_charge(amount: float) -> Edit:
    charge = {
        "acceptanceArtifactType": "Charge",
        "category": "SUBTOTAL",
        "type": "PRINCIPAL",
        "amount": euros(amount),
    }
    return lambda document: _line(document)["acceptedItems"][0]["artifacts"].append(charge)


UNCLEAR: dict[str, Edit] = {
    "the key of another order": lambda d: d.update(externalId="VB-other"),
    "the line of another order": lambda d: _line(d).update(externalId="VB-other-1"),
    "a line without a key": lambda d: _line(d).pop("externalId"),
    "no line": lambda d: d.update(lineItems=[]),
    "two lines": lambda d: d["lineItems"].append(_line(d)),
    "lines that are no list": lambda d: d.update(lineItems={}),
    "a line that is no object": lambda d: d.update(lineItems=["x"]),
    "no acceptance artifacts": lambda d: d.pop("acceptanceArtifacts"),
    "no rejection artifacts": lambda d: d.pop("rejectionArtifacts"),
    "no accepted items": lambda d: _line(d).pop("acceptedItems"),
    "nothing accepted and nothing rejected": lambda d: _line(d).update(acceptedItems=[]),
    "an order that is not signed": lambda d: d.update(acceptanceArtifacts=[]),
    "more accepted than asked": lambda d: _line(d)["acceptedItems"][0].update(quantity=4),
    "less accepted than asked": lambda d: _line(d)["acceptedItems"][0].update(quantity=2),
    "more in all than asked": lambda d: _line(d)["rejectedItems"].append(left_out(1, CODE)),
    "a quantity of zero": lambda d: _line(d)["rejectedItems"].append(left_out(0, CODE)),
    "a quantity that is true": lambda d: _line(d).update(acceptedItems=[taken(2), taken(True)]),
    "a quantity of 3.0": lambda d: _line(d)["acceptedItems"][0].update(quantity=3.0),
    "no order number": lambda d: _line(d)["acceptedItems"][0]["artifacts"].pop(0),
    "an empty order number": lambda d: _line(d)["acceptedItems"][0]["artifacts"][0].update(identifier=" "),
    "no unit price": lambda d: _line(d)["acceptedItems"][0]["artifacts"].pop(1),
    "two unit prices": lambda d: _line(d)["acceptedItems"][0]["artifacts"].append(
        {"acceptanceArtifactType": "UnitPrice", "amount": euros(1)}
    ),
    "a price one cent above the highest": _set_price(euros(26.25)),
    "another currency": _set_price({"currencyCode": "USD", "amount": 24.99}),
    "an unknown currency": _set_price({"currencyCode": "XXX", "amount": 24.99}),
    "an amount as text": _set_price(euros("24.99")),
    "an amount that is true": _set_price(euros(True)),
    "no amount": _set_price({"currencyCode": "EUR"}),
    "a price that is no object": _set_price(24.99),
    "a negative price": _set_price(euros(-24.99)),
    "a price without bounds": _set_price(euros(10**12)),
    "a price finer than a cent": _set_price(euros(24.999)),
    "NaN": _set_price(euros(float("nan"))),
    "Infinity": _set_price(euros(float("-inf"))),
    "a charge above the highest total": _add_charge(78.73),
    "an error document": lambda d: (
        [d.pop(key) for key in list(d)] and d.update(errors=[{"code": "SERVICE_ERROR"}])
    ),
}


@pytest.mark.parametrize("what", UNCLEAR)
def test_answer_that_does_not_fit_the_question_proves_nothing(what: str) -> None:
    document = answer([taken()], [])
    assert read(document).state is OrderState.PLACED
    UNCLEAR[what](document)
    with pytest.raises(OrderAnswerUnclear):
        read(document)


def test_highest_price_and_highest_total_themselves_are_accepted() -> None:
    document = answer([taken(3, 26.24)], [])
    _add_charge(78.72)(document)
    assert read(document).charged_total == Money(Decimal("78.72"), "EUR")


def test_trial_that_came_back_signed_proves_nothing() -> None:
    document = answer([taken()], [])
    _line(document)["externalId"] = ORDER.as_trial().line_id
    with pytest.raises(OrderAnswerUnclear, match="trial"):
        read(document, ORDER.as_trial())


@pytest.mark.parametrize(
    "actual", [euros("31.5"), euros(31.555), {"currencyCode": "USD", "amount": 31.5}, None]
)
def test_changed_price_that_cannot_be_read_proves_nothing(actual: object) -> None:
    with pytest.raises(OrderAnswerUnclear):
        read(answer([], [left_out(3, BROKEN_PRICE | {"actualAmount": actual})], signed=False))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"5", b'"placed"', b"<!doctype html><h1>OK</h1>", b"\xff\xfe{\x00}\x00",
        b'{"lineItems":[],"lineItems":[]}', b"[" * 100_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_answer_document_proves_nothing(body: bytes) -> None:
    with pytest.raises(OrderAnswerUnclear):
        read_order_answer(body, ORDER)


@given(st.data())
def test_answer_cut_anywhere_proves_nothing(data: st.DataObject) -> None:
    whole = json.dumps(answer([taken()], [])).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(OrderAnswerUnclear):
        read_order_answer(whole[:cut], ORDER)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_answer_with_any_one_part_replaced_is_read_or_unclear_but_never_more_than_was_accepted(
    data: st.DataObject,
) -> None:
    document = deepcopy(answer([taken(2)], [left_out(1, CODE, MESSAGE)]))
    here: Any = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or data.draw(st.booleans()):
            here[key] = data.draw(JSON_VALUES)
            break
        here = here[key]
    try:
        outcome = read(document)
    except OrderAnswerUnclear:
        return
    assert outcome.accepted_quantity <= ORDER.quantity
    if outcome.state in {OrderState.PLACED, OrderState.PART_PLACED}:
        assert outcome.vendor_order_ids
        assert outcome.charged_unit_price is not None
        assert outcome.charged_unit_price.amount <= ORDER.highest_unit_price.amount
