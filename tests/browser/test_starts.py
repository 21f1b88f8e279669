"""Triggers and timetables in a real browser: pages that anybody can use, and next times that follow what is typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from storage import process_timetable, process_trigger
from tests.app.people import Company
from tests.browser.conftest import barriers, log_in
from tests.process_samples import content, deployed

OpenPage = Callable[..., Page]
Sessions = sessionmaker[Session]

pytestmark = [pytest.mark.browser, pytest.mark.whole]


def set_up(sessions: Sessions, company: Company) -> tuple[str, str]:
    """A process, a trigger and a timetable of it; the addresses of the two."""
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    report = content("report", end, ">end", name="Report", inputs=[{"name": "about", "kind": "text"}])
    about = {"title": "Report", "process": "report"}
    with sessions.begin() as session:
        deployed(session, company, report)
        trigger = process_trigger.create(
            session,
            {
                **about, "entity": "request", "operation": "decided", "fields": ["status"],
                "condition": {"left": "{{entity.amount}}", "op": "gt", "right": "500", "as": "amount"},
                "input": {"about": "{{entity.number}}"}, "may_follow_itself": False,
            },
            company.elena.id, "for a test",
        )  # fmt: skip
        timetable = process_timetable.create(
            session,
            {
                **about, "cron": "0 9 * * 1-5", "zone": "Europe/Madrid", "overlap": "skip",
                "catch_up_seconds": 3600, "input": {"about": "{{timetable.date}}"},
            },
            company.elena.id, "for a test",
        )  # fmt: skip
        return f"/triggers/{trigger.id}", f"/timetables/{timetable.id}"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_pages_have_no_barriers_and_fit_the_screen(
    width: int, dark: bool, open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    trigger, timetable = set_up(sessions, company)
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    for path in (
        "/triggers",
        "/triggers/new",
        "/triggers/new?process=report",
        trigger,
        "/timetables",
        "/timetables/new?process=report",
        timetable,
    ):
        page.goto(path)
        assert barriers(page) == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path


def test_the_next_times_follow_what_is_typed(page: Page, company: Company, sessions: Sessions) -> None:
    _, timetable = set_up(sessions, company)
    log_in(page, company.elena)
    page.goto(timetable)
    times = page.locator("#next-times")
    expect(times.locator("li")).to_have_count(5)
    page.get_by_label("When, in five cron words").fill("15 7 * * *")
    expect(times.locator("li").first).to_contain_text("07:15")
    page.get_by_label("Time zone").fill("Mars")
    expect(times).to_contain_text("is no time zone")
