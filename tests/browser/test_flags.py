"""The pages of flags in a real browser: one proposes, another agrees, both see the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from rules.flag import AUTOMATED_REVIEW, Level
from storage import flag
from tests.app.people import Company
from tests.browser.conftest import barriers, log_in

OpenPage = Callable[..., Page]

pytestmark = [pytest.mark.browser, pytest.mark.whole]


def _propose(page: Page) -> None:
    page.goto("/flags/automated-review")
    form = page.locator("#set")
    form.get_by_label("For whom").select_option("IT")
    form.get_by_label("on", exact=True).check()
    form.get_by_label("Until").fill("2090-01-02T03:04")
    form.get_by_label("Why?").fill("IT tries it first.")
    form.get_by_role("button", name="Save").click()


def test_one_person_proposes_and_another_agrees(
    open_page: OpenPage, company: Company, sessions: sessionmaker[Session]
) -> None:
    elena, carla = open_page(), open_page()
    log_in(elena, company.elena)
    _propose(elena)
    waiting = elena.get_by_role("region", name="Waits for a second person")
    expect(waiting).to_contain_text("IT tries it first.")
    expect(waiting.get_by_role("button")).to_have_text("Take it back")
    log_in(carla, company.carla)
    carla.goto("/orders")
    expect(carla.get_by_role("link", name="Rollout").first).to_contain_text("1")
    carla.goto("/flags")
    carla.get_by_role("link", name="Automated review of purchase requests").click()
    carla.get_by_role("button", name="Agree").click()
    expect(carla.get_by_text("Agreed. Every worker goes by it")).to_be_visible()
    expect(carla.get_by_role("row", name="IT department").first).to_contain_text(
        "until 2 Jan 2090, 03:04 UTC"
    )
    with sessions.begin() as session:
        assert flag.read_truth(session).of(AUTOMATED_REVIEW)[Level.DEPARTMENT, "it"].value is True


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_the_flag_pages_have_no_barriers_and_fit_the_screen(
    width: int, dark: bool, open_page: OpenPage, company: Company
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    _propose(page)
    for path in ("/flags", "/flags/automated-review?who=ana@vistobueno.example", "/flags/review-strictness"):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
