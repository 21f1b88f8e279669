"""Acts on one question at the same instant: one wins, nobody waits for ever, the others learn who won."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import Outcome, judge_answer
from rules.errors import AlreadyDecided, BusinessError, RequestIsClosed
from rules.person import approver_line
from rules.request import Status
from storage import decision as decisions
from storage import person as people
from storage import request as requests
from storage.person import PersonRow
from tests.app.people import Company
from tests.app.questions import Asked, ask, decision_of, pass_deadline, request_of
from tests.company import hire

Sessions = sessionmaker[Session]
#: Often enough that every order of the two is met.
ROUNDS = 12


@pytest.fixture
def company(sessions: Sessions) -> Company:
    with sessions.begin() as session:
        return hire(session)


def _answer(session: Session, asked: Asked, decider: PersonRow, choice: str) -> None:
    person = session.get_one(PersonRow, decider.id).to_person()
    row = requests.by_id(session, asked.id)
    decisions.answer(session, row, person, judge_answer(choice, "Because."), asked.shown)


def _withdraw(session: Session, asked: Asked, requester: PersonRow) -> None:
    decisions.withdraw(session, requests.by_id(session, asked.id), requester.id)


def _expire(session: Session, asked: Asked) -> None:
    decisions.expire(session, decisions.of_request(session, asked.id)[0])


def _escalate(session: Session, asked: Asked) -> None:
    row = requests.by_id(session, asked.id, lock=True)
    requester = session.get_one(PersonRow, row.requester_id).to_person()
    question = decisions.of_request(session, row.id)[0]
    decisions.escalate(session, question, approver_line(requester, people.deciders(session)))


def _at_once(sessions: Sessions, acts: Sequence[Callable[[Session], object]]) -> list[BusinessError | None]:
    """What became of each act; any fault of the database, a deadlock above all, is raised."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[Session], object]) -> BusinessError | None:
        barrier.wait()
        try:
            with sessions.begin() as session:
                act(session)
        except BusinessError as refusal:
            return refusal
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_withdrawing_and_answering_at_once_have_one_winner(sessions: Sessions, company: Company) -> None:
    for _ in range(ROUNDS):
        asked = ask(sessions, company.ana)
        withdrawn, answered = _at_once(
            sessions,
            [
                partial(_withdraw, asked=asked, requester=company.ana),
                partial(_answer, asked=asked, decider=company.bruno, choice="approve"),
            ],
        )
        status = request_of(sessions, asked).status
        if withdrawn is None:
            assert isinstance(answered, AlreadyDecided)
            assert (status, decision_of(sessions, asked).outcome) == (Status.WITHDRAWN, Outcome.WITHDRAWN)
        else:
            assert isinstance(withdrawn, RequestIsClosed)
            assert answered is None
            assert (status, decision_of(sessions, asked).outcome) == (Status.ORDERING, Outcome.APPROVED)


def test_expiring_withdrawing_and_answering_at_once_have_one_winner(
    sessions: Sessions, company: Company
) -> None:
    ends = {
        Outcome.EXPIRED: Status.EXPIRED,
        Outcome.WITHDRAWN: Status.WITHDRAWN,
        Outcome.REJECTED: Status.REJECTED,
    }
    for _ in range(ROUNDS):
        asked = ask(sessions, company.ana)
        _at_once(
            sessions,
            [
                partial(_expire, asked=asked),
                partial(_withdraw, asked=asked, requester=company.ana),
                partial(_answer, asked=asked, decider=company.bruno, choice="reject"),
            ],
        )
        outcome = decision_of(sessions, asked).outcome
        assert request_of(sessions, asked).status == ends[Outcome(str(outcome))]


def test_escalating_and_answering_at_once_both_succeed_or_the_answer_came_first(
    sessions: Sessions, company: Company
) -> None:
    for _ in range(ROUNDS):
        asked = ask(sessions, company.ana)
        outcomes = _at_once(
            sessions,
            [
                partial(_escalate, asked=asked),
                partial(_answer, asked=asked, decider=company.bruno, choice="approve"),
            ],
        )
        assert outcomes == [None, None]
        assert decision_of(sessions, asked).outcome == Outcome.APPROVED


def test_an_answer_after_the_deadline_is_refused_by_the_databases_clock(
    sessions: Sessions, company: Company
) -> None:
    asked = ask(sessions, company.ana)
    pass_deadline(sessions, asked)
    with pytest.raises(RequestIsClosed, match="ran out"), sessions.begin() as session:
        _answer(session, asked, company.bruno, "approve")
    assert decision_of(sessions, asked).outcome is None
