"""Settling orders whose outcome nobody knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from storage import order as orders
from storage.order import OrderRow
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import Asked, acts_of, ask, lose_answer, request_of, signals_of

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]

PLACED = {
    "outcome": "placed",
    "vendor_order_id": "404-1234567-1234567",
    "comment": "Seen in the vendor's list.",
}
MISSING = {"outcome": "missing", "vendor_order_id": "", "comment": "Their hotline says there is none."}


@pytest.fixture
def unclear(company: Company, sessions: Sessions, browser_of: BrowserOf) -> Asked:
    """Ana's chair: approved, sent, and the vendor's answer lost."""
    asked = ask(sessions, company.ana)
    browser_of(company.bruno).send(f"/requests/{asked.number}/decision", asked.answer("approve"))
    lose_answer(sessions, asked)
    return asked


def _order(sessions: Sessions, asked: Asked) -> OrderRow:
    with sessions.begin() as session:
        return orders.of_request(session, asked.id)[-1]


def test_the_list_says_what_is_known(unclear: Asked, browser_of: BrowserOf, company: Company) -> None:
    page = browser_of(company.carla).get("/orders").text
    assert unclear.number in page
    assert "the line went dead" in page
    assert "still being asked" in page


def test_the_form_names_the_key_under_which_the_vendor_knows_it(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    page = browser_of(company.carla).get(f"/orders/{unclear.number}").text
    assert _order(sessions, unclear).external_id in page
    assert "1 time" in page


def test_an_order_that_was_found_completes_the_request_and_wakes_its_workflow(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    answer = browser_of(company.carla).send(f"/orders/{unclear.number}", PLACED)
    assert answer.status_code == 303
    order = _order(sessions, unclear)
    assert (order.state, order.vendor_order_ids, order.settled_by) == (
        "placed",
        ["404-1234567-1234567"],
        company.carla.id,
    )
    assert request_of(sessions, unclear).status == "completed"
    assert signals_of(sessions, unclear) == ["signal_decision", "signal_settled"]


def test_an_order_that_does_not_exist_ends_the_request_with_the_reason(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.carla).send(f"/orders/{unclear.number}", MISSING)
    request = request_of(sessions, unclear)
    assert (request.status, request.closed_reason) == ("order_refused", "Their hotline says there is none.")


def test_settling_twice_by_a_double_click_is_settled_once(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    assert [carla.send(f"/orders/{unclear.number}", PLACED).status_code for _ in range(2)] == [303, 303]
    assert acts_of(sessions, unclear).count("request.completed") == 1
    assert signals_of(sessions, unclear).count("signal_settled") == 1


def test_another_finding_afterwards_is_refused(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.carla).send(f"/orders/{unclear.number}", PLACED)
    for person, form in ((company.diego, PLACED), (company.carla, MISSING)):
        refused = browser_of(person).send(f"/orders/{unclear.number}", form)
        assert refused.status_code == 409
    assert _order(sessions, unclear).settled_by == company.carla.id


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outcome": ""}, "what you found out"),
        ({"outcome": "bought"}, "what you found out"),
        ({"vendor_order_id": ""}, "order number as it is printed"),
        ({"vendor_order_id": "<b>404</b>"}, "order number as it is printed"),
        ({"vendor_order_id": "４０４"}, "order number as it is printed"),
        ({"vendor_order_id": "x" * 65}, "order number as it is printed"),
        ({"outcome": "missing"}, "said that there is no order"),
        ({"comment": " "}, "how you found out"),
        ({"comment": "a\x00b"}, "cannot be shown"),
    ],
)
def test_a_finding_that_makes_no_sense_settles_nothing(
    changes: dict[str, str],
    said: str,
    unclear: Asked,
    browser_of: BrowserOf,
    company: Company,
    sessions: Sessions,
) -> None:
    refused = browser_of(company.carla).send(f"/orders/{unclear.number}", PLACED | changes)
    assert refused.status_code == 422
    assert said in refused.text
    assert _order(sessions, unclear).state == "unknown"


def test_nobody_settles_an_order_of_their_own(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.carla)
    browser_of(company.hugo).send(f"/requests/{asked.number}/decision", asked.answer("approve"))
    lose_answer(sessions, asked)
    carla = browser_of(company.carla)
    assert "ask a colleague" in carla.get(f"/orders/{asked.number}").text
    assert carla.send(f"/orders/{asked.number}", PLACED).status_code == 403
    assert _order(sessions, asked).state == "unknown"
    assert browser_of(company.diego).send(f"/orders/{asked.number}", PLACED).status_code == 303


def test_while_a_worker_asks_the_vendor_settling_says_so_at_once(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    with sessions.begin() as worker:
        orders.lock(worker, _order(sessions, unclear).id)
        refused = carla.send(f"/orders/{unclear.number}", PLACED)
    assert refused.status_code == 409
    assert "asking the vendor" in refused.text
    assert carla.send(f"/orders/{unclear.number}", PLACED).status_code == 303


def test_an_order_that_the_vendor_answered_meanwhile_is_left_alone(
    unclear: Asked, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE purchase_order SET state = 'placed', settled_at = now()"))
    assert browser_of(company.carla).send(f"/orders/{unclear.number}", MISSING).status_code == 409
    assert "nothing is left to settle" in browser_of(company.carla).get(f"/orders/{unclear.number}").text


def test_a_request_without_an_order_has_nothing_to_settle(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    carla = browser_of(company.carla)
    assert carla.get(f"/orders/{asked.number}").status_code == 404
    assert carla.send(f"/orders/{asked.number}", PLACED).status_code == 404


@pytest.mark.parametrize("person", ["bruno", "felix", "elena"])
def test_only_finance_settles(person: str, unclear: Asked, browser_of: BrowserOf, company: Company) -> None:
    browser = browser_of(getattr(company, person))
    assert browser.get("/orders").status_code == 403
    assert browser.send(f"/orders/{unclear.number}", PLACED).status_code == 403
