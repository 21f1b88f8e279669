"""A person's decision: who may take it, until when, and who is reminded. Knows no store, no page, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.errors import (
    ChangedSinceShown,
    Invalid,
    NotAllowed,
    NotTheAskedApprover,
    OwnRequestCannotBeDecided,
    RequestIsClosed,
)
from rules.person import Act, Person, may
from rules.text import clean_text

#: How long a request waits for a person before it is rejected by itself.
DECISION_TIME: Final = timedelta(days=7)
REMINDERS: Final = (timedelta(days=3), timedelta(days=6))
ESCALATION: Final = timedelta(days=5)
NO_DECISION: Final = "no decision within 7 days"
LONGEST_COMMENT: Final = 1000


class Outcome(StrEnum):
    """How a decision ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Why(StrEnum):
    """Why a person is asked."""

    REVIEW_SAYS_NO = "review_says_no"
    REVIEW_IS_OFF = "review_is_off"
    REVIEW_FAILED = "review_failed"
    PRODUCT_UNCLEAR = "product_unclear"
    PRICE_ROSE = "price_rose"
    PROCESS_ASKS = "process_asks"


class Alarm(StrEnum):
    """What happens by itself while a person is awaited."""

    REMIND = "remind"
    ESCALATE = "escalate"
    EXPIRE = "expire"


@dataclass(frozen=True)
class Timer:
    """One alarm and how long after the question it rings."""

    after: timedelta
    alarm: Alarm


#: In the order in which they ring; the last one ends the waiting.
TIMERS: Final = (
    *sorted(
        [*(Timer(after, Alarm.REMIND) for after in REMINDERS), Timer(ESCALATION, Alarm.ESCALATE)],
        key=lambda timer: timer.after,
    ),
    Timer(DECISION_TIME, Alarm.EXPIRE),
)


def deadline(asked_at: datetime) -> datetime:
    """When a question asked at `asked_at` is answered by the system."""
    return asked_at + DECISION_TIME


@dataclass(frozen=True)
class Answer:
    """A person's answer, judged."""

    outcome: Outcome
    comment: str


def judge_answer(choice: str, comment: str) -> Answer:
    """The answer that a typed form means; raises Invalid naming the field. A reject needs a reason."""
    if choice not in {"approve", "reject"}:
        raise Invalid("Please choose approve or reject.", "choice")
    text = clean_text(comment, "comment", LONGEST_COMMENT, required=False)
    if choice == "reject" and not text:
        raise Invalid("Please say why: a reject needs a reason.", "comment")
    return Answer(Outcome.APPROVED if choice == "approve" else Outcome.REJECTED, text)


def check_may_decide(person: Person, requester_id: UUID, asked_ids: Collection[UUID]) -> None:
    """Refuse unless `person` may answer: asked, not the requester, and still holding the role.

    Raises:
        OwnRequestCannotBeDecided, NotAllowed, NotTheAskedApprover.
    """
    if person.id == requester_id:
        raise OwnRequestCannotBeDecided("You cannot decide your own request.")
    if not person.active or not may(person.roles, Act.DECIDE_REQUEST):
        raise NotAllowed("Your account may not decide requests.")
    if person.id not in asked_ids:
        raise NotTheAskedApprover("Somebody else is asked to decide this request.")


def check_in_time(deadline_at: datetime, now: datetime) -> None:
    """Refuse an answer after the deadline, also while the system has not come round to closing the question."""
    if now >= deadline_at:
        raise RequestIsClosed(f"The time to decide ran out at {deadline_at:%Y-%m-%d %H:%M} UTC.")


def check_unchanged(shown: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse a decision about something else than what stands now.

    Args:
        shown: field name -> what the page showed when the person decided.
        now: the same fields as they stand in the store.

    Raises:
        ChangedSinceShown: names each difference.
    """
    changes = {name: (shown.get(name, ""), value) for name, value in now.items() if shown.get(name) != value}
    if changes:
        raise ChangedSinceShown(changes)
