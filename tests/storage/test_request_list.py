"""One person's own requests: pages, filters, form keys, and the mark by which a page sees that one moved on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from rules.request import Draft, Status
from storage import request, request_list
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.request import RequestRow
from storage.request_list import Wanted
from tests.app.people import Company
from tests.app.wishes import STAPLER, other
from tests.company import hire

EVERYTHING = Wanted()


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def _ask(session: Session, person: PersonRow, key: str, title: str = STAPLER.title) -> RequestRow:
    wish = other("B0STAPLER1", title=title)
    draft = Draft(wish, 1, wish.unit_price, "We need it.", person.department_id, None)
    return request.submit(session, draft, person, key, f"hash of {key}")


def _titles(session: Session, person: PersonRow, wanted: Wanted = EVERYTHING, number: int = 1) -> list[str]:
    page = request_list.page_of(session, person.id, wanted, number, 2)
    return [listed.request.title for listed in page.rows]


def test_pages_run_from_new_to_old_and_hold_only_ones_own(session: Session, company: Company) -> None:
    for title in ("first", "second", "third"):
        _ask(session, company.ana, title, title)
    _ask(session, company.julia, "foreign", "foreign")
    assert _titles(session, company.ana) == ["third", "second"]
    assert _titles(session, company.ana, number=2) == ["first"]


def test_a_page_beyond_the_end_is_the_last_one(session: Session, company: Company) -> None:
    _ask(session, company.ana, "only")
    page = request_list.page_of(session, company.ana.id, Wanted(), 99, 2)
    assert (page.number, page.pages, page.total, len(page.rows)) == (1, 1, 1, 1)


def test_somebody_without_requests_has_one_empty_page(session: Session, company: Company) -> None:
    page = request_list.page_of(session, company.ana.id, Wanted(), 1, 2)
    assert (page.rows, page.number, page.pages, page.total) == ([], 1, 1, 0)


def test_filters_narrow_together(session: Session, company: Company) -> None:
    _ask(session, company.ana, "lamp", "Desk lamp")
    gone = _ask(session, company.ana, "old lamp", "Floor lamp")
    request.move(session, gone.id, Status.WITHDRAWN, SYSTEM)
    withdrawn = frozenset({Status.WITHDRAWN})
    assert _titles(session, company.ana, Wanted("LAMP")) == ["Floor lamp", "Desk lamp"]
    assert _titles(session, company.ana, Wanted("lamp", withdrawn)) == ["Floor lamp"]
    assert _titles(session, company.ana, Wanted("desk", withdrawn)) == []
    assert _titles(session, company.ana, Wanted(within=timedelta(days=-1))) == []


def test_whoever_is_awaited_is_named(session: Session, company: Company) -> None:
    row = _ask(session, company.ana, "one")
    request.move(session, row.id, Status.IN_REVIEW, SYSTEM)
    request.move(session, row.id, Status.AWAITING_DECISION, SYSTEM, awaited_id=company.bruno.id)
    [listed] = request_list.page_of(session, company.ana.id, Wanted(), 1, 2).rows
    assert listed.awaited == "Bruno Blanco"


def test_a_form_key_finds_the_request_it_made_for_its_own_person_only(
    session: Session, company: Company
) -> None:
    row = _ask(session, company.ana, "the key")
    assert request_list.submitted_with(session, company.ana.id, "the key") == (row, "hash of the key")
    assert request_list.submitted_with(session, company.julia.id, "the key") is None
    assert request_list.submitted_with(session, company.ana.id, "another") is None


def test_every_step_of_a_request_moves_its_mark(session: Session, company: Company) -> None:
    row = _ask(session, company.ana, "one")
    marks = [request_list.latest_entry(session, row.id)]
    for status in (Status.IN_REVIEW, Status.AWAITING_DECISION, Status.EXPIRED):
        request.move(session, row.id, status, SYSTEM)
        marks.append(request_list.latest_entry(session, row.id))
    assert marks == sorted(set(marks))
    assert [entry.seq for entry in request_list.entries(session, row.id)] == marks


def test_a_step_that_was_not_taken_leaves_the_mark_alone(session: Session, company: Company) -> None:
    row = _ask(session, company.ana, "one")
    before = request_list.latest_entry(session, row.id)
    assert not request.move(session, row.id, Status.COMPLETED, SYSTEM)
    assert request_list.latest_entry(session, row.id) == before
