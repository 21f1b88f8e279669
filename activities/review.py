"""The step that runs the automated review. What is harmless is decided in rules/review.py."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from rules.decision import Why
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Reading
from rules.messages import RequestStep, ReviewStepResult
from rules.request import Status
from rules.review import History, ReviewInput, review_content
from rules.strictness import STRICTNESS, Strictness
from storage import audit, flag, policy
from storage import request as requests
from storage import review as reviews
from storage.audit import SYSTEM
from storage.flag_copy import FlagCopy
from storage.request import RequestRow
from storage.review import ReviewRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReviewActivities:
    """The automated review."""

    sessions: sessionmaker[Session]
    flags: FlagCopy

    @activity.defn
    def review_request(self, given: RequestStep) -> ReviewStepResult:
        """Review once and store input, rule set and result; approve what is harmless, in one transaction."""
        request_id = UUID(given.request_id)
        with self.sessions.begin() as session:
            row = requests.by_id(session, request_id, lock=True)
            earlier = reviews.of_request(session, request_id)
            if earlier is not None or Status(row.status) is not Status.IN_REVIEW:
                return _told_before(row, earlier)
            reading, strictness = self._read_flags(session, row)
            if not reading.on:
                audit.record(
                    session, SYSTEM, "review.skipped", row.id, flag=reading.reason, revision=reading.revision
                )
                return ReviewStepResult(
                    row.status, Why.REVIEW_IS_OFF.value, "The automated review is switched off here."
                )
            return _review(session, row, reading, strictness)

    def _read_flags(self, session: Session, row: RequestRow) -> tuple[Reading, Strictness]:
        """The truth as of this transaction; a process that is cut off from flag changes spends nothing."""
        truth, age = flag.read_truth(session), self.flags.age()
        whether, how = (
            truth.read(each, str(row.requester_id), row.department_id, age=age)
            for each in (AUTOMATED_REVIEW, REVIEW_STRICTNESS)
        )
        for each in (AUTOMATED_REVIEW, REVIEW_STRICTNESS):
            self.flags.note_read(each)
        return whether, STRICTNESS[how.value]


def _review(session: Session, row: RequestRow, reading: Reading, strictness: Strictness) -> ReviewStepResult:
    rule_set = policy.in_force(session, row.department_id)
    subject = ReviewInput(
        amount=row.total,
        category=row.category,
        vendor=row.vendor,
        department_id=row.department_id,
        history=_read_history(session, row),
        strictness=strictness,
    )
    result = review_content(subject, rule_set.content if rule_set else None)
    stored = reviews.store(session, row.id, subject, rule_set, result, reading)
    if result.auto_approved:
        requests.move(
            session,
            row.id,
            Status.ORDERING,
            SYSTEM,
            detail={
                "outcome": "auto_approved",
                "review": str(stored.id),
                "rule_set_hash": stored.rule_set_hash,
                "confidence": str(result.confidence),
            },
            auto_approved=True,
        )
        return ReviewStepResult(Status.ORDERING.value)
    audit.record(
        session, SYSTEM, "review.left_to_person", row.id, review=str(stored.id), reason=result.reason
    )
    return ReviewStepResult(row.status, Why.REVIEW_SAYS_NO.value, result.reason)


def _read_history(session: Session, row: RequestRow) -> History | None:
    """The requester's past, or None where it cannot be read; the transaction goes on either way."""
    try:
        with session.begin_nested():
            return requests.history_of(session, row.requester_id)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        log.warning("purchase history not read", extra={"request": row.number})
        return None


def _told_before(row: RequestRow, earlier: ReviewRow | None) -> ReviewStepResult:
    if earlier is not None and not earlier.auto_approved and Status(row.status) is Status.IN_REVIEW:
        return ReviewStepResult(row.status, Why.REVIEW_SAYS_NO.value, earlier.reason)
    return ReviewStepResult(row.status)
