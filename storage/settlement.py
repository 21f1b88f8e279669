"""Orders that a person has to settle: what is known of them, and holding one without waiting. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg.errors import LockNotAvailable
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from rules.errors import AlreadyDecided, BusinessError, NotFound
from storage.order import OrderRow
from storage.request import RequestRow


class VendorIsBeingAsked(BusinessError):
    """A worker holds the order because it is asking the vendor about it right now."""

    status = 409


def latest_orders(session: Session, request_ids: Sequence[UUID]) -> Mapping[UUID, OrderRow]:
    """Request id -> its newest order, for the requests that have one."""
    rows = session.scalars(
        select(OrderRow)
        .ext(distinct_on(OrderRow.request_id))
        .where(OrderRow.request_id.in_(request_ids))
        .order_by(OrderRow.request_id, OrderRow.round.desc())
    )
    return {row.request_id: row for row in rows}


def hold(session: Session, request_id: UUID) -> tuple[RequestRow, OrderRow]:
    """The request and its newest order, both held until the transaction ends.

    Never waits: a worker holds them while it talks to the vendor, and what it learns there goes first.

    Raises:
        VendorIsBeingAsked: somebody holds one of them; the transaction is of no more use.
        NotFound: nothing was ever ordered.
        AlreadyDecided: the order is gone or replaced.
    """
    try:
        row = session.get(RequestRow, request_id, with_for_update={"nowait": True}, populate_existing=True)
        if row is None:
            raise NotFound("There is no such request.")
        order = session.scalars(
            select(OrderRow)
            .where(OrderRow.request_id == request_id)
            .order_by(OrderRow.round.desc())
            .limit(1)
            .with_for_update(nowait=True)
            .execution_options(populate_existing=True)
        ).one_or_none()
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise VendorIsBeingAsked(
                "Vistobueno is asking the vendor about this order at this very moment. Please try again in a minute."
            ) from error
        raise
    if order is None:
        raise NotFound("Nothing was ordered for this request.")
    if order.round != row.round:
        raise AlreadyDecided("This order was replaced by another question to the approver.")
    return row, order
