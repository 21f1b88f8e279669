"""Which process a department's requests follow: two people put it in force, one leaves it, each request keeps its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.outbox import Kind
from storage import department_process, process
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import form, readable, remember, submitted
from tests.process_purchases import two_steps
from tests.process_samples import deployed, travel

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
PAGE = "/department-processes"
CHOICE = {"process": "two-steps", "reason": "Finance wants to see everything."}


@pytest.fixture
def drawn(sessions: Sessions, company: Company) -> None:
    """A process for purchases, deployed."""
    remember(sessions)
    with sessions.begin() as session:
        deployed(session, company, two_steps())


def proposal(sessions: Sessions) -> str:
    """The proposal that waits for Marketing."""
    with sessions.begin() as session:
        return str(department_process.proposed(session)["marketing"].id)


def put_in_force(sessions: Sessions, company: Company) -> None:
    with sessions.begin() as session:
        row = department_process.propose(session, "marketing", "two-steps", company.carla.id, "it fits")
        department_process.confirm(session, row.id, company.diego.id)


def started(sessions: Sessions, row: RequestRow) -> list[str]:
    """The kinds of message that a request left."""
    with sessions.begin() as session:
        return list(session.scalars(select(OutboxRow.kind).where(OutboxRow.request_id == row.id)))


@pytest.mark.usefixtures("drawn")
def test_a_process_is_followed_once_a_second_person_of_finance_agrees(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla, diego = browser_of(company.carla), browser_of(company.diego)
    assert carla.send(f"{PAGE}/marketing", CHOICE).status_code == 303
    assert "Finance wants to see everything." in carla.get(PAGE).text
    assert ["Processes 1 waiting" in readable(each.get(PAGE).text) for each in (carla, diego)] == [
        False,
        True,
    ]
    assert started(sessions, submitted(sessions, company.ana)) == [Kind.START_APPROVAL]
    assert carla.send(f"{PAGE}/proposals/{proposal(sessions)}/confirm").status_code == 403
    assert diego.send(f"{PAGE}/proposals/{proposal(sessions)}/confirm").status_code == 303
    assert "proposed by Carla Cruz, agreed to by Diego Duran" in readable(diego.get(PAGE).text)
    assert started(sessions, submitted(sessions, company.ana)) == [Kind.START_PROCESS]
    assert started(sessions, submitted(sessions, company.julia)) == [Kind.START_APPROVAL]


@pytest.mark.usefixtures("drawn")
def test_one_person_goes_back_at_once_and_requests_on_their_way_stay_on_theirs(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    put_in_force(sessions, company)
    before = submitted(sessions, company.ana)
    assert browser_of(company.carla).send(f"{PAGE}/marketing/built-in").status_code == 303
    assert started(sessions, submitted(sessions, company.ana)) == [Kind.START_APPROVAL]
    with sessions.begin() as session:
        assert session.get_one(RequestRow, before.id).run_id == before.run_id is not None


@pytest.mark.usefixtures("drawn")
def test_a_proposal_that_was_answered_or_waits_already_is_not_made_twice(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla, diego = browser_of(company.carla), browser_of(company.diego)
    carla.send(f"{PAGE}/marketing", CHOICE)
    assert diego.send(f"{PAGE}/marketing", CHOICE).status_code == 409
    waiting = proposal(sessions)
    assert diego.send(f"{PAGE}/proposals/{waiting}/refuse").status_code == 303
    assert diego.send(f"{PAGE}/proposals/{waiting}/confirm").status_code == 409
    assert "proposed by Carla Cruz, not agreed to" in readable(carla.get(PAGE).text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"process": "", "reason": "x"}, "Please choose a process."),
        ({"process": "two-steps", "reason": " "}, "reason"),
        ({"process": "travel", "reason": "x"}, "It orders nothing"),
    ],
)
@pytest.mark.usefixtures("drawn")
def test_what_cannot_be_followed_is_refused_with_a_reason(
    browser_of: BrowserOf, company: Company, sessions: Sessions, given: dict[str, str], said: str
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
    answer = browser_of(company.carla).send(f"{PAGE}/marketing", given)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.usefixtures("drawn")
def test_a_process_that_is_gone_at_submit_leaves_the_request_to_the_built_in_approval(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    put_in_force(sessions, company)
    with sessions.begin() as session:
        process.retire(session, "two-steps", company.elena.id, "a mistake")
    row = submitted(sessions, company.ana)
    assert (row.run_id, started(sessions, row)) == (None, [Kind.START_APPROVAL])
    page = browser_of(company.ana).get(f"/requests/{row.number}").text
    assert "The process of its department could not be followed" in page


@pytest.mark.usefixtures("drawn")
def test_who_only_reads_processes_sees_the_page_without_its_buttons(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    put_in_force(sessions, company)
    page = browser_of(company.felix).get(PAGE).text
    assert "Two steps" in page
    assert "Back to the built-in approval" not in page


@pytest.mark.usefixtures("drawn")
def test_the_form_says_before_which_process_a_request_will_follow(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ana = browser_of(company.ana)
    assert "will follow the process" not in ana.send("/requests", form(act="look_up")).text
    put_in_force(sessions, company)
    page = readable(ana.send("/requests", form(act="look_up")).text)
    assert "It will follow the process Two steps" in page
    assert "Its steps: Manager, Finance, Order." in page
    assert "is asked at once" not in page
