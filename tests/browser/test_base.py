"""What every page has, in a real browser: menus, the keyboard, forms sent once, dialogs, narrow and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.app.people import Company
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]

SIZES = [(1280, False), (1280, True), (390, False), (390, True), (360, False)]
NAMES = ["desktop", "desktop dark", "phone", "phone dark", "narrowest"]


@pytest.mark.parametrize(("width", "dark"), SIZES, ids=NAMES)
def test_the_base_pages_have_no_barriers_and_fit_the_screen(
    open_page: Callable[..., Page], company: Company, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    page.goto("/login")
    assert barriers(page) == []
    log_in(page, company.bruno)
    for path in ("/profile", "/nothing"):
        page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_the_system_into_the_dark(open_page: Callable[..., Page], dark: bool) -> None:
    page = open_page(dark=dark)
    page.goto("/login")
    theme = page.locator("html").get_attribute("data-bs-theme")
    assert theme == ("dark" if dark else "light")
    page.emulate_media(color_scheme="light" if dark else "dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light" if dark else "dark")


def test_the_keyboard_reaches_the_content_and_the_account(page: Page, company: Company) -> None:
    log_in(page, company.ana)
    page.goto("/profile")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    account = page.get_by_role("button", name="Your account, Ana Alonso")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile and sessions")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Profile and sessions")).to_be_hidden()
    expect(account).to_be_focused()


def test_on_a_phone_the_menu_opens_and_closes(open_page: Callable[..., Page], company: Company) -> None:
    page = open_page(width=390)
    log_in(page, company.ana)
    page.goto("/")
    first = page.locator("#menu .nav-link").first
    expect(first).to_be_hidden()
    page.get_by_role("button", name="Show the menu").click()
    expect(first).to_be_visible()
    page.get_by_role("button", name="Show the menu").click()
    expect(first).to_be_hidden()


def test_a_double_click_sends_a_form_once(page: Page, company: Company) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto("/login")
    page.get_by_label("Mail address").fill(company.ana.email)
    page.get_by_label("Password").fill("not the password at all")
    page.get_by_role("button", name="Log in", exact=True).dblclick()
    expect(page.get_by_role("alert")).to_be_visible()
    assert len(sent) == 1


def test_a_question_that_is_dismissed_changes_nothing_and_yes_does_it(
    open_page: Callable[..., Page], company: Company
) -> None:
    here, elsewhere = open_page(), open_page()
    log_in(here, company.ana)
    log_in(elsewhere, company.ana)
    here.goto("/profile")
    here.get_by_role("button", name="End the others").click()
    dialog = here.get_by_role("dialog")
    expect(dialog).to_contain_text("End all your other sessions?")
    here.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    elsewhere.goto("/profile")
    expect(elsewhere.get_by_role("heading", name="Ana Alonso")).to_be_visible()
    here.get_by_role("button", name="End the others").click()
    dialog.get_by_role("button", name="End the others").click()
    expect(here.get_by_role("status")).to_contain_text("1 other session")
    elsewhere.goto("/profile")
    expect(elsewhere.get_by_role("heading", name="Log in")).to_be_visible()


def test_after_logout_the_back_button_shows_nothing_of_before(page: Page, company: Company) -> None:
    log_in(page, company.ana)
    page.goto("/profile")
    page.get_by_role("button", name="Your account, Ana Alonso").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_text("Ana Alonso")).to_have_count(0)


def test_on_paper_there_is_no_menu(page: Page, company: Company) -> None:
    log_in(page, company.ana)
    page.goto("/profile")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main menu")).to_be_hidden()
    expect(page.get_by_text("About you")).to_be_visible()
