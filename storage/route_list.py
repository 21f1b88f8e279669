"""Requests with the routes that they were given. Chooses and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.request import RequestRow
from storage.route import RouteRow


def latest_of(
    session: Session, requester_id: UUID, limit: int
) -> Sequence[tuple[RequestRow, RouteRow | None]]:
    """Somebody's latest requests, each with its route; None where it was submitted while there was no rule."""
    rows = session.execute(
        select(RequestRow, RouteRow)
        .outerjoin(RouteRow, RouteRow.request_id == RequestRow.id)
        .where(RequestRow.requester_id == requester_id)
        .order_by(RequestRow.submitted_at.desc(), RequestRow.id.desc())
        .limit(limit)
    )
    return [(request, given) for request, given in rows]
