"""The list of all requests: filters, order, pages, and the download."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from rules.money import Money
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import CHAIR, Asked, ask, trail

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def known(company: Company, sessions: Sessions, browser_of: BrowserOf) -> dict[str, Asked]:
    """A lamp for Ana, approved by Bruno; a chair for Julia, rejected; a desk for Ana that waits."""
    lamp = ask(
        sessions, company.ana, product=replace(CHAIR, title="Lamp", unit_price=Money(Decimal(50), "EUR"))
    )
    chair = ask(sessions, company.julia)
    desk = ask(
        sessions,
        company.ana,
        product=replace(CHAIR, title="Desk 100%", unit_price=Money(Decimal(900), "USD")),
    )
    browser_of(company.bruno).send(f"/requests/{lamp.number}/decision", lamp.answer("approve"))
    browser_of(company.ivan).send(f"/requests/{chair.number}/decision", chair.answer("reject", "No"))
    with sessions.begin() as session:
        session.execute(
            text("UPDATE request SET submitted_at = submitted_at - interval '40 days' WHERE id = :id"),
            {"id": lamp.id},
        )
    return {"Lamp": lamp, "Office chair with arm rests": chair, "Desk 100%": desk}


def _titles(page: str) -> list[str]:
    return re.findall(r'<a class="fw-medium" href="/requests/[^"]+">([^<]+)</a>', page)


LAMP, CHAIR_TITLE, DESK = "Lamp", "Office chair with arm rests", "Desk 100%"


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", {LAMP, CHAIR_TITLE, DESK}),
        ("department=it", {CHAIR_TITLE}),
        ("status=awaiting_decision", {DESK}),
        ("way=manual", {LAMP}),
        ("way=auto", set()),
        ("way=nobody", {CHAIR_TITLE}),
        ("requester=ana", {LAMP, DESK}),
        ("from=50&to=649.00", {LAMP, CHAIR_TITLE}),
        ("q=100%25", {DESK}),
        ("q=office_chair", set()),
        ("q=OFFICE+CHAIR", {CHAIR_TITLE}),
        (f"since={(datetime.now(UTC) - timedelta(days=2)).date()}", {CHAIR_TITLE, DESK}),
        (f"until={(datetime.now(UTC) - timedelta(days=2)).date()}", {LAMP}),
        ("department=marketing&status=ordering&q=lamp", {LAMP}),
    ],
)
def test_filters_narrow_the_list(
    query: str, titles: set[str], known: dict[str, Asked], browser_of: BrowserOf, company: Company
) -> None:
    page = browser_of(company.carla).get(f"/requests/all?{query}").text
    assert set(_titles(page)) == titles
    assert f"{len(titles)} request" in page


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", [DESK, CHAIR_TITLE, LAMP]),
        ("order=up", [LAMP, CHAIR_TITLE, DESK]),
        ("sort=amount", [DESK, CHAIR_TITLE, LAMP]),
        ("sort=requester&order=up", [LAMP, DESK, CHAIR_TITLE]),
        ("sort=number", [DESK, CHAIR_TITLE, LAMP]),
        ("sort=status&order=up", [DESK, LAMP, CHAIR_TITLE]),
    ],
)
def test_the_list_can_be_put_in_order(
    query: str, titles: list[str], known: dict[str, Asked], browser_of: BrowserOf, company: Company
) -> None:
    assert _titles(browser_of(company.felix).get(f"/requests/all?{query}").text) == titles


def test_sums_are_never_added_across_currencies(
    known: dict[str, Asked], browser_of: BrowserOf, company: Company
) -> None:
    page = browser_of(company.carla).get("/requests/all").text
    assert "699.00\u00a0EUR" in page
    assert "900.00\u00a0USD" in page


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("status", "purchased"),
        ("way", "0"),
        ("from", "NaN"),
        ("to", "1,000"),
        ("since", "2026-02-30"),
        ("until", "9999-12-31"),
        ("since", "0000-01-01"),
        ("q", "a\x00b"),
        ("requester", "x" * 201),
        ("sort", "password_hash"),
    ],
)
def test_a_filter_that_makes_no_sense_is_told_and_left_out(
    name: str, typed: str, known: dict[str, Asked], browser_of: BrowserOf, company: Company
) -> None:
    carla = browser_of(company.carla)
    page = carla.get("/requests/all", query_string={name: typed})
    assert page.status_code == 200
    assert len(_titles(page.text)) == 3
    if name != "sort":
        assert 'class="problem"' in page.text
    assert carla.get("/requests/all.csv", query_string={name: typed}).status_code == 422


def test_a_filter_given_twice_is_refused(browser_of: BrowserOf, company: Company) -> None:
    assert browser_of(company.carla).get("/requests/all?status=rejected&status=expired").status_code == 400


def test_pages_hold_every_request_once(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    for _ in range(27):
        ask(sessions, company.ana)
    carla = browser_of(company.carla)
    pages = [carla.get(f"/requests/all?sort=amount&page={number}").text for number in (1, 2, 3)]
    numbers = [re.findall(r'href="/requests/(PR-[^"]+)"', page) for page in pages]
    assert [len(one) for one in numbers] == [25, 2, 0]
    assert len(set(numbers[0] + numbers[1])) == 27


@pytest.mark.parametrize("person", ["ana", "bruno", "elena", "greta"])
def test_only_finance_and_auditors_see_everything(
    person: str, browser_of: BrowserOf, company: Company
) -> None:
    browser = browser_of(getattr(company, person))
    assert browser.get("/requests/all").status_code == 403
    assert browser.get("/requests/all.csv").status_code == 403


def test_the_download_is_the_filtered_list_and_stands_in_the_audit(
    known: dict[str, Asked], browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    answer = browser_of(company.felix).get("/requests/all.csv?requester=ana&sort=amount")
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [(row["Title"], row["Amount"], row["Currency"], row["Approved by"]) for row in rows] == [
        (DESK, "900.000", "USD", ""),
        (LAMP, "50.000", "EUR", "person"),
    ]
    entry = trail(sessions, "requests.exported")[0]
    assert entry.actor_id == company.felix.id
    assert entry.detail == {"filter": {"requester": "ana", "sort": "amount"}, "rows": 2}


@pytest.mark.parametrize("title", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "＝1", " =1"])
def test_no_cell_of_the_download_is_a_formula(
    title: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ask(sessions, company.ana, product=replace(CHAIR, title=title))
    answer = browser_of(company.carla).get("/requests/all.csv")
    row = next(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert row["Title"] == f"'{title}"
    assert row["Amount"] == "649.000", "numbers stay numbers"


def test_a_long_download_is_complete(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    first = ask(sessions, company.ana)
    with sessions.begin() as session:
        columns = session.execute(
            text(
                "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
                " WHERE table_name = 'request' AND column_name NOT IN ('id', 'number')"
            )
        ).scalar_one()
        session.execute(
            text(
                f"INSERT INTO request (id, number, {columns}) SELECT gen_random_uuid(),"  # noqa: S608
                f" 'PR-2026-9' || lpad(n::text, 5, '0'), {columns} FROM request, generate_series(1, 1200) n"
                " WHERE id = :id"
            ),
            {"id": first.id},
        )
    answer = browser_of(company.carla).get("/requests/all.csv")
    assert len(list(csv.reader(io.StringIO(answer.text)))) == 1202
