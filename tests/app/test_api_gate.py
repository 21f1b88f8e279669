"""The gate of a build through the API: who may begin it, what is refused, and what it tells of a shut one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.gate import Gate, Replayed, ReplayFailure, Smoke
from storage import api_token, build
from storage.audit import SYSTEM, AuditRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from tests.app.people import Company

Sessions = sessionmaker[Session]
Call = Callable[..., TestResponse]

SHUT = Gate(
    "b2",
    "b1",
    forward=Replayed("b2", "histories of requests that exist", 9, (ReplayFailure("purchase-1", 12, "gone"),)),
    back=Replayed("b1", "histories of b2", 18),
    smoke=Smoke(0.4),
)


@pytest.fixture
def call(app: Flask, company: Company, sessions: Sessions) -> Call:
    """Calls the API as Elena of the platform, or as `person`; `b1` and `b2` live, `b3` is dead."""
    with sessions.begin() as session:
        for build_id in ("b1", "b2", "b3"):
            build.announce(session, build_id, "", "")
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h' WHERE build_id <> 'b3'"))

    def send(method: str, path: str, person: PersonRow = company.elena) -> TestResponse:
        with sessions.begin() as session:
            row = session.merge(person)
            token = api_token.add(session, row, "pipeline", row.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(f"/api/v1{path}", method=method, headers=headers)

    return send


def messages(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions.begin() as session:
        rows = session.scalars(
            select(OutboxRow).where(OutboxRow.kind == "check_build").order_by(OutboxRow.id)
        )
        return [(row.kind, row.payload["build_id"]) for row in rows]


def test_a_gate_is_begun_once_and_its_address_tells_that_it_runs(call: Call, sessions: Sessions) -> None:
    begun = call("POST", "/builds/b2/gate")
    assert begun.status_code == 202
    assert begun.get_json()["changed"]["what"] == "gate begun"
    assert (begun.get_json()["changed"]["old"], begun.get_json()["changed"]["new"]) == ("untried", "running")
    assert begun.headers["Location"] == "/api/v1/builds/b2/gate"
    again = call("POST", "/builds/b2/gate")
    assert (again.status_code, again.get_json()["changed"]["what"]) == (200, "nothing: it runs already")
    assert messages(sessions) == [("check_build", "b2")]
    assert call("GET", "/builds/b2/gate").get_json()["gate"]["state"] == "running"
    with sessions.begin() as session:
        begun_by = session.scalars(
            select(AuditRow.actor_id).where(AuditRow.action == "build.gate_begun")
        ).all()
    assert len(begun_by) == 1


def test_a_shut_gate_names_the_run_the_event_and_the_reason(call: Call, sessions: Sessions) -> None:
    with sessions.begin() as session:
        build.note_gate(session, "b2", SHUT)
    gate = call("GET", "/builds/b2/gate").get_json()["gate"]
    assert (gate["state"], gate["passed"], gate["current"]) == ("shut", False, "b1")
    [failure] = gate["forward"]["failures"]
    assert (failure["workflow_id"], failure["event"], failure["reason"]) == ("purchase-1", 12, "gone")
    assert any("does not replay purchase-1 at event 12" in reason for reason in gate["reasons"])
    assert gate["back"]["failures"] == []
    assert gate["run"]["seconds"] == 0.4


def test_a_build_that_never_stood_before_a_gate_says_so(call: Call) -> None:
    gate = call("GET", "/builds/b1/gate").get_json()["gate"]
    assert (gate["state"], gate["passed"], gate["reasons"], gate["forward"]) == ("untried", None, [], None)


@pytest.mark.parametrize(
    ("build_id", "status", "said"),
    [("never-seen", 404, "There is no build"), ("b3", 409, "Build b3 has no live worker")],
)
def test_an_unknown_or_a_dead_build_is_refused_and_nothing_changes(
    call: Call, sessions: Sessions, build_id: str, status: int, said: str
) -> None:
    answer = call("POST", f"/builds/{build_id}/gate")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert said in answer.get_json()["detail"]
    assert messages(sessions) == []


def test_who_may_only_read_begins_no_gate(call: Call, company: Company, sessions: Sessions) -> None:
    assert call("GET", "/builds/b2/gate", company.carla).status_code == 200
    assert call("POST", "/builds/b2/gate", company.carla).status_code == 403
    assert messages(sessions) == []


def test_the_description_names_both_calls(app: Flask, call: Call) -> None:
    described = call("GET", "/openapi.json").get_json()["paths"]["/api/v1/builds/{build_id}/gate"]
    assert {"get", "post"} <= described.keys()
