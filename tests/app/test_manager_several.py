"""Deciding several requests at once: one sum, then each by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.money import Money
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import CHAIR, Asked, ask, decision_of, pass_deadline, raise_price, request_of

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]

LAMP = replace(CHAIR, title="Desk lamp", asin="B0LAMP0001", unit_price=Money(Decimal("49.50"), "EUR"))
BOOK = replace(CHAIR, title="A book from afar", asin="B0BOOK0001", unit_price=Money(Decimal("20.00"), "USD"))


def _form(picked: Sequence[Asked], choice: str, comment: str = "") -> dict[str, object]:
    form: dict[str, object] = {"choice": choice, "comment": comment, "pick": [one.number for one in picked]}
    for one in picked:
        form |= {f"{one.number} {name}": value for name, value in one.shown.items()}
    return form


def _pick(*picked: Asked) -> str:
    return "/inbox/several?" + "&".join(f"pick={one.number}" for one in picked)


def test_the_confirm_page_shows_count_and_sum_per_currency(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    picked = [ask(sessions, company.ana, product=product) for product in (CHAIR, LAMP, BOOK)]
    page = browser_of(company.bruno).get(_pick(*picked)).text
    assert "3 requests" in page
    assert "698.50\u00a0EUR" in page
    assert "20.00\u00a0USD" in page
    assert "Approve all 3" in page
    assert all(decision_of(sessions, one).outcome is None for one in picked)


def test_all_are_approved_each_with_its_own_record(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    picked = [ask(sessions, company.ana, product=product) for product in (CHAIR, LAMP)]
    answer = browser_of(company.bruno).send("/inbox/several", _form(picked, "approve"))
    assert answer.status_code == 200
    assert "All 2 requests were decided." in answer.text
    assert [request_of(sessions, one).status for one in picked] == ["ordering", "ordering"]


def test_what_fails_takes_nothing_else_with_it(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    late, changed, fine = (ask(sessions, company.ana, product=product) for product in (CHAIR, LAMP, BOOK))
    bruno = browser_of(company.bruno)
    form = _form([late, changed, fine], "approve") | {f"{changed.number} amount": "1.00 EUR"}
    pass_deadline(sessions, late)
    answer = bruno.send("/inbox/several", form)
    assert "1 of 3 were decided" in answer.text
    assert "The time to decide ran out" in answer.text
    assert "it was 1.00 EUR and is now 49.50 EUR" in answer.text
    assert [decision_of(sessions, one).outcome for one in (late, changed, fine)] == [None, None, "approved"]


def test_a_repeated_send_gives_the_same_result(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    picked = [ask(sessions, company.ana), ask(sessions, company.ana, product=LAMP)]
    bruno = browser_of(company.bruno)
    form = _form(picked, "reject", "The budget is used up")
    assert "All 2 requests were decided." in bruno.send("/inbox/several", form).text
    assert "All 2 requests were decided." in bruno.send("/inbox/several", form).text


def test_rejecting_several_needs_a_reason_and_keeps_what_was_ticked(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    picked = [ask(sessions, company.ana), ask(sessions, company.ana, product=LAMP)]
    refused = browser_of(company.bruno).send("/inbox/several", _form(picked, "reject"))
    assert refused.status_code == 422
    assert "a reject needs a reason" in refused.text
    assert "Reject all 2" in refused.text
    assert all(decision_of(sessions, one).outcome is None for one in picked)


def test_a_risen_price_is_left_out_with_the_reason(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    plain, risen = ask(sessions, company.ana, product=LAMP), ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    bruno.send(f"/requests/{risen.number}/decision", risen.answer("approve"))
    raise_price(sessions, risen, "700.00")
    page = bruno.get(_pick(plain, risen)).text
    assert "Left out" in page
    assert "please look at both prices" in page
    assert "Approve 1" in page
    assert f'name="pick" value="{risen.number}"' not in page


def test_requests_of_others_are_neither_shown_nor_decided(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    hers = ask(sessions, company.julia)
    bruno = browser_of(company.bruno)
    assert bruno.get(_pick(hers)).status_code == 404
    answer = bruno.send("/inbox/several", _form([hers], "approve"))
    assert "0 of 1 were decided" in answer.text
    assert "Office chair" not in answer.text
    assert decision_of(sessions, hers).outcome is None


@pytest.mark.parametrize("query", ["", "?pick=", "?pick=PR-2026-000001&pick=%00", "?pick=../../etc"])
def test_nothing_ticked_or_nonsense_is_told_plainly(
    query: str, browser_of: BrowserOf, company: Company
) -> None:
    assert browser_of(company.bruno).get(f"/inbox/several{query}").status_code == 404


def test_sending_no_tick_decides_nothing(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    asked = ask(sessions, company.ana)
    answer = browser_of(company.bruno).send("/inbox/several", {"choice": "approve"})
    assert answer.status_code == 404
    assert decision_of(sessions, asked).outcome is None
