"""Lives the demo company's past: each request goes the way that our own rules and a little chance send it.

The review is rules.review itself, on the rule set then in force and the past as it then was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from local.demo.company import Words
from local.demo.life import Life, id_at
from local.demo.ordering import order
from local.demo.questions import Deciders, wait_for_person
from rules.decision import Why
from rules.person import Person
from rules.product import BuyingGuidance
from rules.request import Draft, Status, product_doubt
from rules.review import REJECTION_WINDOW, REVIEWED_BY, History, ReviewInput, review_content
from storage.audit import SYSTEM
from storage.policy import DEFAULT, RuleSetRow

#: A price that rose is asked about again; the demo company never saw one rise more often than that.
_MOST_ROUNDS = 3


@dataclass(frozen=True)
class Past:
    """What everything in the past was made of.

    Attributes:
        rule_sets: every version of every department.
        flag_reason, flag_revision: what the flag of the automated review said all the time.
        tolerance_percent: how far a price might rise.
    """

    chance: random.Random
    words: Words
    deciders: Deciders
    rule_sets: Sequence[RuleSetRow]
    flag_reason: str
    flag_revision: int
    tolerance_percent: Decimal


def live_all(
    past: Past,
    times: Sequence[datetime],
    who: Callable[[], Person],
    wish: Callable[[Person, datetime], Draft],
) -> list[Life]:
    """Every request that was asked for at `times` (the oldest first) and has ended by now."""
    lives: list[Life] = []
    ended: dict[UUID, list[tuple[datetime, Status]]] = {}
    for at in times:
        requester = who()
        life = Life(at, requester, wish(requester, at), past.chance)
        _live(life, past, ended.get(requester.id, []))
        if life.closed_at is not None:
            lives.append(life)
            ended.setdefault(requester.id, []).append((life.closed_at, life.status))
    return lives


def _live(life: Life, past: Past, ended: Sequence[tuple[datetime, Status]]) -> None:
    """From submitted to an end, or to a moment that has not come yet; then it stays open and is left out."""
    chance = past.chance
    at = life.request["submitted_at"] + timedelta(seconds=chance.uniform(0.05, 0.4))
    life.move(Status.IN_REVIEW, at)
    why, detail = _review(life, past, ended, at + timedelta(seconds=chance.uniform(0.02, 0.3)))
    total = life.total
    for _ in range(_MOST_ROUNDS):
        if why is not None:
            asked_at = life.last_at + timedelta(seconds=chance.uniform(0.02, 0.2))
            wait_for_person(life, past.deciders, past.words, asked_at, why, detail, total)
        if life.status is not Status.ORDERING:
            return
        risen = order(life, past.words, past.deciders, past.tolerance_percent)
        if risen is None:
            return
        why, (detail, total) = Why.PRICE_ROSE, risen
        life.request["round"] += 1


def _review(
    life: Life, past: Past, ended: Sequence[tuple[datetime, Status]], at: datetime
) -> tuple[Why | None, str]:
    """Approve it, or say why a person has to decide."""
    if life.draft.product.buying_guidance is BuyingGuidance.BLOCKED:
        doubt = product_doubt(life.draft, life.draft.product, past.tolerance_percent)
        return Why.PRODUCT_UNCLEAR, doubt
    rule_set = rule_set_at(past.rule_sets, life.draft.department_id, at)
    subject = ReviewInput(
        amount=life.total,
        category=life.draft.product.category,
        vendor=life.draft.product.vendor,
        department_id=life.draft.department_id,
        history=history_at(ended, at),
    )
    result = review_content(subject, rule_set.content)
    review_id = id_at(at, past.chance)
    life.review = {
        "id": review_id,
        "request_id": life.id,
        "rule_set_id": rule_set.id,
        "rule_set_hash": rule_set.content_hash,
        "input": subject.to_content(),
        "auto_approved": result.auto_approved,
        "confidence": result.confidence,
        "risk_score": result.risk_score,
        "reason": result.reason,
        "checks": [check.to_content() for check in result.checks],
        "algorithm": result.algorithm,
        "reviewed_by": REVIEWED_BY,
        "flag_reason": past.flag_reason,
        "flag_revision": past.flag_revision,
        "started_at": at,
        "finished_at": at + timedelta(milliseconds=past.chance.uniform(3, 12)),
    }
    if not result.auto_approved:
        said = {"review": str(review_id), "reason": result.reason}
        life.note(at, SYSTEM, "review.left_to_person", said)
        return Why.REVIEW_SAYS_NO, result.reason
    approved: Mapping[str, str | None] = {
        "outcome": "auto_approved",
        "review": str(review_id),
        "rule_set_hash": rule_set.content_hash,
        "confidence": str(result.confidence),
    }
    life.move(Status.ORDERING, at, detail=approved, auto_approved=True)
    return None, ""


def rule_set_at(rule_sets: Sequence[RuleSetRow], department_id: str, at: datetime) -> RuleSetRow:
    """The rule set that was in force for a department at a moment: its own newest one, else the default's."""
    for name in (department_id, DEFAULT):
        begun = [row for row in rule_sets if row.department_id == name and row.in_force_from <= at]
        if begun:
            return max(begun, key=lambda row: row.version)
    raise ValueError(f"no rule set was in force for {department_id} at {at}")


def history_at(ended: Sequence[tuple[datetime, Status]], at: datetime) -> History:
    """What storage.request.history_of would have said at a moment."""
    before = [(closed, status) for closed, status in ended if closed <= at]
    return History(
        completed_purchases=sum(status is Status.COMPLETED for _, status in before),
        rejected_last_30_days=sum(
            status is Status.REJECTED and closed >= at - REJECTION_WINDOW for closed, status in before
        ),
    )
