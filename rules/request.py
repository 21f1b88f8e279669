"""A purchase request: what it says, its states and the allowed steps between them. Knows no store, no page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from rules.errors import Invalid, InvalidFields
from rules.money import Money, parse_amount, parse_currency, round_to_minor
from rules.order import highest_unit_price
from rules.product import BuyingGuidance, Product
from rules.text import clean_text

LONGEST_REASON: Final = 2000
LARGEST_QUANTITY: Final = 999
#: How far ahead a needed-by date may lie.
LATEST_NEED: Final = timedelta(days=730)
#: A second request for the same product by the same person within this time may be a duplicate.
DUPLICATE_WINDOW: Final = timedelta(days=30)

_NUMBER = re.compile(r"PR-[0-9]{4}-[0-9]{6,12}", re.ASCII)


class Status(StrEnum):
    """Where a request stands."""

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    AWAITING_DECISION = "awaiting_decision"
    ORDERING = "ordering"
    ORDER_UNKNOWN = "order_unknown"
    COMPLETED = "completed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ORDER_REFUSED = "order_refused"


_S = Status

#: The graph of allowed steps. Every change of state in the store is one of these edges.
NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    _S.SUBMITTED: frozenset({_S.IN_REVIEW, _S.WITHDRAWN}),
    # A process may refuse by a rule of its own, so that nobody is asked.
    _S.IN_REVIEW: frozenset({_S.ORDERING, _S.AWAITING_DECISION, _S.REJECTED, _S.WITHDRAWN}),
    _S.AWAITING_DECISION: frozenset({_S.ORDERING, _S.REJECTED, _S.EXPIRED, _S.WITHDRAWN}),
    _S.ORDERING: frozenset({_S.COMPLETED, _S.ORDER_REFUSED, _S.ORDER_UNKNOWN, _S.AWAITING_DECISION}),
    _S.ORDER_UNKNOWN: frozenset({_S.COMPLETED, _S.ORDER_REFUSED, _S.ORDERING}),
    _S.COMPLETED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.ORDER_REFUSED: frozenset(),
}

ENDED: Final = frozenset(status for status, following in NEXT.items() if not following)
#: While nobody has decided, the requester may take the request back.
WITHDRAWABLE: Final = frozenset(status for status, following in NEXT.items() if _S.WITHDRAWN in following)


def may_follow(current: Status, following: Status) -> bool:
    """Whether a request may step from `current` to `following`."""
    return following in NEXT[current]


def came_from(following: Status) -> tuple[Status, ...]:
    """Every state from which `following` is one step, in the order of the graph."""
    return tuple(status for status, nexts in NEXT.items() if following in nexts)


@dataclass(frozen=True)
class Draft:
    """What an employee asks for, judged and ready to be stored."""

    product: Product
    quantity: int
    amount: Money
    reason: str
    department_id: str
    needed_by: date | None

    @property
    def unit_price(self) -> Money:
        """The price of one piece that an approval covers: cut off, so that all of them never cost more."""
        currency = self.amount.currency
        return Money(round_to_minor(self.amount.amount / self.quantity, currency), currency)


@dataclass(frozen=True)
class Typed:
    """The form as it was typed: text in every field, nothing judged yet."""

    product_link: str = ""
    quantity: str = "1"
    currency: str = "EUR"
    amount: str = ""
    reason: str = ""
    needed_by: str = ""


def judge_draft(typed: Typed, product: Product | None, department_id: str, today: date) -> Draft:
    """The draft that the typed form means.

    Args:
        typed: the form's fields.
        product: what the product link was resolved to; None where it was not.
        department_id: from the requester's profile, never from the form.
        today: the requester's calendar day.

    Raises:
        InvalidFields: one sentence for each field that has to change.
    """
    problems: dict[str, str] = {}
    quantity = _collect(problems, lambda: parse_quantity(typed.quantity, product)) or 1
    currency = _collect(problems, lambda: parse_currency(typed.currency)) or "EUR"
    amount = _collect(problems, lambda: parse_amount(typed.amount, currency)) or Decimal(0)
    reason = _collect(problems, lambda: clean_text(typed.reason, "reason", LONGEST_REASON)) or ""
    needed_by = _collect(problems, lambda: parse_needed_by(typed.needed_by, today))
    if product is None:
        problems.setdefault("product_link", "Please give a product link that we can look up.")
    elif not product.available:
        problems.setdefault("product_link", "The vendor does not have this product at the moment.")
    if problems or product is None:
        raise InvalidFields(problems)
    return Draft(product, quantity, Money(amount, currency), reason, department_id, needed_by)


T = TypeVar("T")

_PLAIN_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _collect(problems: dict[str, str], judge: Callable[[], T]) -> T | None:
    try:
        return judge()
    except Invalid as refusal:
        problems[refusal.field or "form"] = refusal.message
        return None


def product_doubt(draft: Draft, product: Product | None, tolerance_percent: Decimal) -> str:
    """What speaks against buying `product` as it is offered now, as one sentence; empty where nothing does.

    Args:
        draft: what was asked for.
        product: what the vendor says now; None where it does not know the product any more.
        tolerance_percent: how far the price may have risen.
    """
    if product is None:
        return "The vendor does not have this product any more."
    if not product.available:
        return "The product is not available at the vendor at the moment."
    if product.buying_guidance is BuyingGuidance.BLOCKED:
        return "The company's guided buying at the vendor blocks this product."
    if product.unit_price.currency != draft.amount.currency:
        return (
            f"The vendor sells in {product.unit_price.currency}, the request is in {draft.amount.currency}."
        )
    most = highest_unit_price(draft.unit_price, tolerance_percent)
    if product.unit_price.is_above(most):
        return f"The vendor asks {product.unit_price} for one, the request covers {draft.unit_price}."
    return ""


def parse_quantity(text: str, product: Product | None) -> int:
    """A whole number from 1 to what the vendor sells at once; raises Invalid."""
    most = min(LARGEST_QUANTITY, (product.max_quantity if product else None) or LARGEST_QUANTITY)
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit() and len(cleaned) <= 6 and 1 <= int(cleaned) <= most):
        raise Invalid(f"The quantity must be a whole number from 1 to {most}.", "quantity")
    return int(cleaned)


def parse_needed_by(text: str, today: date) -> date | None:
    """The day by which it is needed, None where the field is empty; raises Invalid."""
    typed = text.strip()
    if not typed:
        return None
    try:
        # fromisoformat would also read 20261224 and the week date 2026-W52-4.
        needed_by = date.fromisoformat(typed if _PLAIN_DATE.fullmatch(typed) else "")
    except ValueError:
        raise Invalid(
            "Please give the date as year-month-day, for example 2026-12-24.", "needed_by"
        ) from None
    if needed_by < today:
        raise Invalid("The date is in the past.", "needed_by")
    if needed_by > today + LATEST_NEED:
        raise Invalid("The date is more than two years ahead.", "needed_by")
    return needed_by


def content_hash(product: Product, quantity: int, amount: Money) -> str:
    """The hash of what would be bought and for how much: an approval covers exactly this.

    Any change of product, offer, vendor, quantity, amount or currency changes it, and with it voids
    earlier approvals.
    """
    content = {
        "asin": product.asin,
        "offer": product.offer_id,
        "vendor": product.vendor,
        "url": product.url,
        "quantity": quantity,
        "amount": f"{amount.amount.normalize():f}",
        "currency": amount.currency,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def payload_hash(fields: Mapping[str, str]) -> str:
    """The hash of a submitted form, for telling a repeated submit from a reused key."""
    return hashlib.sha256(json.dumps(dict(fields), sort_keys=True).encode()).hexdigest()


def format_number(year: int, sequence: int) -> str:
    """The human number of a request, such as PR-2026-000123."""
    return f"PR-{year}-{sequence:06d}"


def is_number(text: str) -> bool:
    """Whether the text has the shape of a human number."""
    return _NUMBER.fullmatch(text) is not None


#: What the id of an approval begins with; the request's id follows.
WORKFLOW_PREFIX: Final = "purchase-"


def workflow_id(request_id: UUID) -> str:
    """The id of the one workflow that carries the request."""
    return f"{WORKFLOW_PREFIX}{request_id}"
