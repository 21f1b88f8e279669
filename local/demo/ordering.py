"""How the vendor took the demo company's orders: nearly always at once; sometimes in part, not at all, or dearer."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from local.demo.company import Words
from local.demo.life import Life, id_at, plain
from local.demo.questions import Deciders
from local.demo.worktime import after_office_hours
from rules.money import Money, round_to_minor
from rules.order import (
    READ_BACK_LIMIT,
    OrderOutcome,
    OrderState,
    Rejection,
    describe_outcome,
    external_id,
    highest_unit_price,
)
from rules.request import Status
from storage.audit import SYSTEM, Actor
from storage.order import Standing

#: Shares of the orders, made up to look like a vendor.
_REFUSED, _DEARER, _UNKNOWN, _NEVER_KNOWN, _IN_PART = 0.011, 0.008, 0.012, 0.0015, 0.03
_LOST = "The vendor's answer is not known: no answer within 10 seconds."


def order(
    life: Life, words: Words, deciders: Deciders, tolerance_percent: Decimal
) -> tuple[str, Money] | None:
    """Order what was approved.

    Returns:
        Where the price had risen too far: the sentence about it and the new total. Else None.
    """
    chance = life.chance
    row = _intend(life, tolerance_percent)
    life.orders.append(row)
    draw = chance.random()
    answered_at = row["intended_at"] + timedelta(seconds=chance.lognormvariate(-0.5, 0.5))
    if draw < _REFUSED:
        code, text = chance.choice(words.refusals)
        refused = OrderOutcome(OrderState.REFUSED, rejections=(Rejection(code, text),))
        return _record(life, row, refused, answered_at)
    if draw < _REFUSED + _DEARER and life.round == 1:
        return _record(life, row, _dearer(life), answered_at)
    if draw < _REFUSED + _DEARER + _UNKNOWN:
        answered_at = _lose_answer(life, row, timedelta(seconds=chance.uniform(3, 1500)))
    elif draw < _REFUSED + _DEARER + _UNKNOWN + _NEVER_KNOWN:
        _lose_answer(life, row, READ_BACK_LIMIT)
        _settle(life, row, words, deciders)
        return None
    return _record(life, row, _taken(life, row, words), answered_at)


def _intend(life: Life, tolerance_percent: Decimal) -> dict[str, Any]:
    chance = life.chance
    at = life.request["status_since"] + timedelta(seconds=chance.uniform(0.05, 0.3))
    approved = life.total.per_unit(life.draft.quantity)
    key = external_id(life.id, life.round)
    life.note(at, SYSTEM, "order.sent", {"external_id": key})
    return {
        "id": id_at(at, chance),
        "request_id": life.id,
        "round": life.round,
        "external_id": key,
        "state": Standing.INTENDED.value,
        "quantity": life.draft.quantity,
        "currency": life.request["currency"],
        "highest_unit_price": highest_unit_price(approved, tolerance_percent).amount,
        "intended_at": at,
        "sends": 1,
        "not_found_reads": 0,
        "unknown_since": None,
        "settled_at": None,
        "settled_by": None,
        "vendor_order_ids": [],
        "accepted_quantity": None,
        "charged_total": None,
        "actual_unit_price": None,
        "message": "",
    }


def _taken(life: Life, row: dict[str, Any], words: Words) -> OrderOutcome:
    """Taken at the price that was asked for, now and then a little less; larger quantities sometimes in part."""
    chance, quantity = life.chance, int(row["quantity"])
    unit = life.total.per_unit(quantity)
    if chance.random() < 0.08:
        cheaper = unit.amount * Decimal(chance.randrange(90, 99)) / 100
        unit = Money(round_to_minor(cheaper, unit.currency), unit.currency)
    accepted, state = quantity, OrderState.PLACED
    rejections: tuple[Rejection, ...] = ()
    if quantity >= 3 and chance.random() < _IN_PART:
        accepted, state = chance.randrange(1, quantity), OrderState.PART_PLACED
        rejections = (Rejection(*words.short_delivery),)
    number = f"40{chance.randrange(2, 8)}-{chance.randrange(10**7):07d}-{chance.randrange(10**7):07d}"
    return OrderOutcome(state, (number,), accepted, unit, unit.times(accepted), rejections)


def _dearer(life: Life) -> OrderOutcome:
    unit = life.total.per_unit(life.draft.quantity)
    now = round_to_minor(unit.amount * Decimal(life.chance.randrange(108, 122)) / 100, unit.currency)
    return OrderOutcome(OrderState.PRICE_CHANGED, actual_unit_price=Money(now, unit.currency))


def _lose_answer(life: Life, row: dict[str, Any], silence: timedelta) -> datetime:
    """The answer does not come; returns when the vendor was first heard again."""
    lost_at = row["intended_at"] + timedelta(seconds=10)
    row.update(state=Standing.UNKNOWN.value, unknown_since=lost_at, message=_LOST)
    life.move(Status.ORDER_UNKNOWN, lost_at, detail={"order": row["external_id"], "text": _LOST})
    heard_at: datetime = lost_at + silence
    return heard_at


def _settle(life: Life, row: dict[str, Any], words: Words, deciders: Deciders) -> None:
    """Nobody knew for a day; then finance looked it up."""
    finance, chance = deciders.finance(), life.chance
    at = after_office_hours(row["unknown_since"] + READ_BACK_LIMIT, chance.uniform(0.3, 3))
    if at >= deciders.now:
        return
    number = f"408-{chance.randrange(10**7):07d}-{chance.randrange(10**7):07d}"
    row.update(
        state=Standing.PLACED.value,
        settled_at=at,
        settled_by=finance.id,
        not_found_reads=1,
        vendor_order_ids=[number],
        accepted_quantity=row["quantity"],
        message=words.settled,
    )
    detail = {"order": row["external_id"], "settled": row["state"], "text": words.settled}
    life.move(Status.COMPLETED, at, Actor.person(finance.id), detail)


def _record(life: Life, row: dict[str, Any], outcome: OrderOutcome, at: datetime) -> tuple[str, Money] | None:
    """Write down what the vendor made of it, as storage.order.record_outcome does."""
    standing = Standing(outcome.state.value)
    highest = Money(row["highest_unit_price"], row["currency"])
    message = describe_outcome(outcome, row["quantity"], highest)
    row.update(
        state=standing.value,
        settled_at=at,
        vendor_order_ids=list(outcome.vendor_order_ids),
        accepted_quantity=outcome.accepted_quantity,
        charged_total=outcome.charged_total.amount if outcome.charged_total else None,
        actual_unit_price=outcome.actual_unit_price.amount if outcome.actual_unit_price else None,
        message=message,
        answer=plain(outcome),
    )
    detail = {"order": row["external_id"], "outcome": standing.value, "text": message}
    if outcome.actual_unit_price is not None:
        life.note(at, SYSTEM, f"order.{standing.value}", detail)
        return message, outcome.actual_unit_price.times(row["quantity"])
    if outcome.state is OrderState.REFUSED:
        life.move(Status.ORDER_REFUSED, at, detail=detail, closed_reason=message)
    else:
        life.move(Status.COMPLETED, at, detail=detail)
    return None
