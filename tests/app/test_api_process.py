"""Processes and their runs through the API: who may, what is refused, and what a run tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.process_messages import NoteNews, StepNews
from rules.process_people import Asked
from rules.process_plan import make_plan
from rules.process_schedule import start
from storage import (
    api_token,
    process,
    process_callback,
    process_news,
    process_run,
    process_step,
    process_task,
)
from storage.audit import SYSTEM
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.process_run import ProcessRunRow
from tests.app.people import Company
from tests.app.process_runs import Carried, tasks_of
from tests.process_samples import content, covered, deployed, travel

Call = Callable[..., Any]
Sessions = sessionmaker[Session]


@pytest.fixture
def call(app: Flask, company: Company, sessions: Sessions) -> Call:
    """Calls the API with a token of a person."""

    def send(who: PersonRow | None, method: str, path: str, body: Any = None) -> Any:
        headers = {}
        if who is not None:
            with sessions.begin() as session:
                token = api_token.add(session, who, "a program", who.roles, 1, SYSTEM)
            headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


@pytest.fixture
def run(sessions: Sessions, company: Company) -> ProcessRunRow:
    """A run of Ana's trip, which Bruno is asked about; nothing carries it."""
    with sessions.begin() as session:
        deployed(session, company, travel())
        row = process_run.begin(
            session, "travel", {"amount": "12.00", "requester": str(company.ana.id)}, SYSTEM
        )
        _, first = start(plan := process_run.plan_of(session, row))
        where = (row.id, "ask", 1, 1)
        process_step.begin(session, row.id, "ask", 1, {"question": "May she?"})
        asked = [Asked(person_id=company.bruno.id)]
        process_task.ask(
            session, where, asked, requester_id=company.ana.id, title="Manager", question="May she?",
            deadline_seconds=60,
        )  # fmt: skip
        assert first.ready
        assert plan.nodes
        return row


def kinds(sessions: Sessions) -> list[str]:
    with sessions.begin() as session:
        return [row.kind for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


def test_a_process_is_drafted_checked_and_deployed_by_a_second_person(call: Call, company: Company) -> None:
    elena, carla = company.elena, company.carla
    made = call(elena, "POST", "/processes", {"definition": travel(), "why": "we travel"})
    assert (made.status_code, made.json["state"], made.json["revision"]) == (201, "draft", 1)
    definition = covered(travel(policy="all"))
    saved = call(elena, "PUT", "/processes/travel/draft", {"definition": definition, "revision": 1})
    assert saved.json["revision"] == 2
    late = call(carla, "PUT", "/processes/travel/draft", {"definition": travel(), "revision": 1})
    assert (late.status_code, late.json["code"], late.json["field"]) == (409, "draft-changed", "revision")
    checked = call(elena, "POST", "/processes/travel/check", {"revision": 2})
    assert (checked.json["state"], checked.json["problems"]) == ("checked", [])
    alone = call(elena, "POST", "/processes/travel/deploy", {"version": 1, "why": "now"})
    assert (alone.status_code, alone.json["code"]) == (403, "second-person-needed")
    done = call(carla, "POST", "/processes/travel/deploy", {"version": 1, "why": "looks right"})
    assert (done.status_code, done.json["state"]) == (200, "deployed")
    assert call(elena, "GET", "/processes/travel").json["deployed_version"] == 1
    assert call(elena, "GET", "/processes/travel/versions/1").json["definition"]["key"] == "travel"


def test_a_draft_without_a_shape_is_refused_by_its_path(call: Call, company: Company) -> None:
    broken = {"key": "travel", "nodes": [{"id": "a", "type": "end", "config": {"x": 1.5}}]}
    answer = call(company.elena, "POST", "/processes", {"definition": broken, "why": "we travel"})
    assert answer.status_code == 422
    assert list(answer.json["problems"]) == ["nodes[0].config"]


def test_a_run_is_started_once_for_one_wish(call: Call, company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
    wish = {"input": {"amount": "320.00"}, "start_key": "trip 7"}
    first = call(company.ana, "POST", "/processes/travel/runs", wish)
    again = call(company.ana, "POST", "/processes/travel/runs", wish)
    assert (first.status_code, first.json["status"]) == (201, "open")
    assert first.json["id"] == again.json["id"]
    assert first.json["input"]["requester"] == str(company.ana.id)
    assert kinds(sessions) == ["start_process"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": "a lot"}, "input.amount"),
        ({"amount": 320}, "input.amount"),
        ({}, "input.amount"),
        ({"amount": "1", "colour": "red"}, "input.colour"),
        ({"amount": "1", "requester": "\u0000"}, "input"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_by_its_name(
    call: Call, company: Company, sessions: Sessions, given: Any, field: str
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
    answer = call(company.ana, "POST", "/processes/travel/runs", {"input": given})
    assert answer.status_code == 422
    assert field in (answer.json.get("problems") or {answer.json.get("field"): ""})
    assert kinds(sessions) == []


def test_what_is_not_there_is_not_found(call: Call, company: Company) -> None:
    assert call(company.ana, "POST", "/processes/nothing/runs", {"input": {}}).status_code == 404
    assert call(company.elena, "GET", f"/runs/{uuid4()}").status_code == 404
    assert call(company.elena, "POST", f"/runs/{uuid4()}/signals/go", {}).status_code == 404
    assert call(None, "POST", "/callbacks/vbc_nothing", {}).status_code == 404


def test_a_run_shows_its_path_and_whom_it_asks(call: Call, company: Company, run: ProcessRunRow) -> None:
    seen = call(company.elena, "GET", f"/runs/{run.id}").json
    assert {"edge": "ask-true_branch>yes", "status": "pending"} in seen["path"]
    assert [(each["title"], each["person"]) for each in seen["tasks"]] == [("Manager", str(company.bruno.id))]
    assert [each["node"] for each in seen["steps"]] == ["ask"]


@pytest.mark.parametrize(("who", "status"), [("bruno", 200), ("carla", 200), ("ivan", 404), ("julia", 404)])
def test_a_run_is_shown_to_whom_it_concerns(
    call: Call, company: Company, run: ProcessRunRow, who: str, status: int
) -> None:
    assert call(getattr(company, who), "GET", f"/runs/{run.id}").status_code == status


def test_a_task_is_answered_by_who_is_asked(
    call: Call, company: Company, run: ProcessRunRow, sessions: Sessions
) -> None:
    [task] = call(company.bruno, "GET", "/tasks").json["tasks"]
    assert call(company.ivan, "GET", "/tasks").json["tasks"] == []
    refused = call(company.ivan, "POST", f"/tasks/{task['id']}/answer", {"agrees": True})
    assert (refused.status_code, refused.json["code"]) == (403, "not-your-task")
    assert call(company.bruno, "POST", f"/tasks/{task['id']}/answer", {"agrees": True}).json["agrees"]
    again = call(company.bruno, "POST", f"/tasks/{task['id']}/answer", {"agrees": False})
    assert (again.status_code, again.json["code"]) == (409, "already-decided")
    assert kinds(sessions)[-1] == "signal_process"


def test_the_same_answer_sent_again_gives_back_what_was_recorded_and_changes_nothing(
    call: Call, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel(who=[{"role": "finance"}]))
        carried = Carried(session, company, "travel", {"amount": "12.00"})
        carried.begin(session, "ask", [Asked(role="finance")])
    [task] = tasks_of(sessions, carried.row.id)
    path = f"/tasks/{task.id}/answer"
    first = call(company.carla, "POST", path, {"agrees": True, "note": "fine"})
    before = kinds(sessions)
    again = call(company.carla, "POST", path, {"agrees": True, "note": "fine, I said"})
    assert (again.status_code, again.json) == (200, first.json)
    assert kinds(sessions) == before
    late = call(company.diego, "POST", path, {"agrees": True})
    assert (late.status_code, late.json["code"]) == (409, "already-decided")


def test_only_who_runs_the_platform_speaks_of_incidents(
    call: Call, company: Company, run: ProcessRunRow, sessions: Sessions
) -> None:
    wish = {"act": "skip", "outcome": "satisfied", "why": "I think so"}
    path = f"/runs/{run.id}/incidents/ask"
    assert call(company.carla, "POST", path, wish).status_code == 403
    assert call(company.elena, "POST", path, wish).json["code"] == "no-incident"
    with sessions.begin() as session:
        plan = process_run.plan_of(session, run)
        state = start(plan)[0].to_content(make_plan(plan.process))
        news = [StepNews(1, "ask", 1, "incident", error="it broke")]
        process_news.note(session, NoteNews(str(run.id), news, state, []))
    assert call(company.elena, "POST", path, wish).json["code"] == "nobody-agreed"
    done = call(company.elena, "POST", path, {"act": "retry", "why": "mended"})
    assert (done.status_code, kinds(sessions)[-1]) == (202, "operate_process")
    assert call(company.elena, "POST", path, {"act": "retry", "why": "again"}).status_code == 409


def test_a_callback_is_taken_once(call: Call, company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        deployed(session, company, content("job", {"end": {"type": "end"}}, ">end"))
        row = process_run.begin(session, "job", {}, SYSTEM)
        process_step.begin(session, row.id, "end", 1, {})
        token = process_callback.hand_out(session, row.id, "end", 1)
    assert call(None, "POST", f"/callbacks/{token}", {"output": {"sum": "9.50"}}).status_code == 202
    again = call(None, "POST", f"/callbacks/{token}", {"output": {"sum": "0.00"}})
    assert (again.status_code, again.json["code"]) == (409, "callback-is-used")
    assert kinds(sessions) == ["start_process", "signal_process"]


def test_a_run_is_called_off_by_who_runs_the_platform(
    call: Call, company: Company, run: ProcessRunRow, sessions: Sessions
) -> None:
    assert call(company.ana, "POST", f"/runs/{run.id}/cancel", {"why": "no"}).status_code == 403
    assert call(company.elena, "POST", f"/runs/{run.id}/cancel", {"why": "a mistake"}).status_code == 202
    assert kinds(sessions)[-1] == "cancel_process"


def test_runs_are_listed_by_what_is_asked_for(call: Call, company: Company, run: ProcessRunRow) -> None:
    assert [each["id"] for each in call(company.elena, "GET", "/runs?process=travel").json["runs"]] == [
        str(run.id)
    ]
    assert call(company.elena, "GET", "/runs?status=completed").json["runs"] == []
    for query in (
        "version=1",
        "incident=no",
        "started_by=nobody",
        "text=12.00",
        "since=2020-01-01T00:00:00Z",
    ):
        found = call(company.elena, "GET", f"/runs?{query}").json["runs"]
        assert [each["id"] for each in found] == ([] if query.endswith("nobody") else [str(run.id)]), query
    assert call(company.elena, "GET", "/runs?incident=maybe").json["field"] == "incident"
    assert call(company.elena, "GET", "/runs?version=0").json["field"] == "version"
    assert call(company.elena, "GET", "/runs?limit=0").json["field"] == "limit"
    assert call(company.elena, "GET", "/runs?before=yesterday").json["field"] == "before"


def test_a_draft_goes_out_and_comes_back_in_yaml(app: Flask, company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        process.create(session, travel(), None, company.elena.id, "")
        token = api_token.add(session, company.elena, "a program", company.elena.roles, 1, SYSTEM)
    client = app.test_client()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/yaml"}
    path = "/api/v1/processes/travel/draft"
    given = client.get(path, headers=headers)
    assert given.mimetype == "application/yaml"
    assert "name: Manager" in given.text
    for body, status, said in (
        (given.text, 422, "sha256"),  # entries that only the server gives
        ("revision: 1\nrevision: 2", 422, "Line 2"),
        (
            f"revision: 1\n{given.text[given.text.index('definition:') :]}".replace("Manager", "Boss"),
            200,
            "Boss",
        ),
    ):
        answer = client.put(path, data=body, headers={**headers, "Content-Type": "application/yaml"})
        assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_what_no_scenario_takes_is_not_deployed_and_each_edge_is_named(call: Call, company: Company) -> None:
    definition = {
        **covered(travel()),
        "scenarios": [{"name": "wrong", "given": {"amount": "1.00"}, "path": ["yes"]}],
    }
    call(company.elena, "POST", "/processes", {"definition": definition, "why": "we travel"})
    call(company.elena, "POST", "/processes/travel/check", {"revision": 1})
    refused = call(company.carla, "POST", "/processes/travel/deploy", {"version": 1, "why": "now"})
    assert (refused.status_code, refused.json["code"]) == (409, "scenarios-fail")
    assert refused.json["problems"] == {
        "scenarios.wrong": "At first comes Manager; expected was yes.",
        "edges.-start>ask": "No scenario takes the edge the start → Manager.",
        "edges.ask-true_branch>yes": "No scenario takes the edge Manager (yes) → yes.",
        "edges.ask-false_branch>no": "No scenario takes the edge Manager (no) → no.",
    }
