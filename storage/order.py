"""Orders at the vendor as they are stored: the intent before the call, the outcome after it. Calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.money import Money
from rules.order import external_id
from storage import audit
from storage.audit import SYSTEM
from storage.database import MONEY, Base, new_id
from storage.request import RequestRow


class Standing(StrEnum):
    """What we know of an order; the vendor's own words for it are in rules/order.py."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    PLACED = "placed"
    PART_PLACED = "part_placed"
    REFUSED = "refused"
    PRICE_CHANGED = "price_changed"


#: States in which nothing more is to be learnt.
SETTLED = (Standing.PLACED, Standing.PART_PLACED, Standing.REFUSED, Standing.PRICE_CHANGED)


class OrderRow(Base):
    """One attempt to buy what a request asks for, one a round.

    Attributes:
        external_id: our own key at the vendor, derived from request and round.
        sends: how often the order may have left us; raised and committed before each POST.
        highest_unit_price: what one piece may cost, tolerance included.
        vendor_order_ids: what the vendor calls it.
        actual_unit_price: what the vendor wants where it refused our price.
        settled_by: the person who settled an unknown outcome.
    """

    __tablename__ = "purchase_order"
    __table_args__ = (
        CheckConstraint("highest_unit_price BETWEEN 0 AND 9999999.999", name="price_is_a_number"),
        Index("uq_purchase_order_request_id_round", "request_id", "round", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"))
    round: Mapped[int]
    external_id: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    quantity: Mapped[int]
    currency: Mapped[str]
    highest_unit_price: Mapped[Decimal] = mapped_column(MONEY)
    intended_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sends: Mapped[int] = mapped_column(server_default=text("0"))
    read_backs: Mapped[int] = mapped_column(server_default=text("0"))
    unknown_since: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    vendor_order_ids: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    accepted_quantity: Mapped[int | None]
    charged_total: Mapped[Decimal | None] = mapped_column(MONEY)
    actual_unit_price: Mapped[Decimal | None] = mapped_column(MONEY)
    message: Mapped[str] = mapped_column(server_default=text("''"))
    answer: Mapped[dict[str, Any] | None]

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known for good."""
        return self.state in SETTLED


def of_request(session: Session, request_id: UUID) -> Sequence[OrderRow]:
    """Every attempt to order for a request, in their order."""
    return session.scalars(
        select(OrderRow).where(OrderRow.request_id == request_id).order_by(OrderRow.round)
    ).all()


def intend(session: Session, row: RequestRow, highest_unit_price: Money) -> OrderRow:
    """The order of the request's current round, written now unless it was before."""
    session.execute(
        insert(OrderRow)
        .values(
            id=new_id(),
            request_id=row.id,
            round=row.round,
            external_id=external_id(row.id, row.round),
            state=Standing.INTENDED.value,
            quantity=row.quantity,
            currency=row.currency,
            highest_unit_price=highest_unit_price.amount,
        )
        .on_conflict_do_nothing(index_elements=["request_id", "round"])
    )
    return session.scalars(
        select(OrderRow).where(OrderRow.request_id == row.id, OrderRow.round == row.round)
    ).one()


def claim_send(session: Session, order: OrderRow, sends_so_far: int) -> bool:
    """Note that the order is about to leave; commit this before the POST.

    Args:
        sends_so_far: how many sends the caller knows of; a caller that knows too few is refused, so
            that two attempts never both believe to be the first.
    """
    claimed = session.execute(
        update(OrderRow)
        .where(
            OrderRow.id == order.id,
            OrderRow.sends == sends_so_far,
            OrderRow.state.in_([Standing.INTENDED.value, Standing.UNKNOWN.value]),
        )
        .values(sends=OrderRow.sends + 1)
        .returning(OrderRow.id)
    ).one_or_none()
    if claimed is not None:
        audit.record(session, SYSTEM, "order.sent", order.request_id, external_id=order.external_id)
    return claimed is not None


def lock(session: Session, order_id: UUID) -> OrderRow:
    """The order, held until the transaction ends: one sender at a time, for as long as its process lives."""
    return session.scalars(
        select(OrderRow)
        .where(OrderRow.id == order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
