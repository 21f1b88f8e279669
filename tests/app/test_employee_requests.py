"""The list of one's own requests: search, filters, pages, and what a newcomer sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from rules.request import Status
from storage import request as requests
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import other, readable, submitted

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def ana(company: Company, browser_of: BrowserOf) -> Browser:
    return browser_of(company.ana)


def _listed(page: str) -> list[str]:
    return re.findall(r'<a href="/requests/(PR-[0-9-]+)">', page)


def test_a_newcomer_is_told_how_to_begin(ana: Browser) -> None:
    page = ana.get("/requests").text
    assert "You have not asked for anything yet" in page
    assert 'href="/requests/new"' in page
    assert 'role="search"' not in page


def test_only_ones_own_requests_are_listed_the_newest_first(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    mine = [submitted(sessions, company.ana) for _ in range(2)]
    submitted(sessions, company.julia)
    assert _listed(ana.get("/requests").text) == [mine[1].number, mine[0].number]


def test_search_finds_title_number_and_seller_and_takes_wildcards_literally(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    lamp = submitted(
        sessions, company.ana, other("B0LAMP0001", title="Desk lamp 100% LED", seller="Luz & Co")
    )
    stapler = submitted(sessions, company.ana)

    def found(text: str) -> list[str]:
        return _listed(ana.get("/requests", query_string={"q": text}).text)

    assert found("desk LAMP") == [lamp.number]
    assert found("luz & co") == [lamp.number]
    assert found(stapler.number[-4:]) == [stapler.number]
    assert found("100%") == [lamp.number]
    assert found("_") == []
    assert "Nothing fits" in ana.get("/requests?q=unicorn").text


def test_the_status_filter_shows_what_it_says(ana: Browser, company: Company, sessions: Sessions) -> None:
    new = submitted(sessions, company.ana)
    gone = submitted(sessions, company.ana)
    with sessions.begin() as session:
        requests.move(session, gone.id, Status.WITHDRAWN, SYSTEM)
    assert _listed(ana.get("/requests?status=open").text) == [new.number]
    assert gone.number in _listed(ana.get("/requests?status=withdrawn").text)
    assert len(_listed(ana.get("/requests?status=nonsense").text)) == 2


def test_the_age_filter_leaves_out_what_is_older(ana: Browser, company: Company, sessions: Sessions) -> None:
    old, new = submitted(sessions, company.ana), submitted(sessions, company.ana)
    with sessions.begin() as session:
        session.execute(
            update(RequestRow)
            .where(RequestRow.id == old.id)
            .values(submitted_at=func.now() - timedelta(days=8))
        )
    assert _listed(ana.get("/requests?age=7").text) == [new.number]
    assert len(_listed(ana.get("/requests?age=30").text)) == 2


def test_pages_hold_twenty_and_keep_the_filters(ana: Browser, company: Company, sessions: Sessions) -> None:
    for _ in range(21):
        submitted(sessions, company.ana)
    first = ana.get("/requests?status=open").text
    assert len(_listed(first)) == 20
    assert "status=open&amp;age=&amp;page=2" in first
    assert len(_listed(ana.get("/requests?status=open&page=2").text)) == 1
    for wish in ("99", "0", "-1", "x", "9" * 30):
        assert ana.get(f"/requests?page={wish}").status_code == 200


def test_text_that_cannot_be_stored_cannot_be_searched_for_and_breaks_nothing(ana: Browser) -> None:
    for text in ("\x00", "a\u202eb", "x" * 101):
        answer = ana.get("/requests", query_string={"q": text})
        assert answer.status_code == 422
        assert "We cannot search for that" in answer.text


def test_an_ended_request_can_be_copied_from_the_list(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    row = submitted(sessions, company.ana)
    assert "copy=" not in ana.get("/requests").text
    with sessions.begin() as session:
        requests.move(session, row.id, Status.WITHDRAWN, SYSTEM)
    assert f"/requests/new?copy={row.number}" in ana.get("/requests").text


def test_a_waiting_request_names_who_is_awaited(ana: Browser, company: Company, sessions: Sessions) -> None:
    row = submitted(sessions, company.ana)
    with sessions.begin() as session:
        requests.move(session, row.id, Status.IN_REVIEW, SYSTEM)
        requests.move(session, row.id, Status.AWAITING_DECISION, SYSTEM, awaited_id=company.bruno.id)
    assert "Bruno Blanco, asked just now" in readable(ana.get("/requests").text)
