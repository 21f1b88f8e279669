"""Journeys through the whole product in a real browser: web, both workers, database, flags, shop and mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect
from sqlalchemy.orm import Session, sessionmaker

from local.program import free_port
from local.vendor.catalogue import Article
from settings import Settings
from tests.app.people import Company
from tests.browser.conftest import log_in, serving
from tests.browser.whole import Whole, article, link_in, running
from tests.post import Post

pytestmark = pytest.mark.browser

PHONE = 390
CHEAP = article("office_supplies", above=10, below=100)
DEAR = article("electronics", above=600, below=2000)
SUBMITTED = re.compile(r"/requests/(PR-\d{4}-\d{6})$")


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The product's settings; the address of its pages is known before they are served, as mails name it."""
    environment["PUBLIC_URL"] = f"http://localhost:{free_port()}"
    return Settings.from_environment(environment)


@pytest.fixture
def website(app: Flask, settings: Settings) -> Iterator[str]:
    """The pages, at the address that mails name."""
    with serving(app, urlsplit(settings.public_url).port or 0):
        yield settings.public_url


@pytest.fixture
def whole(
    environment: dict[str, str],
    website: str,
    app: Flask,
    company: Company,
    sessions: sessionmaker[Session],
    smtp: Post,
) -> Iterator[Whole]:
    """The product with everything that belongs to it."""
    with running(environment, app, company, sessions, smtp) as product:
        yield product


def fill_in(page: Page, wanted: Article, *, reason: str = "For the new desks.") -> None:
    """Open the form, paste the link and wait until the page has filled in what it knows."""
    page.goto("/requests/new")
    page.get_by_label("Product link or ASIN").fill(wanted.url)
    expect(page.get_by_label("Amount in all")).to_have_value(str(wanted.unit_price))
    page.get_by_label("Why do you need it?").fill(reason)


def submit(page: Page) -> str:
    """Submit the form; the number of the request whose page opens."""
    page.get_by_role("button", name="Submit request").click()
    expect(page).to_have_url(SUBMITTED)
    return number_of(page)


def number_of(page: Page) -> str:
    """The number of the request that is shown."""
    found = SUBMITTED.search(page.url)
    assert found is not None
    return found[1]


def situation(page: Page) -> Locator:
    """Where the request stands, on its page."""
    return page.locator(".situation")


def outlook(page: Page) -> Locator:
    """What will happen with the request, beside its form."""
    return page.get_by_role("complementary", name="What will happen")


def test_a_harmless_request_is_ordered_while_its_page_stays_open(whole: Whole, page: Page) -> None:
    log_in(page, whole.company.ana)
    fill_in(page, CHEAP)
    expect(page.locator("#product")).to_contain_text(CHEAP.title)
    expect(page.locator("#product")).to_contain_text("Office supplies")
    expect(page.get_by_label("Currency")).to_have_value("EUR")
    expect(outlook(page)).to_contain_text("All checks pass, so it will be approved automatically")
    submit(page)
    page.evaluate("window.isTheSamePage = true")
    expect(situation(page)).to_contain_text("Approved automatically")
    (order_number,) = whole.ordered()
    expect(situation(page)).to_contain_text(order_number)
    assert page.evaluate("window.isTheSamePage"), "the page was loaded anew"


def test_a_dear_request_waits_until_the_manager_approves_it_on_the_row(
    whole: Whole, open_page: Callable[..., Page]
) -> None:
    ana, bruno = open_page(), open_page()
    log_in(ana, whole.company.ana)
    fill_in(ana, DEAR)
    expect(outlook(ana)).to_contain_text("Bruno Blanco will decide")
    submit(ana)
    expect(situation(ana)).to_contain_text("Waiting for Bruno Blanco")
    assert whole.ordered() == []
    log_in(bruno, whole.company.bruno)
    bruno.goto("/")
    expect(bruno.get_by_role("link", name="To decide")).to_contain_text("1 waiting")
    row = bruno.locator("[data-ask]")
    expect(row).to_contain_text(DEAR.title)
    expect(row).to_contain_text("500.00")
    row.get_by_role("button", name="Approve", exact=True).click()
    expect(bruno.locator("[data-answered]")).to_contain_text("Approved")
    expect(situation(ana)).to_contain_text("Order number")
    (order_number,) = whole.ordered()
    expect(situation(ana)).to_contain_text(order_number)


@pytest.mark.whole
def test_mails_lead_to_the_decision_and_to_the_reason_of_a_rejected_request(
    whole: Whole, open_page: Callable[..., Page]
) -> None:
    ana, bruno = open_page(width=PHONE), open_page(width=PHONE)
    log_in(ana, whole.company.ana)
    fill_in(ana, DEAR, reason="For the trade fair.")
    number = submit(ana)
    asked = whole.mail_to(whole.company.bruno, "Please decide")
    assert number in asked.subject
    log_in(bruno, whole.company.bruno)
    bruno.goto(link_in(asked))
    decide = bruno.locator("#decide")
    decide.get_by_role("button", name="Too expensive").click()
    expect(decide.get_by_label("Why?")).to_have_value("Too expensive")
    decide.get_by_role("button", name="Reject", exact=True).click()
    expect(situation(bruno)).to_contain_text("Rejected by Bruno Blanco")
    told = whole.mail_to(whole.company.ana, "Rejected")
    assert "Too expensive" in told.text
    ana.goto(link_in(told))
    expect(situation(ana)).to_contain_text("Too expensive")
    ana.get_by_role("link", name="Copy and correct").click()
    expect(ana.get_by_label("Why do you need it?")).to_have_value("For the trade fair.")
    expect(ana.get_by_label("Amount in all")).to_have_value(str(DEAR.unit_price))
    expect(ana.locator("#product")).to_contain_text(DEAR.title)
    ana.get_by_label("Product link or ASIN").fill(CHEAP.url)
    expect(ana.locator("#product")).to_contain_text(CHEAP.title)
    assert whole.ordered() == []


def test_however_a_form_is_sent_again_it_makes_one_request(whole: Whole, page: Page) -> None:
    log_in(page, whole.company.ana)
    fill_in(page, CHEAP)
    page.get_by_role("button", name="Submit request").dblclick()
    expect(page).to_have_url(SUBMITTED)
    number = number_of(page)
    page.go_back()
    expect(page.get_by_label("Why do you need it?")).to_have_value("For the new desks.")
    expect(page.get_by_label("Amount in all")).to_have_value(str(CHEAP.unit_price))
    assert submit(page) == number
    expect(page.get_by_role("main")).to_contain_text("You sent this form before")
    expect(situation(page)).to_contain_text("Order number")
    assert whole.requests() == [number]
    assert len(whole.ordered()) == 1


@pytest.mark.whole
def test_two_tabs_with_the_same_wish_make_one_request(whole: Whole, page: Page) -> None:
    log_in(page, whole.company.ana)
    other = page.context.new_page()
    fill_in(page, CHEAP)
    fill_in(other, CHEAP)
    number = submit(page)
    other.get_by_role("button", name="Submit request").click()
    expect(other.get_by_role("main")).to_contain_text(number)
    assert whole.requests() == [number]


def test_a_limit_that_finance_changes_judges_the_next_request(
    whole: Whole, open_page: Callable[..., Page]
) -> None:
    carla, ana = open_page(), open_page()
    log_in(carla, whole.company.carla)
    carla.goto("/policy")
    row = carla.locator("#rules-default")
    row.get_by_role("link", name="Edit").click()
    limit = row.get_by_label("Highest amount")
    limit.fill("ten euros")
    limit.blur()
    cell = row.locator('[data-column="max_amount"]')
    expect(cell.locator(".problem")).to_be_visible()
    limit.fill("10.00")
    limit.blur()
    expect(cell.locator(".problem")).to_have_count(0)
    row.get_by_label("Why do the rules change?").fill("The budget is used up.")
    row.get_by_role("button", name="Save and put in force").click()
    expect(carla.get_by_text("version 2 is in force from now on")).to_be_visible()
    carla.get_by_role("region", name="Try it out").get_by_label("Amount").fill("10.01")
    expect(carla.locator("#tried")).to_contain_text("A person decides")
    expect(carla.locator('#rules-default [data-column="max_amount"]')).to_have_class(re.compile("is-lit"))
    log_in(ana, whole.company.ana)
    fill_in(ana, CHEAP)
    expect(outlook(ana)).to_contain_text("Bruno Blanco will decide")
    submit(ana)
    expect(situation(ana)).to_contain_text("Waiting for Bruno Blanco")
    expect(ana.locator("#record")).to_contain_text("version 2")


@pytest.mark.whole
def test_without_the_automated_review_a_person_is_asked_and_told_why(
    whole: Whole, open_page: Callable[..., Page]
) -> None:
    elena, ana = open_page(), open_page()
    log_in(elena, whole.company.elena)
    elena.goto("/flags/automated-review")
    form = elena.locator("#set")
    form.get_by_label("For whom").select_option("One person")
    form.get_by_label("Mail address").fill(whole.company.ana.email)
    form.get_by_label("off", exact=True).check()
    form.get_by_label("Why?").fill("She trains a colleague.")
    form.get_by_role("button", name="Save").click()
    expect(elena.get_by_role("row", name="Ana Alonso").first).to_contain_text("She trains a colleague.")
    log_in(ana, whole.company.ana)
    fill_in(ana, CHEAP)
    expect(outlook(ana)).to_contain_text("The automated review is switched off for you")
    submit(ana)
    expect(situation(ana)).to_contain_text("Waiting for Bruno Blanco")
    expect(ana.get_by_role("main")).to_contain_text("because the automated review was switched off")
    assert whole.ordered() == []


@pytest.mark.whole
def test_a_request_that_is_withdrawn_leaves_the_inbox_and_is_not_ordered(
    whole: Whole, open_page: Callable[..., Page]
) -> None:
    ana, bruno = open_page(), open_page()
    log_in(ana, whole.company.ana)
    fill_in(ana, DEAR)
    submit(ana)
    expect(situation(ana)).to_contain_text("Waiting for Bruno Blanco")
    log_in(bruno, whole.company.bruno)
    bruno.goto("/")
    bruno.get_by_role("link", name=DEAR.title).click()
    expect(bruno.get_by_role("heading", name="Your decision")).to_be_visible()
    ana.get_by_role("button", name="Withdraw").click()
    ana.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(ana.get_by_text("Your request is withdrawn.")).to_be_visible()
    expect(situation(ana)).to_contain_text("Nothing was ordered")
    bruno.get_by_role("button", name="Approve").click()
    expect(bruno.get_by_role("main")).to_contain_text("withdrawn")
    bruno.goto("/inbox")
    expect(bruno.get_by_text("Nothing waits for you")).to_be_visible()
    assert whole.ordered() == []
