"""Answering one question: who may, once only, and only about what was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.money import Money
from rules.person import approver_line
from storage import decision as decisions
from storage import person as people
from storage import request as requests
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import (
    Asked,
    acts_of,
    ask,
    decision_of,
    pass_deadline,
    raise_price,
    request_of,
    signals_of,
    trail,
)

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
HTMX = {"HX-Request": "true"}


def _send(browser: Browser, asked: Asked, form: dict[str, str], **more: object) -> TestResponse:
    return browser.send(f"/requests/{asked.number}/decision", form, **more)


def test_approving_records_it_wakes_the_workflow_and_tells(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    answer = _send(bruno, asked, asked.answer("approve", "Go ahead"))
    assert answer.status_code == 303
    decision, request = decision_of(sessions, asked), request_of(sessions, asked)
    assert (decision.outcome, decision.decided_by, decision.comment) == (
        "approved",
        company.bruno.id,
        "Go ahead",
    )
    assert (request.status, request.auto_approved) == ("ordering", False)
    assert signals_of(sessions, asked) == ["signal_decision"]
    assert acts_of(sessions, asked)[-1] == "request.ordering"
    assert "Approved: Office chair with arm rests. It is being ordered." in bruno.get(answer.location).text


def test_rejecting_needs_a_reason(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    refused = _send(bruno, asked, asked.answer("reject", "   "))
    assert refused.status_code == 422
    assert "Please say why: a reject needs a reason." in refused.text
    assert decision_of(sessions, asked).outcome is None
    assert _send(bruno, asked, asked.answer("reject", "Not needed now")).status_code == 303
    request = request_of(sessions, asked)
    assert (request.status, request.closed_reason) == ("rejected", "Not needed now")


def test_in_the_list_the_missing_reason_is_asked_for_in_the_row(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    refused = _send(browser_of(company.bruno), asked, asked.answer("reject"), headers=HTMX)
    assert refused.status_code == 422
    assert f'id="ask-{asked.decision_id}"' in refused.text
    assert "a reject needs a reason" in refused.text
    assert "data-reason hidden" not in refused.text


def test_in_the_list_an_answer_gives_the_row_its_outcome_and_the_new_count(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    ask(sessions, company.ana)
    answer = _send(browser_of(company.bruno), asked, asked.answer("approve"), headers=HTMX)
    assert answer.status_code == 200
    assert "data-answered" in answer.text
    assert "Approved" in answer.text
    assert '<span class="count" id="count-manager-inbox" hx-swap-oob="true">1<' in answer.text
    assert "<html" not in answer.text


@pytest.mark.parametrize("choice", ["", "yes", "APPROVE", "expire"])
def test_only_approve_and_reject_are_answers(
    choice: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    assert _send(browser_of(company.bruno), asked, asked.answer(choice, "why not")).status_code == 422
    assert decision_of(sessions, asked).outcome is None


@pytest.mark.parametrize(
    "comment", ["a\x00b", "right\u202eleft", "x" * 1001, "e" + "\u0301" * 20, "\U000e0041"]
)
def test_a_comment_that_cannot_be_shown_is_refused(
    comment: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    refused = _send(browser_of(company.bruno), asked, asked.answer("reject", comment))
    assert refused.status_code == 422
    assert decision_of(sessions, asked).outcome is None


def test_a_link_never_decides(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    asked = ask(sessions, company.ana)
    url = f"/requests/{asked.number}/decision?choice=approve&decision={asked.decision_id}"
    assert browser_of(company.bruno).get(url).status_code == 405
    assert decision_of(sessions, asked).outcome is None


@pytest.mark.parametrize(
    ("field", "shown", "said"),
    [
        ("amount", "64.90 EUR", "it was 64.90 EUR and is now 649.00 EUR"),
        ("amount", "", "did not say which amount"),
        ("content", "0" * 64, "What would be bought changed"),
        ("decision", "00000000-0000-0000-0000-000000000007", "another question"),
        ("decision", "not an id", "another question"),
    ],
)
def test_an_answer_to_something_else_than_what_stands_is_refused_with_the_change(
    field: str, shown: str, said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    form = asked.answer("approve") | {field: shown}
    refused = _send(bruno, asked, form)
    assert refused.status_code == 409
    assert said in refused.text
    in_the_list = _send(bruno, asked, form, headers=HTMX)
    assert in_the_list.status_code == 409
    assert said in in_the_list.text
    assert f'value="{asked.amount}"' in in_the_list.text, "the row shows what stands now"
    assert decision_of(sessions, asked).outcome is None
    assert signals_of(sessions, asked) == []


def test_an_old_form_cannot_approve_the_risen_price(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    _send(bruno, asked, asked.answer("approve"))
    again = raise_price(sessions, asked, "700.00")
    stale = again.answer("approve") | {"amount": asked.amount, "content": asked.content}
    assert _send(bruno, again, stale).status_code == 409
    assert decision_of(sessions, again).outcome is None
    assert _send(bruno, again, again.answer("approve")).status_code == 303
    assert request_of(sessions, again).total == Money(decision_of(sessions, again).amount, "EUR")


def test_the_same_answer_twice_is_one_decision_and_one_answer(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    answers = [_send(bruno, asked, asked.answer("approve")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert signals_of(sessions, asked) == ["signal_decision"]
    assert acts_of(sessions, asked).count("request.ordering") == 1


def test_a_replay_after_the_price_rose_repeats_the_old_answer_and_decides_nothing_new(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    _send(bruno, asked, asked.answer("approve"))
    again = raise_price(sessions, asked, "700.00")
    assert _send(bruno, asked, asked.answer("approve")).status_code == 303
    assert decision_of(sessions, again).outcome is None


def test_another_choice_afterwards_learns_who_decided_and_when(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    _send(bruno, asked, asked.answer("approve"))
    refused = _send(bruno, asked, asked.answer("reject", "No, wait"))
    at = decision_of(sessions, asked).decided_at
    assert refused.status_code == 409
    assert at is not None
    assert f"Already approved by Bruno Blanco at {at:%Y-%m-%d %H:%M} UTC." in refused.text
    assert request_of(sessions, asked).status == "ordering"


def test_the_second_of_two_who_were_asked_learns_who_was_first(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    with sessions.begin() as session:
        row = requests.by_id(session, asked.id, lock=True)
        line = approver_line(session.get_one(PersonRow, company.ana.id).to_person(), people.deciders(session))
        decisions.escalate(session, decisions.of_request(session, row.id)[0], line)
    _send(browser_of(company.hugo), asked, asked.answer("reject", "Too expensive"))
    late = _send(browser_of(company.bruno), asked, asked.answer("approve"), headers=HTMX)
    assert late.status_code == 409
    assert "Already rejected by Hugo Herrera" in late.text
    assert "data-answered" in late.text


def test_nobody_decides_their_own_request(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.bruno)
    refused = _send(browser_of(company.bruno), asked, asked.answer("approve"))
    assert refused.status_code == 403
    assert "your own request" in refused.text
    assert decision_of(sessions, asked).outcome is None


def test_a_stranger_does_not_even_learn_that_it_exists(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    refused = _send(browser_of(company.ivan), asked, asked.answer("approve"))
    assert refused.status_code == 404
    assert "Office chair" not in refused.text
    assert [entry.actor_id for entry in trail(sessions, "request.read_refused")] == [company.ivan.id]


@pytest.mark.parametrize("reader", ["hugo", "carla"])
def test_who_may_read_but_is_not_asked_may_not_decide(
    reader: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    refused = _send(browser_of(getattr(company, reader)), asked, asked.answer("approve"))
    assert refused.status_code == 403
    assert decision_of(sessions, asked).outcome is None


def test_a_role_that_was_taken_away_a_moment_ago_decides_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    bruno = browser_of(company.bruno)
    with sessions.begin() as session:
        session.get_one(PersonRow, company.bruno.id).roles = ["employee"]
    assert _send(bruno, asked, asked.answer("approve")).status_code == 403
    assert decision_of(sessions, asked).outcome is None


def test_after_the_deadline_it_is_too_late_even_if_nobody_closed_it_yet(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    pass_deadline(sessions, asked)
    refused = _send(browser_of(company.bruno), asked, asked.answer("approve"))
    assert refused.status_code == 409
    assert "The time to decide ran out" in refused.text
    assert decision_of(sessions, asked).outcome is None


def test_after_the_requester_took_it_back_it_is_too_late(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    with sessions.begin() as session:
        decisions.withdraw(session, requests.by_id(session, asked.id), company.ana.id)
    refused = _send(browser_of(company.bruno), asked, asked.answer("approve"))
    assert refused.status_code == 409
    assert "Already withdrawn by Ana Alonso" in refused.text


def test_a_request_nobody_was_asked_about_cannot_be_decided(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    with sessions.begin() as session:
        session.execute(text("DELETE FROM decision"))
    assert _send(browser_of(company.bruno), asked, asked.answer("approve")).status_code == 404


def _at_once(browsers: Sequence[Browser], asked: Asked, forms: Sequence[dict[str, str]]) -> list[int]:
    barrier = Barrier(len(forms))

    def send(browser: Browser, form: dict[str, str]) -> int:
        barrier.wait()
        return _send(browser, asked, form).status_code

    with ThreadPoolExecutor(len(forms)) as pool:
        return list(pool.map(send, browsers, forms))


def test_five_clicks_at_the_same_instant_are_one_decision_and_five_equal_answers(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    browsers = [browser_of(company.bruno) for _ in range(5)]
    assert _at_once(browsers, asked, [asked.answer("approve")] * 5) == [303] * 5
    assert signals_of(sessions, asked) == ["signal_decision"]
    assert acts_of(sessions, asked).count("request.ordering") == 1


def test_approve_and_reject_at_the_same_instant_have_one_winner(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    browsers = [browser_of(company.bruno) for _ in range(2)]
    forms = [asked.answer("approve"), asked.answer("reject", "No")]
    statuses = _at_once(browsers, asked, forms)
    assert sorted(statuses) == [303, 409]
    won = "approved" if statuses[0] == 303 else "rejected"
    assert decision_of(sessions, asked).outcome == won
    assert request_of(sessions, asked).status == {"approved": "ordering", "rejected": "rejected"}[won]


def test_a_program_gets_the_change_as_a_problem_document(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    form = asked.answer("approve") | {"amount": "1.00 EUR"}
    refused = _send(browser_of(company.bruno), asked, form, headers={"Accept": "application/json"})
    assert refused.status_code == 409
    assert refused.get_json()["changes"]["amount"] == ["1.00 EUR", "649.00 EUR"]


def test_a_decision_takes_its_time_from_the_database(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    asked = ask(sessions, company.ana)
    with sessions.begin() as session:
        before: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    _send(browser_of(company.bruno), asked, asked.answer("approve"))
    at = decision_of(sessions, asked).decided_at
    assert at is not None
    assert at >= before
    assert at.tzinfo is not None
    assert at.astimezone(UTC).utcoffset() == before.astimezone(UTC).utcoffset()
