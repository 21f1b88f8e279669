"""Changes of spending flags that wait for a second person. What needs one is judged in rules/flag_change.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from rules.errors import NotFound
from rules.flag import FLAGS, Flag, Level, Value
from rules.flag_change import (
    PROPOSAL_OPEN_FOR,
    AlreadyProposed,
    ProposalIsClosed,
    check_may_confirm,
    loosens,
)
from rules.rollout import ENDED
from storage import audit, rollout, rollout_list
from storage.audit import Actor
from storage.database import now
from storage.flag import Change, FlagProposalRow, described, judge, known, lock, set_value

#: The outcome of a proposal that somebody agreed to.
CONFIRMED: Final = "confirmed"
#: The level of a proposal that lets a rollout begin; its subject is the rollout.
FOR_ROLLOUT: Final = "rollout"


def set_or_propose(session: Session, change: Change, person_id: UUID) -> FlagProposalRow | bool:
    """Make a change where one person is enough, else propose it.

    Returns:
        The proposal, or what `set_value` returns.

    Raises:
        AlreadyProposed: another change for the same people waits.
        And what `set_value` raises.
    """
    lock(session)
    truth, targets = judge(session, change)
    if not loosens(change.flag, truth.of(change.flag), targets, change.setting, truth.at):
        return set_value(session, change, Actor.person(person_id))
    for one in open_ones(session, change.flag):
        if (one.level, one.subject) == targets[0]:
            if (one.proposed_by, one.value, one.until) == (person_id, change.value, change.until):
                return one  # a click too many
            raise AlreadyProposed("Another change for the same people waits for an answer already.")
    _forget_old(session, change)
    row = FlagProposalRow(
        key=change.flag.key,
        level=change.level.value,
        subject=change.subject,
        value=change.value,
        until=change.until,
        why=change.why,
        proposed_by=person_id,
    )
    session.add(row)
    session.flush()
    audit.record(session, Actor.person(person_id), "flag.proposed", proposal=str(row.id), **described(change))
    return row


def confirm(session: Session, proposal_id: UUID, person_id: UUID) -> FlagProposalRow:
    """Agree to a proposal as the second person; from the commit on it stands, or its rollout may begin.

    Raises:
        NotFound, NotAllowed: there is none, or it is the person's own.
        ProposalIsClosed: it was answered, has waited too long, or the flag has changed since.
    """
    row = _locked(session, proposal_id)
    check_may_confirm(row.proposed_by, person_id, row.proposed_at, now(session))
    _close(session, row, CONFIRMED, person_id)
    if row.level == FOR_ROLLOUT:
        _agree_to_rollout(session, row, person_id)
        return row
    set_value(session, _change(row), Actor.person(row.proposed_by), confirmed_by=person_id)
    return row


def refuse(session: Session, proposal_id: UUID, person_id: UUID) -> None:
    """Decline a proposal, or take back one's own; raises NotFound, ProposalIsClosed."""
    row = _locked(session, proposal_id)
    _close(session, row, "refused", person_id)
    audit.record(
        session,
        Actor.person(person_id),
        "flag.refused",
        proposal=str(row.id),
        proposed_by=str(row.proposed_by),
        **_described(row),
    )
    if row.level == FOR_ROLLOUT:
        rollout.wake(session, UUID(row.subject))


def propose_rollout(
    session: Session, one: Flag, value: Value, rollout_id: UUID, person_id: UUID, why: str
) -> FlagProposalRow:
    """Ask for a second person before a rollout gives a value to anybody; agreeing to it sets nothing."""
    row = FlagProposalRow(
        key=one.key,
        level=FOR_ROLLOUT,
        subject=str(rollout_id),
        value=value,
        why=why,
        proposed_by=person_id,
    )
    session.add(row)
    session.flush()
    audit.record(session, Actor.person(person_id), "flag.proposed", proposal=str(row.id), **_described(row))
    return row


def _agree_to_rollout(session: Session, row: FlagProposalRow, person_id: UUID) -> None:
    audit.record(
        session,
        Actor.person(person_id),
        "flag.rollout_agreed",
        proposal=str(row.id),
        proposed_by=str(row.proposed_by),
        **_described(row),
    )
    rollout.wake(session, UUID(row.subject))


def _described(row: FlagProposalRow) -> dict[str, Any]:
    """A proposal as the audit trail names it."""
    if row.level == FOR_ROLLOUT:
        return {
            "key": row.key,
            "level": row.level,
            "rollout": row.subject,
            "value": row.value,
            "why": row.why,
        }
    return described(_change(row))


def open_ones(session: Session, flag: Flag | None = None) -> Sequence[FlagProposalRow]:
    """What waits for a second person, the oldest first; of one flag or of all."""
    keys = [flag.key] if flag else list(FLAGS)
    query = select(FlagProposalRow).where(_is_open(), FlagProposalRow.key.in_(keys))
    return session.scalars(query.order_by(FlagProposalRow.proposed_at, FlagProposalRow.id)).all()


def count_for(session: Session, person_id: UUID) -> int:
    """How many proposals somebody may agree to."""
    counted = session.scalar(
        select(func.count()).where(
            _is_open(), FlagProposalRow.key.in_(FLAGS), FlagProposalRow.proposed_by != person_id
        )
    )
    return counted or 0


def _is_open() -> ColumnElement[bool]:
    """Whether somebody may still answer."""
    return and_(
        FlagProposalRow.outcome.is_(None),
        FlagProposalRow.proposed_at > func.now() - PROPOSAL_OPEN_FOR,
        or_(
            FlagProposalRow.level != FOR_ROLLOUT,
            FlagProposalRow.subject.in_(rollout_list.ids_before_exposure()),
        ),
    )


def _locked(session: Session, proposal_id: UUID) -> FlagProposalRow:
    lock(session)
    row = session.get(FlagProposalRow, proposal_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such proposal.")
    if row.outcome is not None:
        raise ProposalIsClosed(f"This proposal is {row.outcome} already.")
    if row.level == FOR_ROLLOUT and rollout.by_id(session, UUID(row.subject)).progress.state in ENDED:
        raise ProposalIsClosed("The rollout that this was asked for has ended.")
    return row


def _close(session: Session, row: FlagProposalRow, outcome: str, person_id: UUID) -> None:
    row.outcome, row.closed_by, row.closed_at = outcome, person_id, now(session)
    session.flush()


def _forget_old(session: Session, change: Change) -> None:
    """A proposal that nobody answered in time stands in the way of no new one."""
    old = select(FlagProposalRow).filter_by(
        key=change.flag.key, level=change.level.value, subject=change.subject, outcome=None
    )
    for row in session.scalars(old):
        row.outcome, row.closed_at = "outdated", now(session)
    session.flush()


def _change(row: FlagProposalRow) -> Change:
    return Change(known(row.key), Level(row.level), row.subject, row.value, row.why, row.until)
