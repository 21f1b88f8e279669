"""Timetables as they are stored, and what became of each planned time. Postgres is the truth; Temporal only rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotFound
from rules.outbox import Kind
from rules.process_timetable import Overlap, Planned, Timetable, input_for, judge_timetable, left_out
from storage import audit, outbox, process, process_run
from storage.audit import SYSTEM, Actor
from storage.database import Base, new_id, now
from storage.process import ProcessRow
from storage.process_run import OPEN, ProcessRunRow, RunHasEnded
from storage.process_trigger import deployed_or_none


class TimetableChanged(BusinessError):
    """Somebody else changed the timetable since it was read."""

    status = 409


class ProcessTimetableRow(Base):
    """One timetable; see rules/process_timetable.py.

    Attributes:
        given: what its runs are given, with templates.
        revision: counts the changes; a writer names the one it has read.
        removed_at: since when it is gone for people; what it started stays.
        in_line_with: the revision that its schedule at Temporal has; None before there is one.
        mended_at: when its schedule last had to be mended because somebody had changed or deleted it there.
    """

    __tablename__ = "process_timetable"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    cron: Mapped[str]
    zone: Mapped[str]
    overlap: Mapped[str]
    catch_up_seconds: Mapped[int]
    given: Mapped[dict[str, Any]]
    is_on: Mapped[bool] = mapped_column(server_default=text("true"))
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]
    in_line_with: Mapped[int | None]
    in_line_at: Mapped[datetime | None]
    mended_at: Mapped[datetime | None]

    @property
    def timetable(self) -> Timetable:
        """The timetable as the rules see it."""
        return Timetable(
            self.title, self.process_key, self.cron, self.zone, Overlap(self.overlap), self.catch_up_seconds,
            self.given,
        )  # fmt: skip


class ProcessTimetableStartRow(Base):
    """What became of one planned time: written once, whatever comes twice.

    Attributes:
        outcome: a `rules.process_timetable.Planned`.
        note: why nothing was started.
    """

    __tablename__ = "process_timetable_start"
    __table_args__ = (Index("uq_process_timetable_start_run_id", "run_id", unique=True),)

    timetable_id: Mapped[UUID] = mapped_column(ForeignKey("process_timetable.id"), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("process_run.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())


def all_timetables(session: Session) -> Sequence[tuple[ProcessTimetableRow, ProcessRow]]:
    """Every timetable that is there, with the process that it starts, by title."""
    rows = session.execute(
        select(ProcessTimetableRow, ProcessRow)
        .join(ProcessRow, ProcessRow.key == ProcessTimetableRow.process_key)
        .where(ProcessTimetableRow.removed_at.is_(None))
        .order_by(ProcessTimetableRow.title, ProcessTimetableRow.id)
    )
    return [(row[0], row[1]) for row in rows]


def by_id(session: Session, timetable_id: UUID, *, lock: bool = False) -> ProcessTimetableRow:
    """One timetable, read afresh, a removed one, too; raises NotFound."""
    query = select(ProcessTimetableRow).where(ProcessTimetableRow.id == timetable_id)
    query = query.execution_options(populate_existing=True)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("There is no such timetable.")
    return row


def there(session: Session, timetable_id: UUID, *, lock: bool = False) -> ProcessTimetableRow:
    """One timetable that was not removed; raises NotFound."""
    row = by_id(session, timetable_id, lock=lock)
    if row.removed_at is not None:
        raise NotFound("This timetable was removed.")
    return row


def create(session: Session, content: Mapping[str, Any], by: UUID, reason: str) -> ProcessTimetableRow:
    """A new timetable, on from the commit on; raises InvalidFields."""
    judged = judge_timetable(content, deployed_or_none(session, content["process"]), now(session))
    row = ProcessTimetableRow(id=new_id(), created_by=by, changed_by=by, **_columns(judged))
    session.add(row)
    session.flush()
    session.refresh(row)
    _carry(session, row)
    audit.record(
        session, Actor.person(by), "process_timetable.created", timetable=str(row.id), title=row.title,
        process=row.process_key, content=dict(content), reason=reason,
    )  # fmt: skip
    return row


def change(
    session: Session, timetable_id: UUID, content: Mapping[str, Any], by: UUID, revision: int, reason: str
) -> ProcessTimetableRow:
    """Another content for a timetable; raises NotFound, TimetableChanged, InvalidFields."""
    row = _held(session, timetable_id, revision)
    judged = judge_timetable(content, deployed_or_none(session, content["process"]), now(session))
    for name, value in _columns(judged).items():
        setattr(row, name, value)
    _note(session, row, by)
    audit.record(
        session, Actor.person(by), "process_timetable.changed", timetable=str(row.id), title=row.title,
        process=row.process_key, content=dict(content), reason=reason,
    )  # fmt: skip
    return row


def switch(
    session: Session, timetable_id: UUID, is_on: bool, by: UUID, revision: int, reason: str
) -> ProcessTimetableRow:
    """Switch a timetable on or off; raises NotFound, TimetableChanged."""
    row = _held(session, timetable_id, revision)
    row.is_on = is_on
    _note(session, row, by)
    act = "process_timetable.switched_on" if is_on else "process_timetable.switched_off"
    audit.record(session, Actor.person(by), act, timetable=str(row.id), title=row.title, reason=reason)
    return row


def remove(session: Session, timetable_id: UUID, by: UUID, revision: int, reason: str) -> None:
    """Take a timetable away; the runs that it started go on. Raises NotFound, TimetableChanged."""
    row = _held(session, timetable_id, revision)
    row.is_on, row.removed_at = False, now(session)
    _note(session, row, by)
    audit.record(
        session, Actor.person(by), "process_timetable.removed", timetable=str(row.id), title=row.title,
        reason=reason,
    )  # fmt: skip


def _columns(judged: Timetable) -> dict[str, Any]:
    return {
        "title": judged.title,
        "process_key": judged.process,
        "cron": judged.cron,
        "zone": judged.zone,
        "overlap": judged.overlap.value,
        "catch_up_seconds": judged.catch_up_seconds,
        "given": dict(judged.input),
    }


def _held(session: Session, timetable_id: UUID, revision: int) -> ProcessTimetableRow:
    row = there(session, timetable_id, lock=True)
    if row.revision != revision:
        raise TimetableChanged(
            f"This timetable has revision {row.revision} by now. Please look at it first.", "revision"
        )
    return row


def _note(session: Session, row: ProcessTimetableRow, by: UUID) -> None:
    row.revision += 1
    row.changed_by, row.changed_at = by, now(session)
    session.flush()
    _carry(session, row)


def _carry(session: Session, row: ProcessTimetableRow) -> None:
    outbox.put(session, Kind.CARRY_TIMETABLE, None, {"timetable_id": str(row.id)})


# What Temporal has to know


def to_keep_in_line(session: Session) -> Sequence[UUID]:
    """The timetables whose schedules are looked at: all that are there, and those that were removed of late."""
    return session.scalars(
        select(ProcessTimetableRow.id)
        .where(
            (ProcessTimetableRow.removed_at.is_(None))
            | (ProcessTimetableRow.in_line_with != ProcessTimetableRow.revision)
        )
        .order_by(ProcessTimetableRow.id)
    ).all()


def note_in_line(session: Session, timetable_id: UUID, revision: int, *, was_mended: bool) -> bool:
    """Note that a schedule says what the timetable said in that revision.

    Args:
        was_mended: it was there in this revision before, and then somebody changed or deleted it at Temporal.

    Returns:
        Whether that is what the timetable says still.
    """
    row = by_id(session, timetable_id, lock=True)
    if row.revision != revision:
        return False
    row.in_line_with, row.in_line_at = revision, now(session)
    if was_mended:
        row.mended_at = row.in_line_at
        audit.record(
            session, SYSTEM, "process_timetable.mended", timetable=str(row.id), title=row.title,
            revision=revision,
        )  # fmt: skip
    session.flush()
    return True


# What a planned time starts


def begin_planned(
    session: Session, timetable_id: UUID, planned_at: datetime, revision: int
) -> ProcessTimetableStartRow:
    """Start what a timetable has planned for a time, once, or write down why not.

    Args:
        revision: of the timetable, as the schedule knew it that fired.

    Raises:
        NotFound: there is no such timetable.
    """
    row = by_id(session, timetable_id, lock=True)
    earlier = session.get(ProcessTimetableStartRow, (timetable_id, planned_at))
    if earlier is not None:
        return earlier
    open_runs = _open_runs(session, timetable_id)
    outdated = revision != row.revision and planned_at >= row.changed_at
    timetable, run_id = row.timetable, None
    note = left_out(
        timetable.overlap,
        is_on=row.is_on,
        is_outdated=outdated,
        open_runs=len(open_runs),
    )
    outcome = Planned.SKIPPED if note else Planned.STARTED
    if not note:
        try:
            with session.begin_nested():
                run_id = _begin(session, timetable, planned_at, open_runs)
        except BusinessError as refusal:
            outcome, note = Planned.REFUSED, str(refusal)
    start = ProcessTimetableStartRow(
        timetable_id=timetable_id, planned_at=planned_at, outcome=outcome.value, note=note[:2000],
        run_id=run_id,
    )  # fmt: skip
    session.add(start)
    session.flush()
    act = "process_timetable.started" if outcome is Planned.STARTED else "process_timetable.held"
    audit.record(
        session, SYSTEM, act, timetable=str(row.id), title=row.title, process=row.process_key,
        planned_at=planned_at.isoformat(), outcome=outcome.value, note=note[:500],
        run=str(run_id) if run_id else "",
    )  # fmt: skip
    return start


def _begin(session: Session, timetable: Timetable, planned_at: datetime, open_runs: Sequence[UUID]) -> UUID:
    given = input_for(timetable, planned_at, process.deployed(session, timetable.process).process)
    run_id = process_run.begin(session, timetable.process, given, SYSTEM).id
    if timetable.overlap is Overlap.REPLACE:
        for each in open_runs:
            with suppress(RunHasEnded):  # by itself, since it was looked for
                process_run.cancel(session, each, None, f"{timetable.title}: the next one has started.")
    return run_id


def _open_runs(session: Session, timetable_id: UUID) -> Sequence[UUID]:
    return session.scalars(
        select(ProcessRunRow.id)
        .join(ProcessTimetableStartRow, ProcessTimetableStartRow.run_id == ProcessRunRow.id)
        .where(ProcessTimetableStartRow.timetable_id == timetable_id, ProcessRunRow.status == OPEN)
        .order_by(ProcessRunRow.started_at, ProcessRunRow.id)
    ).all()


def latest(session: Session, timetable_id: UUID, limit: int = 20) -> Sequence[ProcessTimetableStartRow]:
    """What became of the last planned times, the newest first."""
    return session.scalars(
        select(ProcessTimetableStartRow)
        .where(ProcessTimetableStartRow.timetable_id == timetable_id)
        .order_by(ProcessTimetableStartRow.planned_at.desc())
        .limit(limit)
    ).all()


def of_run(session: Session, run_id: UUID) -> tuple[ProcessTimetableRow, ProcessTimetableStartRow] | None:
    """The timetable and the planned time that started a run; None where it was started otherwise."""
    found = session.execute(
        select(ProcessTimetableRow, ProcessTimetableStartRow)
        .join(ProcessTimetableStartRow, ProcessTimetableStartRow.timetable_id == ProcessTimetableRow.id)
        .where(ProcessTimetableStartRow.run_id == run_id)
    ).one_or_none()
    return (found[0], found[1]) if found is not None else None
