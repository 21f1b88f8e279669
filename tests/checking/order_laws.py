"""Laws of orders: at most one each, as approved, intended first, under our key, unknown until known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from rules.decision import Outcome
from rules.notification import Kind
from rules.order import READ_BACK_LIMIT, external_id
from rules.request import Status
from storage.order import Standing
from tests.checking.facts import Facts, Order, Request, VendorOrder
from tests.checking.law import Finding, Law, grouped, listed

#: States in which the vendor may have an order; in all others something was bought that nobody wants.
MAY_BE_BOUGHT: Final = frozenset({Status.ORDERING, Status.ORDER_UNKNOWN, Status.COMPLETED})
#: The vendor's ledger tells milliseconds.
COARSENESS: Final = timedelta(milliseconds=1)
#: How long after the limit a person has to have been asked.
ASKED_WITHIN: Final = timedelta(hours=7)


def _bought(facts: Facts) -> dict[UUID | None, list[VendorOrder]]:
    """The vendor's orders by request; those that are nobody's under None."""
    ours = {each.external_id: each.request_id for each in facts.orders}
    known = {each.id.hex: each.id for each in facts.requests}

    def owner(order: VendorOrder) -> UUID | None:
        named = [known[part] for part in order.external_id.split("-") if part in known]
        return ours.get(order.external_id, named[0] if named else None)

    return grouped(facts.vendor_orders, owner)


def _at_most_one_order_as_approved(facts: Facts) -> Iterator[Finding]:
    bought = _bought(facts)
    for order in bought.get(None, []):
        yield order.external_id, f"the vendor has order {order.order_id} for no request of ours"
    for request in facts.requests:
        found = bought.get(request.id, [])
        if len(found) > 1:
            yield request.number, f"was ordered {len(found)} times: {listed(o.order_id for o in found)}"
        standing = [each.order_id for each in found if not each.cancelled]
        if standing and request.status not in MAY_BE_BOUGHT:
            yield request.number, f"is {request.status}, and the vendor has order {standing[0]}"
        if not found and request.status is Status.COMPLETED:
            yield request.number, "is completed, and the vendor has no order"
        if request.status is Status.COMPLETED:
            yield from _as_approved(facts, request, found[:1])
        yield from _approval_covers(facts, request)


def _as_approved(facts: Facts, request: Request, found: list[VendorOrder]) -> Iterator[Finding]:
    orders = facts.orders_of(request.id)
    taken = next((each for each in orders if each.state in {Standing.PLACED, Standing.PART_PLACED}), None)
    for bought in found:
        if taken is None or bought.order_id not in taken.vendor_order_ids:
            yield request.number, f"does not know the vendor's order {bought.order_id}"
            continue
        wanted = (request.vendor, request.asin, request.offer_id)
        if (bought.vendor, bought.asin, bought.offer_id) != wanted:
            yield request.number, f"asked for {listed(wanted)}, got {bought.asin} from {bought.vendor}"
        if taken.settled_by is None:
            yield from _for_the_right_money(request, taken, bought)


def _for_the_right_money(request: Request, order: Order, bought: VendorOrder) -> Iterator[Finding]:
    if bought.unit_price.currency != request.total.currency or bought.unit_price.is_above(
        order.highest_unit_price
    ):
        yield request.number, f"one cost {bought.unit_price}, up to {order.highest_unit_price} was approved"
    if (order.accepted_quantity, order.charged_total) != (bought.quantity, Decimal(bought.total)):
        yield (
            request.number,
            f"we think {order.accepted_quantity} for {order.charged_total}, the vendor {bought.quantity} for {bought.total}",
        )
    if bought.quantity > request.quantity:
        yield request.number, f"asked for {request.quantity}, got {bought.quantity}"


def _approval_covers(facts: Facts, request: Request) -> Iterator[Finding]:
    if request.content_hash != request.computed_hash:
        yield request.number, "is not what its hash says"
    approvals = [
        each for each in facts.questions if (each.request_id, each.outcome) == (request.id, Outcome.APPROVED)
    ]
    if request.status is Status.COMPLETED and approvals:
        last = max(approvals, key=lambda each: each.round)
        if last.content_hash != request.content_hash:
            yield request.number, "something else was approved than what was ordered"


def _intended_before_bought(facts: Facts) -> Iterator[Finding]:
    intents = {each.external_id: each for each in facts.orders}
    sent = grouped(
        (each for each in facts.entries if each.action == "order.sent"),
        lambda each: str(each.detail.get("external_id", "")),
    )
    for order in facts.vendor_orders:
        intent = intents.get(order.external_id)
        if intent is None:
            yield order.external_id, "the vendor has an order that we never intended"
        elif intent.intended_at - COARSENESS > order.at:
            yield order.external_id, f"was bought at {order.at}, intended at {intent.intended_at}"
        elif intent.sends < 1 or not sent.get(order.external_id):
            yield order.external_id, "was bought, and nothing says that it was sent"


def _the_key_follows_from_the_request(facts: Facts) -> Iterator[Finding]:
    for order in facts.orders:
        if order.external_id != external_id(order.request_id, order.round):
            yield order.external_id, f"is not the key of round {order.round} of {order.request_id}"
    numbers = {each.id: each.number for each in facts.requests}
    for request_id, found in _bought(facts).items():
        if request_id is None:
            continue  # nobody's: the law of at most one order tells
        keys = {each.external_id for each in facts.orders_of(request_id)}
        for bought in found:
            if bought.external_id not in keys:
                yield bought.external_id, "was sent under a key that is not ours"
            if bought.purchase_order_number != numbers.get(request_id):
                yield bought.external_id, f"was sent as {bought.purchase_order_number}"


def _unknown_stays_unknown(facts: Facts) -> Iterator[Finding]:
    asked = {each.request_id for each in facts.told if each.kind == Kind.ORDER_UNKNOWN}
    at_vendor = {each.external_id for each in facts.vendor_orders if not each.cancelled}
    for request_id in {each.request_id for each in facts.orders}:
        request, orders = facts.request(request_id), facts.orders_of(request_id)
        if request is None:
            yield str(request_id), "an order is for a request that is not there"
            continue
        last = orders[-1]
        is_unknown = last.state == Standing.UNKNOWN
        if is_unknown != (request.status is Status.ORDER_UNKNOWN):
            yield request.number, f"is {request.status}, and its order is {last.state}"
        overdue = last.unknown_since and facts.now - last.unknown_since > READ_BACK_LIMIT + ASKED_WITHIN
        if is_unknown and overdue and request_id not in asked:
            yield request.number, f"is unknown since {last.unknown_since}, and nobody was asked to settle it"
        for order in orders:
            if order is not last and order.state != Standing.PRICE_CHANGED:
                yield request.number, f"was sent under a new key while {order.external_id} is {order.state}"
            failed = order.state in {Standing.REFUSED, Standing.PRICE_CHANGED}
            if order.unknown_since and failed and order.external_id in at_vendor:
                yield request.number, f"was unknown and became {order.state}, and the vendor has it"


LAWS: Final = (
    Law("I18", "At most one order a request, and as approved", _at_most_one_order_as_approved),
    Law("I19", "The intent was there before the order", _intended_before_bought),
    Law("I20", "The vendor's key follows from request and round", _the_key_follows_from_the_request),
    Law("I21", "Unknown stays unknown until a look-up or a person", _unknown_stays_unknown),
)
