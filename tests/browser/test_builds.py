"""The page of the builds in a real browser: open to everybody, on any screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from tests.app.people import Company
from tests.app.test_builds import builds as builds
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone dark"])
def test_the_page_has_no_barriers_and_fits_the_screen(
    open_page: Callable[..., Page],
    company: Company,
    builds: sessionmaker[Session],
    width: int,
    dark: bool,
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    page.goto("/builds")
    expect(page.get_by_role("heading", name="Builds")).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_gate_is_wished_for_with_one_click(
    open_page: Callable[..., Page], company: Company, builds: sessionmaker[Session]
) -> None:
    page = open_page()
    log_in(page, company.elena)
    page.goto("/builds")
    page.get_by_role("region", name="two").get_by_role("button", name="Run the gate").click()
    expect(page.get_by_text("The gate of two runs.")).to_be_visible()
