"""The manager's lists: what stands there, for whom, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import Why
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import CHAIR, Asked, ask, pass_deadline, raise_price

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


def _decide(browser: Browser, asked: Asked, choice: str, comment: str = "") -> None:
    answer = browser.send(f"/requests/{asked.number}/decision", asked.answer(choice, comment))
    assert answer.status_code == 303, answer.text


def test_the_inbox_shows_who_wants_what_and_why_it_came_here(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    page = browser_of(company.bruno).get("/inbox").text
    for said in ("Office chair with arm rests", "Ana Alonso, Marketing", "amazon.es", asked.number):
        assert said in page
    assert "649.00\u00a0EUR" in page
    assert "Amount: 649.00 EUR, allowed is at most 500.00 EUR." in page
    assert "6 days left" in page


def test_least_time_left_stands_first(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    for title, days in (("Second", 3), ("Third", 1), ("First", 6)):
        ask(sessions, company.ana, product=replace(CHAIR, title=title), waited=timedelta(days=days))
    page = browser_of(company.bruno).get("/inbox").text
    places = [page.index(f">{title}</a>") for title in ("First", "Second", "Third")]
    assert places == sorted(places)


def test_mine_holds_only_what_i_am_asked(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    ask(sessions, company.ana)
    assert "Office chair" in browser_of(company.bruno).get("/inbox").text
    for other in (company.hugo, company.ivan, company.carla):
        assert "Office chair" not in browser_of(other).get("/inbox").text


def test_the_menu_counts_mine_and_nothing_else(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    first = ask(sessions, company.ana)
    ask(sessions, company.ana)
    ask(sessions, company.julia)
    bruno = browser_of(company.bruno)
    assert _count_in_menu(bruno) == 2
    _decide(bruno, first, "approve")
    assert _count_in_menu(bruno) == 1
    assert _count_in_menu(browser_of(company.hugo)) == 0


def _count_in_menu(browser: Browser) -> int:
    page = browser.get("/profile").text
    element = page.split('id="count-manager-inbox"')[1]
    return int(element.split(">")[1].split("<")[0])


@pytest.mark.parametrize(
    ("reader", "sees"),
    [
        ("bruno", {"For Ana"}),
        ("hugo", {"For Ana", "For Bruno"}),
        ("ivan", {"For Julia"}),
        ("carla", {"For Ana", "For Bruno", "For Julia"}),
    ],
)
def test_all_shows_the_whole_circle_but_never_my_own_request(
    reader: str, sees: set[str], browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    for requester in (company.ana, company.bruno, company.julia, company.carla):
        ask(sessions, requester, product=replace(CHAIR, title=f"For {requester.name.split()[0]}"))
    page = browser_of(getattr(company, reader)).get("/inbox/all").text
    shown = {f"For {name}" for name in ("Ana", "Bruno", "Julia") if f">For {name}</a>" in page}
    assert shown == sees
    if reader == "carla":
        assert ">For Carla</a>" not in page


def test_all_has_buttons_only_where_i_am_asked(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    page = browser_of(company.hugo).get("/inbox/all").text
    assert "Waiting for Bruno Blanco" in page
    assert str(asked.decision_id) in page
    assert "data-approve" not in page


def test_a_question_whose_time_is_up_waits_for_nobody(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    pass_deadline(sessions, ask(sessions, company.ana))
    bruno = browser_of(company.bruno)
    assert "Nothing waits for you" in bruno.get("/inbox").text
    assert _count_in_menu(bruno) == 0


def test_decided_names_who_answered_and_how(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    _decide(browser_of(company.bruno), asked, "reject", "We have one already")
    page = browser_of(company.bruno).get("/inbox/decided").text
    assert "Rejected" in page
    assert "Bruno Blanco, " in page
    assert "We have one already" in page


@pytest.mark.parametrize("page", ["0", "-3", "99999999999999999999", "two"])
def test_a_page_number_that_makes_no_sense_is_no_fault(
    page: str, browser_of: BrowserOf, company: Company
) -> None:
    assert browser_of(company.bruno).get(f"/inbox/decided?page={page}").status_code == 200


def test_a_risen_price_shows_both_prices(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    asked = ask(sessions, company.ana, quantity=2)
    bruno = browser_of(company.bruno)
    _decide(bruno, asked, "approve")
    again = raise_price(sessions, asked, "700.00")
    row = bruno.get("/inbox").text
    assert "The price of one rose from 649.00\u00a0EUR to 700.00\u00a0EUR." in row
    assert "1,400.00\u00a0EUR" in row
    assert "1,298.00\u00a0EUR" in row
    panel = bruno.get(f"/requests/{again.number}").text
    assert "Approved before" in panel
    assert "The vendor asks now" in panel


@pytest.mark.parametrize(
    "title",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}} ${7*7} %s {0.__class__}"],
)
def test_hostile_text_is_shown_as_text(
    title: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ask(sessions, company.ana, product=replace(CHAIR, title=title), detail=title)
    page = browser_of(company.bruno).get("/inbox").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    shown = page.split("data-open>")[1].split("</a>")[0]
    assert "49" not in shown


def test_the_panel_shows_the_last_five_similar_decisions_the_closest_first(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    bruno = browser_of(company.bruno)
    other_category = replace(CHAIR, category="books", title="A book")
    for product in (CHAIR, *(other_category,) * 5):
        _decide(bruno, ask(sessions, company.ana, product=product), "approve", "fine")
    page = bruno.get(f"/requests/{ask(sessions, company.ana).number}").text
    similar = page.split("Decided before")[1].split("</ul>")[0]
    assert similar.count("<li>") == 5
    assert similar.index("Office chair") < similar.index("A book")


def test_the_panel_is_not_for_the_requester(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.bruno)
    page = browser_of(company.bruno).get(f"/requests/{asked.number}")
    assert page.status_code == 200
    assert "Your decision" not in page.text
    assert "Your decision" in browser_of(company.hugo).get(f"/requests/{asked.number}").text


def test_a_switched_off_review_is_named_as_the_reason(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    detail = "The automated review is switched off here."
    ask(sessions, company.ana, why=Why.REVIEW_IS_OFF, detail=detail)
    assert detail in browser_of(company.bruno).get("/inbox").text
