"""What processes ask a person: tasks that wait for their answer, and how many. Decides nothing.

Tasks about a purchase request are left out: they stand among the questions of storage/inbox.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from rules.person import Person
from storage.person import PersonRow
from storage.process import ProcessRow
from storage.process_run import ProcessRunRow
from storage.process_task import ProcessTaskRow

#: A queue longer than this shows its most urgent part; the rest moves up as these are answered.
LONGEST_LIST = 100
MOST_COUNTED = 500

_Other = aliased(ProcessTaskRow)


@dataclass(frozen=True)
class Asked:
    """A task with what a list shows of it.

    Attributes:
        process: the title of the process.
        starter: who started the run, None where no person did.
    """

    task: ProcessTaskRow
    run: ProcessRunRow
    process: str
    starter: str | None


def _waits_for(who: Person) -> ColumnElement[bool]:
    task = ProcessTaskRow
    # Whoever has answered in one seat is not asked in another one of the same node.
    answered = exists().where(
        _Other.run_id == task.run_id,
        _Other.node == task.node,
        _Other.iteration == task.iteration,
        _Other.attempt == task.attempt,
        _Other.answered_by == who.id,
    )
    return and_(
        task.answered_at.is_(None),
        task.withdrawn_at.is_(None),
        or_(task.deadline_at.is_(None), task.deadline_at > func.now()),
        or_(task.person_id == who.id, task.role.in_([role.value for role in who.roles])),
        or_(task.requester_id.is_(None), task.requester_id != who.id),
        ~answered,
    )


def count_mine(session: Session, who: Person) -> int:
    """How many questions of processes wait for this person, up to MOST_COUNTED: it is asked on every page.

    Several seats of one node are one question.
    """
    task = ProcessTaskRow
    some = (
        select(task.run_id, task.node, task.iteration)
        .join(ProcessRunRow, ProcessRunRow.id == task.run_id)
        .where(_waits_for(who), ProcessRunRow.request_id.is_(None))
        .limit(MOST_COUNTED)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(select(some).distinct().subquery())) or 0


def mine(session: Session, who: Person) -> Sequence[Asked]:
    """What waits for a person's answer, least time left first, each question once."""
    task = ProcessTaskRow
    rows = session.execute(
        select(task, ProcessRunRow, ProcessRow.title, PersonRow.name)
        .join(ProcessRunRow, ProcessRunRow.id == task.run_id)
        .join(ProcessRow, ProcessRow.key == ProcessRunRow.process_key)
        .outerjoin(PersonRow, PersonRow.id == ProcessRunRow.started_by)
        .where(_waits_for(who), ProcessRunRow.request_id.is_(None))
        .order_by(task.deadline_at.asc().nulls_last(), task.asked_at, task.seat)
        .limit(LONGEST_LIST)
    )
    found: dict[tuple[UUID, str, int], Asked] = {}
    for row in rows:
        found.setdefault((row[0].run_id, row[0].node, row[0].iteration), Asked(*row))
    return list(found.values())


def mine_in(session: Session, who: Person, run_id: UUID) -> Sequence[ProcessTaskRow]:
    """What one run asks this person now, one seat for each node."""
    rows = session.scalars(
        select(ProcessTaskRow)
        .where(_waits_for(who), ProcessTaskRow.run_id == run_id)
        .order_by(ProcessTaskRow.asked_at, ProcessTaskRow.seat)
    )
    found: dict[tuple[str, int], ProcessTaskRow] = {}
    for row in rows:
        found.setdefault((row.node, row.iteration), row)
    return list(found.values())
