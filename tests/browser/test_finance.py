"""Finance's pages, the switches, the trail and the accounts in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from storage import policy
from storage.audit import SYSTEM
from storage.policy import DEFAULT
from tests.app.people import Company
from tests.app.questions import ask
from tests.app.test_finance_policy import RULES
from tests.browser.conftest import barriers, log_in

pytestmark = [pytest.mark.browser, pytest.mark.whole]
Sessions = sessionmaker[Session]
OpenPage = Callable[..., Page]


@pytest.fixture(autouse=True)
def rules(sessions: Sessions, company: Company) -> None:
    """A default and rules of IT's own."""
    with sessions.begin() as session:
        policy.save_version(session, DEFAULT, RULES.to_content(), SYSTEM, replaces_version=0)
        it = replace(RULES, max_amount=Decimal("1000.00"))
        policy.save_version(session, "it", it.to_content(), SYSTEM, replaces_version=0, note="The first")


def test_a_row_is_edited_in_place_and_judged_at_its_cell(page: Page, company: Company) -> None:
    log_in(page, company.carla)
    page.goto("/policy")
    row = page.locator("#rules-it")
    row.get_by_role("link", name="Edit").click()
    amount = row.get_by_label("Highest amount")
    amount.fill("1,200.00")
    amount.blur()
    expect(row.locator("#problem-it-max_amount")).to_contain_text("without separators")
    amount.fill("1200.00")
    amount.blur()
    expect(row.locator("#problem-it-max_amount")).to_have_text("")
    with page.expect_response("**/check/trusted_categories"):
        row.get_by_label("software").check()
    row.get_by_role("button", name="Save and put in force").click()
    expect(row).to_contain_text("say why the rules change")
    expect(row.get_by_label("Highest amount")).to_have_value("1200.00")
    row.get_by_label("Why do the rules change?").fill("Laptops became dearer")
    row.get_by_role("button", name="Save and put in force").click()
    expect(page.locator("#messages")).to_contain_text("IT: version 2 is in force from now on.")
    expect(page.locator("#rules-it")).to_contain_text("1200.00")
    expect(page.locator("#rules-it")).to_contain_text("software")


def test_cancel_closes_the_row_as_it_was(page: Page, company: Company) -> None:
    log_in(page, company.carla)
    page.goto("/policy")
    row = page.locator("#rules-it")
    row.get_by_role("link", name="Edit").click()
    row.get_by_label("Highest amount").fill("7.00")
    row.get_by_role("link", name="Cancel").click()
    expect(row.get_by_role("link", name="Edit")).to_be_visible()
    expect(row).to_contain_text("1000.00")


def test_two_editors_meet_and_the_second_sees_both(page: Page, open_page: OpenPage, company: Company) -> None:
    other = open_page()
    for each, person, amount, why in (
        (page, company.carla, "600.00", "A little more"),
        (other, company.diego, "700.00", "Much more"),
    ):
        log_in(each, person)
        each.goto("/policy/default/edit")
        with each.expect_response("**/check/max_amount"):
            each.get_by_label("Highest amount").fill(amount)
            each.get_by_label("Why do the rules change?").fill(why)
    page.get_by_role("button", name="Save and put in force").click()
    expect(page.locator("#messages")).to_contain_text("version 2 is in force")
    other.get_by_role("button", name="Save and put in force").click()
    row = other.locator("#rules-default")
    expect(row).to_contain_text("Carla Cruz saved version 2 while you were editing version 1.")
    expect(row).to_contain_text("A little more")
    other.get_by_role("button", name="Save mine on top of version 2 and put it in force").click()
    expect(other.locator("#messages")).to_contain_text("version 3 is in force")
    expect(other.locator("#rules-default")).to_contain_text("700.00")


def test_the_box_lights_the_deciding_cell_while_one_types(page: Page, company: Company) -> None:
    log_in(page, company.bruno)
    page.goto("/policy")
    box = page.locator("#try")
    box.get_by_label("Department", exact=True).select_option("it")
    box.get_by_label("Amount").fill("1000.01")
    lit = page.locator("#rules-it td.is-lit")
    expect(lit).to_have_text("1000.00")
    expect(page.locator("th.is-lit")).to_have_text("Highest amount")
    expect(box.locator(".checks .is-lit")).to_contain_text("decides")
    box.get_by_label("Amount").fill("1000.00")
    expect(page.locator(".rules .is-lit")).to_have_count(0)
    expect(box).to_contain_text("Approved at once")
    box.get_by_label("The history cannot be read").check()
    expect(page.locator("#rules-it td.is-lit")).to_have_count(2)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_the_pages_have_no_barriers_and_fit_the_screen(
    width: int, dark: bool, open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    ask(sessions, company.ana)
    sample = "amount=900.00&currency=EUR&category=books&vendor=amazon.es&department=it&completed=5&rejected=0"
    pages = {
        company.carla: ("/policy", "/policy/it/edit", "/policy/it/versions", "/orders"),
        company.diego: ("/requests/all", "/requests/all?from=x"),
        company.elena: ("/flags/automated-review?who=ana@vistobueno.example",),
        company.felix: ("/audit", f"/policy?{sample}"),
        company.greta: ("/people", f"/people/{company.ana.id}"),
    }
    for person, paths in pages.items():
        page = open_page(width=width, dark=dark, bypass_policy=True)
        log_in(page, person)
        for path in paths:
            page.goto(path)
            assert barriers(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
