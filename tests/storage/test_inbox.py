"""The manager's lists against the rule that says who may read what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import judge_answer
from rules.person import may_read_request
from storage import decision as decisions
from storage import inbox
from storage import request as requests
from storage.person import PersonRow
from tests.app.people import Company
from tests.app.questions import CHAIR, Asked, ask
from tests.company import hire

Sessions = sessionmaker[Session]


@pytest.fixture
def company(sessions: Sessions) -> Company:
    with sessions.begin() as session:
        return hire(session)


def _answer(sessions: Sessions, asked: Asked, decider: PersonRow) -> None:
    with sessions.begin() as session:
        person = session.get_one(PersonRow, decider.id).to_person()
        row = requests.by_id(session, asked.id)
        decisions.answer(session, row, person, judge_answer("approve", ""), asked.shown)


def test_the_circle_of_a_decider_is_what_the_rule_lets_them_read_without_their_own(
    sessions: Sessions, company: Company
) -> None:
    for requester in (company.ana, company.bruno, company.carla, company.elena, company.ivan, company.julia):
        ask(sessions, requester)
    with sessions.begin() as session:
        everything = inbox.in_scope(session, session.get_one(PersonRow, company.diego.id).to_person())
        assert len(everything) == 6
        for reader in (company.bruno, company.hugo, company.ivan, company.carla, company.diego):
            person = session.get_one(PersonRow, reader.id).to_person()
            expected = {
                one.decision.id
                for one in everything
                if one.requester.id != person.id
                and may_read_request(person, one.requester.to_person(), one.decision.asked_ids)
            }
            assert {one.decision.id for one in inbox.in_scope(session, person)} == expected


def test_somebody_who_is_no_manager_any_more_sees_only_what_they_were_asked(
    sessions: Sessions, company: Company
) -> None:
    asked = ask(sessions, company.ana)
    ask(sessions, company.bruno)
    with sessions.begin() as session:
        person = replace(session.get_one(PersonRow, company.bruno.id).to_person(), roles=frozenset())
        assert [one.decision.id for one in inbox.in_scope(session, person)] == [asked.decision_id]


def test_the_count_and_the_list_agree(sessions: Sessions, company: Company) -> None:
    first = ask(sessions, company.ana)
    ask(sessions, company.ana)
    ask(sessions, company.julia)
    _answer(sessions, first, company.bruno)
    with sessions.begin() as session:
        for person in (company.bruno, company.ivan, company.hugo):
            assert inbox.count_mine(session, person.id) == len(inbox.mine(session, person.id))
        assert inbox.count_mine(session, company.bruno.id) == 1


def test_similar_decisions_stay_in_the_department_unless_it_is_the_same_person(
    sessions: Sessions, company: Company
) -> None:
    book = replace(CHAIR, category="books")
    for requester, product, decider in (
        (company.julia, CHAIR, company.ivan),  # another department's chair
        (company.bruno, CHAIR, company.hugo),  # the same department's chair
        (company.bruno, book, company.hugo),  # neither person nor category
        (company.ana, book, company.bruno),  # the same person
    ):
        _answer(sessions, ask(sessions, requester, product=product), decider)
    asked = ask(sessions, company.ana)
    with sessions.begin() as session:
        found = inbox.similar(session, requests.by_id(session, asked.id))
        assert sorted((one.requester.name, one.request.category) for one in found) == [
            ("Ana Alonso", "books"),
            ("Bruno Blanco", "furniture"),
        ]


def test_the_newest_question_of_each_request_is_read_once(sessions: Sessions, company: Company) -> None:
    first, second = ask(sessions, company.ana), ask(sessions, company.julia)
    with sessions.begin() as session:
        found = inbox.latest_of(session, [first.number, second.number, first.number, "PR-2026-999999"])
        assert {one.decision.id for one in found} == {first.decision_id, second.decision_id}
