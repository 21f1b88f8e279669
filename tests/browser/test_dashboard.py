"""The page of a release in a real browser: open to all, on any screen, alive without flicker, and the way back by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from storage import build_return, rollout
from tests.app import release
from tests.app.people import Company
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]

OpenPage = Callable[..., Page]
Sessions = sessionmaker[Session]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_the_release_pages_have_no_barriers_and_fit_the_screen(
    open_page: OpenPage, company: Company, sessions: Sessions, width: int, dark: bool
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    for path in ("/rollout", "/rollout/new", f"/rollouts/{rollout_id}"):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_page_follows_by_itself_and_leaves_hands_and_charts_alone(
    page: Page, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    log_in(page, company.elena)
    page.goto("/rollout")
    expect(page.locator("#chart-requests svg")).to_be_visible()
    page.evaluate("for (const one of document.querySelectorAll('.chart svg, #running')) one.isTheSame = true")
    why = page.get_by_label("Why?")
    why.fill("half a sentence")
    with sessions.begin() as session:
        session.execute(text("UPDATE rollout SET why = 'The newest figure is 400 s old.'"))
    expect(page.locator("#running")).to_contain_text("The newest figure is 400 s old.")
    expect(why).to_be_focused()
    expect(why).to_have_value("half a sentence")
    same = "[...document.querySelectorAll('.chart svg, #running')].every((one) => one.isTheSame)"
    assert page.evaluate(same)


def test_the_page_stands_still_where_somebody_wants_it_to(
    page: Page, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    log_in(page, company.elena)
    page.goto("/rollout")
    is_held = """() => {
      const live = document.querySelector("#live");
      const about = { bubbles: true, cancelable: true, detail: { elt: live } };
      return !live.dispatchEvent(new CustomEvent("htmx:beforeRequest", about));
    }"""
    assert page.evaluate(is_held) is False
    page.get_by_label("Follows by itself").uncheck()
    assert page.evaluate(is_held) is True


def test_a_rollout_is_begun_and_taken_back_by_hand(page: Page, company: Company, sessions: Sessions) -> None:
    release.two_builds(sessions)
    log_in(page, company.elena)
    page.goto("/rollout")
    page.get_by_role("link", name="Begin a rollout").click()
    page.get_by_label("Build").select_option("b2")
    first = page.get_by_role("group", name="Step 1", exact=True)
    first.get_by_label("Share in percent").fill("10")
    first.get_by_label("IT", exact=True).check()
    page.get_by_label("Why?").fill("release 42")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("The rollout of Build b2 has begun")).to_be_visible()
    release.exposed(sessions)
    expect(page.locator("#running")).to_contain_text("The gate was passed.")
    page.get_by_label("What is wrong?").fill("orders fail")
    page.get_by_role("button", name="Return from b2").click()
    page.get_by_role("dialog").get_by_role("button", name="Return now").click()
    expect(page.get_by_text("The way back from b2 has begun")).to_be_visible()
    with sessions.begin() as session:
        [back] = build_return.newest(session)
        build_return.note(session, back.id, build_return.DONE, {"stable": "b1", "verified_ms": 650})
        assert [row.state for row in rollout.open_rollouts(session)] == ["returning"]
    expect(page.locator(f"#return-{back.id}")).to_contain_text("0.7 s")
