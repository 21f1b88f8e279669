"""Rollouts as they are stored: where each stands, what it saw last, and every move with who and why. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotFound
from rules.outbox import Kind as Message
from rules.rollout import ENDED, Kind, Plan, Progress, State, Step
from rules.rollout_command import Command, changed_by_hand, obey, sent_back
from rules.rollout_plan import read_plan, to_content
from rules.rollout_target import label, lane_of
from storage import audit, outbox
from storage.audit import Actor
from storage.database import Base, new_id, now

#: The carry mark of a promotion.
PROMOTED: Final = "promoted"
OPEN = text(f"state NOT IN ({', '.join(sorted(repr(state.value) for state in ENDED))})")


class AnotherRolloutRuns(BusinessError):
    """There is one canary at a time, one rollout of a department's policy, and one of a flag."""

    status = 409


class RolloutChanged(BusinessError):
    """Somebody moved the rollout since it was read."""

    status = 409


class RolloutRow(Base):
    """One rollout.

    Attributes:
        target: the build id, the department whose policy it is, or the key of the flag.
        lane: of those with the same lane only one is open at a time.
        content: what a policy or a flag is set to, see rules/rollout_target.py; empty for a build.
        before: what stood before, so that the way back needs to ask nobody; and what a promotion has done.
        carried: which share has been carried out, as `carry_mark` has it; empty where none has.
        gate: how the gate ended, None before.
        figures: what the last check saw; `checked_at` says when.
        revision: counts the moves; a writer names the one it has read.
    """

    __tablename__ = "rollout"
    __table_args__ = (
        Index("uq_rollout_one_open", "lane", unique=True, postgresql_where=OPEN),
        Index("ix_rollout_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    target: Mapped[str]
    lane: Mapped[str]
    plan: Mapped[dict[str, Any]]
    content: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    before: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    step: Mapped[int] = mapped_column(server_default=text("0"))
    resumes: Mapped[str | None]
    ends_as: Mapped[str | None]
    ready: Mapped[bool] = mapped_column(server_default=text("false"))
    why: Mapped[str] = mapped_column(server_default=text("''"))
    carried: Mapped[str] = mapped_column(server_default=text("''"))
    gate: Mapped[dict[str, Any] | None]
    figures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    checked_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    exposed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def progress(self) -> Progress:
        """Where it stands, as rules/rollout.py reads it."""
        return Progress(
            state=State(self.state),
            since=self.since,
            step=self.step,
            resumes=State(self.resumes) if self.resumes else None,
            ends_as=State(self.ends_as) if self.ends_as else None,
            ready=self.ready,
            why=self.why,
        )

    @property
    def label(self) -> str:
        """What people call what it rolls out."""
        return label(Kind(self.kind), self.target, self.content)

    @property
    def is_promoted_for_all(self) -> bool:
        """Whether its promotion has been carried out."""
        return self.carried == PROMOTED or "promoted" in self.before

    @property
    def as_plan(self) -> Plan:
        """How it is to go."""
        return read_plan(self.plan)


class RolloutEventRow(Base):
    """One move of a rollout, never changed: from where to where, who, why, and the figures that caused it."""

    __tablename__ = "rollout_event"
    __table_args__ = (Index("ix_rollout_event_rollout_id_seq", "rollout_id", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    event: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    step: Mapped[int]
    share: Mapped[str]
    why: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


def begin(
    session: Session,
    kind: Kind,
    target: str,
    plan: Plan,
    actor: Actor,
    why: str,
    content: Mapping[str, Any] | None = None,
) -> RolloutRow:
    """Write a rollout down and start it: its gate comes next. Raises AnotherRolloutRuns."""
    row = RolloutRow(
        id=new_id(),
        kind=kind.value,
        target=target,
        lane=lane_of(kind, target),
        plan=to_content(plan),
        content=dict(content or {}),
        state=State.GATE.value,
        since=now(session),
        why=why,
        created_by=actor.id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        standing = open_in(session, row.lane)
        what = f"{standing.label} is {standing.state}" if standing else "one ended just now"
        raise AnotherRolloutRuns(f"Another rollout runs: {what}. End it first.") from None
    session.refresh(row)
    _write_event(session, row, actor, "started", None, {"plan": row.plan, "target": target})
    audit.record(
        session, actor, "rollout.started", rollout=str(row.id), kind=kind.value, target=row.label, why=why,
        plan=row.plan,
    )  # fmt: skip
    wake(session, row.id)
    return row


def wake(session: Session, rollout_id: UUID) -> None:
    """Let the rollout's workflow look at once, when the transaction commits; it is started where it is gone."""
    outbox.put(session, Message.WAKE_ROLLOUT, None, {"rollout_id": str(rollout_id)})


def by_id(session: Session, rollout_id: UUID, *, lock: bool = False) -> RolloutRow:
    """One rollout; raises NotFound."""
    query = select(RolloutRow).where(RolloutRow.id == rollout_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound("There is no such rollout.")
    return row


def open_in(session: Session, lane: str) -> RolloutRow | None:
    """The open rollout of a lane; see `rules.rollout_target.lane_of`."""
    return session.scalars(select(RolloutRow).where(RolloutRow.lane == lane, OPEN)).one_or_none()


def open_rollouts(session: Session) -> Sequence[RolloutRow]:
    """Every rollout that has not ended."""
    return session.scalars(select(RolloutRow).where(OPEN).order_by(RolloutRow.created_at)).all()


def newest(session: Session, limit: int = 20) -> Sequence[RolloutRow]:
    """The latest rollouts, the newest first."""
    return session.scalars(
        select(RolloutRow).order_by(RolloutRow.created_at.desc(), RolloutRow.id.desc()).limit(limit)
    ).all()


def events(session: Session, rollout_id: UUID) -> Sequence[RolloutEventRow]:
    """Every move of a rollout, the oldest first."""
    return session.scalars(
        select(RolloutEventRow).where(RolloutEventRow.rollout_id == rollout_id).order_by(RolloutEventRow.seq)
    ).all()


def command(
    session: Session, rollout_id: UUID, given: Command, by: UUID, why: str, revision: int | None = None
) -> RolloutRow:
    """Carry a person's command into the books and wake the workflow.

    Args:
        revision: the one that the person saw; None where they did not look.

    Raises:
        NotFound, RolloutChanged, and what `rules.rollout.obey` raises.
    """
    row = _locked(session, rollout_id, revision)
    after = obey(
        row.progress,
        row.as_plan,
        given,
        by=by,
        started_by=row.created_by,
        why=why,
        now=now(session),
    )
    move(session, row, after, Actor.person(by), given.value)
    wake(session, row.id)
    return row


def set_share(
    session: Session, rollout_id: UUID, step: Step, actor: Actor, why: str, revision: int | None = None
) -> RolloutRow:
    """Set another share by hand, as one more step of the plan; raises as `rules.rollout.changed_by_hand`."""
    row = _locked(session, rollout_id, revision)
    after, plan = changed_by_hand(row.progress, row.as_plan, step, why, now(session))
    row.plan = to_content(plan)
    move(session, row, after, actor, "share_set")
    wake(session, row.id)
    return row


def send_back(session: Session, row: RolloutRow, actor: Actor, why: str) -> None:
    """Begin the way back in the books; one that has ended stays as it is."""
    if row.progress.state not in ENDED:
        move(session, row, sent_back(row.progress, why, now(session)), actor, "sent_back")
        wake(session, row.id)


def _locked(session: Session, rollout_id: UUID, revision: int | None) -> RolloutRow:
    row = by_id(session, rollout_id, lock=True)
    if revision is not None and revision != row.revision:
        raise RolloutChanged(
            f"The rollout has moved since you looked: it is {row.state} now, at revision {row.revision}."
        )
    return row


def move(
    session: Session,
    row: RolloutRow,
    after: Progress,
    actor: Actor,
    event: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write where a locked rollout stands now; an event and an audit entry where it moved."""
    before = row.progress
    if after == before:
        return
    row.state, row.since, row.step = after.state.value, after.since, after.step
    row.resumes = after.resumes.value if after.resumes else None
    row.ends_as = after.ends_as.value if after.ends_as else None
    row.ready, row.why = after.ready, after.why
    moved = (after.state, after.step, after.ready) != (before.state, before.step, before.ready)
    if moved:
        row.revision += 1
    if after.is_exposed and row.exposed_at is None:
        row.exposed_at = now(session)
    if after.state is State.GATE and before.state is not State.GATE:
        row.gate = None  # it is tried again
    row.ended_at = now(session) if after.state in ENDED else None
    session.flush()
    if moved:
        _write_event(session, row, actor, event, before, detail or {})
        audit.record(
            session, actor, f"rollout.{event}", rollout=str(row.id), target=row.label, why=after.why,
            old={"state": before.state.value, "step": before.step},
            new={"state": after.state.value, "step": after.step},
        )  # fmt: skip


def note(session: Session, row: RolloutRow, actor: Actor, event: str, detail: Mapping[str, Any]) -> None:
    """Write an event that is no move, such as a share that was carried out."""
    _write_event(session, row, actor, event, row.progress, detail)


def _write_event(
    session: Session,
    row: RolloutRow,
    actor: Actor,
    event: str,
    before: Progress | None,
    detail: Mapping[str, Any],
) -> None:
    steps = row.plan["steps"]
    session.add(
        RolloutEventRow(
            rollout_id=row.id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            event=event,
            from_state=before.state.value if before else None,
            to_state=row.state,
            step=row.step,
            share=str(steps[min(row.step, len(steps) - 1)]["share"]),
            why=row.why,
            detail=dict(detail),
        )
    )
    session.flush()


def carry_mark(row: RolloutRow) -> str:
    """What names the share that a rollout should have now; compare it with `RolloutRow.carried`."""
    return PROMOTED if row.state == State.PROMOTED.value else f"step {row.step} of {len(row.plan['steps'])}"
