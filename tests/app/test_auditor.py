"""The audit trail as auditors read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.pages.auditor.wording import ACTIONS
from rules.request import Status
from storage import audit
from storage.audit import SYSTEM
from storage.order import Standing
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import ask

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
ROOT = Path(__file__).parents[2]


def _numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'only-wide">(\d+)</td>', page)]


def test_every_action_that_the_product_writes_has_words() -> None:
    written = {f"request.{status}" for status in Status} | {f"order.{s}" for s in Standing}
    for folder in ("app", "activities", "storage"):
        for path in (ROOT / folder).rglob("*.py"):
            for call in re.findall(r"audit\.record\((.*?)\)\n", path.read_text(encoding="utf-8"), re.S):
                written |= set(re.findall(r'(?<!f)"([a-z]+\.[a-z_]+)"', call))
    unsaid = {"order.intended", "order.unknown"}  # the request's own steps tell of these
    assert written - unsaid <= set(ACTIONS)
    assert "flag.set" in written, "the search finds what is written"


def test_the_trail_says_who_did_what_to_which_request(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    browser_of(company.bruno).send(
        f"/requests/{asked.number}/decision", asked.answer("reject", "Too <b>expensive</b>")
    )
    page = browser_of(company.felix).get("/audit").text
    assert f'href="/requests/{asked.number}"' in page
    assert "Rejected" in page
    assert "Bruno Blanco" in page
    assert "Too &lt;b&gt;expensive&lt;/b&gt;" in page
    assert "Request submitted" in page


def test_filters_narrow_the_trail(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    first, second = ask(sessions, company.ana), ask(sessions, company.julia)
    felix = browser_of(company.felix)
    assert len(_numbers(felix.get("/audit").text)) == 6
    assert len(_numbers(felix.get(f"/audit?number={first.number.lower()}").text)) == 3
    assert len(_numbers(felix.get("/audit?action=request.submitted").text)) == 2
    assert len(_numbers(felix.get(f"/audit?person={company.julia.id}").text)) == 1
    assert second.number in felix.get(f"/audit?person={company.julia.id}").text
    today = datetime.now(UTC).date()
    assert len(_numbers(felix.get(f"/audit?since={today - timedelta(days=1)}").text)) == 6
    assert _numbers(felix.get(f"/audit?until={today - timedelta(days=2)}").text) == []


def test_a_person_is_found_as_the_one_an_act_was_about(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        audit.record(session, SYSTEM, "person.locked", person=str(company.ana.id), why="Left")
    page = browser_of(company.felix).get(f"/audit?person={company.ana.id}").text
    assert "Account locked" in page
    assert "Left" in page


def test_pages_go_down_the_sequence_without_gap_or_repeat(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        for number in range(120):
            audit.record(session, SYSTEM, "signal.stray", reason=f"number {number}")
    felix, seen, url = browser_of(company.felix), list[int](), "/audit?action=signal.stray"
    while url:
        page = felix.get(url).text
        seen += _numbers(page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        url = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        "number=%00",
        "number=' OR 1=1 --",
        "action=request.bought",
        "person=nobody",
        "since=2026-02-30",
        "until=9999-12-31",
        "before=x",
        "before=-1",
        "before=99999999999999999999999",
    ],
)
def test_a_filter_that_makes_no_sense_is_no_fault(
    query: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ask(sessions, company.ana)
    assert browser_of(company.felix).get(f"/audit?{query}").status_code == 200


@pytest.mark.parametrize("person", ["ana", "bruno", "carla", "elena", "greta"])
def test_only_auditors_read_the_trail(person: str, browser_of: BrowserOf, company: Company) -> None:
    assert browser_of(getattr(company, person)).get("/audit").status_code == 403
