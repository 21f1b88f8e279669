"""Laws of what processes buy: nothing that nobody agreed to in that very run. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.decision import Outcome
from tests.checking.facts import Facts, Order, Request
from tests.checking.law import Finding, Law


def _nothing_without_consent(facts: Facts) -> Iterator[Finding]:
    for order in facts.orders:
        request = facts.request(order.request_id)
        if request is None or request.run_id is None or order.sends < 1:
            continue
        if not (_was_agreed(facts, request, order) or _was_reviewed(facts, request)):
            yield request.number, f"was sent as {order.external_id}, and nobody in its process had agreed"


def _was_agreed(facts: Facts, request: Request, order: Order) -> bool:
    """Somebody else than the requester had agreed before the order was intended."""
    seats = [(each.answered_by, each.answered_at) for each in facts.consents if each.run_id == request.run_id]
    asked = [
        (each.decided_by, each.decided_at)
        for each in facts.questions
        if (each.request_id, each.outcome) == (request.id, Outcome.APPROVED)
    ]
    return any(
        by not in {None, request.requester_id} and at is not None and at <= order.intended_at
        for by, at in [*seats, *asked]
    )


def _was_reviewed(facts: Facts, request: Request) -> bool:
    reviewed = any(each.request_id == request.id and each.auto_approved for each in facts.reviews)
    return reviewed and bool(request.auto_approved)


LAWS: Final = (Law("I22", "A process orders nothing that nobody agreed to", _nothing_without_consent),)
