"""Triggers on their page and through the API: who may, what is refused by name, and what a run tells of its cause."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from rules.process_trigger import Event
from rules.process_trigger_event import FIELDS
from storage import api_token, process, process_trigger
from storage.audit import SYSTEM
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.process_samples import content, deployed

Call = Callable[..., Any]
OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
EVENT = {
    "id": "018f2b6a-0000-7000-8000-000000000001", "entity": "request", "entity_id": FIELDS["request"]["id"],
    "operations": ["updated", "decided"], "at": "2026-11-21T09:30:00+00:00", "before": dict(FIELDS["request"]),
    "after": dict(FIELDS["request"]), "changed": ["status"], "decision": "approved", "chain": ["travel"],
}  # fmt: skip


@pytest.fixture
def follow_up(sessions: Sessions, company: Company) -> None:
    """A deployed process that asks for a number."""
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    inputs = [{"name": "number", "kind": "text"}]
    with sessions.begin() as session:
        deployed(session, company, content("follow-up", end, ">end", name="Follow up", inputs=inputs))


@pytest.fixture
def call(app: Flask, company: Company, sessions: Sessions, follow_up: None) -> Call:
    """Calls the API with a token of a person."""

    def send(who: PersonRow, method: str, path: str, body: Any = None) -> Any:
        with sessions.begin() as session:
            token = api_token.add(session, who, "a program", who.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


@pytest.fixture
def elena(browser_of: OpenBrowser, company: Company, follow_up: None) -> Browser:
    """Elena of the platform, who may deploy."""
    return browser_of(company.elena)


def written(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Follow up what was decided", "entity": "request", "operation": "decided",
        "process": "follow-up", "input": {"number": "{{entity.number}}"}, "why": "nobody forgets then",
        **changes,
    }  # fmt: skip


def typed(**changes: str) -> dict[str, str]:
    return {
        "title": "Follow up what was decided", "happens": "request.decided", "process": "follow-up",
        "fields": "status, amount", "input.number": "{{entity.number}}", "why": "nobody forgets then",
        "config.condition.mode": "all", "config.condition.0.left": "{{entity.amount}}",
        "config.condition.0.op": "gt", "config.condition.0.right": "20", "config.condition.0.as": "amount", **changes,
    }  # fmt: skip


def happened(sessions: Sessions, trigger_id: UUID) -> UUID | None:
    """Let the trigger see a decision."""
    with sessions.begin() as session:
        start = process_trigger.fire(session, trigger_id, Event.from_content(EVENT), EVENT)
        assert start is not None
        return start.run_id


def texts(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_program_writes_changes_and_switches_a_trigger(call: Call, company: Company) -> None:
    made = call(company.elena, "POST", "/triggers", written())
    assert made.status_code == 201
    path = f"/triggers/{made.get_json()['id']}"
    changed = call(company.carla, "PUT", path, written(fields=["status"], revision=1))
    assert (changed.status_code, changed.get_json()["fields"]) == (200, ["status"])
    late = call(company.elena, "PUT", path, written(title="Mine", revision=1))
    assert (late.status_code, late.get_json()["code"]) == (409, "trigger-changed")
    off = call(company.elena, "POST", f"{path}/switch", {"on": False, "revision": 2, "why": "holidays"})
    assert (off.get_json()["on"], off.get_json()["revision"]) == (False, 3)
    [listed] = call(company.felix, "GET", "/triggers").get_json()["triggers"]
    assert (listed["title"], listed["on"]) == ("Follow up what was decided", False)


def test_a_program_is_told_the_field_that_makes_no_sense(call: Call, company: Company) -> None:
    wrong = written(
        condition={"left": "{{entity.colour}}", "op": "eq", "right": "red"}, input={}, process="follow-up"
    )
    refused = call(company.elena, "POST", "/triggers", wrong)
    assert refused.status_code == 422
    assert set(refused.get_json()["problems"]) == {"condition", "input.number"}
    unknown = call(company.elena, "POST", "/triggers", written(when="always"))
    assert set(unknown.get_json()["problems"]) == {"when"}


def test_a_run_tells_which_trigger_and_event_started_it(
    call: Call, company: Company, sessions: Sessions
) -> None:
    trigger_id = call(company.elena, "POST", "/triggers", written()).get_json()["id"]
    run_id = happened(sessions, UUID(trigger_id))
    cause = call(company.carla, "GET", f"/runs/{run_id}").get_json()["cause"]
    assert (cause["trigger"], cause["event"], cause["chain"]) == (trigger_id, EVENT["id"], ["travel"])
    [start] = call(company.carla, "GET", f"/triggers/{trigger_id}").get_json()["starts"]
    assert (start["run"], start["outcome"], start["operations"]) == (
        str(run_id), "started", ["updated", "decided"],
    )  # fmt: skip


def test_a_retired_process_is_named_where_its_triggers_are_listed(
    call: Call, company: Company, sessions: Sessions, browser_of: OpenBrowser
) -> None:
    trigger_id = call(company.elena, "POST", "/triggers", written()).get_json()["id"]
    with sessions.begin() as session:
        process.retire(session, "follow-up", company.carla.id, "not needed")
    [listed] = call(company.felix, "GET", "/triggers").get_json()["triggers"]
    assert listed["process_is_deployed"] is False
    browser = browser_of(company.elena)
    assert "its process is retired" in texts(browser.get("/triggers").text)
    happened(sessions, UUID(trigger_id))
    said = texts(browser.get(f"/triggers/{trigger_id}").text)
    assert "The process is retired, so events start nothing here" in said
    assert "refused" in said


def test_a_trigger_is_written_on_the_page_and_shown_as_it_was_typed(
    elena: Browser, sessions: Sessions
) -> None:
    assert "Which process is to start?" in texts(elena.get("/triggers/new").text)
    assert 'name="input.number"' in elena.get("/triggers/new?process=follow-up").text
    answer = elena.send("/triggers/new", typed())
    assert answer.status_code == 303
    with sessions.begin() as session:
        [(row, _)] = process_trigger.all_triggers(session)
    assert (row.entity, row.operation, row.fields) == ("request", "decided", ["status", "amount"])
    assert row.condition == {"left": "{{entity.amount}}", "op": "gt", "right": 20, "as": "amount"}
    page = elena.get(answer.location).text
    for name, value in [("fields", "status, amount"), ("input.number", "{{entity.number}}")]:
        assert re.search(rf'name="{name}" value="{re.escape(value)}"', page), name
    assert "No event has matched it yet" in texts(page)
    run_id = happened(sessions, row.id)
    said = elena.get(answer.location).text
    assert f"/runs/{run_id}" in said
    assert "PR-2026-000123: updated, decided, approved" in texts(said)
    run_page = elena.get(f"/runs/{run_id}").text
    assert "started by the trigger Follow up what was decided" in texts(run_page)
    assert f"event {EVENT['id']}" in run_page
    assert "a request is decided with a condition" in texts(elena.get("/triggers").text)


def test_a_trigger_says_what_its_process_does_not_take_any_more(
    elena: Browser, sessions: Sessions, company: Company
) -> None:
    address = elena.send("/triggers/new", typed()).location
    assert "asks for something else" not in texts(elena.get(address).text)
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    inputs = [{"name": "who", "kind": "text"}]
    with sessions.begin() as session:
        deployed(session, company, content("follow-up", end, ">end", name="Follow up", inputs=inputs))
    said = texts(elena.get(address).text)
    assert "The process asks for something else by now" in said
    assert "This input is missing." in said
    assert "input.number: This process has no such input" in said


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"happens": "request.ended"}, "operation"),
        ({"fields": "colour"}, "fields"),
        ({"config.condition.0.left": "{{entity.colour}}"}, "condition"),
        ({"input.number": "{{entity.colour}}"}, "input-number"),
        ({"why": " "}, "why"),
    ],
)
def test_what_makes_no_sense_comes_back_with_what_was_typed_and_the_field_named(
    elena: Browser, sessions: Sessions, change: dict[str, str], field: str
) -> None:
    answer = elena.send("/triggers/new", typed(**change))
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert 'value="{{entity.' in answer.text
    with sessions.begin() as session:
        assert process_trigger.all_triggers(session) == []


def test_a_trigger_is_switched_on_the_page_and_who_is_late_is_told(
    elena: Browser, sessions: Sessions
) -> None:
    address = elena.send("/triggers/new", typed()).location
    assert (
        elena.send(f"{address}/switch", {"on": "no", "revision": "1", "why": "holidays"}).status_code == 303
    )
    assert "off" in texts(elena.get("/triggers").text)
    late = elena.send(address, typed(revision="1", title="Mine"))
    assert (late.status_code, "revision 2 by now" in texts(late.text)) == (409, True)


def test_who_only_reads_sees_no_form(browser_of: OpenBrowser, elena: Browser, company: Company) -> None:
    address = elena.send("/triggers/new", typed()).location
    page = browser_of(company.felix).get(address).text
    assert "When a request is decided, a run of Follow up starts." in texts(page)
    assert 'name="happens"' not in page
