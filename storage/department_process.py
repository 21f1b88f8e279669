"""Which process the purchase requests of a department follow: proposed by one of finance, agreed to by another.

Without one they follow the built-in approval, and whoever may choose can go back to it alone and at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, bindparam, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotFound
from rules.flag_change import AlreadyProposed, ProposalIsClosed, check_may_confirm
from rules.process_purchase import misfits, require_fit
from storage import audit, process, process_run
from storage.audit import SYSTEM, Actor
from storage.database import Base, new_id, now
from storage.department import Department
from storage.process import ProcessVersionRow

PROPOSED: Final = "proposed"
FOLLOWED: Final = "followed"
REFUSED: Final = "refused"
REPLACED: Final = "replaced"


class DepartmentProcessRow(Base):
    """One proposal that a department follows a process, and what became of it.

    Attributes:
        state: PROPOSED, FOLLOWED (one of each a department at most), REFUSED or REPLACED.
        answered_by: the second person, who agreed or refused.
        ended_by: who let it be followed no longer.
    """

    __tablename__ = "department_process"
    __table_args__ = tuple(
        Index(
            f"uq_department_process_{state}",
            "department_id",
            unique=True,
            postgresql_where=text(f"state = '{state}'"),
        )
        for state in (PROPOSED, FOLLOWED)
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    state: Mapped[str]
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]


def propose(session: Session, department_id: str, key: str, by: UUID, reason: str) -> DepartmentProcessRow:
    """Propose that a department's requests follow the deployed version of a process.

    Raises:
        NotFound: there is no such department or process, or nothing of it is deployed.
        CannotDecidePurchases, AlreadyProposed.
    """
    _hold(session, department_id)
    require_fit(process.deployed(session, key).process)
    waiting = _in_state(session, department_id, PROPOSED)
    if waiting is not None:
        if (waiting.process_key, waiting.proposed_by) == (key, by):
            return waiting  # a click too many
        raise AlreadyProposed("Another process is proposed for this department already; answer that first.")
    row = DepartmentProcessRow(
        department_id=department_id, process_key=key, state=PROPOSED, reason=reason, proposed_by=by
    )
    session.add(row)
    session.flush()
    _record(session, "proposed", row, by, reason=reason)
    return row


def confirm(session: Session, proposal_id: UUID, by: UUID) -> DepartmentProcessRow:
    """Agree as the second person: requests that are submitted from the commit on follow the process.

    Raises:
        NotFound, CannotDecidePurchases: there is none, or the process has changed and no longer fits.
        NotAllowed: it is the person's own. ProposalIsClosed: it was answered, or has waited too long.
    """
    row = _open(session, proposal_id)
    check_may_confirm(row.proposed_by, by, row.proposed_at, now(session))
    require_fit(process.deployed(session, row.process_key).process)
    _end(session, row.department_id, by)
    row.state, row.answered_by, row.answered_at = FOLLOWED, by, now(session)
    session.flush()
    _record(session, "confirmed", row, by, proposed_by=str(row.proposed_by))
    return row


def refuse(session: Session, proposal_id: UUID, by: UUID) -> DepartmentProcessRow:
    """Decline a proposal, or take back one's own; raises NotFound, ProposalIsClosed."""
    row = _open(session, proposal_id)
    row.state, row.answered_by, row.answered_at = REFUSED, by, now(session)
    session.flush()
    _record(session, "refused", row, by, proposed_by=str(row.proposed_by))
    return row


def go_back(session: Session, department_id: str, by: UUID) -> bool:
    """Let requests that come from now on go by the built-in approval; those on their way stay on theirs.

    Returns:
        Whether anything was followed. Raises NotFound.
    """
    _hold(session, department_id)
    ended = _end(session, department_id, by)
    if ended is not None:
        _record(session, "ended", ended, by)
    return ended is not None


def followed(session: Session) -> Mapping[str, DepartmentProcessRow]:
    """Department id -> what its requests follow, for those that follow a process."""
    return _by_department(session, FOLLOWED)


def proposed(session: Session) -> Mapping[str, DepartmentProcessRow]:
    """Department id -> the proposal that waits for a second person."""
    return _by_department(session, PROPOSED)


def count_for(session: Session, person_id: UUID) -> int:
    """How many proposals wait for this person as the second one."""
    waiting = select(func.count()).where(
        DepartmentProcessRow.state == PROPOSED, DepartmentProcessRow.proposed_by != person_id
    )
    return session.scalar(waiting) or 0


def history(session: Session, limit: int = 50) -> Sequence[DepartmentProcessRow]:
    """What was followed or refused before, the latest first."""
    return session.scalars(
        select(DepartmentProcessRow)
        .where(DepartmentProcessRow.state.in_([REFUSED, REPLACED]))
        .order_by(DepartmentProcessRow.proposed_at.desc())
        .limit(limit)
    ).all()


def deployed_for(session: Session, department_id: str) -> ProcessVersionRow | None:
    """What the next request of a department is likely to follow; None for the built-in approval."""
    row = _in_state(session, department_id, FOLLOWED)
    if row is None or process.by_key(session, row.process_key).deployed_version is None:
        return None
    version = process.deployed(session, row.process_key)
    return None if misfits(version.process) else version


_FOLLOWED_KEY = select(DepartmentProcessRow.process_key).where(
    DepartmentProcessRow.department_id == bindparam("department_id"), DepartmentProcessRow.state == FOLLOWED
)


def begin_run(
    session: Session, request_id: UUID, department_id: str, requester_id: UUID, known: Mapping[str, Any]
) -> UUID | None:
    """Begin the run that decides about a request, in the transaction that submits it; never chosen anew.

    Args:
        known: see `rules.process_purchase.facts`.

    Returns:
        None for the built-in approval: no process is followed, or what is cannot be begun, which the trail tells.
    """
    key = session.scalar(_FOLLOWED_KEY, {"department_id": department_id})
    if key is None:
        return None
    try:
        with session.begin_nested():
            run = process_run.begin(session, key, known, Actor.person(requester_id), request_id=request_id)
    except BusinessError as refusal:
        audit.record(session, SYSTEM, "process.not_followed", request_id, process=key, why=refusal.message)
        return None
    audit.record(
        session, SYSTEM, "process.followed", request_id, process=key, version=run.version, run=str(run.id)
    )
    return run.id


def _hold(session: Session, department_id: str) -> None:
    if session.get(Department, department_id, with_for_update=True) is None:
        raise NotFound("There is no such department.", "department")


def _in_state(session: Session, department_id: str, state: str) -> DepartmentProcessRow | None:
    return session.scalars(
        select(DepartmentProcessRow).where(
            DepartmentProcessRow.department_id == department_id, DepartmentProcessRow.state == state
        )
    ).one_or_none()


def _by_department(session: Session, state: str) -> Mapping[str, DepartmentProcessRow]:
    rows = session.scalars(select(DepartmentProcessRow).where(DepartmentProcessRow.state == state))
    return {row.department_id: row for row in rows}


def _open(session: Session, proposal_id: UUID) -> DepartmentProcessRow:
    row = session.get(DepartmentProcessRow, proposal_id)
    if row is None:
        raise NotFound("There is no such proposal.")
    _hold(session, row.department_id)
    session.refresh(row)
    if row.state != PROPOSED:
        raise ProposalIsClosed("This proposal was answered meanwhile.")
    return row


def _end(session: Session, department_id: str, by: UUID) -> DepartmentProcessRow | None:
    return session.scalars(
        update(DepartmentProcessRow)
        .where(DepartmentProcessRow.department_id == department_id, DepartmentProcessRow.state == FOLLOWED)
        .values(state=REPLACED, ended_by=by, ended_at=func.now())
        .returning(DepartmentProcessRow)
    ).one_or_none()


def _record(session: Session, act: str, row: DepartmentProcessRow, by: UUID, **more: Any) -> None:
    audit.record(
        session, Actor.person(by), f"department_process.{act}",
        department=row.department_id, process=row.process_key, **more,
    )  # fmt: skip
