"""Moves of runs to another version of their process: tried dry, asked for, and what became of each. Judges nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, insert, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotFound
from rules.outbox import Kind
from rules.process_messages import Move, MoveResult
from rules.process_migration import Blocker, CannotMigrate, blockers
from rules.process_plan import Plan, make_plan
from rules.process_state import State
from storage import audit, process
from storage.audit import Actor
from storage.database import Base, new_id, now
from storage.outbox import OutboxRow
from storage.process import DEPLOYED, RETIRED, ProcessVersionRow
from storage.process_run import OPEN, ProcessRunRow

ASKED: Final = "asked"
MOVED: Final = "moved"
STAYED: Final = "stayed"
#: Runs that one act looks at and moves; more of them are for the next one.
MOST_AT_ONCE: Final = 1000
ENDED: Final = "It had ended before it could be moved."
UNDER_WAY: Final = "It is being moved already."


class NotToBeFollowed(BusinessError):
    """Runs are moved only to a version that a second person has deployed."""

    status = 409


class NothingToMove(BusinessError):
    """No run is there that follows another version and could be moved."""

    status = 409


class ProcessMoveRow(Base):
    """One act: runs of a process are to follow this version."""

    __tablename__ = "process_move"
    __table_args__ = (Index("ix_process_move_process_key", "process_key", "asked_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    version: Mapped[int]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reason: Mapped[str]


class ProcessMoveRunRow(Base):
    """One run in such an act.

    Attributes:
        state: asked, moved or stayed.
        node, why: what keeps a run on its version; the node is empty where it is the run itself.
    """

    __tablename__ = "process_move_run"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'moved', 'stayed')", name="state"),
        Index("ix_process_move_run_run_id", "run_id"),
        Index("uq_process_move_run_asked", "run_id", unique=True, postgresql_where=text("state = 'asked'")),
    )

    move_id: Mapped[UUID] = mapped_column(ForeignKey("process_move.id"), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"), primary_key=True)
    from_version: Mapped[int]
    state: Mapped[str] = mapped_column(server_default=text("'asked'"))
    node: Mapped[str] = mapped_column(server_default=text("''"))
    why: Mapped[str] = mapped_column(server_default=text("''"))
    settled_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Candidate:
    """A run that follows another version, and what keeps it there; nothing where it can be moved."""

    run: ProcessRunRow
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class DryRun:
    """What a move would do, as far as Postgres knows; each run judges anew when it is moved.

    Attributes:
        candidates: the oldest first, at most MOST_AT_ONCE.
        total: how many follow another version.
    """

    version: ProcessVersionRow
    candidates: Sequence[Candidate]
    total: int

    @property
    def movable(self) -> Sequence[Candidate]:
        """Those that can be moved."""
        return [each for each in self.candidates if not each.blockers]


def dry_run(
    session: Session, key: str, number: int, run_ids: Collection[UUID] = (), *, lock: bool = False
) -> DryRun:
    """Which open runs of a process can be moved to a version, and which node blocks each of the others.

    Args:
        run_ids: only these; all where it is empty.
        lock: keep them from ending until the transaction does.

    Raises:
        NotFound, NotToBeFollowed.
    """
    version = process.version(session, key, number)
    if version.state not in (DEPLOYED, RETIRED) or version.deployed_at is None:
        raise NotToBeFollowed(
            f"Version {number} was never deployed, so no run is moved to it. A second person deploys it first.",
            "version",
        )
    wanted = [
        ProcessRunRow.process_key == key, ProcessRunRow.version != number, ProcessRunRow.status == OPEN
    ]  # fmt: skip
    if run_ids:
        wanted.append(ProcessRunRow.id.in_(run_ids))
    total = session.scalar(select(func.count(ProcessRunRow.id)).where(*wanted)) or 0
    query = select(ProcessRunRow).where(*wanted).order_by(ProcessRunRow.started_at, ProcessRunRow.id)
    query = query.limit(MOST_AT_ONCE).execution_options(populate_existing=True)
    runs = session.scalars(query.with_for_update(key_share=True) if lock else query).all()
    asked = _being_moved(session, [run.id for run in runs])
    new, plans = make_plan(version.process), dict[int, Plan]()
    found = []
    for run in runs:
        if run.version not in plans:
            plans[run.version] = make_plan(process.version(session, key, run.version).process)
        is_asked = run.id in asked
        found.append(
            Candidate(run, (Blocker("", UNDER_WAY),) if is_asked else _judge(run, plans[run.version], new))
        )
    return DryRun(version, found, total)


def _judge(run: ProcessRunRow, old: Plan, new: Plan) -> tuple[Blocker, ...]:
    # Before its first step nothing has happened, so nothing can be in the way but what every run has.
    state = State.from_content(old, run.state) if run.state is not None else State(old)
    return blockers(old, state, new)


def _being_moved(session: Session, run_ids: Collection[UUID]) -> set[UUID]:
    return set(
        session.scalars(
            select(ProcessMoveRunRow.run_id).where(
                ProcessMoveRunRow.run_id.in_(run_ids), ProcessMoveRunRow.state == ASKED
            )
        )
    )


def ask(
    session: Session, key: str, number: int, by: UUID, reason: str, run_ids: Collection[UUID] = ()
) -> ProcessMoveRow:
    """Have runs moved to a version; each is told when the transaction commits, and judges by itself whether it can.

    Args:
        run_ids: only these; every one that can be moved where it is empty.

    Raises:
        NotFound, NotToBeFollowed, NothingToMove.
        CannotMigrate: the only run that was named cannot be moved.
    """
    tried = dry_run(session, key, number, run_ids, lock=True)
    if len(run_ids) == 1 and tried.candidates and not tried.movable:
        raise CannotMigrate(tried.candidates[0].blockers)
    if not tried.movable:
        raise NothingToMove(f"No run that follows another version can be moved to version {number}.")
    row = ProcessMoveRow(id=new_id(), process_key=key, version=number, asked_by=by, reason=reason)
    session.add(row)
    session.flush()
    at = now(session)
    session.execute(insert(ProcessMoveRunRow), [_row(row.id, each, at) for each in tried.candidates])
    move = asdict(Move(str(row.id), number, tried.version.sha256))
    session.execute(
        insert(OutboxRow),
        [
            {
                "kind": Kind.MOVE_PROCESS.value,
                "request_id": None,
                "payload": {"run_id": str(each.run.id), **move},
            }
            for each in tried.movable
        ],
    )
    audit.record(
        session, Actor.person(by), "process_move.asked", process=key, version=number, move=str(row.id),
        runs=len(tried.movable), reason=reason,
    )  # fmt: skip
    return row


def _row(move_id: UUID, candidate: Candidate, at: datetime) -> dict[str, Any]:
    run = candidate.run
    row = {
        "move_id": move_id, "run_id": run.id, "from_version": run.version, "state": ASKED, "node": "",
        "why": "", "settled_at": None,
    }  # fmt: skip
    if candidate.blockers:
        first = candidate.blockers[0]
        row |= {"state": STAYED, "node": first.node, "why": first.why, "settled_at": at}
    return row


def settle(session: Session, run: ProcessRunRow, result: MoveResult) -> None:
    """Note what became of a wish; `run` is held, and says already which version it follows."""
    state = STAYED if result.why else MOVED
    row = session.scalars(
        update(ProcessMoveRunRow)
        .where(
            ProcessMoveRunRow.move_id == UUID(result.move_id),
            ProcessMoveRunRow.run_id == run.id,
            ProcessMoveRunRow.state.is_distinct_from(state),
        )
        .values(state=state, node=result.node, why=result.why[:2000], settled_at=func.now())
        .returning(ProcessMoveRunRow)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is not None:
        audit.record(
            session, audit.SYSTEM, f"process_run.{state}", run=str(run.id), process=run.process_key,
            move=result.move_id, from_version=row.from_version, version=run.version, node=row.node, why=row.why,
        )  # fmt: skip


def close(session: Session, run_id: UUID) -> None:
    """A run has ended: nobody carries out any more what was still asked of it."""
    session.execute(
        update(ProcessMoveRunRow)
        .where(ProcessMoveRunRow.run_id == run_id, ProcessMoveRunRow.state == ASKED)
        .values(state=STAYED, why=ENDED, settled_at=func.now())
        .execution_options(synchronize_session=False)
    )


def by_id(session: Session, move_id: UUID) -> ProcessMoveRow:
    """One act; raises NotFound."""
    row = session.get(ProcessMoveRow, move_id)
    if row is None:
        raise NotFound("There is no such move.")
    return row


def of_process(session: Session, key: str, limit: int = 10) -> Sequence[ProcessMoveRow]:
    """The latest acts upon runs of a process, the newest first."""
    return session.scalars(
        select(ProcessMoveRow)
        .where(ProcessMoveRow.process_key == key)
        .order_by(ProcessMoveRow.asked_at.desc())
        .limit(limit)
    ).all()


def of_move(session: Session, move_id: UUID) -> Sequence[ProcessMoveRunRow]:
    """What became of each run of an act: those that are under way first, then those that stayed."""
    return session.scalars(
        select(ProcessMoveRunRow)
        .where(ProcessMoveRunRow.move_id == move_id)
        .order_by(
            (ProcessMoveRunRow.state == ASKED).desc(),
            (ProcessMoveRunRow.state == STAYED).desc(),
            ProcessMoveRunRow.settled_at.desc(),
            ProcessMoveRunRow.run_id,
        )
        .execution_options(populate_existing=True)
    ).all()


def runs_of(session: Session, move_id: UUID) -> dict[UUID, ProcessRunRow]:
    """The runs of an act by their id."""
    rows = session.scalars(
        select(ProcessRunRow)
        .join(ProcessMoveRunRow, ProcessMoveRunRow.run_id == ProcessRunRow.id)
        .where(ProcessMoveRunRow.move_id == move_id)
    )
    return {row.id: row for row in rows}


def counts(session: Session, move_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """For each act how many runs stand where."""
    found: dict[UUID, dict[str, int]] = {each: dict.fromkeys((ASKED, MOVED, STAYED), 0) for each in move_ids}
    rows = session.execute(
        select(ProcessMoveRunRow.move_id, ProcessMoveRunRow.state, func.count())
        .where(ProcessMoveRunRow.move_id.in_(move_ids))
        .group_by(ProcessMoveRunRow.move_id, ProcessMoveRunRow.state)
    )
    for move_id, state, number in rows:
        found[move_id][state] = number
    return found


def of_run(session: Session, run_id: UUID) -> Sequence[tuple[ProcessMoveRunRow, ProcessMoveRow]]:
    """Every act that concerned a run, the latest first."""
    rows = session.execute(
        select(ProcessMoveRunRow, ProcessMoveRow)
        .join(ProcessMoveRow, ProcessMoveRow.id == ProcessMoveRunRow.move_id)
        .where(ProcessMoveRunRow.run_id == run_id)
        .order_by(ProcessMoveRow.asked_at.desc())
    )
    return [(row[0], row[1]) for row in rows]
