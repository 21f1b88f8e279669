"""What one was told, behind the bell: shown to whom it is for, read when it was seen, nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.notification import Facts, Kind, word
from storage import notification
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import readable, submitted

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def row(company: Company, sessions: Sessions) -> RequestRow:
    return submitted(sessions, company.ana)


def _tell(sessions: Sessions, row: RequestRow, person: PersonRow, kind: Kind, step: str = "") -> None:
    facts = Facts(
        row.number, row.title, str(row.total), "Ana Alonso", f"http://x/requests/{row.number}", "Why."
    )
    with sessions.begin() as session:
        notification.tell(session, row.id, [person.id], kind, word(kind, facts), step=step)


def _newest(page: str) -> str:
    found = re.search(r'name="newest" value="(\d+)"', page)
    assert found is not None
    return found[1]


def _bell(page: str) -> str:
    found = re.search(r'aria-label="(\d+ unread messages?)"', page)
    return found[1] if found else ""


def test_one_reads_ones_own_messages_the_newest_first_with_a_link_to_the_request(
    company: Company, browser_of: BrowserOf, sessions: Sessions, row: RequestRow
) -> None:
    _tell(sessions, row, company.ana, Kind.APPROVED)
    _tell(sessions, row, company.ana, Kind.COMPLETED)
    _tell(sessions, row, company.bruno, Kind.ASKED)
    page = browser_of(company.ana).get("/notifications").text
    subjects = re.findall(rf'<a href="/requests/{row.number}">(.*?)</a>', page)
    assert [subject.split(":")[0] for subject in subjects] == ["Ordered", "Approved"]
    assert "http://x/" not in page  # the link of the mail is the heading here
    assert "has been ordered. Why." in readable(page)


def test_the_bell_counts_what_is_unread_and_a_look_alone_changes_nothing(
    company: Company, browser_of: BrowserOf, sessions: Sessions, row: RequestRow
) -> None:
    ana = browser_of(company.ana)
    assert _bell(ana.get("/requests").text) == "0 unread messages"
    _tell(sessions, row, company.ana, Kind.COMPLETED)
    for _ in range(2):
        assert _bell(ana.get("/notifications").text) == "1 unread message"


def test_what_came_after_the_page_was_shown_stays_unread(
    company: Company, browser_of: BrowserOf, sessions: Sessions, row: RequestRow
) -> None:
    ana = browser_of(company.ana)
    _tell(sessions, row, company.ana, Kind.APPROVED)
    shown = _newest(ana.get("/notifications").text)
    _tell(sessions, row, company.ana, Kind.COMPLETED)
    answer = ana.send("/notifications/read", {"newest": shown}, follow_redirects=True)
    assert _bell(answer.text) == "1 unread message"


def test_nobody_marks_another_persons_messages_read(
    company: Company, browser_of: BrowserOf, sessions: Sessions, row: RequestRow
) -> None:
    _tell(sessions, row, company.ana, Kind.COMPLETED)
    browser_of(company.bruno).send("/notifications/read", {"newest": str(2**62)})
    assert _bell(browser_of(company.ana).get("/requests").text) == "1 unread message"


def test_marking_needs_to_say_what_was_seen(company: Company, browser_of: BrowserOf) -> None:
    for newest in ("", "-1", "x", "9" * 30, "٣"):
        assert browser_of(company.ana).send("/notifications/read", {"newest": newest}).status_code == 422


def test_with_nothing_to_tell_the_page_says_what_will_stand_there(
    company: Company, browser_of: BrowserOf
) -> None:
    page = browser_of(company.felix).get("/notifications").text
    assert "Nothing to tell yet" in page
    assert "hx-trigger" not in page
