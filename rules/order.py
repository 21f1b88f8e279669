"""Orders at the vendor: our key, the highest price, how long to keep asking. Knows no vendor's wire format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.money import Money, round_to_minor

#: How long an unknown outcome is read back before a person has to settle it.
READ_BACK_LIMIT: Final = timedelta(hours=24)
LONGEST_READ_BACK_WAIT_SECONDS: Final = 7200
#: So many read-backs in a row have to say "not found" before the same order may be sent again, under the same key.
NOT_FOUND_BEFORE_SENDING_AGAIN: Final = 6


@dataclass(frozen=True)
class PurchaseOrder:
    """One line to be bought: what the vendor is asked for and the most we pay.

    Attributes:
        external_id: our key for the vendor, from `external_id`; equal for every attempt of one approval.
        purchase_order_number: what people quote, such as PR-2026-000123.
        vendor: the shop's host, such as amazon.es.
        highest_unit_price: above this the vendor has to refuse.
        trial: ask for every step except the order itself.
    """

    external_id: str
    purchase_order_number: str
    vendor: str
    asin: str
    offer_id: str
    quantity: int
    highest_unit_price: Money
    trial: bool = False

    @property
    def line_id(self) -> str:
        """Our name for the only line. It holds the order's key, so that another order's answer shows."""
        return f"{self.external_id}-1"

    @property
    def highest_total(self) -> Money:
        """The most that the whole quantity may cost."""
        return self.highest_unit_price.times(self.quantity)

    def as_trial(self) -> PurchaseOrder:
        """The same order as a trial, under a key of its own: a trial may use up its key."""
        return replace(self, external_id=f"{self.external_id}-trial", trial=True)


class OrderState(StrEnum):
    """What the vendor has made of an order. "We do not know" is an error, never a state."""

    PLACED = "placed"
    PART_PLACED = "part_placed"
    REFUSED = "refused"
    PRICE_CHANGED = "price_changed"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Rejection:
    """Why the vendor did not take something. The message is the vendor's, cleaned for display."""

    code: str
    message: str


@dataclass(frozen=True)
class OrderOutcome:
    """What the vendor said about one order.

    Attributes:
        vendor_order_ids: the vendor's own numbers, in the order given; empty unless something was taken.
        accepted_quantity: how many are really ordered.
        charged_unit_price: the price of one accepted item; the highest where the vendor split the line.
        charged_total: all charges for what was accepted, tax and shipping included where the vendor names them.
        rejections: codes and messages for what was not taken.
        actual_unit_price: with PRICE_CHANGED by unit price, what one costs now.
        actual_total: with PRICE_CHANGED, what the whole quantity costs now.
        trial: True where nothing was really ordered although the state says what would have been.
    """

    state: OrderState
    vendor_order_ids: tuple[str, ...] = ()
    accepted_quantity: int = 0
    charged_unit_price: Money | None = None
    charged_total: Money | None = None
    rejections: tuple[Rejection, ...] = ()
    actual_unit_price: Money | None = None
    actual_total: Money | None = None
    trial: bool = False


def external_id(request_id: UUID, round: int) -> str:  # noqa: A002  the word of the domain
    """Our key at the vendor: a function of the request and the round of approval, and of nothing else.

    Args:
        round: 1 for the first approval; one more each time a changed price went back to the approver.
    """
    if round < 1:
        raise ValueError(f"rounds count from 1, not {round}")
    return f"VB-{request_id.hex}-r{round}"


def highest_unit_price(approved: Money, tolerance_percent: Decimal) -> Money:
    """The highest acceptable price of one, cut off at the minor unit so that it is never above the tolerance.

    Args:
        approved: the unit price that was approved.
        tolerance_percent: from 0 to 100.
    """
    if not 0 <= tolerance_percent <= 100:
        raise ValueError(f"a tolerance of {tolerance_percent} % is outside 0 to 100")
    amount = approved.amount * (100 + tolerance_percent) / 100
    return Money(round_to_minor(amount, approved.currency), approved.currency)


def read_back_wait_seconds(attempt: int) -> int:
    """How long to wait before read-back number `attempt` (from 1): doubling from 1 s, at most two hours."""
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    return min(1 << min(attempt - 1, 20), LONGEST_READ_BACK_WAIT_SECONDS)


def may_send_again(not_found_in_a_row: int) -> bool:
    """Whether the vendor has said often enough that it has no such order. Only ever under the same key."""
    return not_found_in_a_row >= NOT_FOUND_BEFORE_SENDING_AGAIN


def is_for_a_person(unknown_since: datetime, now: datetime) -> bool:
    """Whether an outcome has been unknown for so long that a person has to settle it."""
    return now - unknown_since >= READ_BACK_LIMIT


def describe_outcome(outcome: OrderOutcome, quantity: int, highest: Money) -> str:
    """One or two sentences for people about what the vendor made of an order.

    Args:
        quantity: how many were asked for.
        highest: the most that one was allowed to cost.
    """
    said = "; ".join(f"{r.message or 'no reason given'} ({r.code})" for r in outcome.rejections)
    match outcome.state:
        case OrderState.PLACED:
            return f"Charged {outcome.charged_total}." if outcome.charged_total else ""
        case OrderState.PART_PLACED:
            charged = f" for {outcome.charged_total}" if outcome.charged_total else ""
            return f"{outcome.accepted_quantity} of {quantity} ordered{charged}. The rest: {said or 'not accepted'}."
        case OrderState.REFUSED:
            return f"The vendor said: {said or 'no reason given'}."
        case OrderState.PRICE_CHANGED:
            return f"One costs {outcome.actual_unit_price} now; up to {highest} was covered."
        case OrderState.NOT_FOUND:
            return "The vendor does not know this order."
