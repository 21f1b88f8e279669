"""Seats of approvals: who is asked, and what each said, by one conditional UPDATE. Who counts is judged in rules/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided, NotFound
from rules.person import Person
from rules.process import Outcome
from rules.process_nodes.approval import TYPE, Seat, count
from rules.process_people import Asked, NotYourTask, check_may_answer
from storage import audit, person, process_run, process_step
from storage.audit import Actor
from storage.database import Base, new_id, now


class ProcessTaskRow(Base):
    """One seat. It is open while neither `answered_at` nor `withdrawn_at` is set.

    Attributes:
        attempt: see `storage.process_step.ProcessStepRow`.
        seat: its place among those of the node.
        person_id, role: who is asked; one of them.
        requester_id: who may not answer; None where they may.
    """

    __tablename__ = "process_task"
    __table_args__ = (
        CheckConstraint("(person_id IS NULL) <> (role = '')", name="asks_one"),
        CheckConstraint("(agrees IS NULL) = (answered_at IS NULL)", name="answer_has_a_time"),
        Index("uq_process_task_seat", "run_id", "node", "iteration", "attempt", "seat", unique=True),
        Index(
            "ix_process_task_open_person_id",
            "person_id",
            postgresql_where=text("answered_at IS NULL AND withdrawn_at IS NULL"),
        ),
        Index(
            "ix_process_task_open_role",
            "role",
            postgresql_where=text("answered_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"))
    node: Mapped[str]
    iteration: Mapped[int]
    attempt: Mapped[int]
    seat: Mapped[int]
    group: Mapped[str] = mapped_column("seat_group", server_default=text("''"))
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(server_default=text("''"))
    requester_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    title: Mapped[str]
    question: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deadline_at: Mapped[datetime | None]
    agrees: Mapped[bool | None]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]

    @property
    def asked(self) -> Asked:
        """Who is asked, as the rules see it."""
        return Asked(self.group, self.person_id, self.role)

    @property
    def is_open(self) -> bool:
        """Whether it may be answered."""
        return self.answered_at is None and self.withdrawn_at is None


def ask(
    session: Session,
    where: tuple[UUID, str, int, int],
    seats: Sequence[Asked],
    *,
    requester_id: UUID | None,
    title: str,
    question: str,
    deadline_seconds: int | None,
) -> Sequence[ProcessTaskRow]:
    """Ask more people; whoever is asked already is asked once.

    Args:
        where: run, node, iteration and attempt; the node's row is held by the caller.

    Returns:
        The new seats.
    """
    asked = of_node(session, where)
    known = {(row.group, row.person_id, row.role) for row in asked}
    fresh = [each for each in seats if (each.group, each.person_id, each.role) not in known]
    at = now(session)
    deadline = asked[0].deadline_at if asked else None
    if not asked and deadline_seconds is not None:
        deadline = at + timedelta(seconds=deadline_seconds)
    run_id, node, iteration, attempt = where
    rows = [
        {
            "id": new_id(), "run_id": run_id, "node": node, "iteration": iteration, "attempt": attempt,
            "seat": len(asked) + place, "group": each.group, "person_id": each.person_id, "role": each.role,
            "requester_id": requester_id, "title": title, "question": question, "deadline_at": deadline,
        }
        for place, each in enumerate(fresh)
    ]  # fmt: skip
    if not rows:
        return []
    return session.scalars(insert(ProcessTaskRow).values(rows).returning(ProcessTaskRow)).all()


def of_node(session: Session, where: tuple[UUID, str, int, int]) -> Sequence[ProcessTaskRow]:
    """The seats of a node in one attempt, in their order; `where` as in `ask`."""
    run_id, node, iteration, attempt = where
    return session.scalars(
        select(ProcessTaskRow)
        .where(
            ProcessTaskRow.run_id == run_id,
            ProcessTaskRow.node == node,
            ProcessTaskRow.iteration == iteration,
            ProcessTaskRow.attempt == attempt,
        )
        .order_by(ProcessTaskRow.seat)
        .execution_options(populate_existing=True)
    ).all()


def of_run(session: Session, run_id: UUID) -> Sequence[ProcessTaskRow]:
    """Every seat of a run, in the order in which they were asked."""
    return session.scalars(
        select(ProcessTaskRow)
        .where(ProcessTaskRow.run_id == run_id)
        .order_by(ProcessTaskRow.asked_at, ProcessTaskRow.node, ProcessTaskRow.seat)
    ).all()


def as_seats(rows: Sequence[ProcessTaskRow]) -> list[Seat]:
    """The answers as the rules count them: those that were given first, in the order in which they came."""
    last = max((row.answered_at for row in rows if row.answered_at), default=None)
    ordered = sorted(rows, key=lambda row: (row.answered_at or last or row.asked_at, row.seat))
    return [Seat(row.group, row.agrees) for row in ordered]


def open_for(session: Session, who: Person, limit: int = 200) -> Sequence[ProcessTaskRow]:
    """What waits for a person's answer, the most urgent first."""
    return session.scalars(
        select(ProcessTaskRow)
        .where(
            ProcessTaskRow.answered_at.is_(None),
            ProcessTaskRow.withdrawn_at.is_(None),
            or_(ProcessTaskRow.person_id == who.id, ProcessTaskRow.role.in_([r.value for r in who.roles])),
            or_(ProcessTaskRow.requester_id.is_(None), ProcessTaskRow.requester_id != who.id),
        )
        .order_by(ProcessTaskRow.deadline_at.asc().nulls_last(), ProcessTaskRow.asked_at)
        .limit(limit)
    ).all()


def by_id(session: Session, task_id: UUID) -> ProcessTaskRow:
    """One seat, read afresh; raises NotFound."""
    row = session.get(ProcessTaskRow, task_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such task.")
    return row


def answer(session: Session, task_id: UUID, answering: Person, agrees: bool, note: str) -> ProcessTaskRow:
    """Record a person's answer and wake the run. It counts for all seats that ask for this very person.

    The same answer once more by the same person changes nothing: what stands is given back, with its first note.

    Raises:
        NotFound, NotYourTask.
        AlreadyDecided: names who answered and when, or says that the question is gone.
    """
    row = by_id(session, task_id)
    where = (row.run_id, row.node, row.iteration, row.attempt)
    # Every act on a node holds its row first, so that two answers are counted one after the other.
    process_step.by_id(session, row.run_id, row.node, row.iteration)
    check_may_answer(answering, row.asked, row.requester_id)
    others = [each for each in of_node(session, where) if each.answered_by == answering.id]
    if row in others and row.agrees is agrees:
        return row
    if others and row.is_open:
        raise NotYourTask("You have answered here already; somebody else has to be the second.")
    mine = ProcessTaskRow.id == task_id
    if row.person_id is not None:
        mine = ProcessTaskRow.person_id == row.person_id
    run_id, node, iteration, attempt = where
    done = session.scalars(
        update(ProcessTaskRow)
        .where(
            mine,
            ProcessTaskRow.run_id == run_id,
            ProcessTaskRow.node == node,
            ProcessTaskRow.iteration == iteration,
            ProcessTaskRow.attempt == attempt,
            ProcessTaskRow.answered_at.is_(None),
            ProcessTaskRow.withdrawn_at.is_(None),
            or_(ProcessTaskRow.deadline_at.is_(None), ProcessTaskRow.deadline_at > func.now()),
        )
        .values(agrees=agrees, note=note, answered_by=answering.id, answered_at=func.now())
        .returning(ProcessTaskRow.id)
    ).all()
    session.expire_all()
    if task_id not in done:
        raise AlreadyDecided(_why_closed(session, by_id(session, task_id)))
    audit.record(
        session, Actor.person(answering.id), "process_task.answered", run=str(run_id), node=node,
        iteration=iteration, task=str(task_id), agrees=agrees, note=note,
    )  # fmt: skip
    process_run.wake(session, run_id, node, iteration)
    return by_id(session, task_id)


def answer_as(
    session: Session, place: tuple[UUID, str, int], answering: Person, agrees: bool, note: str
) -> Outcome | None:
    """Answer in whichever seat of a node asks this person.

    Args:
        place: run, node and iteration.

    Returns:
        What the node has come to by that; None while others have to answer. Raises as `answer`.
    """
    step = process_step.by_id(session, *place)
    where = (*place, step.attempt)
    seats = of_node(session, where)
    mine = [
        row
        for row in seats
        if row.person_id == answering.id or row.role in {each.value for each in answering.roles}
    ]
    if not mine:
        raise NotYourTask("Somebody else is asked here.")
    seat = next((row for row in mine if row.is_open), mine[0])
    answer(session, seat.id, answering, agrees, note)
    return counted(step.given, of_node(session, where))


def counted(config: Mapping[str, Any], rows: Sequence[ProcessTaskRow]) -> Outcome | None:
    """What the answers of a node's seats mean by its config; None while it is open."""
    policy = TYPE.value(config, "policy")
    quorum = config.get("quorum", 0)
    first_asked = min(row.asked_at for row in rows)
    if policy == "all" and any(row.asked_at != first_asked for row in rows):
        # Those who were asked later may step in for one who does not answer: as many as at first have to agree.
        policy, quorum = "quorum", sum(row.asked_at == first_asked for row in rows)
    return count(policy, quorum, TYPE.value(config, "veto"), as_seats(rows))


def _why_closed(session: Session, row: ProcessTaskRow) -> str:
    if row.answered_by is not None and row.answered_at is not None:
        who = person.names(session, [row.answered_by]).get(row.answered_by, "somebody")
        said = "agreed" if row.agrees else "refused"
        return f"{who} {said} at {row.answered_at:%Y-%m-%d %H:%M} UTC."
    if row.withdrawn_at is None:
        return "The deadline has passed."
    seats = of_node(session, (row.run_id, row.node, row.iteration, row.attempt))
    others = [seat for seat in seats if seat.answered_by is not None]
    if not others:
        return "This is not asked any more: its time has passed, or the run went another way."
    last = max(others, key=lambda seat: str(seat.answered_at))
    return f"This is not asked any more. {_why_closed(session, last)}"


def withdraw(session: Session, run_id: UUID, *places: tuple[str, int]) -> None:
    """Take back what is still open of the seats of nodes, each with its round."""
    session.execute(
        update(ProcessTaskRow)
        .where(
            ProcessTaskRow.run_id == run_id,
            tuple_(ProcessTaskRow.node, ProcessTaskRow.iteration).in_(places),
            ProcessTaskRow.answered_at.is_(None),
            ProcessTaskRow.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.now())
        .execution_options(synchronize_session=False)
    )
