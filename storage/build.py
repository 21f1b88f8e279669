"""Worker builds as Postgres knows them: what the server was last seen to say, and what it does not keep.

The control worker writes here what it sees at Temporal; pages and rules read here and never ask Temporal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Numeric,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.build import ALIVE_FOR, BuildState
from rules.errors import NotFound
from rules.gate import GATE_WITHIN, Gate
from rules.outbox import Kind
from storage import audit, outbox
from storage.audit import Actor
from storage.database import Base


class BuildRow(Base):
    """One build.

    Attributes:
        commit: of the code, as whoever started the build named it; empty where nobody did.
        first_seen_at, last_seen_at: when the server first knew it; when it last gave a sign of life.
        live_until: alive as long as this lies ahead by the database's clock; None where it never was.
        percent: its share while it ramps.
        gate: what the newest gate found, as `rules.gate.Gate` writes itself; None before the first.
        gate_begun_at: set while a gate runs.
        rejected_at: from then on it gets no traffic ever again.
    """

    __tablename__ = "build"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in BuildState)})", name="state_is_known"),
    )

    build_id: Mapped[str] = mapped_column(primary_key=True)
    commit: Mapped[str] = mapped_column(server_default=text("''"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'inactive'"))
    percent: Mapped[Decimal] = mapped_column(Numeric(6, 3), server_default=text("0"))
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime | None]
    live_until: Mapped[datetime | None]
    workers: Mapped[int] = mapped_column(server_default=text("0"))
    open_runs: Mapped[int] = mapped_column(server_default=text("0"))
    finished_runs: Mapped[int] = mapped_column(server_default=text("0"))
    counted_at: Mapped[datetime | None]
    gate: Mapped[dict[str, Any] | None]
    gate_passed: Mapped[bool | None]
    gate_at: Mapped[datetime | None]
    gate_begun_at: Mapped[datetime | None]
    rejected_at: Mapped[datetime | None]
    rejected_why: Mapped[str | None]
    rejected_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class BuildRouteRow(Base):
    """Where new work went when it was last looked at; a new row whenever that changed, the newest id stands.

    Attributes:
        revision: the server's own count of changes.
        seen_at: when it was first seen so. `checked_at`: when it was last seen so.
    """

    __tablename__ = "build_route"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    current: Mapped[str | None]
    ramping: Mapped[str | None]
    percent: Mapped[Decimal] = mapped_column(Numeric(6, 3))
    revision: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Sighting:
    """What a look at the server found of one build.

    Attributes:
        alive_for: how long from now it counts as alive; None where it gave no new sign of life.
        workers: how many worker processes gave a sign of life.
        runs: (open, finished), None where they were not counted this time.
    """

    build_id: str
    state: BuildState
    percent: Decimal
    first_seen_at: datetime
    alive_for: timedelta | None = None
    workers: int = 0
    runs: tuple[int, int] | None = None


def announce(session: Session, build_id: str, commit: str, note: str) -> None:
    """A worker of this build starts: keep what its code is. What is given empty changes nothing."""
    values = {"commit": commit, "note": note}
    told = {name: value for name, value in values.items() if value}
    statement = upsert(BuildRow).values(build_id=build_id, **told)
    if told:
        session.execute(statement.on_conflict_do_update(index_elements=["build_id"], set_=told))
    else:
        session.execute(statement.on_conflict_do_nothing())


def note_sightings(session: Session, seen: Sequence[Sighting]) -> None:
    """Write down what a look at the server found; builds that it no longer knows are gone."""
    for one in seen:
        values: dict[str, Any] = {"state": one.state.value, "percent": one.percent}
        if one.alive_for is not None:
            values |= {
                "last_seen_at": func.now(),
                "live_until": func.now() + one.alive_for,
                "workers": one.workers,
            }
        if one.runs is not None:
            values |= {"open_runs": one.runs[0], "finished_runs": one.runs[1], "counted_at": func.now()}
        session.execute(
            upsert(BuildRow)
            .values(build_id=one.build_id, first_seen_at=one.first_seen_at, **values)
            .on_conflict_do_update(index_elements=["build_id"], set_=values)
        )
    known = [one.build_id for one in seen]
    session.execute(
        update(BuildRow)
        .where(
            BuildRow.build_id.not_in(known),
            BuildRow.state != BuildState.GONE.value,
            # Announced a moment ago, it may not have asked for work yet.
            BuildRow.first_seen_at < func.now() - ALIVE_FOR,
        )
        .values(state=BuildState.GONE.value, percent=0, workers=0)
    )


def note_route(
    session: Session, current: str | None, ramping: str | None, percent: Decimal, revision: int
) -> bool:
    """Write down where new work goes. Returns whether it goes another way than when last looked at."""
    last = route(session)
    if last is not None and (last.current, last.ramping, last.percent) == (current, ramping, percent):
        session.execute(
            update(BuildRouteRow)
            .where(BuildRouteRow.id == last.id)
            .values(checked_at=func.now(), revision=revision)
        )
        return False
    session.add(BuildRouteRow(current=current, ramping=ramping, percent=percent, revision=revision))
    session.flush()
    return True


def route(session: Session) -> BuildRouteRow | None:
    """Where new work went when it was last looked at; None before the first look."""
    return session.scalars(select(BuildRouteRow).order_by(BuildRouteRow.id.desc()).limit(1)).one_or_none()


def by_id(session: Session, build_id: str) -> BuildRow:
    """The build; raises NotFound."""
    row = session.get(BuildRow, build_id)
    if row is None:
        raise NotFound(f"There is no build {build_id!r}.")
    return row


def all_builds(session: Session, limit: int = 100) -> Sequence[BuildRow]:
    """Every build, the newest first; those that the server has forgotten at the end."""
    gone = BuildRow.state == BuildState.GONE.value
    return session.scalars(
        select(BuildRow).order_by(gone, BuildRow.first_seen_at.desc(), BuildRow.build_id).limit(limit)
    ).all()


def live_builds(session: Session) -> frozenset[str]:
    """The builds that gave a sign of life within the last seconds and were not rejected."""
    return frozenset(
        session.scalars(
            select(BuildRow.build_id).where(
                BuildRow.live_until > func.clock_timestamp(), BuildRow.rejected_at.is_(None)
            )
        )
    )


def is_live(session: Session, build_id: str) -> bool:
    """Whether a build gave a sign of life within the last seconds, rejected or not."""
    return bool(
        session.scalar(
            select(BuildRow.live_until > func.clock_timestamp()).where(BuildRow.build_id == build_id)
        )
    )


def begin_gate(session: Session, build_id: str, actor: Actor) -> bool:
    """Let the gate of a build run; False where one runs already, unless that began long ago. Raises NotFound."""
    row = by_id(session, build_id)
    begun = session.execute(
        update(BuildRow)
        .where(
            BuildRow.build_id == build_id,
            or_(BuildRow.gate_begun_at.is_(None), BuildRow.gate_begun_at < func.now() - GATE_WITHIN),
        )
        .values(gate_begun_at=func.now())
        .returning(BuildRow.build_id)
    ).one_or_none()
    if begun is None:
        return False
    session.expire(row)
    outbox.put(session, Kind.CHECK_BUILD, None, {"build_id": build_id})
    audit.record(session, actor, "build.gate_begun", build_id=build_id)
    return True


def note_gate(session: Session, build_id: str, gate: Gate) -> None:
    """Keep what a gate found; repeated, it changes nothing more."""
    session.execute(
        update(BuildRow)
        .where(BuildRow.build_id == build_id)
        .values(gate=gate.as_json(), gate_passed=gate.passed, gate_at=func.now(), gate_begun_at=None)
    )
    audit.record(
        session,
        audit.SYSTEM,
        "build.gate_passed" if gate.passed else "build.gate_failed",
        build_id=build_id,
        reasons=list(gate.reasons)[:10],
    )


def reject(session: Session, build_id: str, why: str, actor: Actor) -> bool:
    """Never let this build have traffic again; False where it was rejected before. Raises NotFound."""
    by_id(session, build_id)
    done = session.execute(
        update(BuildRow)
        .where(BuildRow.build_id == build_id, BuildRow.rejected_at.is_(None))
        .values(rejected_at=func.now(), rejected_why=why, rejected_by=actor.id)
        .returning(BuildRow.build_id)
    ).one_or_none()
    if done is not None:
        audit.record(session, actor, "build.rejected", build_id=build_id, why=why)
    return done is not None
