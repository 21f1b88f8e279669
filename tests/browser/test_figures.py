"""The figures and the second look in a real browser: what they show fits every screen and hinders nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from local.demo.company import read_company
from local.demo.load import load
from local.plan import Plan
from storage.database import make_engine, make_sessions
from tests.browser.conftest import barriers
from tests.servers import clone

pytestmark = [pytest.mark.browser, pytest.mark.whole]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def demo_url(postgres: Plan) -> Iterator[str]:
    """A database with the demo company, shared by these tests."""
    with clone(postgres, f"figures_browser_{uuid4().hex}") as database:
        engine = make_engine(database.url)
        with make_sessions(engine).begin() as session:
            assert load(session, ("amazon.es", "amazon.com"), Decimal(5)) is not None
        engine.dispose()
        yield database.url


@pytest.fixture
def database_url(demo_url: str) -> str:
    return demo_url


def _log_in(page: Page, login: str) -> None:
    page.goto("/login")
    page.get_by_label("Mail address").fill(f"{login}@vistobueno.example")
    page.get_by_label("Password").fill(read_company().password)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("main")).to_be_visible()
    page.wait_for_url(lambda url: "/login" not in url)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_the_figures_and_the_second_look_have_no_barriers_and_fit_the_screen(
    open_page: OpenPage, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    _log_in(page, "daniel")
    page.goto("/rechecks")
    address = page.get_by_role("link", name="Look at it").first.get_attribute("href")
    assert address is not None
    for path in ("/kpi", "/rechecks", address):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), path


def test_a_verdict_is_given_from_the_list_and_is_told_below_it(open_page: OpenPage) -> None:
    page = open_page()
    _log_in(page, "daniel")
    page.goto("/rechecks")
    page.get_by_role("link", name="Look at it").first.click()
    page.get_by_role("radio", name="Wrong").check()
    page.get_by_role("button", name="Say so").click()
    expect(page.get_by_text("Please say what was wrong with it.")).to_be_visible()
    expect(page.get_by_role("radio", name="Wrong")).to_be_checked()
    page.get_by_role("textbox", name="Why?").fill("Seen twice this month.")
    page.get_by_role("button", name="Say so").click()
    expect(page.locator("main")).to_contain_text("counts in the figures")
    expect(page.locator("main")).to_contain_text("Seen twice this month.")
