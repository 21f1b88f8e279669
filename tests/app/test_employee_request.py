"""The page of one request: who may read it, what it says at each point of its way, and how it follows by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import Answer, Outcome, Why
from rules.flag import Reading, Source
from rules.money import Money
from rules.order import OrderOutcome, OrderState, Rejection, describe_outcome, highest_unit_price
from rules.person import Person
from rules.request import Status
from rules.review import History, ReviewInput, review_content
from storage import audit, decision, order, policy, review
from storage import request as requests
from storage.audit import SYSTEM, AuditRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import put_in_force, readable, stored, submitted

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
ON = Reading(True, Source.EVERYONE, 1)


@pytest.fixture
def ana(company: Company, browser_of: BrowserOf) -> Browser:
    return browser_of(company.ana)


@pytest.fixture
def row(company: Company, sessions: Sessions) -> RequestRow:
    """Ana's request for two staplers, submitted and not yet looked at."""
    put_in_force(sessions)
    return submitted(sessions, company.ana, quantity=2)


class Carrier:
    """Carries a request along as the activities do, one transaction a step."""

    def __init__(self, sessions: Sessions, row: RequestRow, company: Company) -> None:
        self.sessions, self.id, self.company = sessions, row.id, company

    def review(self, history: History | None) -> None:
        """Review it; a history that could not be read leaves it to a person."""
        with self.sessions.begin() as session:
            requests.move(session, self.id, Status.IN_REVIEW, SYSTEM)
            row = requests.by_id(session, self.id)
            rules = policy.in_force(session, row.department_id)
            assert rules is not None
            subject = ReviewInput(row.total, row.category, row.vendor, row.department_id, history)
            result = review_content(subject, rules.content)
            review.store(session, row.id, subject, rules, result, ON)
            if result.auto_approved:
                detail = {"outcome": "auto_approved"}
                requests.move(session, row.id, Status.ORDERING, SYSTEM, detail=detail, auto_approved=True)
            else:
                audit.record(session, SYSTEM, "review.left_to_person", row.id, reason=result.reason)

    def ask(self, why: Why = Why.REVIEW_SAYS_NO, detail: str = "Please look.", unit_price: str = "") -> None:
        """Ask Bruno."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, self.id, lock=True)
            total = Money(Decimal(unit_price), "EUR").times(row.quantity) if unit_price else row.total
            if why is Why.PRICE_ROSE:
                row.round += 1
                session.flush()
            assert decision.ask(session, row, [self.person(self.company.bruno)], why, detail, total)

    def answer(self, outcome: Outcome, comment: str) -> None:
        """Let Bruno answer what is asked now."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, self.id)
            question = decision.of_request(session, self.id)[-1]
            shown = {
                "decision": str(question.id),
                "amount": str(question.total),
                "content": question.content_hash,
            }
            decider = self.person(self.company.bruno)
            decision.answer(session, row, decider, Answer(outcome, comment), shown)

    def order(self, outcome: OrderOutcome | None) -> None:
        """Order it; None is an answer that was lost."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, self.id)
            made = order.intend(session, row, highest_unit_price(row.draft.unit_price, Decimal(5)))
            if outcome is None:
                order.mark_unknown(session, made, "The answer was lost.")
                return
            message = describe_outcome(outcome, made.quantity, made.highest_price)
            order.record_outcome(session, made, outcome, message, {"state": asdict(outcome)["state"]})

    @staticmethod
    def person(row: PersonRow) -> Person:
        return row.to_person()


@pytest.fixture
def carrier(sessions: Sessions, row: RequestRow, company: Company) -> Carrier:
    return Carrier(sessions, row, company)


def _steps(page: str) -> list[tuple[str, str]]:
    found = re.findall(r'<li class="is-(\w+)"[^>]*>.*?<span class="name">([^<]+)<', page, re.S)
    return [(name.strip(), state) for state, name in found]


def _page(browser: Browser, row: RequestRow) -> str:
    answer = browser.get(f"/requests/{row.number}")
    assert answer.status_code == 200, answer.text
    return answer.text


GOOD = History(10, 0)


# ------------------------------------------------------------------------------------------- who may read it


def test_everybody_concerned_reads_it_and_nobody_else_learns_that_it_exists(
    company: Company, browser_of: BrowserOf, row: RequestRow, sessions: Sessions
) -> None:
    for reader in (company.ana, company.bruno, company.hugo, company.carla, company.felix):
        assert browser_of(reader).get(f"/requests/{row.number}").status_code == 200, reader.name
    for path in (f"/requests/{row.number}", f"/requests/{row.number}/progress"):
        assert browser_of(company.julia).get(path).status_code == 404
        assert browser_of(company.ivan).get(path).status_code == 404
    assert browser_of(company.julia).send(f"/requests/{row.number}/withdraw").status_code == 404
    with sessions.begin() as session:
        refused = session.scalars(select(AuditRow).where(AuditRow.action == "request.read_refused")).all()
        assert {entry.actor_id for entry in refused} == {company.julia.id, company.ivan.id}
    assert "read_refused" not in _page(browser_of(company.ana), row)


def test_somebody_who_is_asked_reads_it_whatever_their_department(
    company: Company, browser_of: BrowserOf, row: RequestRow, carrier: Carrier, sessions: Sessions
) -> None:
    carrier.review(None)
    carrier.ask()
    with sessions.begin() as session:
        question = decision.of_request(session, row.id)[0]
        assert decision.escalate(session, question, [company.ivan.to_person()]) is not None
    page = _page(browser_of(company.ivan), row)
    assert "Bruno Blanco or Ivan Iglesias may answer" in readable(page)
    assert "Ivan Iglesias was asked as well" in readable(page)


def test_a_number_of_another_shape_is_simply_not_there(ana: Browser) -> None:
    for number in ("PR-2026-000999", "1", "%00", "PR-2026-1%00", "'--", "PR-2026-" + "9" * 4000):
        assert ana.get(f"/requests/{number}").status_code == 404, number[:40]


# ---------------------------------------------------------------------------------- what it says on its way


def test_a_new_request_shows_its_way_ahead(ana: Browser, row: RequestRow) -> None:
    page = _page(ana, row)
    assert _steps(page) == [
        ("Submitted", "done"),
        ("Product checked", "now"),
        ("Automated review", "ahead"),
        ("Ordered", "ahead"),
        ("Done", "ahead"),
    ]
    assert "Ana Alonso submitted the request for 49.80 EUR." in page


def test_an_approved_and_ordered_request_shows_checks_rules_and_the_order_number(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(GOOD)
    carrier.order(
        OrderOutcome(OrderState.PLACED, ("402-1234567",), 2, charged_total=Money(Decimal("49.80"), "EUR"))
    )
    page = _page(ana, row)
    assert [state for _name, state in _steps(page)] == ["done"] * 5
    assert "Manager decides" not in page
    seen = readable(page)
    assert "Amount : passed 49.80 EUR · allowed: at most 500.00 EUR" in seen
    assert "Rules used Default rules, version 1" in seen
    assert "402-1234567" in seen
    assert "Approved automatically: all checks passed." in seen
    assert "The automated review approved it: all checks passed." in seen


def test_a_waiting_request_says_for_whom_since_when_and_what_happens_at_the_deadline(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(None)
    carrier.ask(detail="Purchase history: could not be read.")
    page = _page(ana, row)
    assert ("Manager decides", "now") in _steps(page)
    seen = readable(page)
    assert "Waiting for Bruno Blanco" in seen
    assert "Asked just now" in seen
    assert "the request is rejected by itself" in seen
    assert "After 5 days Hugo Herrera is asked too." in seen
    assert "Purchase history : failed could not be read" in seen


def test_a_rejected_request_shows_the_reason_stops_there_and_can_be_corrected(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(None)
    carrier.ask()
    carrier.answer(Outcome.REJECTED, "We have two in the cupboard.")
    page = _page(ana, row)
    assert _steps(page)[-1] == ("Manager decides", "stopped")
    assert (
        readable(page).count("We have two in the cupboard.") == 3
    )  # what happens now, the decision, the history
    assert f"/requests/new?copy={row.number}" in page
    assert "hx-get" not in page.split('id="progress"')[1].split(">")[0]


def test_an_expired_request_says_that_nobody_decided(ana: Browser, row: RequestRow, carrier: Carrier) -> None:
    carrier.review(None)
    carrier.ask()
    with carrier.sessions.begin() as session:
        decision.expire(session, decision.of_request(session, row.id)[0])
    page = _page(ana, row)
    assert _steps(page)[-1] == ("Manager decides", "stopped")
    assert "Nobody decided within 7 days, so the request was rejected." in page


def test_a_risen_price_shows_both_prices_before_and_after_it_is_approved(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(GOOD)
    carrier.order(OrderOutcome(OrderState.PRICE_CHANGED, actual_unit_price=Money(Decimal("30.00"), "EUR")))
    assert [name for name, _state in _steps(_page(ana, row))][3:5] == ["Price rose", "Manager decides"]
    carrier.ask(Why.PRICE_ROSE, "One costs 30.00 EUR now.", "30.00")
    for outcome in (None, Outcome.APPROVED):
        if outcome:
            carrier.answer(outcome, "Still worth it.")
        page = _page(ana, row)
        seen = readable(page)
        assert "Approved before 49.80 EUR (24.90 EUR each)" in seen
        assert "Asked for now 60.00 EUR (30.00 EUR each)" in seen
    assert _steps(page)[3:] == [
        ("Price rose", "done"),
        ("Manager decides", "done"),
        ("Ordered", "now"),
        ("Done", "ahead"),
    ]


def test_an_unclear_order_is_explained_in_plain_words(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(GOOD)
    carrier.order(None)
    page = _page(ana, row)
    assert ("Ordered", "now") in _steps(page)
    assert "We do not know yet whether the order exists" in page
    assert "Please do not order it elsewhere meanwhile." in page
    assert "Withdraw" not in page


def test_a_refused_order_says_why(ana: Browser, row: RequestRow, carrier: Carrier) -> None:
    carrier.review(GOOD)
    carrier.order(OrderOutcome(OrderState.REFUSED, rejections=(Rejection("X1", "Not sold to companies"),)))
    page = _page(ana, row)
    assert _steps(page)[-1] == ("Ordered", "stopped")
    assert "Not sold to companies" in page.split('id="record"')[0]


def test_a_part_of_an_order_is_told_as_a_part(ana: Browser, row: RequestRow, carrier: Carrier) -> None:
    carrier.review(GOOD)
    carrier.order(
        OrderOutcome(OrderState.PART_PLACED, ("402-7",), 1, rejections=(Rejection("Q", "Sold out"),))
    )
    seen = readable(_page(ana, row))
    assert "Ordered in part" in seen
    assert "1 of 2" in seen
    assert "Sold out" in seen


def test_a_review_that_was_off_is_told_as_such(
    ana: Browser, row: RequestRow, carrier: Carrier, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        requests.move(session, row.id, Status.IN_REVIEW, SYSTEM)
        reading = "no fresh snapshot of the flags, so a spending flag is off"
        audit.record(session, SYSTEM, "review.skipped", row.id, flag=reading, revision=0)
    carrier.ask(Why.REVIEW_IS_OFF, "The automated review is switched off here.")
    seen = readable(_page(ana, row))
    assert "Switched off" in seen
    assert "it was not certain that it is switched on" in seen
    assert "snapshot" not in seen


def test_an_action_that_has_no_words_yet_is_shown_as_it_is(
    ana: Browser, row: RequestRow, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        audit.record(session, SYSTEM, "request.polished<b>", row.id)
    assert "request.polished&lt;b&gt;" in _page(ana, row)


def test_only_those_who_may_read_the_rules_get_a_link_to_them(
    ana: Browser, company: Company, browser_of: BrowserOf, row: RequestRow, carrier: Carrier
) -> None:
    carrier.review(GOOD)
    with carrier.sessions.begin() as session:
        rules = policy.in_force(session, "marketing")
        assert rules is not None
    assert f'{rules.id}">Default rules, version 1</a>' in _page(browser_of(company.bruno), row)
    assert str(rules.id) not in _page(ana, row)


# ------------------------------------------------------------------------------------- following by itself


def _poll(page: str) -> str | None:
    found = re.search(r'id="progress" hx-get="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_an_unchanged_request_is_answered_with_nothing_and_a_change_with_the_new_parts(
    ana: Browser, row: RequestRow, carrier: Carrier
) -> None:
    poll = _poll(_page(ana, row))
    assert poll is not None
    assert ana.get(poll).status_code == 204
    carrier.review(GOOD)
    changed = ana.get(poll)
    assert changed.status_code == 200
    assert ("Automated review", "done") in _steps(changed.text)
    assert 'hx-swap-oob="innerHTML:#record"' in changed.text
    later = _poll(changed.text)
    assert later not in {None, poll}


def test_the_page_looks_often_while_machines_work_and_rarely_while_people_think(
    ana: Browser, row: RequestRow, carrier: Carrier, sessions: Sessions
) -> None:
    page = _page(ana, row)
    assert "every 1s" in page
    poll = _poll(page)
    assert poll is not None
    with sessions.begin() as session:
        session.get_one(RequestRow, row.id).status_since -= timedelta(minutes=1)
    slower = ana.get(poll)
    assert "every 5s" in slower.text
    carrier.review(None)
    carrier.ask()
    assert "every 5s" in _page(ana, row)


def test_a_page_that_was_left_open_stops_looking_and_says_so(ana: Browser, row: RequestRow) -> None:
    poll = _poll(_page(ana, row))
    assert poll is not None
    stopped = ana.get(re.sub(r"until=\d+", "until=1000", poll))
    assert stopped.status_code == 200
    assert _poll(stopped.text) is None
    assert "no longer refreshes by itself" in stopped.text


def test_nonsense_in_the_address_of_a_look_breaks_nothing(ana: Browser, row: RequestRow) -> None:
    for query in ("", "?seen=x&every=&until=-1&panel=7", f"?seen={'9' * 40}&until=٣"):
        assert ana.get(f"/requests/{row.number}/progress{query}").status_code == 200


def test_the_page_of_whoever_is_asked_is_loaded_anew_when_the_question_comes_and_goes(
    ana: Browser, company: Company, browser_of: BrowserOf, row: RequestRow, carrier: Carrier
) -> None:
    bruno = browser_of(company.bruno)
    before = {name: _poll(_page(who, row)) or "" for name, who in (("bruno", bruno), ("ana", ana))}
    carrier.review(None)
    carrier.ask()
    assert bruno.get(before["bruno"]).headers.get("HX-Refresh") == "true"
    assert "HX-Refresh" not in ana.get(before["ana"]).headers
    asked = _page(bruno, row)
    assert 'name="choice" value="approve"' in asked
    carrier.answer(Outcome.APPROVED, "")
    assert bruno.get(_poll(asked) or "").headers.get("HX-Refresh") == "true"


# ------------------------------------------------------------------------------------------------ withdraw


def test_the_requester_withdraws_once_and_the_workflow_is_told(
    ana: Browser, row: RequestRow, sessions: Sessions
) -> None:
    assert "Withdraw this request?" in _page(ana, row)
    first = ana.send(f"/requests/{row.number}/withdraw", follow_redirects=True)
    assert "Your request is withdrawn." in first.text
    assert _steps(first.text) == [("Submitted", "done"), ("Withdrawn", "stopped")]
    assert ana.send(f"/requests/{row.number}/withdraw").status_code == 409
    assert [each.status for each in stored(sessions)] == ["withdrawn"]
    with sessions.begin() as session:
        kinds = [message.kind for message in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]
    assert kinds == ["start_approval", "signal_withdraw"]


def test_nobody_else_withdraws_and_nobody_after_the_decision(
    ana: Browser, company: Company, browser_of: BrowserOf, row: RequestRow, carrier: Carrier
) -> None:
    assert browser_of(company.bruno).send(f"/requests/{row.number}/withdraw").status_code == 403
    carrier.review(None)
    carrier.ask()
    carrier.answer(Outcome.APPROVED, "")
    answer = ana.send(f"/requests/{row.number}/withdraw")
    assert answer.status_code == 409
    assert "can no longer be withdrawn" in answer.text


# ----------------------------------------------------------------------------------------- what it costs


def test_a_look_at_an_unchanged_request_of_ones_own_costs_three_queries(
    ana: Browser, row: RequestRow
) -> None:
    poll = _poll(_page(ana, row))
    assert poll is not None
    assert len(ana.statements(poll)) == 3  # the session, the request, its newest entry


def test_the_page_reads_the_same_when_the_flag_store_is_silent(ana: Browser, row: RequestRow) -> None:
    assert not ana.application.extensions["flags"].copy().is_fresh()
    assert "Submitted" in _page(ana, row)
