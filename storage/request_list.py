"""One person's own requests: page by page, by form key, and the marks by which a page sees that one moved on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from rules.request import DUPLICATE_WINDOW, Status
from storage.audit import AuditRow
from storage.decision import DecisionRow
from storage.person import PersonRow
from storage.request import RequestRow, SubmissionRow


@dataclass(frozen=True)
class Wanted:
    """Which requests of a person to list.

    Attributes:
        text: part of a title, a number or a seller; empty for all.
        statuses: empty for all.
        within: submitted at most this long ago; None for ever.
    """

    text: str = ""
    statuses: frozenset[Status] = frozenset()
    within: timedelta | None = None


@dataclass(frozen=True)
class Listed:
    """A request with who is awaited and until when, where somebody is."""

    request: RequestRow
    awaited: str | None
    deadline_at: datetime | None


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        number: from 1; the last page where a later one was asked for.
        total: how many there are on all pages.
    """

    rows: Sequence[Listed]
    number: int
    pages: int
    total: int


def page_of(session: Session, requester_id: UUID, wanted: Wanted, number: int, size: int) -> Page:
    """One page of a person's own requests, the newest first."""
    where = _where(requester_id, wanted)
    total = session.scalar(select(func.count()).select_from(RequestRow).where(where)) or 0
    pages = max(1, -(-total // size))
    shown = min(max(number, 1), pages)
    query = _listed().where(where).order_by(RequestRow.submitted_at.desc(), RequestRow.id.desc())
    rows = session.execute(query.limit(size).offset((shown - 1) * size)) if total else ()
    return Page([Listed(*row) for row in rows], shown, pages, total)


def _listed() -> Select[RequestRow, str | None, datetime | None]:
    open_question = and_(DecisionRow.request_id == RequestRow.id, DecisionRow.outcome.is_(None))
    return (
        select(RequestRow, PersonRow.name, DecisionRow.deadline_at)
        .outerjoin(PersonRow, PersonRow.id == RequestRow.awaited_id)
        .outerjoin(DecisionRow, open_question)
    )


def _where(requester_id: UUID, wanted: Wanted) -> ColumnElement[bool]:
    criteria: list[ColumnElement[bool]] = [RequestRow.requester_id == requester_id]
    if wanted.text:
        columns = (RequestRow.title, RequestRow.number, RequestRow.seller)
        criteria.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    if wanted.statuses:
        criteria.append(RequestRow.status.in_([status.value for status in wanted.statuses]))
    if wanted.within is not None:
        criteria.append(RequestRow.submitted_at >= func.now() - wanted.within)
    return and_(*criteria)


_SUBMITTED_WITH = (
    select(RequestRow, SubmissionRow.payload_hash)
    .join(SubmissionRow, SubmissionRow.request_id == RequestRow.id)
    .where(SubmissionRow.person_id == bindparam("person_id"), SubmissionRow.key == bindparam("key"))
)


def submitted_with(session: Session, person_id: UUID, key: str) -> tuple[RequestRow, str] | None:
    """The request that a form key was used up for, and the hash of what the form held; None where unused."""
    found = session.execute(_SUBMITTED_WITH, {"person_id": person_id, "key": key}).one_or_none()
    return None if found is None else (found[0], found[1])


def submitted_since(
    session: Session, person_id: UUID, payload_hash: str, since: datetime, statuses: Collection[Status]
) -> RequestRow | None:
    """The newest request that a person made of a form with these contents since then, in one of these states."""
    return session.scalars(
        select(RequestRow)
        .where(
            RequestRow.requester_id == person_id,
            RequestRow.submitted_at >= since,
            RequestRow.payload_hash == payload_hash,
            RequestRow.status.in_([status.value for status in statuses]),
        )
        .order_by(RequestRow.submitted_at.desc())
        .limit(1)
    ).first()


def possible_duplicates(session: Session, requester_id: UUID, asin: str) -> Sequence[RequestRow]:
    """The same person's requests for the same product within the duplicate window, the newest first."""
    return session.scalars(
        select(RequestRow)
        .where(
            RequestRow.requester_id == requester_id,
            RequestRow.asin == asin,
            RequestRow.submitted_at >= func.now() - DUPLICATE_WINDOW,
        )
        .order_by(RequestRow.submitted_at.desc())
        .limit(5)
    ).all()


def numbers(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Request id -> human number, for the ids that exist."""
    rows = session.execute(select(RequestRow.id, RequestRow.number).where(RequestRow.id.in_(list(ids))))
    return {row.id: row.number for row in rows}


def entries(session: Session, request_id: UUID) -> Sequence[AuditRow]:
    """The audit trail of a request in its order."""
    return session.scalars(
        select(AuditRow).where(AuditRow.request_id == request_id).order_by(AuditRow.seq)
    ).all()


def latest_entry(session: Session, request_id: UUID) -> int:
    """The sequence number of a request's newest audit entry, 0 before the first.

    Every change of state writes an entry in its transaction, so an unchanged number means an unchanged request.
    """
    return session.scalar(select(func.max(AuditRow.seq)).where(AuditRow.request_id == request_id)) or 0
