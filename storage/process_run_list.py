"""Runs as a list: filtered, page by page from where one stands, and the mark by which a page sees that one moved on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, exists, false, func, or_, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from rules.person import Person, may_read_all_runs
from rules.process_state import NodeStatus
from storage.person import PersonRow
from storage.process import ProcessRow
from storage.process_run import OPEN, ProcessRunRow
from storage.process_step import ProcessStepRow
from storage.process_task import ProcessTaskRow

#: Nobody reads further than that there are so many; counting on would cost more than it tells.
MOST_COUNTED: Final = 10_000
#: How many people a filter offers who are waited for now.
MOST_AWAITED: Final = 50
PERSON: Final = "person:"

_Starter = aliased(PersonRow)


@dataclass(frozen=True)
class Wanted:
    """Which runs to list; what is empty or None narrows nothing.

    Attributes:
        awaiting: a role, or `person:` and an id, as `ProcessRunRow.awaiting` holds them.
        has_incident: whether a node waits for an operator.
        started_by: part of a name or a mail address.
        since, until: began in this time; the second is not included.
        text: part of the input, an id, or the error.
    """

    process: str = ""
    version: int | None = None
    status: str = ""
    awaiting: str = ""
    has_incident: bool | None = None
    started_by: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True)
class Listed:
    """A run with what a list shows of it.

    Attributes:
        title: its process's.
        starter: who started it, None where no person did.
        incidents: how many nodes wait for an operator.
    """

    run: ProcessRunRow
    title: str
    starter: str | None
    incidents: int


@dataclass(frozen=True)
class Place:
    """The last run of a page; the next page begins behind it."""

    started_at: datetime
    id: UUID


_INCIDENTS: Final = (
    select(func.count())
    .where(ProcessStepRow.run_id == ProcessRunRow.id, ProcessStepRow.status == NodeStatus.INCIDENT.value)
    .scalar_subquery()
)


def page(
    session: Session, reader: Person, wanted: Wanted, size: int, behind: Place | None = None
) -> Sequence[Listed]:
    """Runs that the reader may see, the newest first; however far behind, a page costs the same."""
    query = (
        select(ProcessRunRow, ProcessRow.title, _Starter.name, _INCIDENTS)
        .join(ProcessRow, ProcessRow.key == ProcessRunRow.process_key)
        .outerjoin(_Starter, _Starter.id == ProcessRunRow.started_by)
        .where(_where(reader, wanted))
        .order_by(ProcessRunRow.started_at.desc(), ProcessRunRow.id.desc())
        .limit(size)
    )
    if behind is not None:
        query = query.where(
            tuple_(ProcessRunRow.started_at, ProcessRunRow.id) < tuple_(behind.started_at, behind.id)
        )
    return [Listed(*row) for row in session.execute(query)]


def count(session: Session, reader: Person, wanted: Wanted) -> int:
    """How many there are; MOST_COUNTED stands for that many or more."""
    some = select(ProcessRunRow.id).where(_where(reader, wanted)).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _where(reader: Person, wanted: Wanted) -> ColumnElement[bool]:
    run = ProcessRunRow
    criteria: list[ColumnElement[bool]] = [_readable(reader)]
    if wanted.process:
        criteria.append(run.process_key == wanted.process)
    if wanted.version is not None:
        criteria.append(run.version == wanted.version)
    if wanted.status:
        criteria.append(run.status == wanted.status)
    if wanted.awaiting:
        criteria += [run.status == OPEN, run.awaiting.contains([wanted.awaiting])]
    if wanted.has_incident is not None:
        parked = run.id.in_(
            select(ProcessStepRow.run_id).where(ProcessStepRow.status == NodeStatus.INCIDENT.value)
        )
        criteria.append(parked if wanted.has_incident else ~parked)
    if wanted.started_by:
        named = or_(*(_has(column, wanted.started_by) for column in (PersonRow.name, PersonRow.email)))
        criteria.append(run.started_by.in_(select(PersonRow.id).where(named)))
    if wanted.since is not None:
        criteria.append(run.started_at >= wanted.since)
    if wanted.until is not None:
        criteria.append(run.started_at < wanted.until)
    if wanted.text:
        columns = (cast(run.given, Text), cast(run.id, Text), run.error)
        criteria.append(or_(*(_has(column, wanted.text) for column in columns)))
    return and_(*criteria)


def _has(column: Any, part: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(part, autoescape=True)
    return found


def _readable(reader: Person) -> ColumnElement[bool]:
    """The same circle that rules.person.may_read_run draws."""
    if may_read_all_runs(reader):
        return ProcessRunRow.id.is_not(None)
    task, roles = ProcessTaskRow, [role.value for role in reader.roles]
    asked = exists().where(
        task.run_id == ProcessRunRow.id,
        or_(task.person_id == reader.id, task.role.in_(roles) if roles else false()),
    )
    return or_(ProcessRunRow.started_by == reader.id, asked)


def awaited_people(session: Session) -> dict[str, str]:
    """Everybody who is waited for now, as `ProcessRunRow.awaiting` holds them -> name, in the names' order."""
    awaited = func.unnest(ProcessRunRow.awaiting).label("who")
    waiting = select(awaited).where(ProcessRunRow.status == OPEN).distinct().subquery()
    names = session.execute(
        select(PersonRow.id, PersonRow.name)
        .join(waiting, waiting.c.who == func.concat(PERSON, cast(PersonRow.id, Text)))
        .order_by(PersonRow.name)
        .limit(MOST_AWAITED)
    )
    return {f"{PERSON}{person_id}": name for person_id, name in names}


def say_awaited(session: Session, runs: Iterable[Sequence[str]]) -> dict[str, str]:
    """Name for each person among what runs wait for; roles are left out."""
    ids = {UUID(each.removeprefix(PERSON)) for one in runs for each in one if each.startswith(PERSON)}
    if not ids:
        return {}
    found = session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(ids)))
    return {f"{PERSON}{person_id}": name for person_id, name in found}


def open_by_version(session: Session, key: str) -> dict[int, int]:
    """Version -> how many open runs follow it, the newest version first."""
    rows = session.execute(
        select(ProcessRunRow.version, func.count())
        .where(ProcessRunRow.process_key == key, ProcessRunRow.status == OPEN)
        .group_by(ProcessRunRow.version)
        .order_by(ProcessRunRow.version.desc())
    )
    return {row[0]: row[1] for row in rows}


def parts_of(session: Session, run_id: UUID) -> dict[tuple[str, int], UUID]:
    """Node and iteration -> the newest run that is carried through as that part of a run."""
    rows = session.execute(
        select(ProcessRunRow.parent_node, ProcessRunRow.parent_iteration, ProcessRunRow.id)
        .where(ProcessRunRow.parent_id == run_id)
        .order_by(ProcessRunRow.started_at, ProcessRunRow.id)
    )
    return {(str(node), iteration or 0): part for node, iteration, part in rows}


_MARK: Final = text(
    """
    SELECT md5(concat_ws(' ', run.status, run.version, run.awaiting, step.*, task.*, move.*))
    FROM process_run run,
    LATERAL (SELECT count(*), sum(attempt), max(seq), max(began_at), max(ended_at),
                    count(*) FILTER (WHERE status = 'incident')
             FROM process_step WHERE run_id = run.id) step,
    LATERAL (SELECT count(*), max(answered_at), max(withdrawn_at)
             FROM process_task WHERE run_id = run.id) task,
    LATERAL (SELECT count(*), max(settled_at) FROM process_move_run WHERE run_id = run.id) move
    WHERE run.id = :run
    """
)


def mark(session: Session, run_id: UUID) -> str:
    """A text that differs as soon as anything that a run's page shows does."""
    return str(session.execute(_MARK, {"run": run_id}).scalar_one())
