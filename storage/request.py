"""Purchase requests as they are stored, and the one way in which they change state. Decides nothing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Executable, ForeignKey, Index, bindparam, func, select, text, update
from sqlalchemy import Sequence as NumberSequence
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules import messages
from rules.errors import KeyReusedForAnotherRequest, RequestIsClosed
from rules.money import Money
from rules.outbox import Kind
from rules.process_purchase import facts
from rules.product import BuyingGuidance, Product
from rules.request import (
    ENDED,
    WITHDRAWABLE,
    Draft,
    Status,
    came_from,
    content_hash,
    format_number,
)
from rules.review import REJECTION_WINDOW, History
from storage import audit, build, department_process, outbox, route
from storage.audit import Actor
from storage.database import MONEY, Base, new_id
from storage.person import PersonRow

#: A node in one of its rounds: run, node, iteration.
Place = tuple[UUID, str, int]

NUMBERS = NumberSequence("request_number", metadata=Base.metadata)


class RequestRow(Base):
    """A request with what it would buy and where it stands.

    Attributes:
        number: the human number.
        amount: the total that an approval covers; changes only when a higher price was approved.
        content_hash: of what would be bought; see rules/request.py.
        round: counts the questions asked to people and, with them, the attempts to order; from 1.
        auto_approved: None until somebody or the system approved.
        awaited_id: the person who is asked now; None while nobody is.
        is_demo: made up for showing the product.
        run_id: the run of a process that decides about it; None for the built-in approval.
        run_node, run_iteration: the node that orders it, in which round; None until one does.
    """

    __tablename__ = "request"
    __table_args__ = (
        CheckConstraint("amount BETWEEN 0.001 AND 9999999.999", name="amount_is_a_number"),
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_in_range"),
        CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in Status)})", name="status_is_known"),
        Index("ix_request_requester_id_status", "requester_id", "status"),
        Index("ix_request_requester_id_submitted_at", "requester_id", "submitted_at"),
        Index("ix_request_status_submitted_at", "status", "submitted_at"),
        Index("ix_request_department_id_submitted_at", "department_id", "submitted_at"),
        Index("uq_request_run_node", "run_id", "run_node", "run_iteration",
              unique=True, postgresql_where=text("run_node IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(unique=True)
    requester_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    asin: Mapped[str]
    offer_id: Mapped[str]
    title: Mapped[str]
    url: Mapped[str]
    vendor: Mapped[str]
    seller: Mapped[str]
    category: Mapped[str]
    unit_price: Mapped[Decimal] = mapped_column(MONEY)
    quantity: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str]
    reason: Mapped[str]
    needed_by: Mapped[date | None]
    content_hash: Mapped[str]
    payload_hash: Mapped[str]
    status: Mapped[str]
    status_since: Mapped[datetime] = mapped_column(server_default=func.now())
    round: Mapped[int] = mapped_column(server_default="1")
    auto_approved: Mapped[bool | None]
    awaited_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), index=True)
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None]
    is_demo: Mapped[bool] = mapped_column(server_default="false")
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("process_run.id", use_alter=True))
    run_node: Mapped[str | None]
    run_iteration: Mapped[int | None]

    @property
    def total(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)

    @property
    def draft(self) -> Draft:
        """The request as the rules see it."""
        return Draft(self.product, self.quantity, self.total, self.reason, self.department_id, self.needed_by)

    @property
    def product(self) -> Product:
        """The product as it was when the request was made."""
        return Product(
            asin=self.asin,
            offer_id=self.offer_id,
            title=self.title,
            url=self.url,
            vendor=self.vendor,
            seller=self.seller,
            category=self.category,
            unit_price=Money(self.unit_price, self.currency),
            available=True,
            buying_guidance=BuyingGuidance.UNKNOWN,
            max_quantity=None,
        )


#: The bare table, for statements that have no use for objects.
_REQUESTS = Base.metadata.tables[RequestRow.__tablename__]


class SubmissionRow(Base):
    """A form key that was used up, so that a repeated submit finds the first one's request. Kept for ever."""

    __tablename__ = "submission"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    payload_hash: Mapped[str]
    request_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


_SUBMISSIONS = Base.metadata.tables[SubmissionRow.__tablename__]
#: Uses a key up, and gives whoever is its first user the time and the next number.
_CLAIM = upsert(_SUBMISSIONS).on_conflict_do_nothing().returning(func.now(), NUMBERS.next_value())


def submit(
    session: Session,
    draft: Draft,
    requester: PersonRow,
    key: str,
    payload_hash: str,
    *,
    ordered_by: Place | None = None,
) -> RequestRow:
    """Write a request, its audit entry, where it goes, and the message that starts its workflow.

    The same key by the same person gives the request of the first submit and writes nothing.

    Args:
        key: the form's idempotency key.
        payload_hash: of the form as typed; see rules/request.py.
        ordered_by: the node of a process that asks for it in order to buy it; nobody else decides about it then.

    Raises:
        KeyReusedForAnotherRequest: the key was used before with other contents.
    """
    request_id = new_id()
    claim = {"person_id": requester.id, "key": key, "payload_hash": payload_hash, "request_id": request_id}
    claimed = session.execute(_CLAIM, claim).one_or_none()
    if claimed is None:
        return _submitted_before(session, requester.id, key, payload_hash)
    at, count = claimed
    number = format_number(at.year, count)
    row = _insert(session, request_id, number, draft, requester, payload_hash, ordered_by)
    audit.record(
        session, Actor.person(requester.id), "request.submitted", row.id, number=row.number,
        amount=str(row.amount), currency=row.currency, asin=row.asin, content_hash=row.content_hash,
    )  # fmt: skip
    if ordered_by is not None:
        return row
    route.choose(session, row.id, requester, row.total, build.live_builds)
    run_id = _begin_process(session, row)
    if run_id is not None:
        row.run_id = run_id
    else:
        outbox.put(session, Kind.START_APPROVAL, row.id, asdict(_purchase_input(row, requester)))
    session.flush()
    return row


def _begin_process(session: Session, row: RequestRow) -> UUID | None:
    """The run of the process that the department's requests follow; None for the built-in approval."""
    known = facts(row.draft, row.number, str(row.requester_id))
    return department_process.begin_run(session, row.id, row.department_id, row.requester_id, known)


def _submitted_before(session: Session, person_id: UUID, key: str, payload_hash: str) -> RequestRow:
    earlier = session.get_one(SubmissionRow, (person_id, key))
    if earlier.payload_hash != payload_hash:
        raise KeyReusedForAnotherRequest(
            "This form was already sent with other contents. Please open a new request form."
        )
    return session.get_one(RequestRow, earlier.request_id)


def _insert(
    session: Session, request_id: UUID, number: str, draft: Draft, requester: PersonRow, payload_hash: str,
    ordered_by: Place | None,
) -> RequestRow:  # fmt: skip
    product = draft.product
    row = RequestRow(
        id=request_id,
        number=number,
        requester_id=requester.id,
        department_id=draft.department_id,
        asin=product.asin,
        offer_id=product.offer_id,
        title=product.title,
        url=product.url,
        vendor=product.vendor,
        seller=product.seller,
        category=product.category,
        unit_price=product.unit_price.amount,
        quantity=draft.quantity,
        amount=draft.amount.amount,
        currency=draft.amount.currency,
        reason=draft.reason,
        needed_by=draft.needed_by,
        content_hash=content_hash(product, draft.quantity, draft.amount),
        payload_hash=payload_hash,
        status=Status.SUBMITTED.value,
    )
    if ordered_by is not None:  # at once, not afterwards: what is told of it names the run that caused it
        row.run_id, row.run_node, row.run_iteration = ordered_by
    session.add(row)
    session.flush()
    return row


def _purchase_input(row: RequestRow, requester: PersonRow) -> messages.PurchaseInput:
    return messages.PurchaseInput(
        request_id=str(row.id),
        number=row.number,
        department_id=row.department_id,
        requester_id=str(requester.id),
        requester_name=requester.name,
        title=row.title,
        amount=str(row.amount),
        currency=row.currency,
    )


def move(
    session: Session,
    request_id: UUID,
    following: Status,
    actor: Actor,
    *,
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> bool:
    """Move a request one step along the graph, with its audit entry; the one way in which status changes.

    Args:
        following: the new status; only requests in a state from which it is one step are moved.
        detail: what the audit entry says besides.
        changes: other columns of the request that change with it.

    Returns:
        Whether this call moved it. False means that it stood elsewhere: moved before, or ended.
    """
    if following is not Status.AWAITING_DECISION:
        changes.setdefault("awaited_id", None)
    given = {"moved_id": request_id} | {f"moved_{name}": value for name, value in changes.items()}
    session.flush()
    action = f"request.{following.value}"
    moving = _moving(following, tuple(changes))
    return audit.record_with(session, moving, given, actor, action, request_id, detail or {})


@cache
def _moving(following: Status, changed: tuple[str, ...]) -> Executable:
    """The statement that moves a request to a status and changes some other columns; see `move`."""
    sources = [status.value for status in came_from(following)]
    values: dict[str, Any] = {"status": following.value, "status_since": func.now()}
    values |= {name: bindparam(f"moved_{name}", type_=_REQUESTS.c[name].type) for name in changed}
    if following in ENDED:
        values["closed_at"] = func.now()
    moved = (
        update(_REQUESTS)
        .where(_REQUESTS.c.id == bindparam("moved_id"), _REQUESTS.c.status.in_(sources))
        .values(values)
        .returning(_REQUESTS.c.id)
    )
    return audit.with_entry(moved.cte("moved"))


_BY_ID = select(RequestRow).where(RequestRow.id == bindparam("id")).execution_options(populate_existing=True)
_BY_ID_HELD = _BY_ID.with_for_update(key_share=True)
_STATUS = select(_REQUESTS.c.status).where(_REQUESTS.c.id == bindparam("id"))


def by_id(session: Session, request_id: UUID, *, lock: bool = False) -> RequestRow:
    """The request as it stands now, read afresh; `lock` holds it against others until the transaction ends.

    Rows that refer to the request, such as messages about it, may still be written by others meanwhile.
    """
    return session.scalars(_BY_ID_HELD if lock else _BY_ID, {"id": request_id}).one()


def status_of(session: Session, request_id: UUID) -> Status:
    """Where the request stands now."""
    return Status(session.execute(_STATUS, {"id": request_id}).scalar_one())


def by_number(session: Session, number: str) -> RequestRow | None:
    """The request with this human number."""
    return session.scalars(select(RequestRow).where(RequestRow.number == number)).one_or_none()


def check_open_for_withdrawal(row: RequestRow) -> None:
    """Refuse where somebody decided already or the request has ended."""
    if Status(row.status) not in WITHDRAWABLE:
        raise RequestIsClosed("This request can no longer be withdrawn: it has been decided.")


_HISTORY = select(
    func.count().filter(_REQUESTS.c.status == Status.COMPLETED.value),
    func.count().filter(
        _REQUESTS.c.status == Status.REJECTED.value, _REQUESTS.c.closed_at >= func.now() - REJECTION_WINDOW
    ),
).where(_REQUESTS.c.requester_id == bindparam("requester_id"))


def history_of(session: Session, requester_id: UUID) -> History:
    """What the review may know of a requester's past: completed ever, rejected by a person in 30 days."""
    completed, rejected = session.execute(_HISTORY, {"requester_id": requester_id}).one()
    return History(completed_purchases=completed, rejected_last_30_days=rejected)
