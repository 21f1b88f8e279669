"""Ways back from a build, as they were asked for and carried out. Carries nothing out itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.build_return import can_replay, check_way_back
from rules.errors import NotFound
from rules.outbox import rest_seconds
from rules.rollout import State
from storage import audit, build, rollout, route, routing
from storage.audit import Actor
from storage.database import Base, new_id

#: The Postgres channel on which a commit wakes whoever carries returns out; a trigger of the table rings it.
CHANNEL: Final = "build_return"
ASKED, ROUTED, DONE, REFUSED = "asked", "routed", "done", "refused"
_OPEN = text(f"state IN ('{ASKED}', '{ROUTED}')")


class BuildReturnRow(Base):
    """One way back.

    Attributes:
        freeze_only: nothing new goes to the build, what is open there stays.
        stable: the build to return to; None where the server says which was current last.
        can_replay: whether the old build replays the bad one's histories, as the gate found it; None: not known.
        state: ASKED, ROUTED (no new request reaches the build), DONE (its runs are free), REFUSED.
        report: what was done, with times; see activities/emergency_return.py.
    """

    __tablename__ = "build_return"
    __table_args__ = (
        Index("ix_build_return_asked_at", "asked_at"),
        Index("ix_build_return_open", "next_attempt_at", postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    build_id: Mapped[str]
    rollout_id: Mapped[UUID | None] = mapped_column(ForeignKey("rollout.id"))
    freeze_only: Mapped[bool]
    reason: Mapped[str]
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stable: Mapped[str | None]
    can_replay: Mapped[bool | None]
    state: Mapped[str]
    why: Mapped[str] = mapped_column(server_default=text("''"))
    report: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    routed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())


def ask(
    session: Session,
    build_id: str,
    reason: str,
    actor: Actor,
    *,
    freeze_only: bool = False,
    rejects: bool = True,
    forced: bool = False,
) -> BuildReturnRow:
    """Take a build back: from this commit on no rule sends a request to it, and the control worker does the rest.

    Asked for twice while the first is under way, it is the first.

    Args:
        freeze_only: what is open on the build stays there, and it may get traffic again.
        rejects: whether the build never gets traffic again; an abort says nothing against it.
        forced: also where the build to return to is dead or cannot take over; then it is frozen at least.

    Raises:
        NotFound: there is no such build.
        NoWayBack: the build to return to is dead or cannot take over; nothing was changed.
    """
    bad = build.by_id(session, build_id)
    standing = _open_of(session, build_id)
    if standing is not None:
        return standing
    goes = build.route(session)
    current = goes.current if goes is not None else None
    stable = current if current != build_id else None
    replays = can_replay(bad.gate)
    if not freeze_only and not forced:
        is_live = stable is not None and build.is_live(session, stable)
        check_way_back(build_id, stable, stable_is_live=is_live, can_replay=replays)
    switched = routing.switch_off_build(session, build_id, actor, reason)
    route.redirect(session, build_id, actor, reason)
    if rejects and not freeze_only:
        build.reject(session, build_id, reason, actor)
    running = rollout.open_in(session, "build")
    mine = running if running is not None and running.target == build_id else None
    row = BuildReturnRow(
        id=new_id(), build_id=build_id, rollout_id=mine.id if mine else None, freeze_only=freeze_only,
        reason=reason, asked_by=actor.id, stable=stable, can_replay=replays, state=ASKED,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if mine is not None and mine.state != State.RETURNING:
        locked = rollout.by_id(session, mine.id, lock=True)
        rollout.send_back(session, locked, actor, reason)
    audit.record(
        session, actor, "build.frozen" if freeze_only else "build.return_asked", build_id=build_id, reason=reason,
        build_return=str(row.id), old={"current": current}, rules_switched_off=switched,
    )  # fmt: skip
    return row


def _open_of(session: Session, build_id: str) -> BuildReturnRow | None:
    query = select(BuildReturnRow).where(BuildReturnRow.build_id == build_id, _OPEN)
    return session.scalars(query.order_by(BuildReturnRow.asked_at).limit(1)).one_or_none()


def by_id(session: Session, return_id: UUID) -> BuildReturnRow:
    """One way back; raises NotFound."""
    row = session.get(BuildReturnRow, return_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such return.")
    return row


def of_rollout(session: Session, rollout_id: UUID) -> BuildReturnRow | None:
    """The newest way back of a rollout; None where nobody asked for one."""
    query = select(BuildReturnRow).where(BuildReturnRow.rollout_id == rollout_id)
    return session.scalars(query.order_by(BuildReturnRow.asked_at.desc()).limit(1)).one_or_none()


def newest(session: Session, limit: int = 20) -> Sequence[BuildReturnRow]:
    """The latest ways back, the newest first."""
    return session.scalars(
        select(BuildReturnRow).order_by(BuildReturnRow.asked_at.desc(), BuildReturnRow.id).limit(limit)
    ).all()


def claim(session: Session) -> BuildReturnRow | None:
    """The next one to carry out, held for this transaction by a lock that keeps nobody from reading or noting it."""
    due = select(BuildReturnRow).where(_OPEN, BuildReturnRow.next_attempt_at <= func.now())
    for row in session.scalars(due.order_by(BuildReturnRow.asked_at)):
        if session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext(f"build_return {row.id}")))):
            return row
    return None


def note(session: Session, return_id: UUID, state: str, report: Mapping[str, Any], why: str = "") -> None:
    """Keep how far one has come, with the times."""
    row = by_id(session, return_id)
    row.state, row.report, row.why = state, dict(report), why
    if state == ROUTED and row.routed_at is None:
        row.routed_at = session.scalar(select(func.clock_timestamp()))
    if state in {DONE, REFUSED}:
        row.ended_at = session.scalar(select(func.clock_timestamp()))
    session.flush()
    audit.record(
        session, audit.SYSTEM, f"build.return_{state}", build_id=row.build_id, build_return=str(row.id), why=why,
        new={"current": report.get("stable")},
    )  # fmt: skip


def note_failed(session: Session, row: BuildReturnRow, why: str) -> None:
    """Let one rest before it is tried again; it is never given up."""
    attempts = row.attempts + 1
    session.execute(
        update(BuildReturnRow)
        .where(BuildReturnRow.id == row.id)
        .values(
            attempts=attempts,
            why=why[:500],
            next_attempt_at=func.clock_timestamp() + timedelta(seconds=min(2.0, rest_seconds(attempts))),
        )
    )
