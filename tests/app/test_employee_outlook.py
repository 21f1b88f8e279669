"""What the form says while it is typed: what the review would say, who would be asked, by when, and what it repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import deadline
from rules.flag import AUTOMATED_REVIEW, Level
from rules.money import Money
from rules.product import BuyingGuidance
from rules.request import Status
from settings import Settings
from storage import flag, flag_copy, flag_spread
from storage import request as requests
from storage.audit import SYSTEM
from storage.database import now
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import (
    RULES,
    STAPLER,
    look,
    notes_at,
    other,
    put_in_force,
    readable,
    remember,
    submitted,
    value_of,
)

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def heard_app(
    settings: Settings, make_app: Callable[..., Flask], redis_url: str, sessions: Sessions
) -> Flask:
    """An app that hears of flags; the automated review is on for everyone."""
    made = make_app(replace(settings, redis_url=redis_url))
    switch(sessions, redis_url, on=True)
    assert made.extensions["flags"].copy().wait_for_revision(1, 10)
    return made


def switch(
    sessions: Sessions, redis_url: str, *, on: bool, level: Level = Level.EVERYONE, subject: str = ""
) -> int:
    """Set the flag of the automated review and spread it, as the control worker does; gives the revision."""
    with sessions.begin() as session:
        flag.set_value(session, flag.Change(AUTOMATED_REVIEW, level, subject, on, "a test"), SYSTEM)
    with sessions.begin() as session:
        truth = flag.read_truth(session)
    client = flag_copy.connect(redis_url)
    flag_spread.publish(client, truth)
    client.close()
    return truth.revision


@pytest.fixture
def ana(heard_app: Flask, company: Company, sessions: Sessions) -> Browser:
    """Ana's browser, where the review is on, the rules are in force and the stapler is known."""
    remember(sessions)
    put_in_force(sessions)
    browser = Browser(heard_app, Response, use_cookies=True)
    browser.log_in(company.ana, sessions)
    return browser


def test_a_harmless_wish_is_said_to_be_approved_at_once_with_every_check(ana: Browser) -> None:
    seen = readable(look(ana))
    assert "Approved at once" in seen
    assert "Amount : passed 49.80 EUR · allowed: at most 500.00 EUR" in seen
    assert "Department limit : passed 49.80 EUR · allowed: at most 300.00 EUR" in seen
    assert "Confidence 1.0, risk 0.1" in seen
    assert "version 1 of the default rules" in seen


def test_a_failed_check_says_who_decides_why_and_the_smallest_change_that_would_pass(
    ana: Browser, sessions: Sessions
) -> None:
    remember(sessions, replace(STAPLER, unit_price=Money(Decimal("170.00"), "EUR")))
    seen = readable(look(ana, quantity="2", amount="340.00"))
    assert "Bruno Blanco will decide" in seen
    assert "340.00 EUR · allowed: at most 300.00 EUR 40.00 EUR less would pass." in seen


def test_the_panel_names_who_is_asked_who_comes_after_and_the_day(ana: Browser, sessions: Sessions) -> None:
    seen = readable(look(ana))
    with sessions.begin() as session:
        day = deadline(now(session))
    assert "Bruno Blanco is asked at once" in seen
    assert "after 5 days, Hugo Herrera is asked too" in seen
    assert f"{day:%b %Y}" in seen


def test_rejections_of_the_last_days_count_as_in_the_real_review(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    for _ in range(2):
        row = submitted(sessions, company.ana, other("B0OTHER001"))
        _lead_to(sessions, row, Status.IN_REVIEW, Status.AWAITING_DECISION, Status.REJECTED)
    seen = readable(look(ana))
    assert "Bruno Blanco will decide" in seen
    assert "0 completed, 2 rejected in 30 days" in seen


def _lead_to(sessions: Sessions, row: RequestRow, *way: Status) -> None:
    with sessions.begin() as session:
        for status in way:
            assert requests.move(session, row.id, status, SYSTEM)


def test_where_the_review_is_switched_off_for_somebody_the_form_says_so(
    ana: Browser, heard_app: Flask, company: Company, sessions: Sessions, redis_url: str
) -> None:
    revision = switch(sessions, redis_url, on=False, level=Level.PERSON, subject=str(company.ana.id))
    assert heard_app.extensions["flags"].copy().wait_for_revision(revision, 10)
    seen = readable(look(ana))
    assert "Bruno Blanco will decide The automated review is switched off for you" in seen
    assert "All checks below pass; that will help." in seen


def test_where_nothing_was_heard_of_the_flags_a_person_decides_and_the_form_says_why(
    company: Company, browser_of: BrowserOf, sessions: Sessions
) -> None:
    remember(sessions)
    put_in_force(sessions)
    seen = readable(look(browser_of(company.ana)))
    assert "Bruno Blanco will decide We cannot tell right now whether the automated review is on." in seen


def test_without_a_rule_set_a_person_decides(heard_app: Flask, company: Company, sessions: Sessions) -> None:
    remember(sessions)
    browser = Browser(heard_app, Response, use_cookies=True)
    browser.log_in(company.ana, sessions)
    assert "No rule set is in force for this department." in readable(look(browser))


def test_the_rules_of_ones_own_department_are_used(ana: Browser, sessions: Sessions) -> None:
    put_in_force(sessions, replace(RULES, max_amount=Decimal("20.00")), "marketing")
    seen = readable(look(ana))
    assert "allowed: at most 20.00 EUR" in seen
    assert "version 1 of your department's rules" in seen


def test_a_blocked_product_is_left_to_a_person_although_all_checks_pass(
    ana: Browser, sessions: Sessions
) -> None:
    remember(sessions, replace(STAPLER, buying_guidance=BuyingGuidance.BLOCKED))
    page = look(ana)
    assert "Bruno Blanco will decide" in readable(page)
    assert "guided buying blocks" in notes_at(page, "product_link")


def test_another_currency_is_noted_and_left_to_a_person(ana: Browser) -> None:
    page = look(ana, currency="USD", typing="currency")
    assert "sells in EUR" in notes_at(page, "currency")
    assert "Bruno Blanco will decide" in readable(page)


def test_too_small_an_amount_is_noted_with_the_sum(ana: Browser) -> None:
    page = look(ana, amount="30.00", typing="amount")
    note = notes_at(page, "amount")
    assert "2 × 24.90 EUR = 49.80 EUR" in note
    assert "could not be ordered" in note
    assert "Bruno Blanco will decide" in readable(page)


def test_an_amount_within_the_tolerance_is_noted_and_passes(ana: Browser) -> None:
    page = look(ana, amount="49.00", typing="amount")
    assert "A little less" in notes_at(page, "amount")
    assert "Approved at once" in readable(page)


def test_a_request_for_the_same_product_lately_is_shown_with_a_link(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    earlier = submitted(sessions, company.ana)
    foreign = submitted(sessions, company.julia)
    page = look(ana)
    assert f"/requests/{earlier.number}" in page
    assert foreign.number not in page


def test_a_request_of_more_than_30_days_ago_is_no_duplicate(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    earlier = submitted(sessions, company.ana)
    with sessions.begin() as session:
        row = session.scalars(select(RequestRow)).one()
        row.submitted_at = now(session) - timedelta(days=31)
    assert earlier.number not in look(ana)


def test_typing_is_warned_about_and_never_called_refused(ana: Browser) -> None:
    page = look(ana, quantity="0", amount="", reason="")
    assert "whole number" in notes_at(page, "quantity")
    assert "field-note-no" not in page
    assert notes_at(page, "reason") == ""


def test_after_a_refusal_the_notes_follow_until_everything_is_right(ana: Browser) -> None:
    wrong = look(ana, judged="1", reason="")
    assert "One field needs a change" in readable(wrong)
    assert "field-note-no" in wrong
    right = look(ana, judged="1")
    assert "You can submit it." in readable(right)
    assert "field-note-no" not in right


def test_the_amount_is_filled_in_with_the_product_but_not_while_it_is_being_typed(ana: Browser) -> None:
    assert value_of(look(ana, amount=""), "amount") == "49.80"
    assert value_of(look(ana, amount="", typing="amount"), "amount") is None


def test_without_a_product_the_panel_says_what_it_will_show(ana: Browser) -> None:
    assert "Paste a product link" in readable(look(ana, product_link=""))


def test_somebody_whom_nobody_decides_for_is_told_before_submitting(
    heard_app: Flask, company: Company, sessions: Sessions
) -> None:
    remember(sessions)
    with sessions.begin() as session:
        for person in session.scalars(select(PersonRow)):
            person.roles = ["employee"]
    browser = Browser(heard_app, Response, use_cookies=True)
    browser.log_in(company.ana, sessions)
    assert "Nobody is set up to decide on your requests yet" in readable(look(browser))


def test_looking_writes_no_request(ana: Browser, sessions: Sessions) -> None:
    look(ana)
    with sessions.begin() as session:
        assert session.scalars(select(RequestRow)).all() == []
