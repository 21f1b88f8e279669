"""The page of a run in a real browser: it follows what happens, is answered on a phone, and has no barriers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from storage import process_task
from storage.process_run import ProcessRunRow
from tests.app.people import Company
from tests.app.process_runs import tasks_of, waiting_trip
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]
Sessions = sessionmaker[Session]
OpenPage = Callable[..., Page]


@pytest.fixture
def trip(sessions: Sessions, company: Company) -> ProcessRunRow:
    """A run of Ana's trip, which Bruno is asked about."""
    return waiting_trip(sessions, company)


def test_the_page_follows_what_happens_and_leaves_alone_what_was_opened(
    page: Page, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    log_in(page, company.ana)
    page.goto(f"/runs/{trip.id}")
    page.get_by_text("Input and output").first.click()
    [task] = tasks_of(sessions, trip.id)
    with sessions.begin() as session:
        process_task.answer(session, task.id, company.bruno.to_person(), True, "Have fun.")
    expect(page.locator("#nodes")).to_contain_text("Have fun.")
    expect(page.locator("#nodes details").first).to_have_attribute("open", "")


def test_a_task_is_answered_on_a_phone(
    open_page: OpenPage, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    phone = open_page(width=390)
    log_in(phone, company.bruno)
    phone.goto("/tasks")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.get_by_role("link", name="Travel: Manager").click()
    phone.get_by_label("Comment").fill("Go.")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.get_by_role("button", name="Agree").click()
    expect(phone.locator("#messages")).to_contain_text("You agreed.")
    [task] = tasks_of(sessions, trip.id)
    assert (task.agrees, task.note) == (True, "Go.")


@pytest.mark.parametrize("path", ["/runs", "/tasks", "/runs/new", "run"])
def test_the_pages_of_runs_have_no_barriers(
    open_page: OpenPage, company: Company, trip: ProcessRunRow, path: str
) -> None:
    page = open_page(bypass_policy=True)
    log_in(page, company.bruno)
    page.goto(f"/runs/{trip.id}" if path == "run" else path)
    assert barriers(page) == []
