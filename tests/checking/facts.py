"""What the checker knows of a product after the fact, from each of its sides. Plain facts: loads nothing, judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from rules.money import Money
from rules.request import Status
from rules.review import ReviewInput


@dataclass(frozen=True)
class Person:
    """Somebody who may be told about as a winner."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Request:
    """A request as Postgres has it.

    Attributes:
        content_hash: as stored; `computed_hash` as it comes out of the row's own columns.
        run_id: the run of a process that decides about it; None for the built-in approval.
        is_made_by_run: a node asked for it in order to buy it.
    """

    id: UUID
    number: str
    requester_id: UUID
    status: Status
    round: int
    vendor: str
    asin: str
    offer_id: str
    quantity: int
    total: Money
    content_hash: str
    computed_hash: str
    payload_hash: str
    auto_approved: bool | None
    submitted_at: datetime
    closed_at: datetime | None
    run_id: UUID | None = None
    is_made_by_run: bool = False


@dataclass(frozen=True)
class Submission:
    """A form key that was used up."""

    person_id: UUID
    key: str
    payload_hash: str
    request_id: UUID


@dataclass(frozen=True)
class Entry:
    """One entry of the audit trail about a request."""

    seq: int
    at: datetime
    action: str
    request_id: UUID
    actor_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One row of the outbox about a request."""

    id: int
    kind: str
    request_id: UUID
    created_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    sent: bool = True


@dataclass(frozen=True)
class Question:
    """One question to people, with its answer where there is one."""

    id: UUID
    request_id: UUID
    round: int
    asked_ids: tuple[UUID, ...]
    deadline_at: datetime
    content_hash: str
    outcome: str | None = None
    decided_at: datetime | None = None
    decided_by: UUID | None = None
    node: str | None = None


@dataclass(frozen=True)
class Consent:
    """Somebody agreed in an approval of a process."""

    run_id: UUID
    answered_by: UUID
    answered_at: datetime


@dataclass(frozen=True)
class RuleSet:
    """One version of the rules."""

    id: UUID
    content: Mapping[str, Any]
    content_hash: str


@dataclass(frozen=True)
class Review:
    """One automated review, with everything that is needed to run it again."""

    request_id: UUID
    rule_set_id: UUID | None
    rule_set_hash: str | None
    subject: ReviewInput
    auto_approved: bool
    confidence: Decimal
    risk_score: Decimal
    reason: str
    checks: Sequence[Mapping[str, str]]
    algorithm: str
    flag_revision: int
    written_by: str


@dataclass(frozen=True)
class Order:
    """One attempt to buy, as Postgres has it; `state` is a storage.order.Standing."""

    request_id: UUID
    round: int
    external_id: str
    state: str
    highest_unit_price: Money
    intended_at: datetime
    sends: int = 1
    unknown_since: datetime | None = None
    settled_at: datetime | None = None
    settled_by: UUID | None = None
    vendor_order_ids: tuple[str, ...] = ()
    accepted_quantity: int | None = None
    charged_total: Decimal | None = None


@dataclass(frozen=True)
class Told:
    """One message to a person or a channel."""

    request_id: UUID
    kind: str


@dataclass(frozen=True)
class VendorOrder:
    """An order in the vendor's own ledger: money spent."""

    order_id: str
    external_id: str
    purchase_order_number: str
    vendor: str
    asin: str
    offer_id: str
    quantity: int
    unit_price: Money
    total: Decimal
    at: datetime
    cancelled: bool = False


@dataclass(frozen=True)
class Run:
    """One execution of an approval, from its history.

    Attributes:
        request_id: the one its input names.
        status: the engine's word, such as COMPLETED.
        result: the status of the request that it ended with.
    """

    workflow_id: str
    run_id: str
    request_id: UUID
    status: str
    result: str | None = None


@dataclass(frozen=True)
class Call:
    """What one client did and was told.

    Attributes:
        act: "submit" or "decide".
        actor: the person.
        key: the form's key, or the question's id.
        payload: the hash of the form, or the choice.
        result: "ok", "refused" or "unknown"; unknown is never read as refused.
        told: the number of the request, the outcome, or the words of the refusal.
    """

    act: str
    actor: UUID
    key: str
    payload: str
    t0: float
    t1: float
    result: str
    told: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything, as it stands after a quiet time.

    Attributes:
        calls: None where no client kept a journal.
        is_quiet: whether everything that was begun has had the time to end.
    """

    now: datetime
    people: Sequence[Person] = ()
    requests: Sequence[Request] = ()
    submissions: Sequence[Submission] = ()
    entries: Sequence[Entry] = ()
    messages: Sequence[Message] = ()
    questions: Sequence[Question] = ()
    consents: Sequence[Consent] = ()
    rule_sets: Sequence[RuleSet] = ()
    reviews: Sequence[Review] = ()
    orders: Sequence[Order] = ()
    told: Sequence[Told] = ()
    vendor_orders: Sequence[VendorOrder] = ()
    runs: Sequence[Run] = ()
    calls: Sequence[Call] | None = None
    is_quiet: bool = True

    def request(self, request_id: UUID) -> Request | None:
        """The request with this id."""
        return self._by_id.get(request_id)

    def orders_of(self, request_id: UUID) -> Sequence[Order]:
        """Every attempt to buy for a request, in their order."""
        return self._orders.get(request_id, ())

    @cached_property
    def _by_id(self) -> Mapping[UUID, Request]:
        return {each.id: each for each in self.requests}

    @cached_property
    def _orders(self) -> Mapping[UUID, Sequence[Order]]:
        found: dict[UUID, list[Order]] = {}
        for order in sorted(self.orders, key=lambda each: each.round):
            found.setdefault(order.request_id, []).append(order)
        return found

    def name(self, person_id: UUID | None) -> str:
        """Somebody's name; the system where nobody is meant."""
        found = next((each.name for each in self.people if each.id == person_id), None)
        return found or ("the system" if person_id is None else str(person_id))
