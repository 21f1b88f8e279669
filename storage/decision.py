"""Questions to people and their answers. The first answer wins, by one conditional UPDATE; the rest learn who won."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_COLUMN
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.decision import (
    NO_DECISION,
    Answer,
    Outcome,
    Why,
    check_in_time,
    check_may_decide,
    check_unchanged,
    deadline,
)
from rules.errors import AlreadyDecided, NotFound, RequestIsClosed
from rules.messages import DecisionSignal
from rules.money import Money
from rules.outbox import Kind
from rules.person import Person
from rules.process import Outcome as Ended
from rules.request import Status, content_hash
from storage import audit, outbox, person, process_run, process_task, request
from storage.audit import SYSTEM, Actor
from storage.database import MONEY, Base, new_id, now
from storage.request import RequestRow


class DecisionRow(Base):
    """One question about one request. It is open while `outcome` is NULL.

    Attributes:
        round: the round of the request in which it was asked; one question a round.
        asked_ids: everybody who may answer, in the order in which they were asked.
        amount: the total to be approved; more than the request's own after a price rise.
        content_hash: of what the answer covers.
        node, iteration: of the request's run, where an approval of its process asks; see storage/process_question.py.
    """

    __tablename__ = "decision"
    __table_args__ = (
        CheckConstraint("amount BETWEEN 0.001 AND 9999999.999", name="amount_is_a_number"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="outcome_has_a_time"),
        Index("uq_decision_request_id_round", "request_id", "round", unique=True),
        Index("ix_decision_asked_ids", "asked_ids", postgresql_using="gin"),
        Index("ix_decision_open", "deadline_at", postgresql_where=text("outcome IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"))
    round: Mapped[int]
    why: Mapped[str]
    detail: Mapped[str]
    asked_ids: Mapped[list[UUID]] = mapped_column(ARRAY(UUID_COLUMN(as_uuid=True)))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deadline_at: Mapped[datetime]
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str]
    content_hash: Mapped[str]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    comment: Mapped[str] = mapped_column(server_default=text("''"))
    node: Mapped[str | None]
    iteration: Mapped[int | None]

    @property
    def total(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)


_OF_REQUEST = select(DecisionRow).where(DecisionRow.request_id == bindparam("id")).order_by(DecisionRow.round)


def of_request(session: Session, request_id: UUID) -> Sequence[DecisionRow]:
    """Every question about a request, in the order in which they were asked."""
    return session.scalars(_OF_REQUEST, {"id": request_id}).all()


def by_id(session: Session, decision_id: UUID) -> DecisionRow | None:
    """One question as it stands now, read afresh."""
    return session.get(DecisionRow, decision_id, populate_existing=True)


def ask(
    session: Session, row: RequestRow, line: Sequence[Person], why: Why, detail: str, total: Money
) -> DecisionRow | None:
    """Ask the first of `line` about a request that stands in its current round.

    Args:
        row: the request, locked.
        line: who is asked; see rules/person.py. Must not be empty.
        total: the amount that the answer covers.

    Returns:
        The question; the same one when called again; None where the request has ended meanwhile.
    """
    existing = session.scalars(
        select(DecisionRow).where(DecisionRow.request_id == row.id, DecisionRow.round == row.round)
    ).one_or_none()
    if existing is not None:
        return existing
    first = line[0]
    if not request.move(
        session,
        row.id,
        Status.AWAITING_DECISION,
        SYSTEM,
        detail={"why": why.value, "asked": first.name, "text": detail},
        awaited_id=first.id,
        auto_approved=None,  # where the price rose since, an approval no longer stands
    ):
        return None
    asked_at = now(session)
    decision = DecisionRow(
        request_id=row.id,
        round=row.round,
        why=why.value,
        detail=detail,
        asked_ids=[first.id],
        asked_at=asked_at,
        deadline_at=deadline(asked_at),
        amount=total.amount,
        currency=total.currency,
        content_hash=content_hash(row.product, row.quantity, total),
    )
    session.add(decision)
    session.flush()
    return decision


def escalate(session: Session, decision: DecisionRow, line: Sequence[Person]) -> Person | None:
    """Ask the next person of the line too; those asked before may still answer.

    Returns:
        Who is asked now, or None where the question is answered or the line has no one left.
    """
    following = next((p for p in line if p.id not in decision.asked_ids), None)
    if following is None:
        return None
    asked = session.execute(
        update(DecisionRow)
        .where(DecisionRow.id == decision.id, DecisionRow.outcome.is_(None))
        .values(asked_ids=func.array_append(DecisionRow.asked_ids, following.id))
        .returning(DecisionRow.request_id)
    ).one_or_none()
    if asked is None:
        return None
    session.execute(
        update(RequestRow).where(RequestRow.id == decision.request_id).values(awaited_id=following.id)
    )
    audit.record(session, SYSTEM, "decision.escalated", decision.request_id, asked=following.name)
    return following


def answer(
    session: Session, row: RequestRow, decider: Person, given: Answer, shown: dict[str, str]
) -> DecisionRow:
    """Record a person's answer, move the request, and wake its workflow.

    Args:
        row: the request.
        decider: who answers.
        given: the judged answer.
        shown: what the page showed: `decision` (id), `amount`, `content` (hash).

    Raises:
        OwnRequestCannotBeDecided, NotAllowed, NotTheAskedApprover: see rules/decision.py.
        AlreadyDecided: names who decided and when.
        RequestIsClosed: the deadline has passed, or the request is not waiting any more.
        ChangedSinceShown: the question is another one than the page showed.
    """
    asked_by_node = _asked_by_node(session, row, shown.get("decision", ""))
    if asked_by_node is not None:
        return _answer_in_process(session, row, asked_by_node, decider, given)
    # Every act on a question holds its request first, so that no two of them wait for each other.
    row = request.by_id(session, row.id, lock=True)
    decision = _latest(session, row)
    check_may_decide(decider, row.requester_id, decision.asked_ids)
    if decision.outcome is not None:
        raise AlreadyDecided(describe_outcome(session, decision))
    check_in_time(decision.deadline_at, now(session))
    check_unchanged(
        shown,
        {"decision": str(decision.id), "amount": str(decision.total), "content": decision.content_hash},
    )
    if not _close(session, decision.id, given.outcome, decider.id, given.comment):
        session.refresh(decision)
        raise AlreadyDecided(describe_outcome(session, decision))
    approved = given.outcome is Outcome.APPROVED
    detail = {"decision": str(decision.id), "outcome": given.outcome.value, "comment": given.comment}
    moved = request.move(
        session,
        row.id,
        Status.ORDERING if approved else Status.REJECTED,
        Actor.person(decider.id),
        detail=detail,
        **_consequences(decision, given, approved),
    )
    if not moved:
        raise RequestIsClosed("This request is not waiting for a decision any more.")
    if row.run_id is not None and row.run_node is not None:
        process_run.wake(session, row.run_id, row.run_node, row.run_iteration or 1)
    else:
        signal = DecisionSignal(decision_id=str(decision.id))
        outbox.put(session, Kind.SIGNAL_DECISION, row.id, {"decision_id": signal.decision_id})
    session.refresh(decision)
    return decision


def _asked_by_node(session: Session, row: RequestRow, shown_id: str) -> DecisionRow | None:
    """The question that was shown, where an approval of the request's process asks it."""
    asked = of_request(session, row.id) if row.run_id is not None else ()
    return next((each for each in asked if each.node is not None and str(each.id) == shown_id), None)


def _answer_in_process(
    session: Session, row: RequestRow, decision: DecisionRow, decider: Person, given: Answer
) -> DecisionRow:
    """Answer in the person's seat of the node; the question closes with the answer that decides it."""
    check_may_decide(decider, row.requester_id, decision.asked_ids)
    if decision.outcome is not None or row.run_id is None:
        raise AlreadyDecided(describe_outcome(session, decision))
    check_in_time(decision.deadline_at, now(session))
    place = (row.run_id, str(decision.node), decision.iteration or 1)
    said = process_task.answer_as(session, place, decider, given.outcome is Outcome.APPROVED, given.comment)
    if said is not None:
        agreed = said is Ended.SATISFIED
        outcome = Outcome.APPROVED if agreed else Outcome.REJECTED
        close_asked(session, decision, outcome, decider.id, given.comment)
    session.refresh(decision)
    return decision


def close_asked(
    session: Session, decision: DecisionRow, outcome: Outcome, by: UUID | None, comment: str
) -> bool:
    """Close the question of a node, with its audit entry; returns whether it was open.

    Whoever is asked by another node, if anybody, is awaited then.
    """
    request.by_id(session, decision.request_id, lock=True)  # before its question, as in every act on one
    if not _close(session, decision.id, outcome, by, comment):
        return False
    actor = Actor.person(by) if by else SYSTEM
    audit.record(
        session,
        actor,
        f"decision.{outcome.value}",
        decision.request_id,
        question=str(decision.id),
        comment=comment,
    )
    others = select(DecisionRow).where(
        DecisionRow.request_id == decision.request_id, DecisionRow.outcome.is_(None)
    )
    asked = [who for other in session.scalars(others.order_by(DecisionRow.round)) for who in other.asked_ids]
    set_awaited(session, decision.request_id, asked[0] if asked else None)
    return True


def set_awaited(session: Session, request_id: UUID, awaited: UUID | None) -> None:
    """Name who is awaited about a request that awaits a decision."""
    session.execute(
        update(RequestRow)
        .where(RequestRow.id == request_id, RequestRow.status == Status.AWAITING_DECISION.value)
        .values(awaited_id=awaited)
    )


def _consequences(decision: DecisionRow, given: Answer, approved: bool) -> dict[str, object]:
    if not approved:
        return {"closed_reason": given.comment}
    return {"auto_approved": False, "amount": decision.amount, "content_hash": decision.content_hash}


def _latest(session: Session, row: RequestRow) -> DecisionRow:
    decision = session.scalars(
        select(DecisionRow)
        .where(DecisionRow.request_id == row.id)
        .order_by(DecisionRow.round.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if decision is None:
        raise NotFound("Nobody has been asked about this request.")
    return decision


def expire(session: Session, decision: DecisionRow) -> Outcome:
    """Answer an open question for the system, and say how it ended, whoever was first.

    Returns:
        The outcome that stands; both stores name the same winner because only this one is asked.
    """
    request.by_id(session, decision.request_id, lock=True)
    if _close(session, decision.id, Outcome.EXPIRED, None, NO_DECISION):
        request.move(session, decision.request_id, Status.EXPIRED, SYSTEM, closed_reason=NO_DECISION)
        return Outcome.EXPIRED
    session.refresh(decision)
    return Outcome(str(decision.outcome))


def withdraw(session: Session, row: RequestRow, requester_id: UUID) -> None:
    """Take a request back for its requester; raises RequestIsClosed where it was decided."""
    if row.run_id is not None:
        request.check_open_for_withdrawal(row)
        # A run is always held before its request.
        process_run.cancel(session, row.run_id, requester_id, "The request was withdrawn.")
    row = request.by_id(session, row.id, lock=True)
    request.check_open_for_withdrawal(row)
    moved = request.move(session, row.id, Status.WITHDRAWN, Actor.person(requester_id))
    if not moved:
        raise RequestIsClosed("This request can no longer be withdrawn: it has been decided.")
    open_ones = select(DecisionRow.id).where(DecisionRow.request_id == row.id, DecisionRow.outcome.is_(None))
    for decision_id in session.scalars(open_ones).all():
        _close(session, decision_id, Outcome.WITHDRAWN, requester_id, "")
    if row.run_id is None:
        outbox.put(session, Kind.SIGNAL_WITHDRAW, row.id, {"request_id": str(row.id)})


def _close(session: Session, decision_id: UUID, outcome: Outcome, by: UUID | None, comment: str) -> bool:
    closed = session.execute(
        update(DecisionRow)
        .where(DecisionRow.id == decision_id, DecisionRow.outcome.is_(None))
        .values(outcome=outcome.value, decided_at=func.now(), decided_by=by, comment=comment)
        .returning(DecisionRow.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return closed is not None


def describe_outcome(session: Session, decision: DecisionRow) -> str:
    """One sentence that says how a question ended, by whom and when."""
    who = "the system"
    if decision.decided_by is not None:
        who = person.names(session, [decision.decided_by]).get(decision.decided_by, "somebody")
    at = f"{decision.decided_at:%Y-%m-%d %H:%M} UTC" if decision.decided_at else "just now"
    return f"Already {decision.outcome} by {who} at {at}."
