"""Looking again at automatic approvals: what finance is shown, what it may say, and how many are drawn."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.flag import Reading, Source
from rules.request import Draft, Status
from rules.review import Check, History, Result, ReviewInput, ReviewResult
from storage import recheck, review
from storage import request as requests
from storage.audit import SYSTEM, AuditRow
from storage.person import PersonRow
from storage.recheck import RecheckRow, RecheckShareRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import CHAIR

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
WRONG = {"verdict": "wrong", "why": "Bought twice."}
CHECK = Check("max_amount", "Amount", Result.PASSED, "649.00 EUR", "at most 700.00 EUR")


def _approve(sessions: Sessions, requester: PersonRow, share: int = 100) -> str:
    """A request that the automated review approved, where so many percent are drawn; its number."""
    total = CHAIR.unit_price
    draft = Draft(CHAIR, 1, total, "For the new colleague.", requester.department_id, None)
    subject = ReviewInput(total, CHAIR.category, CHAIR.vendor, requester.department_id, History(3, 0))
    result = ReviewResult(True, Decimal("0.8"), Decimal("0.1"), "All checks passed.", (CHECK,))
    with sessions.begin() as session:
        session.add(RecheckShareRow(share=Decimal(share), why=""))
        row = requests.submit(session, draft, session.merge(requester), uuid4().hex, "of a test")
        requests.move(session, row.id, Status.IN_REVIEW, SYSTEM)
        review.store(session, row.id, subject, None, result, Reading(True, Source.EVERYONE, 1))
        requests.move(session, row.id, Status.ORDERING, SYSTEM, auto_approved=True)
        return row.number


def _verdicts(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [(row.verdict, row.why) for row in session.scalars(select(RecheckRow))]


@pytest.fixture
def number(company: Company, sessions: Sessions) -> str:
    """Ana's chair, approved by the automated review and drawn."""
    return _approve(sessions, company.ana)


def test_finance_sees_what_was_drawn_with_what_the_review_saw(
    number: str, browser_of: BrowserOf, company: Company
) -> None:
    carla = browser_of(company.carla)
    assert number in carla.get("/rechecks").text
    page = carla.get(f"/rechecks/{number}").text
    assert "649.00 EUR" in page
    assert "allowed: at most 700.00 EUR" in page
    assert "For the new colleague." in page


def test_what_was_not_drawn_is_not_shown_and_cannot_be_judged(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    number = _approve(sessions, company.ana, share=0)
    carla = browser_of(company.carla)
    assert "Nothing to look at again" in carla.get("/rechecks").text
    assert carla.get(f"/rechecks/{number}").status_code == 404
    assert carla.send(f"/rechecks/{number}", WRONG).status_code == 404
    assert _verdicts(sessions) == []


def test_a_verdict_is_kept_with_its_reason_and_told_in_both_histories(
    number: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    assert carla.send(f"/rechecks/{number}", WRONG).status_code == 303
    assert _verdicts(sessions) == [("wrong", "Bought twice.")]
    assert "Nothing to look at again" in carla.get("/rechecks").text
    said = f"{company.carla.name} looked at the automatic approval again and found it wrong. “Bought twice.”"
    assert said in browser_of(company.ana).get(f"/requests/{number}").text
    assert "Automatic approval looked at again" in browser_of(company.felix).get("/audit").text
    assert "found this approval wrong" in browser_of(company.diego).get(f"/rechecks/{number}").text


def test_said_twice_by_a_double_click_it_is_kept_once_and_another_verdict_is_refused(
    number: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    assert [carla.send(f"/rechecks/{number}", WRONG).status_code for _ in range(2)] == [303, 303]
    refused = browser_of(company.diego).send(f"/rechecks/{number}", {"verdict": "right", "why": ""})
    assert refused.status_code == 409
    assert "found it wrong" in refused.text
    with sessions() as session:
        acts = session.scalars(select(AuditRow.action).where(AuditRow.action == "recheck.judged")).all()
    assert len(acts) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "whether the approval was right"),
        ({"verdict": "fine", "why": "x"}, "whether the approval was right"),
        ({"verdict": "wrong", "why": " "}, "what was wrong with it"),
        ({"verdict": "right", "why": "\u202e"}, "cannot be shown"),
    ],
)
def test_a_verdict_that_says_nothing_is_named_at_its_field_and_nothing_is_kept(
    form: dict[str, str], said: str, number: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    answer = browser_of(company.carla).send(f"/rechecks/{number}", form)
    assert answer.status_code == 422
    assert said in answer.text
    assert _verdicts(sessions) == []


def test_nobody_looks_again_at_what_was_approved_for_themselves(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    number = _approve(sessions, company.carla)
    carla = browser_of(company.carla)
    assert "Nothing to look at again" in carla.get("/rechecks").text
    assert "This is your own request" in carla.get(f"/rechecks/{number}").text
    assert carla.send(f"/rechecks/{number}", WRONG).status_code == 403
    assert number in browser_of(company.diego).get("/rechecks").text


def test_the_menu_counts_what_waits_for_finance_and_names_it_to_nobody_else(
    number: str, browser_of: BrowserOf, company: Company
) -> None:
    assert 'href="/rechecks"' in browser_of(company.carla).get("/profile").text
    for person in (company.ana, company.bruno, company.elena, company.felix, company.greta):
        browser = browser_of(person)
        assert browser.get("/rechecks").status_code == 403
        assert 'href="/rechecks"' not in browser.get("/profile").text
        assert browser.send(f"/rechecks/{number}", WRONG).status_code == 403


def test_finance_sets_the_share_with_a_reason(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    assert "5 % of the automatic approvals, as shipped" in carla.get("/rechecks").text
    assert carla.send("/rechecks/share", {"share": "7.5", "why": "A new category."}).status_code == 303
    page = carla.get("/rechecks").text
    assert "7.5 % of the automatic approvals" in page
    assert "A new category." in page
    with sessions() as session:
        assert recheck.share(session)[0] == Decimal("7.5")
    refused = carla.send("/rechecks/share", {"share": "101", "why": ""})
    assert refused.status_code == 422
    assert 'value="101"' in refused.text
    assert "from 0 to 100 percent" in refused.text
    assert "Please say why." in refused.text
