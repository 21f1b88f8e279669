"""A small company's week in which every law holds: what the checker's own test doctors. Invented, no part of it real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from rules.decision import DECISION_TIME
from rules.money import Money
from rules.order import external_id
from rules.outbox import Kind
from rules.policy import content_hash
from rules.request import ENDED, Status, workflow_id
from rules.review import ALGORITHM, History, ReviewInput, review_content
from tests.checking.facts import (
    Call,
    Entry,
    Facts,
    Message,
    Order,
    Person,
    Question,
    Request,
    Review,
    RuleSet,
    Run,
    Submission,
    VendorOrder,
)

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANA, BRUNO, HUGO, STRANGER = (UUID(int=n) for n in (1, 2, 3, 9))
AUTOMATIC, APPROVED, REJECTED, EXPIRED, UNKNOWN, WAITING, ROSE = (UUID(int=0x100 + n) for n in range(7))
PRICE: Final = Money(Decimal("50.00"), "EUR")
RULES: Final[dict[str, Any]] = {
    "currency": "EUR",
    "max_amount": "500.00",
    "trusted_categories": ["electronics"],
    "min_previous_purchases": 0,
    "max_rejected_last_30_days": 1,
    "department_limits": {},
    "vendor_whitelist": ["amazon.es"],
}
RULE_SET: Final = RuleSet(UUID(int=0x500), RULES, content_hash(RULES))

S = Status
#: Request -> the way it went, after `submitted` and `in_review`.
WAYS: Final[dict[UUID, tuple[Status, ...]]] = {
    AUTOMATIC: (S.ORDERING, S.COMPLETED),
    APPROVED: (S.AWAITING_DECISION, S.ORDERING, S.COMPLETED),
    REJECTED: (S.AWAITING_DECISION, S.REJECTED),
    EXPIRED: (S.AWAITING_DECISION, S.EXPIRED),
    UNKNOWN: (S.ORDERING, S.ORDER_UNKNOWN),
    WAITING: (S.AWAITING_DECISION,),
    ROSE: (S.ORDERING, S.AWAITING_DECISION, S.ORDERING, S.COMPLETED),
}
#: Request -> round of its question, outcome, who gave it.
ANSWERS: Final[dict[UUID, tuple[int, str | None, UUID | None]]] = {
    APPROVED: (1, "approved", BRUNO),
    REJECTED: (1, "rejected", BRUNO),
    EXPIRED: (1, "expired", None),
    WAITING: (1, None, None),
    ROSE: (2, "approved", HUGO),
}
#: Request -> its attempts to order: round and state.
ATTEMPTS: Final[dict[UUID, tuple[tuple[int, str], ...]]] = {
    AUTOMATIC: ((1, "placed"),),
    APPROVED: ((1, "placed"),),
    UNKNOWN: ((1, "unknown"),),
    ROSE: ((1, "price_changed"), (2, "placed")),
}


def good_facts() -> Facts:
    """Seven requests, one for each way, and a journal of everybody's calls."""
    return Facts(
        now=NOON + timedelta(days=8),
        people=[Person(ANA, "Ana Alonso"), Person(BRUNO, "Bruno Blanco"), Person(HUGO, "Hugo Herrera")],
        requests=[_request(request_id) for request_id in WAYS],
        submissions=[Submission(ANA, f"key-{each.int}", f"form-{each.int}", each) for each in WAYS],
        entries=_entries(),
        messages=_messages(),
        questions=[_question(request_id) for request_id in ANSWERS],
        rule_sets=[RULE_SET],
        reviews=[_review(request_id) for request_id in (AUTOMATIC, UNKNOWN, ROSE)],
        orders=[_order(each, *attempt) for each, attempts in ATTEMPTS.items() for attempt in attempts],
        vendor_orders=[_bought(AUTOMATIC, 1), _bought(APPROVED, 1), _bought(UNKNOWN, 1), _bought(ROSE, 2)],
        runs=[_run(request_id) for request_id in WAYS],
        calls=_calls(),
    )


def question_id(request_id: UUID) -> UUID:
    """The id of the only question about a request."""
    return UUID(int=request_id.int + 0x1000)


def _number(request_id: UUID) -> str:
    return f"PR-2026-{request_id.int:06d}"


def _at(request_id: UUID, step: int) -> datetime:
    """The time of a step; the answer to a question comes with the step that it makes."""
    return NOON + timedelta(minutes=10 * (request_id.int - AUTOMATIC.int) + step)


def _request(request_id: UUID) -> Request:
    way = WAYS[request_id]
    return Request(
        id=request_id,
        number=_number(request_id),
        requester_id=ANA,
        status=way[-1],
        round=ANSWERS.get(request_id, (1,))[0],
        vendor="amazon.es",
        asin="B0ABCDEFG1",
        offer_id="offer-1",
        quantity=1,
        total=PRICE,
        content_hash="bought",
        computed_hash="bought",
        payload_hash=f"form-{request_id.int}",
        auto_approved=request_id in {AUTOMATIC, UNKNOWN} or None,
        submitted_at=_at(request_id, 0),
        closed_at=_at(request_id, len(way) + 1) if way[-1] in ENDED else None,
    )


def _entries() -> list[Entry]:
    entries: list[Entry] = []
    for request_id, way in WAYS.items():
        for step, status in enumerate((S.SUBMITTED, S.IN_REVIEW, *way)):
            detail: dict[str, Any] = {}
            outcome = ANSWERS.get(request_id, (0, None))[1]
            is_answer = step >= 3 and way[step - 3] is S.AWAITING_DECISION
            if is_answer and outcome in {"approved", "rejected"}:
                detail = {"decision": str(question_id(request_id))}
            at = _at(request_id, step)
            entries.append(Entry(len(entries) + 1, at, f"request.{status}", request_id, detail=detail))
        for round_, _ in ATTEMPTS.get(request_id, ()):
            sent = {"external_id": external_id(request_id, round_)}
            entries.append(Entry(len(entries) + 1, _at(request_id, 3), "order.sent", request_id, detail=sent))
    return entries


def _messages() -> list[Message]:
    starts = [
        Message(number, Kind.START_APPROVAL, each, _at(each, 0)) for number, each in enumerate(WAYS, start=1)
    ]
    answered = [each for each, (_, outcome, by) in ANSWERS.items() if outcome and by]
    return starts + [
        Message(
            100 + number,
            Kind.SIGNAL_DECISION,
            each,
            _at(each, 4),
            {"decision_id": str(question_id(each))},
        )
        for number, each in enumerate(answered)
    ]


def _question(request_id: UUID) -> Question:
    round_, outcome, by = ANSWERS[request_id]
    asked_at = _at(request_id, WAYS[request_id].index(S.AWAITING_DECISION) + 2)
    return Question(
        id=question_id(request_id),
        request_id=request_id,
        round=round_,
        asked_ids=(BRUNO, HUGO),
        deadline_at=asked_at + DECISION_TIME,
        content_hash="bought",
        outcome=outcome,
        decided_at=asked_at + timedelta(seconds=1) if outcome else None,
        decided_by=by,
    )


def _review(request_id: UUID) -> Review:
    subject = ReviewInput(PRICE, "electronics", "amazon.es", "it", History(4, 0))
    said = review_content(subject, RULES)
    return Review(
        request_id=request_id,
        rule_set_id=RULE_SET.id,
        rule_set_hash=RULE_SET.content_hash,
        subject=subject,
        auto_approved=said.auto_approved,
        confidence=said.confidence,
        risk_score=said.risk_score,
        reason=said.reason,
        checks=[check.to_content() for check in said.checks],
        algorithm=ALGORITHM,
        flag_revision=3,
        written_by="approvals/dev",
    )


def _order(request_id: UUID, round_: int, state: str) -> Order:
    placed = state == "placed"
    return Order(
        request_id=request_id,
        round=round_,
        external_id=external_id(request_id, round_),
        state=state,
        highest_unit_price=Money(Decimal("52.50"), "EUR"),
        intended_at=_at(request_id, 3),
        unknown_since=NOON + timedelta(days=8, minutes=-5) if state == "unknown" else None,
        settled_at=None if state == "unknown" else _at(request_id, 5),
        vendor_order_ids=(f"404-{request_id.int}",) if placed else (),
        accepted_quantity=1 if placed else None,
        charged_total=PRICE.amount if placed else None,
    )


def _bought(request_id: UUID, round_: int) -> VendorOrder:
    return VendorOrder(
        order_id=f"404-{request_id.int}",
        external_id=external_id(request_id, round_),
        purchase_order_number=_number(request_id),
        vendor="amazon.es",
        asin="B0ABCDEFG1",
        offer_id="offer-1",
        quantity=1,
        unit_price=PRICE,
        total=PRICE.amount,
        at=_at(request_id, 4),
    )


def _run(request_id: UUID) -> Run:
    end = WAYS[request_id][-1]
    has_ended = end in ENDED
    status, result = ("COMPLETED", end.value) if has_ended else ("RUNNING", None)
    return Run(workflow_id(request_id), f"run-{request_id.int}", request_id, status, result)


def _calls() -> list[Call]:
    submits = [
        Call("submit", ANA, f"key-{each.int}", f"form-{each.int}", 0.0, 0.1, result, told)
        for each in WAYS
        for result, told in (("unknown", ""), ("ok", _number(each)))
    ]
    contested = str(question_id(APPROVED))
    return [
        *submits,
        Call("decide", BRUNO, contested, "approve", 1.0, 1.1, "ok", "approved"),
        Call("decide", BRUNO, contested, "approve", 1.0, 1.1, "ok", "approved"),
        Call(
            "decide",
            HUGO,
            contested,
            "reject",
            1.0,
            1.1,
            "refused",
            "Already approved by Bruno Blanco at noon.",
        ),
    ]
