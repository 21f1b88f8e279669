"""Submitting a request: one request whatever is clicked, every problem at its field, nothing that was typed lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, Response
from markupsafe import escape
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.outbox import Kind
from rules.product import BuyingGuidance
from storage.audit import AuditRow
from storage.database import now
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.product import ProductRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import (
    KEY,
    STAPLER,
    age_memory,
    form,
    look,
    notes_at,
    other,
    readable,
    remember,
    send_form,
    stored,
    submitted,
    value_of,
)

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def ana(company: Company, browser_of: BrowserOf, sessions: Sessions) -> Browser:
    """Ana's browser; the stapler has been looked up a moment ago."""
    remember(sessions)
    return browser_of(company.ana)


def test_a_submitted_form_makes_a_request_its_audit_entry_and_the_message_that_starts_it(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    answer = send_form(ana, needed_by="2027-01-31")
    [row] = stored(sessions)
    assert (answer.status_code, answer.location) == (303, f"/requests/{row.number}")
    assert (row.requester_id, row.department_id, row.status) == (company.ana.id, "marketing", "submitted")
    assert (row.asin, row.quantity, str(row.total)) == ("B0STAPLER1", 2, "49.80 EUR")
    assert row.needed_by is not None
    assert row.needed_by.isoformat() == "2027-01-31"
    with sessions.begin() as session:
        assert [o.kind for o in session.scalars(select(OutboxRow))] == [Kind.START_APPROVAL]
        assert [a.action for a in session.scalars(select(AuditRow))] == ["request.submitted"]


def test_the_same_form_sent_again_leads_to_the_same_request(ana: Browser, sessions: Sessions) -> None:
    first, second = send_form(ana), send_form(ana)
    assert first.location == second.location
    assert "You sent this form before; here is the request that it made." in ana.get(second.location).text
    assert len(stored(sessions)) == 1


def test_clicks_at_the_same_moment_make_one_request(app: Flask, company: Company, sessions: Sessions) -> None:
    remember(sessions)
    together, answers = threading.Barrier(4), []

    def click() -> None:
        browser = Browser(app, Response, use_cookies=True)
        browser.log_in(company.ana, sessions)
        together.wait()
        answers.append(send_form(browser).location)

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    [row] = stored(sessions)
    assert answers == [f"/requests/{row.number}"] * 4


def test_a_repeat_is_recognised_even_while_the_vendor_is_away(ana: Browser, sessions: Sessions) -> None:
    first = send_form(ana)
    with sessions.begin() as session:
        session.query(ProductRow).delete()
    assert send_form(ana).location == first.location


def test_a_used_form_with_other_contents_is_shown_anew_with_a_fresh_key(
    ana: Browser, sessions: Sessions
) -> None:
    first = send_form(ana)
    answer = send_form(ana, reason="Now with another reason.")
    assert answer.status_code == 422
    assert "You have sent this form before" in answer.text
    assert first.location in answer.text
    assert "Now with another reason." in answer.text
    fresh = value_of(answer.text, "key")
    assert fresh not in {None, KEY}
    assert send_form(ana, key=fresh, reason="Now with another reason.").status_code == 303
    assert len(stored(sessions)) == 2


def opened(browser: Browser) -> dict[str, str | None]:
    """What a form that is opened now brings along."""
    page = browser.get("/requests/new").text
    return {name: value_of(page, name) for name in ("key", "opened")}


def test_two_tabs_that_say_the_same_make_one_request(ana: Browser, sessions: Sessions) -> None:
    here, there = opened(ana), opened(ana)
    first, second = send_form(ana, **here), send_form(ana, **there)
    assert second.location == first.location
    assert "You sent exactly this from another tab" in ana.get(second.location).text
    assert len(stored(sessions)) == 1


def test_two_tabs_that_say_different_things_make_two_requests(ana: Browser, sessions: Sessions) -> None:
    here, there = opened(ana), opened(ana)
    assert send_form(ana, **here).location != send_form(ana, **there, quantity="3", amount="74.70").location
    assert len(stored(sessions)) == 2


def test_the_same_can_be_asked_for_again_by_a_form_that_is_opened_later(
    ana: Browser, sessions: Sessions
) -> None:
    first = send_form(ana, **opened(ana))
    assert send_form(ana, **opened(ana)).location != first.location
    assert len(stored(sessions)) == 2


def test_a_tab_may_still_ask_for_what_was_withdrawn_in_another(ana: Browser, sessions: Sessions) -> None:
    here, there = opened(ana), opened(ana)
    first = send_form(ana, **here)
    ana.send(f"{first.location}/withdraw")
    assert send_form(ana, **there).location != first.location
    assert [row.status for row in stored(sessions)] == ["withdrawn", "submitted"]


def test_two_people_with_the_same_key_do_not_meet(
    ana: Browser, company: Company, browser_of: BrowserOf, sessions: Sessions
) -> None:
    assert send_form(ana).location != send_form(browser_of(company.julia)).location
    assert {row.requester_id for row in stored(sessions)} == {company.ana.id, company.julia.id}


def test_each_shown_form_has_a_key_of_its_own(ana: Browser) -> None:
    keys = [value_of(ana.get("/requests/new").text, "key") for _ in range(2)]
    assert None not in keys
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 256, "key with spaces here", "key\r\nSet-Cookie: a=b-long"]
)
def test_a_form_without_a_usable_key_is_refused(ana: Browser, sessions: Sessions, key: str) -> None:
    assert send_form(ana, key=key).status_code == 400
    assert stored(sessions) == []


@pytest.mark.parametrize(
    ("vendor", "is_shown"), [("http://127.0.0.1:8010", True), ("https://eu.vendor.example", False)]
)
def test_in_the_demo_company_the_form_says_where_there_is_something_to_buy(
    vendor: str, is_shown: bool, app: Flask, ana: Browser, tmp_path: Path
) -> None:
    goods = f'href="{vendor}/products"'
    assert goods not in ana.get("/requests/new").text
    file = tmp_path / "logins.json"
    file.write_text('[{"name": "Ana", "email": "ana@x.example", "role": "Employee", "password": "p"}]')
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], demo_logins_file=file, vendor_url=vendor)
    assert (goods in ana.get("/requests/new").text) is is_shown
    assert (
        goods in look(ana, product_link="")
    ) is is_shown  # the page looks by itself as soon as it is shown


def test_a_form_with_a_field_of_its_own_invention_is_refused(ana: Browser, sessions: Sessions) -> None:
    for name in ("department", "department_id", "requester_id", "status", "approved_by"):
        assert send_form(ana, **{name: "it"}).status_code == 400, name
    assert stored(sessions) == []


def test_a_form_that_holds_a_field_twice_is_refused(ana: Browser, sessions: Sessions) -> None:
    assert send_form(ana, amount=["1.00", "9999.00"]).status_code == 400
    assert stored(sessions) == []


def test_all_problems_are_shown_at_their_fields_and_everything_typed_is_kept(
    ana: Browser, sessions: Sessions
) -> None:
    answer = send_form(
        ana,
        product_link="https://www.ebay.com/dp/B0STAPLER1",
        quantity="0",
        amount="1.000,00",
        reason="  ",
        needed_by="2020-01-01",
    )
    assert answer.status_code == 422
    assert "www.ebay.com is not a shop we buy from" in notes_at(answer.text, "product_link")
    assert "whole number from 1" in notes_at(answer.text, "quantity")
    assert "without separators" in notes_at(answer.text, "amount")
    assert "Please fill this in." in notes_at(answer.text, "reason")
    assert "in the past" in notes_at(answer.text, "needed_by")
    assert "5 fields need a change" in readable(answer.text)
    for field, typed in (
        ("product_link", "https://www.ebay.com/dp/B0STAPLER1"),
        ("quantity", "0"),
        ("amount", "1.000,00"),
        ("needed_by", "2020-01-01"),
        ("key", KEY),
    ):
        assert value_of(answer.text, field) == typed
    assert stored(sessions) == []


BAD = {
    "amount": [
        "NaN", "sNaN", "Infinity", "1E+999999", "0", "-1", "-0.0", "10.005", "１２", "٣", "1_000", "+5", "5.",
        "1,000.00", "1'000", "9" * 5000, "", "0x10", "12\x00",
    ],
    "quantity": ["1.5", "true", "9223372036854775808", "-1", "٣", "", "21", "1e2"],
    "currency": ["", "€", "usd", "BTC", "EUR "],
    "reason": ["", "nul \x00 inside", "\u202eevil", "a" + "\u0301" * 10_000, "x" * 2001, "\u200b"],
    "needed_by": ["2026-02-30", "0000-01-01", "9999-12-31", "tomorrow", "2027-01-31T00:00:00+99:99"],
    "product_link": [
        "javascript:alert(1)", "data:text/html,x", "//evil/dp/B0STAPLER1", "file:///etc/passwd",
        "http://www.amazon.es/dp/B0STAPLER1", "https://good.com@evil.com/dp/B0STAPLER1",
        "https://amazon.es.evil.com/dp/B0STAPLER1", "https://127.0.0.1/dp/B0STAPLER1", "https://[::1]/dp/B0STAPLER1",
        "https://www.\u0430mazon.es/dp/B0STAPLER1", "https://xn--mazon-3ve.es/dp/B0STAPLER1", "B0STAPLER", "",
        "https://www.amazon.es/dp/" + "A" * 10_000, "java\tscript:x", "https://www.amazon.es/gp/help",
    ],
}  # fmt: skip


@pytest.mark.parametrize("field", BAD)
def test_nonsense_in_a_field_is_refused_at_that_field_and_nothing_is_stored(
    ana: Browser, sessions: Sessions, field: str
) -> None:
    for typed in BAD[field]:
        answer = send_form(ana, **{field: typed})
        assert answer.status_code == 422, repr(typed)[:60]
        assert notes_at(answer.text, field), repr(typed)[:60]
    assert stored(sessions) == []


def test_the_amount_of_another_currency_keeps_its_own_digits(ana: Browser, sessions: Sessions) -> None:
    assert send_form(ana, currency="JPY", amount="100.5").status_code == 422
    assert send_form(ana, currency="KWD", amount="1.2345").status_code == 422
    assert send_form(ana, currency="JPY", amount="100").status_code == 303
    [row] = stored(sessions)
    assert str(row.total) == "100 JPY"


HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus=alert(1) autofocus='",
    "{{7*7}} ${7*7} {% for x in y %} %s%n {0.__class__}", "=1+1", "'; DROP TABLE request; --",
]  # fmt: skip


def test_hostile_text_is_stored_as_it_is_and_shown_as_text(ana: Browser, sessions: Sessions) -> None:
    for number, text in enumerate(HOSTILE):
        answer = send_form(ana, reason=text, key=f"{KEY}-{number}")
        assert str(escape(text)) in ana.get(answer.location).text
    assert [row.reason for row in stored(sessions)] == HOSTILE


def test_a_day_is_past_only_when_it_is_past_everywhere(ana: Browser, sessions: Sessions) -> None:
    with sessions.begin() as session:
        earliest = (now(session) - timedelta(hours=12)).date()
    assert send_form(ana, needed_by=str(earliest - timedelta(days=1))).status_code == 422
    assert send_form(ana, needed_by=str(earliest)).status_code == 303


def test_a_product_that_is_not_available_is_refused_at_the_link(ana: Browser, sessions: Sessions) -> None:
    gone = other("B0NOTTHERE", available=False)
    remember(sessions, gone)
    answer = send_form(ana, product_link=gone.url)
    assert answer.status_code == 422
    assert "does not have this product" in notes_at(answer.text, "product_link")


def test_a_blocked_product_can_be_asked_for_because_a_person_will_see_it(
    ana: Browser, sessions: Sessions
) -> None:
    blocked = other("B0BLOCKED1", buying_guidance=BuyingGuidance.BLOCKED)
    remember(sessions, blocked)
    assert send_form(ana, product_link=blocked.url).status_code == 303


def test_without_scripts_the_look_up_button_fills_product_and_amount_and_submits_nothing(
    ana: Browser, sessions: Sessions
) -> None:
    answer = ana.send("/requests", form(act="look_up", amount="", quantity="3", reason=""))
    assert answer.status_code == 200
    assert STAPLER.title in answer.text
    assert value_of(answer.text, "amount") == "74.70"
    assert value_of(answer.text, "key") == KEY
    assert notes_at(answer.text, "reason") == ""
    assert stored(sessions) == []


def test_the_amount_follows_the_quantity_until_somebody_types_another(ana: Browser) -> None:
    def amount_after(**changes: str) -> str | None:
        return value_of(ana.send("/requests", form(act="look_up", **changes)).text, "amount")

    assert amount_after(quantity="4", amount="49.80", suggested="49.80") == "99.60"
    assert amount_after(quantity="4", amount="60.00", suggested="49.80") == "60.00"


def test_copy_and_correct_fills_the_form_like_the_earlier_request(
    ana: Browser, company: Company, sessions: Sessions
) -> None:
    row = submitted(sessions, company.ana, quantity=3, reason="For the new desks.")
    page = ana.get(f"/requests/new?copy={row.number}").text
    assert value_of(page, "product_link") == STAPLER.url
    assert value_of(page, "quantity") == "3"
    assert value_of(page, "amount") == "74.70"
    assert "For the new desks." in page
    assert 'hx-trigger="input changed delay:500ms, pageshow from:window"' in page  # looks it up at once


def test_nobody_copies_what_is_not_theirs(
    ana: Browser, company: Company, browser_of: BrowserOf, sessions: Sessions
) -> None:
    foreign = submitted(sessions, company.julia)
    assert ana.get(f"/requests/new?copy={foreign.number}").status_code == 404
    assert ana.get("/requests/new?copy=%00").status_code == 404
    assert browser_of(company.ivan).get(f"/requests/new?copy={foreign.number}").status_code == 403


def test_facts_of_yesterday_are_good_enough_to_submit_while_the_vendor_is_away(
    ana: Browser, sessions: Sessions
) -> None:
    age_memory(sessions, "20 hours")
    page = ana.send("/requests", form(act="look_up")).text
    assert "does not answer at the moment" in notes_at(page, "product_link")
    assert send_form(ana).status_code == 303


def test_with_no_facts_and_no_vendor_the_form_comes_back_whole(ana: Browser, sessions: Sessions) -> None:
    age_memory(sessions, "2 days")
    answer = send_form(ana, amount="")
    assert answer.status_code == 422
    assert "Everything you typed is kept" in notes_at(answer.text, "product_link")
    assert notes_at(answer.text, "amount") == ""
    assert value_of(answer.text, "product_link") == STAPLER.url
    assert "For the new desks; the old ones are broken." in answer.text
    assert stored(sessions) == []


def test_a_shop_that_we_do_not_buy_from_is_told_by_name(ana: Browser) -> None:
    amazon_de = replace(STAPLER, vendor="amazon.de", url="https://www.amazon.de/dp/B0STAPLER1")
    assert "amazon.de is not a shop" in notes_at(
        send_form(ana, product_link=amazon_de.url).text, "product_link"
    )


def test_the_department_is_shown_and_cannot_be_typed(ana: Browser) -> None:
    page = ana.get("/requests/new").text
    assert "Marketing" in page
    assert 'name="department' not in page


def test_the_form_is_sent_elsewhere_so_that_the_back_button_finds_it_with_its_key(ana: Browser) -> None:
    """A POST to a page's own address makes browsers forget that page; "no-store" would, too."""
    answer = ana.get("/requests/new")
    assert 'method="post" action="/requests"' in answer.text
    assert "no-store" not in answer.headers["Cache-Control"]
