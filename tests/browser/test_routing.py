"""The pages of routing in a real browser: open to everybody, on any screen, and a rule written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from storage import routing
from storage.audit import SYSTEM
from storage.build import BuildRow
from tests.app.people import Company
from tests.app.wishes import submitted
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]

Sessions = sessionmaker[Session]


@pytest.fixture
def rules(sessions: Sessions, company: Company) -> list[str]:
    """Rules of every shape, one build alive and one not; the ids of the rules."""
    with sessions.begin() as session:
        session.add_all([BuildRow(build_id="b2"), BuildRow(build_id="b3")])
        session.flush()
        session.execute(text("UPDATE build SET live_until = now() + interval '1 hour' WHERE build_id = 'b2'"))
        session.execute(
            text("INSERT INTO build_route (current, percent, revision) VALUES ('2026-05-a', 0, 1)")
        )
        contents: list[dict[str, Any]] = [
            {"name": "Half of IT", "build": "b2", "departments": ["it"], "share_percent": "50", "priority": 1},
            {"name": "Try the new review", "priority": 20, "share_percent": "12.5",
             "variants": [{"name": "control", "weight": 1}, {"name": "new", "weight": 1, "build": "b3"}],
             "window": {"zone": "Europe/Madrid", "weekdays": [0, 1, 2, 3, 4], "from_hour": "09:00",
                        "to_hour": "17:00"}},
            {"name": "Nothing dear", "kind": "exclude", "amount_above": {"amount": "500.00", "currency": "EUR"}},
            {"name": "Managers, later", "build": "b2", "roles": ["manager"], "enabled": False},
        ]  # fmt: skip
        rows = [routing.add_rule(session, content, SYSTEM, "The pilot begins") for content in contents]
    submitted(sessions, company.julia)
    return [str(row.id) for row in rows]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_the_routing_pages_have_no_barriers_and_fit_the_screen(
    open_page: Callable[..., Page], company: Company, rules: list[str], width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    paths = (
        "/routing",
        "/routing/new",
        f"/routing/rules/{rules[1]}",
        f"/routing/why?who={company.julia.email}",
    )
    for path in paths:
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_rule_is_written_looked_up_and_taken_away_by_hand(page: Page, company: Company) -> None:
    log_in(page, company.elena)
    page.goto("/routing")
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Name", exact=True).fill("IT first")
    page.get_by_role("combobox", name="Build").fill("b2")
    page.get_by_label("Share in percent").fill("25")
    page.get_by_label("IT", exact=True).check()
    page.get_by_label("Why?").fill("The pilot begins")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next request goes by it.")).to_be_visible()
    page.get_by_role("link", name="Look up a person").click()
    page.get_by_label("Mail address of a person").fill(company.julia.email)
    page.get_by_role("button", name="Look up").click()
    expect(page.locator("#trials")).to_contain_text("Build b2 has no live worker")
    page.locator("#trials").get_by_role("link", name="IT first").click()
    page.get_by_label("Why is it taken away?").fill("It was a try")
    page.get_by_role("button", name="Take it away").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it away").click()
    expect(page.get_by_role("heading", name="No rule")).to_be_visible()
