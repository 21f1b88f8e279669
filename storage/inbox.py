"""What waits for a person's decision and what was decided before: queries for the manager's lists. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from rules.decision import Outcome
from rules.person import Person, Role
from storage.decision import DecisionRow
from storage.department import Department
from storage.person import PersonRow
from storage.process_run import ProcessRunRow
from storage.process_task import ProcessTaskRow
from storage.request import RequestRow

#: A queue longer than this shows its most urgent part; the rest moves up as these are decided.
LONGEST_LIST = 100
SIMILAR = 5

_Requester = aliased(PersonRow)
_Decider = aliased(PersonRow)
_Awaited = aliased(PersonRow)


@dataclass(frozen=True)
class Question:
    """One question with what a list shows of it.

    Attributes:
        requester: whose request it is.
        department: the name of the request's department.
        awaited: who is asked now, None where nobody is.
        decider: who answered, None while open or where the system did.
    """

    decision: DecisionRow
    request: RequestRow
    requester: PersonRow
    department: str
    awaited: str | None
    decider: str | None


_Rows = Select[DecisionRow, RequestRow, PersonRow, str, str, str]


def _questions() -> _Rows:
    return (
        select(DecisionRow, RequestRow, _Requester, Department.name, _Awaited.name, _Decider.name)
        .join(RequestRow, RequestRow.id == DecisionRow.request_id)
        .join(_Requester, _Requester.id == RequestRow.requester_id)
        .join(Department, Department.id == RequestRow.department_id)
        .outerjoin(_Awaited, _Awaited.id == RequestRow.awaited_id)
        .outerjoin(_Decider, _Decider.id == DecisionRow.decided_by)
        .execution_options(populate_existing=True)
    )


def _read(session: Session, query: _Rows) -> Sequence[Question]:
    return [
        Question(decision, request, requester, department, awaited, decider)
        for decision, request, requester, department, awaited, decider in session.execute(query)
    ]


def _waits_for(person_id: UUID) -> ColumnElement[bool]:
    return and_(
        DecisionRow.outcome.is_(None),
        DecisionRow.asked_ids.contains([person_id]),
        DecisionRow.deadline_at > func.now(),
        ~_has_answered(person_id),
    )


def _has_answered(person_id: UUID) -> ColumnElement[bool]:
    """Where a process asks several people, whoever has answered is not asked any more."""
    return and_(
        DecisionRow.node.is_not(None),
        select(ProcessTaskRow.id)
        .join(ProcessRunRow, ProcessRunRow.id == ProcessTaskRow.run_id)
        .where(
            ProcessRunRow.request_id == DecisionRow.request_id,
            ProcessTaskRow.node == DecisionRow.node,
            ProcessTaskRow.iteration == DecisionRow.iteration,
            ProcessTaskRow.answered_by == person_id,
        )
        .exists(),
    )


def count_mine(session: Session, person_id: UUID) -> int:
    """How many questions wait for this person: one indexed look, asked on every page."""
    return session.scalar(select(func.count(DecisionRow.id)).where(_waits_for(person_id))) or 0


def mine(session: Session, person_id: UUID) -> Sequence[Question]:
    """What waits for this person, least time left first."""
    return _read(session, _urgent_first(_questions().where(_waits_for(person_id))))


def in_scope(session: Session, person: Person) -> Sequence[Question]:
    """Every open question about requests that this person may read as a decider, least time left first."""
    return _read(session, _urgent_first(_questions().where(DecisionRow.outcome.is_(None), _scope(person))))


def _urgent_first(query: _Rows) -> _Rows:
    return query.order_by(DecisionRow.deadline_at, DecisionRow.id).limit(LONGEST_LIST)


def _scope(person: Person) -> ColumnElement[bool]:
    """The same circle that rules.person.may_read_request draws, without one's own requests."""
    asked = DecisionRow.asked_ids.contains([person.id])
    if Role.FINANCE in person.roles:
        return _Requester.id != person.id
    led = or_(_Requester.department_id == person.department_id, _Requester.manager_id == person.id)
    led = and_(led, _Requester.id != person.id) if Role.MANAGER in person.roles else false()
    return or_(asked, led)


def decided(session: Session, person_id: UUID, page: int, per_page: int) -> tuple[Sequence[Question], int]:
    """Questions that were put to this person and are answered, the latest first, and how many there are."""
    answered = and_(DecisionRow.outcome.is_not(None), DecisionRow.asked_ids.contains([person_id]))
    found = session.scalar(select(func.count(DecisionRow.id)).where(answered)) or 0
    query = (
        _questions()
        .where(answered)
        .order_by(DecisionRow.decided_at.desc(), DecisionRow.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return _read(session, query), found


def latest(session: Session, request_id: UUID, asked: UUID | None = None) -> Question | None:
    """The newest question about a request, open or answered; None where nobody was ever asked.

    Args:
        asked: whoever is to answer; a question that waits for them goes before newer ones.
    """
    query = _questions().where(RequestRow.id == request_id)
    if asked is not None:
        query = query.order_by(_waits_for(asked).desc())
    return next(iter(_read(session, query.order_by(DecisionRow.round.desc()).limit(1))), None)


def one(session: Session, decision_id: UUID) -> Question | None:
    """One question."""
    return next(iter(_read(session, _questions().where(DecisionRow.id == decision_id))), None)


def waits_for(session: Session, decision_id: UUID, person_id: UUID) -> bool:
    """Whether a question waits for this person now."""
    found = select(DecisionRow.id).where(DecisionRow.id == decision_id, _waits_for(person_id))
    return session.scalar(found) is not None


def latest_of(session: Session, numbers: Sequence[str]) -> Sequence[Question]:
    """The newest question about each of these requests, least time left first."""
    newest = (
        select(func.max(DecisionRow.round))
        .where(DecisionRow.request_id == RequestRow.id)
        .correlate(RequestRow)
        .scalar_subquery()
    )
    return _read(
        session,
        _urgent_first(_questions().where(RequestRow.number.in_(numbers), DecisionRow.round == newest)),
    )


def similar(session: Session, row: RequestRow) -> Sequence[Question]:
    """The last few questions that a person answered about the same requester, or the same category and department.

    Those about the same requester and category come first.
    """
    same_requester = RequestRow.requester_id == row.requester_id
    same_category = RequestRow.category == row.category
    query = (
        _questions()
        .where(
            RequestRow.id != row.id,
            DecisionRow.outcome.in_([Outcome.APPROVED.value, Outcome.REJECTED.value]),
            or_(same_requester, and_(same_category, RequestRow.department_id == row.department_id)),
        )
        .order_by(and_(same_requester, same_category).desc(), DecisionRow.decided_at.desc(), DecisionRow.id)
        .limit(SIMILAR)
    )
    return _read(session, query)
