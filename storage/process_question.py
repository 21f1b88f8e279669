"""What the approvals of a process ask about a request, as questions beside all others: inbox, page and figures read them.

The seats in storage/process_task.py decide; a question is opened, widened and closed with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from rules.decision import Outcome, Why
from rules.request import ENDED, Status, content_hash
from storage import audit, decision, person, request
from storage.audit import SYSTEM
from storage.database import now
from storage.decision import DecisionRow
from storage.request import Place, RequestRow

#: Approvals of a process that was never checked may have no deadline.
NO_DEADLINE: Final = timedelta(days=3660)


def ask(
    session: Session,
    row: RequestRow,
    place: Place,
    asked: Sequence[UUID],
    detail: str,
    deadline_at: datetime | None,
) -> DecisionRow | None:
    """Open the question of a node, or put it to more people; harmless when repeated.

    Args:
        row: the request, locked.
        asked: everybody who may answer.

    Returns:
        None where the request has ended meanwhile.
    """
    if Status(row.status) in ENDED:
        return None
    standing = _open(session, row.id, place)
    if standing is not None:
        more = [each for each in asked if each not in standing.asked_ids]
        if more:
            standing.asked_ids = [*standing.asked_ids, *more]
            session.flush()
            names = person.names(session, more)
            audit.record(session, SYSTEM, "decision.escalated", row.id, asked=_listed(names.values()))
            decision.set_awaited(session, row.id, more[0])
        return standing
    names = person.names(session, asked)
    said = {"why": Why.PROCESS_ASKS.value, "asked": _listed(names.values()), "text": detail}
    first = asked[0] if asked else None
    if not request.move(
        session, row.id, Status.AWAITING_DECISION, SYSTEM, detail=said, awaited_id=first, auto_approved=None
    ):
        audit.record(session, SYSTEM, "decision.asked", row.id, **said)
        decision.set_awaited(session, row.id, first)
    at = now(session)
    _, node, iteration = place
    question = DecisionRow(
        request_id=row.id,
        round=_next_round(session, row.id),
        why=Why.PROCESS_ASKS.value,
        detail=detail,
        asked_ids=list(asked),
        asked_at=at,
        deadline_at=deadline_at or at + NO_DEADLINE,
        amount=row.amount,
        currency=row.currency,
        content_hash=content_hash(row.product, row.quantity, row.total),
        node=node,
        iteration=iteration,
    )
    session.add(question)
    session.flush()
    return question


def close(
    session: Session, request_id: UUID, place: Place, outcome: Outcome, by: UUID | None, comment: str
) -> bool:
    """Close the question of a node; returns whether it was open."""
    question = _open(session, request_id, place)
    return question is not None and decision.close_asked(session, question, outcome, by, comment)


def _open(session: Session, request_id: UUID, place: Place) -> DecisionRow | None:
    _, node, iteration = place
    return session.scalars(
        select(DecisionRow)
        .where(
            DecisionRow.request_id == request_id,
            DecisionRow.node == node,
            DecisionRow.iteration == iteration,
            DecisionRow.outcome.is_(None),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def _next_round(session: Session, request_id: UUID) -> int:
    """Each question is a round of its request."""
    asked = session.scalar(select(func.max(DecisionRow.round)).where(DecisionRow.request_id == request_id))
    following = (asked or 0) + 1
    session.execute(update(RequestRow).where(RequestRow.id == request_id).values(round=following))
    return following


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
