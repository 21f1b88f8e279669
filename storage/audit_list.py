"""Reading the audit trail: filtered, the newest first, page by page along its sequence. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from storage.audit import AuditRow
from storage.person import PersonRow
from storage.request import RequestRow


@dataclass(frozen=True)
class AuditFilter:
    """Which entries; None or empty leaves a criterion out.

    Attributes:
        actions: the actions to show; empty shows all.
        person_id: who acted, or whom the act was about.
        first_day: the first calendar day in UTC.
        last_day: the last calendar day in UTC, inclusive.
    """

    number: str = ""
    actions: tuple[str, ...] = ()
    person_id: UUID | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One entry with the names that its ids stand for."""

    row: AuditRow
    actor: str | None
    number: str | None


def entries(
    session: Session, wanted: AuditFilter, before: int | None, limit: int
) -> tuple[Sequence[AuditEntry], int | None]:
    """Up to `limit` entries below sequence number `before`, and the number to go on from (None at the end).

    Args:
        before: None begins with the newest.
    """
    query = (
        select(AuditRow, PersonRow.name, RequestRow.number)
        .outerjoin(PersonRow, PersonRow.id == AuditRow.actor_id)
        .outerjoin(RequestRow, RequestRow.id == AuditRow.request_id)
        .where(*_criteria(wanted))
        .order_by(AuditRow.seq.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(AuditRow.seq < before)
    found = [AuditEntry(*row) for row in session.execute(query)]
    shown = found[:limit]
    return shown, (shown[-1].row.seq if len(found) > limit else None)


def _criteria(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if wanted.number:
        criteria.append(
            AuditRow.request_id
            == select(RequestRow.id).where(RequestRow.number == wanted.number).scalar_subquery()
        )
    if wanted.actions:
        criteria.append(AuditRow.action.in_(wanted.actions))
    if wanted.person_id is not None:
        about = AuditRow.detail.contains({"person": str(wanted.person_id)})
        criteria.append(or_(AuditRow.actor_id == wanted.person_id, about))
    if wanted.first_day is not None:
        criteria.append(AuditRow.at >= _midnight(wanted.first_day))
    if wanted.last_day is not None:
        criteria.append(AuditRow.at < _midnight(wanted.last_day + timedelta(days=1)))
    return criteria


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
