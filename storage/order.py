"""Orders at the vendor as they are stored: the intent before the call, the outcome after it. Calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided
from rules.messages import SettledSignal
from rules.money import Money
from rules.order import OrderOutcome, OrderState, PurchaseOrder, external_id
from rules.outbox import Kind
from rules.request import Status
from storage import audit, outbox, process_run, request
from storage.audit import SYSTEM, Actor
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


#: The states of a request in which its order may leave.
MAY_BE_ORDERED = (Status.ORDERING, Status.ORDER_UNKNOWN)

#: States in which nothing more is to be learnt.
SETTLED = (Standing.PLACED, Standing.PART_PLACED, Standing.REFUSED, Standing.PRICE_CHANGED)


class OrderRow(Base):
    """One attempt to buy what a request asks for, one a round.

    Attributes:
        external_id: our own key at the vendor, derived from request and round.
        sends: how often the order may have left us; raised and committed before each POST.
        not_found_reads: how often in a row the vendor said that it has no such order.
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
    not_found_reads: Mapped[int] = mapped_column(server_default=text("0"))
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
    def highest_price(self) -> Money:
        """What one piece may cost, with its currency."""
        return Money(self.highest_unit_price, self.currency)

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known for good."""
        return self.state in SETTLED


_ORDERS = Base.metadata.tables[OrderRow.__tablename__]
_OF_REQUEST = select(OrderRow).where(OrderRow.request_id == bindparam("request_id")).order_by(OrderRow.round)
_HELD = (
    select(OrderRow)
    .where(OrderRow.id == bindparam("id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_INTENDED: Final = (
    "id", "request_id", "round", "external_id", "state", "quantity", "currency", "highest_unit_price",
)  # fmt: skip
_INTEND = select(OrderRow).from_statement(
    insert(_ORDERS)
    .values({name: bindparam(f"intended_{name}", type_=_ORDERS.c[name].type) for name in _INTENDED})
    .on_conflict_do_nothing(index_elements=["request_id", "round"])
    .returning(*_ORDERS.c)
)
_CLAIM = audit.with_entry(
    update(_ORDERS)
    .where(
        _ORDERS.c.id == bindparam("claimed_id"),
        _ORDERS.c.sends == bindparam("claimed_sends"),
        _ORDERS.c.state.in_([Standing.INTENDED.value, Standing.UNKNOWN.value]),
        select(RequestRow.id)
        .where(
            RequestRow.id == _ORDERS.c.request_id,
            RequestRow.status.in_([each.value for each in MAY_BE_ORDERED]),
        )
        .exists(),
    )
    .values(sends=_ORDERS.c.sends + 1)
    .returning(_ORDERS.c.id)
    .cte("claimed")
)


def of_request(session: Session, request_id: UUID) -> Sequence[OrderRow]:
    """Every attempt to order for a request, in their order."""
    return session.scalars(_OF_REQUEST, {"request_id": request_id}).all()


def intend(session: Session, row: RequestRow, highest_unit_price: Money) -> OrderRow:
    """The order of the request's current round, written now unless it was before, and held; see `lock`."""
    values = (
        new_id(), row.id, row.round, external_id(row.id, row.round), Standing.INTENDED.value,
        row.quantity, row.currency, highest_unit_price.amount,
    )  # fmt: skip
    intended = {f"intended_{name}": value for name, value in zip(_INTENDED, values, strict=True)}
    written: OrderRow | None = session.scalars(_INTEND, intended).one_or_none()
    if written is not None:
        return written
    return session.scalars(
        select(OrderRow)
        .where(OrderRow.request_id == row.id, OrderRow.round == row.round)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def claim_send(session: Session, order: OrderRow, sends_so_far: int) -> bool:
    """Note that the order is about to leave; commit this before the POST.

    Args:
        order: held by the caller.
        sends_so_far: how many sends the caller knows of; a caller that knows too few is refused, so
            that two attempts never both believe to be the first.
    """
    given = {"claimed_id": order.id, "claimed_sends": sends_so_far}
    detail = {"external_id": order.external_id}
    return audit.record_with(session, _CLAIM, given, SYSTEM, "order.sent", order.request_id, detail)


def lock(session: Session, order_id: UUID) -> OrderRow:
    """The order, held until the transaction ends: one sender at a time, for as long as its process lives.

    Every act on an order holds it before its request, so that no two of them wait for each other; a request
    is never held while the vendor is asked, so that no page waits for the vendor.
    """
    return session.scalars(_HELD, {"id": order_id}).one()


def release_send(session: Session, order: OrderRow) -> None:
    """Take a claimed send back: the vendor said clearly that nothing was taken."""
    order.sends -= 1
    session.flush()


def as_purchase_order(row: RequestRow, order: OrderRow) -> PurchaseOrder:
    """The order as the vendor is asked for it."""
    return PurchaseOrder(
        external_id=order.external_id,
        purchase_order_number=row.number,
        vendor=row.vendor,
        asin=row.asin,
        offer_id=row.offer_id,
        quantity=order.quantity,
        highest_unit_price=order.highest_price,
    )


#: What an outcome makes of the request. A changed price is no end: the approver is asked again.
_LEADS_TO: dict[OrderState, tuple[Standing, Status]] = {
    OrderState.PLACED: (Standing.PLACED, Status.COMPLETED),
    OrderState.PART_PLACED: (Standing.PART_PLACED, Status.COMPLETED),
    OrderState.REFUSED: (Standing.REFUSED, Status.ORDER_REFUSED),
    OrderState.PRICE_CHANGED: (Standing.PRICE_CHANGED, Status.ORDERING),
}


def record_outcome(
    session: Session, order: OrderRow, outcome: OrderOutcome, message: str, answer: dict[str, Any]
) -> None:
    """Store what the vendor made of an order and move the request along.

    Args:
        order: locked by the caller.
        outcome: anything but NOT_FOUND.
        message: the sentence that people read.
        answer: the outcome in JSON, for the record.
    """
    standing, status = _LEADS_TO[outcome.state]
    order.settled_at = func.clock_timestamp()
    order.state = standing.value
    order.vendor_order_ids = list(outcome.vendor_order_ids)
    order.accepted_quantity = outcome.accepted_quantity
    order.charged_total = outcome.charged_total.amount if outcome.charged_total else None
    actual = outcome.actual_unit_price or (
        outcome.actual_total.per_unit(order.quantity) if outcome.actual_total else None
    )
    order.actual_unit_price = actual.amount if actual else None
    order.message = message
    order.answer = answer
    session.flush()
    detail = {"order": order.external_id, "outcome": standing.value, "text": message}
    ending = {"closed_reason": message} if status is Status.ORDER_REFUSED else {}
    moved = request.move(session, order.request_id, status, SYSTEM, detail=detail, **ending)
    if not moved:
        audit.record(session, SYSTEM, f"order.{standing.value}", order.request_id, **detail)


def mark_unknown(session: Session, order: OrderRow, message: str) -> None:
    """Note that the order may or may not exist; harmless when repeated."""
    order.state = Standing.UNKNOWN.value
    if order.unknown_since is None:
        order.unknown_since = func.clock_timestamp()
    order.message = message
    session.flush()
    detail = {"order": order.external_id, "text": message}
    request.move(session, order.request_id, Status.ORDER_UNKNOWN, SYSTEM, detail=detail)


def give_up(session: Session, order: OrderRow, why: str) -> None:
    """Note that an order which never left us will not leave any more.

    Args:
        order: locked by the caller, with no sends.
    """
    order.state, order.settled_at, order.message = Standing.REFUSED.value, func.clock_timestamp(), why
    session.flush()
    detail = {"order": order.external_id, "text": why}
    request.move(session, order.request_id, Status.ORDER_REFUSED, SYSTEM, detail=detail, closed_reason=why)


def settle(
    session: Session, order: OrderRow, settler_id: UUID, vendor_order_id: str | None, comment: str
) -> None:
    """Record what a person found out about an order whose outcome is unknown, and wake its workflow.

    Args:
        order: locked by the caller.
        vendor_order_id: the vendor's number, None where the vendor has no such order.

    Raises:
        AlreadyDecided: the outcome is known by now.
    """
    if order.state != Standing.UNKNOWN:
        raise AlreadyDecided("The outcome of this order is known by now.")
    placed = vendor_order_id is not None
    order.state = (Standing.PLACED if placed else Standing.REFUSED).value
    order.settled_at = func.clock_timestamp()
    order.settled_by = settler_id
    order.vendor_order_ids = [vendor_order_id] if placed else []
    order.accepted_quantity = order.quantity if placed else 0
    order.message = comment
    session.flush()
    request.move(
        session,
        order.request_id,
        Status.COMPLETED if placed else Status.ORDER_REFUSED,
        Actor.person(settler_id),
        detail={"order": order.external_id, "settled": order.state, "text": comment},
        **({} if placed else {"closed_reason": comment}),
    )
    row = request.by_id(session, order.request_id)
    if row.run_id is not None and row.run_node is not None:
        process_run.wake(session, row.run_id, row.run_node, row.run_iteration or 1)
        return
    signal = SettledSignal(str(order.request_id))
    outbox.put(session, Kind.SIGNAL_SETTLED, order.request_id, {"request_id": signal.request_id})
