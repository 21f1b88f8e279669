"""The step that runs the automated review. What is harmless is decided in rules/review.py."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from rules.decision import Why
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Reading, Source
from rules.messages import RequestStep, ReviewStepResult
from rules.request import Status
from rules.review import History, ReviewInput, review_content
from rules.rollout import Kind
from rules.strictness import STRICTNESS, Strictness
from storage import assignment, audit, flag, policy
from storage import request as requests
from storage import review as reviews
from storage.assignment import Given
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
            stored = self._judge(session, row)
            if stored is None:
                return ReviewStepResult(
                    row.status, Why.REVIEW_IS_OFF.value, "The automated review is switched off here."
                )
            return _follow(session, row, stored)

    def judge(self, session: Session, row: RequestRow, department_id: str = "") -> ReviewRow | None:
        """The review of a request, stored with all that it saw; the same one when called again. Moves nothing.

        Args:
            row: the request, locked.
            department_id: whose rules are applied; empty for those that the request goes by.

        Returns:
            None while the review is switched off here, which is noted.
        """
        return reviews.of_request(session, row.id) or self._judge(session, row, department_id)

    def _judge(self, session: Session, row: RequestRow, department_id: str = "") -> ReviewRow | None:
        given_by = assignment.read(session, row.id, row.department_id)
        if department_id and department_id != row.department_id:
            given_by = replace(given_by, rule_set=policy.in_force(session, department_id))
        readings = self._read_flags(session, row, given_by)
        said = [_as_read(each, readings) for each in given_by.said]
        reading = readings[AUTOMATED_REVIEW.key]
        if not reading.on:
            audit.record(
                session, SYSTEM, "review.skipped", row.id, flag=reading.reason, revision=reading.revision,
                rollouts=said,
            )  # fmt: skip
            return None
        strictness = STRICTNESS[readings[REVIEW_STRICTNESS.key].value]
        return _review(session, row, reading, strictness, replace(given_by, said=said))

    def _read_flags(self, session: Session, row: RequestRow, given_by: Given) -> dict[str, Reading]:
        """The truth as of this transaction; a process that is cut off from flag changes spends nothing."""
        truth, age = flag.read_truth(session), self.flags.age()
        readings = {}
        for each in (AUTOMATED_REVIEW, REVIEW_STRICTNESS):
            readings[each.key] = truth.read(
                each,
                str(row.requester_id),
                row.department_id,
                age=age,
                assigned=given_by.values.get(each.key),
            )
            self.flags.note_read(each)
        return readings


def _as_read(said: Mapping[str, Any], readings: Mapping[str, Reading]) -> Mapping[str, Any]:
    """What a rollout said, corrected where something closer than it spoke."""
    reading = readings.get(said["target"]) if said["kind"] == Kind.FLAG else None
    if reading is None or not said["counts"] or reading.source is Source.ROLLOUT:
        return said
    return {**said, "counts": False, "why": f"It was chosen, but something closer spoke: {reading.reason}."}


def _review(
    session: Session, row: RequestRow, reading: Reading, strictness: Strictness, given_by: Given
) -> ReviewRow:
    rule_set = given_by.rule_set
    subject = ReviewInput(
        amount=row.total,
        category=row.category,
        vendor=row.vendor,
        department_id=row.department_id,
        history=_read_history(session, row),
        strictness=strictness,
    )
    result = review_content(subject, rule_set.content if rule_set else None)
    return reviews.store(session, row.id, subject, rule_set, result, reading, given_by.said)


def _follow(session: Session, row: RequestRow, stored: ReviewRow) -> ReviewStepResult:
    """Let a request go on as its review says."""
    if stored.auto_approved:
        requests.move(
            session,
            row.id,
            Status.ORDERING,
            SYSTEM,
            detail={
                "outcome": "auto_approved",
                "review": str(stored.id),
                "rule_set_hash": stored.rule_set_hash,
                "confidence": str(stored.confidence),
            },
            auto_approved=True,
        )
        return ReviewStepResult(Status.ORDERING.value)
    audit.record(
        session, SYSTEM, "review.left_to_person", row.id, review=str(stored.id), reason=stored.reason
    )
    return ReviewStepResult(row.status, Why.REVIEW_SAYS_NO.value, stored.reason)


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
