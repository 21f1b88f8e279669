"""A candidate and a flag's value given to some first, in a real browser: saved, begun, told, on any screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from rules.flag import REVIEW_STRICTNESS
from rules.rollout import State
from storage import rollout
from tests.app import release
from tests.app.people import Company
from tests.app.wishes import RULES, put_in_force
from tests.browser.conftest import barriers, log_in
from tests.storage.some_first import begin_flag, begin_policy, candidate, expose, plan

pytestmark = [pytest.mark.browser, pytest.mark.whole]

OpenPage = Callable[..., Page]
Sessions = sessionmaker[Session]


@pytest.fixture
def everything(sessions: Sessions, company: Company) -> str:
    """A build, a candidate of IT's rules and a flag's value, each on its way; the id of another candidate."""
    put_in_force(sessions)
    put_in_force(sessions, RULES, "it")
    release.in_the_middle(sessions, company)
    with sessions.begin() as session:
        expose(session, begin_policy(session, company, candidate(session, company), plan("25")))
        begin_flag(session, company, REVIEW_STRICTNESS.key, "lenient", plan("10", "it"))
        return str(candidate(session, company, "marketing").id)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_the_pages_have_no_barriers_and_fit_the_screen(
    open_page: OpenPage, company: Company, everything: str, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    for path in (
        "/rollout",
        "/rollout/new?kind=policy",
        "/rollout/new?kind=flag",
        f"/flags/{REVIEW_STRICTNESS.key}",
    ):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_finances_pages_have_no_barriers_and_fit_the_screen(
    open_page: OpenPage, company: Company, everything: str, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.carla)
    for path in ("/policy/it/edit", f"/policy/versions/{everything}", "/policy/it/versions", "/rollout"):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_finance_saves_a_candidate_begins_its_rollout_and_pauses_it(
    page: Page, company: Company, sessions: Sessions
) -> None:
    put_in_force(sessions)
    put_in_force(sessions, RULES, "it")
    log_in(page, company.carla)
    page.goto("/policy")
    row = page.locator("#rules-it")
    row.get_by_role("link", name="Edit").click()
    row.get_by_label("Why do the rules change?").fill("Fewer questions")
    row.locator("[name=max_amount]").fill("650.00")
    row.get_by_role("button", name="Save as candidate, to try on some first").click()
    expect(page.get_by_text("in force for nobody until a rollout gives it to some")).to_be_visible()
    page.get_by_role("link", name="Begin a rollout").click()
    expect(page.get_by_label("Candidate of the rules")).to_contain_text("IT, version 2: Fewer questions")
    page.get_by_label("Why?").fill("Half of IT for a day")
    page.get_by_role("button", name="Begin").click()
    card = page.locator("#running-policy-it")
    expect(card).to_contain_text("Rollout of Policy of IT, version 2")
    card.get_by_label("Why?").fill("Not today")
    card.get_by_role("button", name="Pause").click()
    expect(page.locator("#running-policy-it")).to_contain_text("paused")
    with sessions.begin() as session:
        assert rollout.newest(session, 1)[0].state == State.PAUSED
