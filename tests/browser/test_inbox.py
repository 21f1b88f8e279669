"""The inbox in a real browser: keys, rows that answer in place, several at once, phones, and no barriers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy.orm import Session, sessionmaker

from tests.app.people import Company
from tests.app.questions import CHAIR, Asked, ask, decision_of, raise_price
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]
Sessions = sessionmaker[Session]
OpenPage = Callable[..., Page]


@pytest.fixture
def waiting(sessions: Sessions, company: Company) -> list[Asked]:
    """Four requests that wait for Bruno, in the order of his list."""
    return [
        ask(sessions, company.ana, product=replace(CHAIR, title=f"Thing number {number}"))
        for number in (1, 2, 3, 4)
    ]


@pytest.fixture
def inbox(page: Page, company: Company, waiting: list[Asked]) -> Page:
    """Bruno's inbox on a desktop."""
    log_in(page, company.bruno)
    page.goto("/inbox")
    expect(page.locator("[data-ask]")).to_have_count(4)
    return page


def _row(page: Page, asked: Asked) -> Locator:
    return page.locator(f"#ask-{asked.decision_id}")


def _outcomes(sessions: Sessions, waiting: list[Asked]) -> list[str | None]:
    return [decision_of(sessions, asked).outcome for asked in waiting]


def test_keys_move_approve_and_reject_and_the_next_row_follows(
    inbox: Page, sessions: Sessions, waiting: list[Asked]
) -> None:
    inbox.keyboard.press("j")
    expect(_row(inbox, waiting[0])).to_be_focused()
    inbox.keyboard.press("j")
    inbox.keyboard.press("k")
    inbox.keyboard.press("a")
    expect(_row(inbox, waiting[0])).to_contain_text("Approved")
    expect(_row(inbox, waiting[1])).to_be_focused()
    inbox.keyboard.press("r")
    reason = _row(inbox, waiting[1]).get_by_label("Why?")
    expect(reason).to_be_focused()
    inbox.keyboard.type("a jar of karma, xylophone?")
    inbox.keyboard.press("Control+Enter")
    expect(_row(inbox, waiting[1])).to_contain_text("Rejected")
    expect(_row(inbox, waiting[2])).to_be_focused()
    assert _outcomes(sessions, waiting) == ["approved", "rejected", None, None]
    assert decision_of(sessions, waiting[1]).comment == "a jar of karma, xylophone?"


def test_a_reject_without_a_reason_is_asked_for_in_its_row(
    inbox: Page, sessions: Sessions, waiting: list[Asked]
) -> None:
    row = _row(inbox, waiting[1])
    row.get_by_role("button", name="Reject").click()
    row.locator("[data-reject-send]").click()
    expect(row).to_contain_text("a reject needs a reason")
    expect(row.get_by_label("Why?")).to_be_focused()
    row.get_by_role("button", name="Too expensive").click()
    row.locator("[data-reject-send]").click()
    expect(row).to_contain_text("Rejected")
    assert decision_of(sessions, waiting[1]).comment == "Too expensive"


def test_an_answered_row_keeps_its_place_so_that_nothing_slides_under_a_finger(
    inbox: Page, waiting: list[Asked]
) -> None:
    before = _row(inbox, waiting[1]).bounding_box()
    _row(inbox, waiting[0]).get_by_role("button", name="Approve", exact=True).click()
    expect(_row(inbox, waiting[1])).to_be_focused()
    assert _row(inbox, waiting[1]).bounding_box() == before


def test_the_counts_follow_without_a_new_page(inbox: Page, waiting: list[Asked]) -> None:
    expect(inbox.locator("#count-manager-inbox")).to_contain_text("4")
    for asked in waiting[:3]:
        _row(inbox, asked).get_by_role("button", name="Approve", exact=True).click()
        expect(_row(inbox, asked)).to_contain_text("Approved")
    expect(inbox.locator("#count-manager-inbox")).to_contain_text("1")
    expect(inbox.locator("#waiting-tab")).to_have_text("1")
    _row(inbox, waiting[3]).get_by_role("button", name="Approve", exact=True).click()
    expect(inbox.locator("#count-manager-inbox")).to_be_hidden()


def test_keys_can_be_switched_off_and_stay_off(inbox: Page, sessions: Sessions, waiting: list[Asked]) -> None:
    inbox.keyboard.press("?")
    switch = inbox.get_by_label("Use single keys in this browser")
    expect(switch).to_be_visible()
    switch.uncheck()
    inbox.keyboard.press("Escape")
    expect(switch).to_be_hidden()
    inbox.reload()
    inbox.keyboard.press("j")
    inbox.keyboard.press("a")
    inbox.get_by_role("button", name="Keys").click()
    expect(switch).not_to_be_checked()
    assert _outcomes(sessions, waiting) == [None] * 4


def test_a_double_click_approves_one_and_only_one(
    inbox: Page, sessions: Sessions, waiting: list[Asked]
) -> None:
    _row(inbox, waiting[0]).get_by_role("button", name="Approve", exact=True).dblclick()
    expect(_row(inbox, waiting[0])).to_contain_text("Approved")
    assert _outcomes(sessions, waiting) == ["approved", None, None, None]


def test_what_changed_since_the_list_was_opened_is_shown_in_the_row(
    inbox: Page, sessions: Sessions, waiting: list[Asked], open_page: OpenPage, company: Company
) -> None:
    other = open_page()
    log_in(other, company.bruno)
    other.goto("/inbox")
    _row(other, waiting[0]).get_by_role("button", name="Approve", exact=True).click()
    expect(_row(other, waiting[0])).to_contain_text("Approved")
    again = raise_price(sessions, waiting[0], "700.00")
    inbox.get_by_role("button", name="Approve", exact=True).first.click()
    expect(inbox.get_by_text("Thing number 1").first).to_be_visible()
    assert decision_of(sessions, again).outcome is None, "the risen price was not shown"


def test_somebody_elses_answer_is_named_in_the_row(
    inbox: Page, sessions: Sessions, waiting: list[Asked], open_page: OpenPage, company: Company
) -> None:
    other = open_page()
    log_in(other, company.bruno)
    other.goto("/inbox")
    row = _row(other, waiting[0])
    row.get_by_role("button", name="Reject").click()
    row.get_by_role("button", name="Not needed now").click()
    row.locator("[data-reject-send]").click()
    expect(row).to_contain_text("Rejected")
    _row(inbox, waiting[0]).get_by_role("button", name="Approve", exact=True).click()
    expect(_row(inbox, waiting[0])).to_contain_text("Already rejected by Bruno Blanco")


def test_several_are_decided_together(inbox: Page, sessions: Sessions, waiting: list[Asked]) -> None:
    inbox.keyboard.press("j")
    inbox.keyboard.press("x")
    inbox.keyboard.press("j")
    inbox.keyboard.press("x")
    expect(inbox.get_by_text("2 ticked")).to_be_visible()
    inbox.keyboard.press("Escape")
    expect(inbox.get_by_text("2 ticked")).to_be_hidden()
    for asked in waiting[2:]:
        inbox.get_by_label(f"Choose Thing number {waiting.index(asked) + 1}").check()
    inbox.get_by_role("button", name="Decide the ticked ones together").click()
    expect(inbox.get_by_text("2 requests")).to_be_visible()
    expect(inbox.get_by_text("1,298.00")).to_be_visible()
    inbox.get_by_role("button", name="Approve all 2").click()
    expect(inbox.get_by_text("All 2 requests were decided.")).to_be_visible()
    assert _outcomes(sessions, waiting) == [None, None, "approved", "approved"]


def test_enter_opens_the_request_and_its_panel_decides(
    inbox: Page, sessions: Sessions, waiting: list[Asked]
) -> None:
    inbox.keyboard.press("j")
    inbox.keyboard.press("Enter")
    expect(inbox.get_by_role("heading", name="Your decision")).to_be_visible()
    panel = inbox.locator("#decide")
    panel.get_by_role("button", name="Too expensive").click()
    panel.get_by_role("button", name="Reject", exact=True).click()
    expect(inbox.locator("#messages")).to_contain_text("Rejected: Thing number 1.")
    inbox.get_by_text("Next for you").click()
    expect(inbox.get_by_role("heading", name="Thing number 2")).to_be_visible()
    assert decision_of(sessions, waiting[0]).comment == "Too expensive"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_the_lists_have_no_barriers_and_fit_the_screen(
    width: int,
    dark: bool,
    open_page: OpenPage,
    company: Company,
    sessions: Sessions,
    waiting: list[Asked],
) -> None:
    long_name = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    ask(sessions, company.ana, product=replace(CHAIR, title=long_name), quantity=20)
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.bruno)
    page.goto("/inbox")
    page.get_by_role("button", name="Reject").first.click()
    page.get_by_label("Choose Thing number 2").check()
    for path in (None, "/inbox/all", "/inbox/decided", f"/inbox/several?pick={waiting[0].number}"):
        if path is not None:
            page.goto(path)
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
