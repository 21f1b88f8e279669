"""Pages of runs: the list and its filters, one run with its path and why, tasks, incidents, signals, calling off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.process import Outcome
from rules.process_people import Asked
from storage import process_run, process_task
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.process_run import ProcessRunRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.process_runs import Carried, begin_trip, tasks_of, waiting_trip
from tests.process_samples import content, deployed, travel

Open = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def trip(sessions: Sessions, company: Company) -> ProcessRunRow:
    """A run of Ana's trip, which Bruno is asked about."""
    return waiting_trip(sessions, company)


def kinds(sessions: Sessions) -> list[str]:
    """What the outbox carries, besides starts."""
    with sessions.begin() as session:
        found = session.scalars(select(OutboxRow.kind).order_by(OutboxRow.id))
        return [kind for kind in found if kind != "start_process"]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("ana", 200),
        ("bruno", 200),
        ("carla", 200),
        ("elena", 200),
        ("felix", 200),
        ("ivan", 404),
        ("julia", 404),
    ],
)
def test_a_run_is_shown_to_whom_it_concerns(
    browser_of: Open, company: Company, trip: ProcessRunRow, who: str, status: int
) -> None:
    browser = browser_of(getattr(company, who))
    assert browser.get(f"/runs/{trip.id}").status_code == status
    assert (str(trip.id) in browser.get("/runs").text) is (status == 200)


def test_a_run_shows_its_path_and_whom_it_waits_for(
    browser_of: Open, company: Company, trip: ProcessRunRow
) -> None:
    page = browser_of(company.ana).get(f"/runs/{trip.id}").text
    assert "<svg" in page
    assert "Bruno Blanco" in page
    assert "is asked since" in page
    assert "Your decision" not in page
    assert 'value="agree"' not in page


def test_whoever_is_asked_answers_on_the_page_and_a_second_click_changes_nothing(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    bruno = browser_of(company.bruno)
    [task] = tasks_of(sessions, trip.id)
    path = f"/runs/{trip.id}/tasks/{task.id}"
    assert path in bruno.get(f"/runs/{trip.id}").text
    for _ in range(2):
        answer = bruno.send(path, {"choice": "agree", "note": "Have fun."})
        assert (answer.status_code, answer.location) == (303, f"/runs/{trip.id}")
    [task] = tasks_of(sessions, trip.id)
    assert (task.agrees, task.note, task.answered_by) == (True, "Have fun.", company.bruno.id)
    assert kinds(sessions) == ["signal_process"]
    late = bruno.send(path, {"choice": "refuse"})
    assert late.status_code == 409
    assert "Bruno Blanco agreed at" in late.text


def test_whoever_comes_too_late_reads_who_was_first(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel(who=[{"role": "finance"}]))
        carried = Carried(session, company, "travel", {"amount": "12.00"})
        carried.begin(session, "ask", [Asked(role="finance")])
        run_id = carried.row.id
    [task] = tasks_of(sessions, run_id)
    path = f"/runs/{run_id}/tasks/{task.id}"
    assert browser_of(company.carla).send(path, {"choice": "refuse", "note": "Too far."}).status_code == 303
    late = browser_of(company.diego).send(path, {"choice": "agree"})
    assert late.status_code == 409
    assert "Carla Cruz refused at" in late.text


def test_nobody_answers_for_somebody_else_nor_without_choosing(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    [task] = tasks_of(sessions, trip.id)
    path = f"/runs/{trip.id}/tasks/{task.id}"
    assert browser_of(company.carla).send(path, {"choice": "agree"}).status_code == 403
    nothing = browser_of(company.bruno).send(path, {"note": "well …"})
    assert nothing.status_code == 422
    assert "Please choose one of the two." in nothing.text
    assert "well …" in nothing.text
    assert tasks_of(sessions, trip.id)[0].answered_at is None


def test_tasks_stand_beside_the_inbox_with_their_number_until_they_are_answered(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    bruno = browser_of(company.bruno)
    page = bruno.get("/tasks").text
    assert "Travel: Manager" in page
    assert bruno.get("/inbox").text.count('href="/tasks"') == 1
    [task] = tasks_of(sessions, trip.id)
    answer = bruno.send(f"/runs/{trip.id}/tasks/{task.id}", {"choice": "agree", "back": "tasks"})
    assert answer.location == "/tasks"
    assert "No process waits for you" in bruno.get("/tasks").text
    assert "Asked of me" in browser_of(company.ana).get("/tasks").text


def test_what_is_asked_of_several_says_how_far_it_is(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        who = [{"person": str(each.id)} for each in (company.bruno, company.carla, company.diego)]
        deployed(session, company, travel(who=who, policy="quorum", quorum=2))
        carried = Carried(session, company, "travel", {"amount": "12.00"})
        seats = [Asked(person_id=each.id) for each in (company.bruno, company.carla, company.diego)]
        carried.begin(session, "ask", seats)
        first = process_task.of_run(session, carried.row.id)[0]
        process_task.answer(session, first.id, company.bruno.to_person(), True, "fine by me")
        run_id = carried.row.id
    page = browser_of(company.carla).get(f"/runs/{run_id}").text
    assert "2 of 3 must agree: 1 of them so far." in page
    assert "fine by me" in page


def parked(sessions: Sessions, company: Company) -> ProcessRunRow:
    """A run one node of which failed, while another one waits for a signal."""
    definition = content(
        "parcel",
        {"call": {"type": "webhook", "name": "Tell the carrier",
                  "config": {"url": "https://carrier.example/hook", "secret_name": "partner"}},
         "wait": {"type": "wait_for_signal", "name": "Delivery",
                  "config": {"signal": "delivered", "deadline": "7 d"}},
         "yes": {"type": "end", "config": {"result": "satisfied"}},
         "no": {"type": "end", "config": {"result": "not_satisfied"}}},
        ">call, >wait, call>yes, wait true>yes, wait false>no",
    )  # fmt: skip
    with sessions.begin() as session:
        deployed(session, company, definition)
        carried = Carried(session, company, "parcel", {})
        carried.begin(session, "call")
        carried.begin(session, "wait")
        carried.end(session, "call", Outcome.FAILED, "The carrier does not answer.")
        return carried.row


def test_an_incident_is_tried_again_by_an_operator_who_says_why(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    run = parked(sessions, company)
    elena = browser_of(company.elena)
    assert "The carrier does not answer." in elena.get("/runs/incidents").text
    assert "needs an operator" in elena.get("/runs?incident=yes").text
    path = f"/runs/{run.id}/incidents/call"
    silent = elena.send(path, {"act": "retry", "iteration": "1"})
    assert silent.status_code == 422
    assert "Please say why." in silent.text
    assert kinds(sessions) == []
    assert elena.send(path, {"act": "retry", "iteration": "1", "why": "They are back."}).status_code == 303
    assert kinds(sessions) == ["operate_process"]
    again = elena.send(path, {"act": "retry", "iteration": "1", "why": "They are back."})
    assert again.status_code == 409
    assert browser_of(company.carla).send(path, {"act": "retry"}).status_code == 403


def test_an_incident_is_skipped_with_an_output_that_is_an_object(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    run = parked(sessions, company)
    elena = browser_of(company.elena)
    skip = {"act": "skip", "iteration": "1", "why": "Told by phone.", "outcome": "completed"}
    path = f"/runs/{run.id}/incidents/call"
    wrong = elena.send(path, {**skip, "output": "[1]"})
    assert wrong.status_code == 422
    assert "This is no JSON object." in wrong.text
    assert elena.send(path, {**skip, "output": '{"status": 200}'}).status_code == 303
    page = elena.get(f"/runs/{run.id}").text
    assert "&#34;status&#34;: 200" in page


def test_a_signal_is_sent_once_from_the_page(browser_of: Open, company: Company, sessions: Sessions) -> None:
    run = parked(sessions, company)
    carla = browser_of(company.carla)
    form = {"name": "delivered", "node": "wait", "iteration": "1", "outcome": "satisfied", "key": "k"}
    assert "Send “delivered”" in carla.get(f"/runs/{run.id}").text
    for _ in range(2):
        assert carla.send(f"/runs/{run.id}/signals", form).status_code == 303
    assert kinds(sessions) == ["signal_process"]
    assert browser_of(company.ana).send(f"/runs/{run.id}/signals", form).status_code == 403


def test_a_run_is_called_off_with_a_reason_and_only_while_it_is_open(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    path = f"/runs/{trip.id}/cancel"
    assert elena.send(path, {"why": " "}).status_code == 422
    assert elena.send(path, {"why": "It was a test."}).status_code == 303
    assert kinds(sessions) == ["cancel_process"]
    with sessions.begin() as session:
        process_run.by_id(session, trip.id, lock=True).status = "cancelled"
    assert elena.send(path, {"why": "Once more."}).status_code == 409
    assert browser_of(company.ana).send(path, {"why": "mine"}).status_code == 403


def test_what_did_not_run_says_why_not(browser_of: Open, company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
        carried = begin_trip(session, company)
        carried.end(session, "ask", Outcome.NOT_SATISFIED, decided_by=["Bruno Blanco"])
        run_id = carried.row.id
    page = browser_of(company.ana).get(f"/runs/{run_id}").text
    assert "“Manager” ended with: no." in page


def test_the_page_looks_again_only_for_what_is_new_and_stops_at_the_end(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions
) -> None:
    ana = browser_of(company.ana)
    page = ana.get(f"/runs/{trip.id}").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    path, part = f"/runs/{trip.id}/progress", {"HX-Request": "true"}
    look = {"seen": seen, "until": "99999999999", "forms": "open"}
    assert ana.get(path, query_string=look, headers=part).status_code == 204
    assert ana.get(path, query_string={**look, "until": "1"}, headers=part).status_code == 286
    [task] = tasks_of(sessions, trip.id)
    with sessions.begin() as session:
        process_task.answer(session, task.id, company.bruno.to_person(), True, "yes, do")
    fresh = ana.get(path, query_string=look, headers=part)
    assert fresh.status_code == 200
    assert "yes, do" in fresh.text
    assert "HX-Refresh" not in fresh.headers
    with sessions.begin() as session:
        process_run.by_id(session, trip.id, lock=True).status = "completed"
    last = ana.get(path, query_string=look, headers=part)
    assert (last.status_code, last.headers["HX-Refresh"]) == (286, "true")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("process=travel", True), ("process=parcel", False), ("version=1", True), ("version=2", False),
        ("status=open", True), ("status=failed", False), ("awaiting=finance", False), ("incident=no", True),
        ("incident=yes", False), ("by=ana", True), ("by=bruno", False), ("since=2020-01-01", True),
        ("until=2020-01-01", False), ("q=12.00", True), ("q=13.00", False), ("q=100%25", False),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(
    browser_of: Open, company: Company, trip: ProcessRunRow, query: str, found: bool
) -> None:
    answer = browser_of(company.felix).get(f"/runs?{query}")
    assert answer.status_code == 200
    assert (str(trip.id) in answer.text) is found


def test_the_list_is_narrowed_to_whom_it_waits_for(
    browser_of: Open, company: Company, trip: ProcessRunRow
) -> None:
    carla = browser_of(company.carla)
    page = carla.get("/runs").text
    assert f'value="person:{company.bruno.id}"' in page
    assert str(trip.id) in carla.get(f"/runs?awaiting=person:{company.bruno.id}").text
    assert str(trip.id) not in carla.get(f"/runs?awaiting=person:{company.carla.id}").text


@pytest.mark.parametrize(
    "query",
    [
        "version=x",
        "status=lost",
        "awaiting=nobody",
        "incident=maybe",
        "since=yesterday",
        "behind=there",
        "q=%00a",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_its_name(
    browser_of: Open, company: Company, trip: ProcessRunRow, query: str
) -> None:
    answer = browser_of(company.felix).get(f"/runs?{query}")
    assert answer.status_code == 422
    assert str(trip.id) not in answer.text


def test_page_follows_page_without_a_gap_or_a_repeat(
    browser_of: Open,
    company: Company,
    trip: ProcessRunRow,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.pages.run.routes.PER_PAGE", 2)
    with sessions.begin() as session:
        ids = {str(begin_trip(session, company).row.id) for _ in range(4)} | {str(trip.id)}
    felix, path, seen = browser_of(company.felix), "/runs", list[str]()
    while path:
        page = felix.get(path).text
        seen += [run_id for run_id in ids if f'href="/runs/{run_id}"' in page]
        found = page.split('rel="next"')[0].rsplit('href="', 1)[1] if 'rel="next"' in page else ""
        path = found.split('"')[0].replace("&amp;", "&")
    assert sorted(seen) == sorted(ids)


def test_a_process_is_started_from_a_page_and_a_second_click_leads_to_the_same_run(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
    ana = browser_of(company.ana)
    assert 'href="/runs/new/travel"' in ana.get("/runs/new").text
    page = ana.get("/runs/new/travel").text
    assert 'name="input.requester"' not in page
    key = page.split('name="key" value="')[1].split('"')[0]
    wrong = ana.send("/runs/new/travel", {"key": key, "input.amount": "a lot"})
    assert wrong.status_code == 422
    assert "This must be an amount" in wrong.text
    assert "a lot" in wrong.text
    assert "This input is missing." in ana.send("/runs/new/travel", {"key": key}).text
    first, second = (ana.send("/runs/new/travel", {"key": key, "input.amount": "12.00"}) for _ in range(2))
    assert first.status_code == 303
    assert first.location == second.location
    assert ana.get(first.location).status_code == 200
    other = ana.send("/runs/new/travel", {"key": key, "input.amount": "13.00"})
    assert other.status_code == 422
    assert (
        browser_of(company.julia).send("/runs/new/travel", {"key": key, "input.amount": "12.00"}).location
        != first.location
    )
    assert ana.get("/runs/new/nothing").status_code == 404


@pytest.mark.parametrize(
    ("kind", "typed", "given"),
    [
        ("number", "3", 3), ("number", "2.5", 2.5), ("flag", "yes", True), ("flag", "no", False),
        ("moment", "2026-12-01T09:00", "2026-12-01T09:00:00+00:00"), ("list", '["a"]', ["a"]),
        ("object", '{"a": 1}', {"a": 1}), ("any", "as it is", "as it is"), ("text", "3", "3"),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_what_the_process_asks_for(
    browser_of: Open, company: Company, sessions: Sessions, kind: str, typed: str, given: object
) -> None:
    definition = travel()
    definition["inputs"] = [*definition["inputs"], {"name": "more", "kind": kind}]
    with sessions.begin() as session:
        deployed(session, company, definition)
    form = {"key": "k", "input.amount": "1", "input.more": typed}
    assert browser_of(company.ana).send("/runs/new/travel", form).status_code == 303
    with sessions.begin() as session:
        [run] = session.scalars(select(ProcessRunRow))
        assert run.given["more"] == given


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("number", "NaN"),
        ("number", "three"),
        ("flag", "maybe"),
        ("moment", "soon"),
        ("list", "{}"),
        ("object", "["),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field(
    browser_of: Open, company: Company, sessions: Sessions, kind: str, typed: str
) -> None:
    definition = travel()
    definition["inputs"] = [*definition["inputs"], {"name": "more", "kind": kind}]
    with sessions.begin() as session:
        deployed(session, company, definition)
    form = {"key": "k", "input.amount": "1", "input.more": typed}
    refused = browser_of(company.ana).send("/runs/new/travel", form)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert kinds(sessions) == []


@pytest.mark.parametrize(("who", "path"), [("felix", "/runs"), ("bruno", "/tasks"), ("bruno", "/runs")])
def test_a_longer_list_asks_the_database_no_more_often(
    browser_of: Open, company: Company, trip: ProcessRunRow, sessions: Sessions, who: str, path: str
) -> None:
    browser = browser_of(getattr(company, who))
    short = browser.statements(path)
    with sessions.begin() as session:
        more = [str(begin_trip(session, company).row.id) for _ in range(5)]
    assert len(browser.statements(path)) == len(short)
    assert all(run_id in browser.get(path).text for run_id in more)
