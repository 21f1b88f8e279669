"""The API: tokens open it, nonsense changes nothing, and every answer names what changed and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.flag import FLAGS
from rules.rollout import Look, State, judge
from storage import api_token, build, rollout
from storage.audit import SYSTEM, AuditRow
from storage.database import now
from storage.person import PersonRow
from storage.rollout import RolloutRow
from tests.app.browser import Browser
from tests.app.people import Company

Call = Callable[..., TestResponse]
Sessions = sessionmaker[Session]


@pytest.fixture
def token_of(sessions: Sessions) -> Callable[[PersonRow], str]:
    """A token with all roles of a person."""

    def make(person: PersonRow) -> str:
        with sessions.begin() as session:
            return api_token.add(session, person, "release-pipeline", person.roles, 1, SYSTEM)

    return make


@pytest.fixture
def call(app: Flask, company: Company, token_of: Callable[[PersonRow], str]) -> Call:
    """Calls the API as Elena of the platform, or as whoever `token` belongs to."""
    elena = token_of(company.elena)

    def send(method: str, path: str, body: Any = None, token: str | None = elena) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


@pytest.fixture
def second_platform_person(company: Company, sessions: Sessions) -> PersonRow:
    with sessions.begin() as session:
        row = session.merge(company.julia)
        row.roles = ["employee", "platform"]
        return row


@pytest.fixture
def builds(sessions: Sessions, company: Company) -> None:
    """`b1` is current, `b2` is live beside it, `b3` is dead."""
    with sessions.begin() as session:
        for build_id in ("b1", "b2", "b3"):
            build.announce(session, build_id, "", "")
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h' WHERE build_id <> 'b3'"))
        build.note_route(session, "b1", None, Decimal(0), 1)


def expose(sessions: Sessions) -> RolloutRow:
    """Let the running rollout pass its gate, as the workflow does."""
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        after = judge(row.progress, row.as_plan, Look(now(session), gate=True))
        rollout.move(session, row, after, SYSTEM, "judged")
        return row


def trail(sessions: Sessions) -> list[str]:
    with sessions.begin() as session:
        return list(session.scalars(select(AuditRow.action).order_by(AuditRow.seq)))


BODY = {"build_id": "b2", "percentage": 10, "departments": ["it"], "why": "release 42"}


# Who may


@pytest.mark.parametrize("token", [None, "", "vbt_nothing", "x" * 5000])
def test_without_a_living_token_nothing_opens(call: Call, token: str | None) -> None:
    answer = call("POST", "/deployment/rollout", BODY, token=token)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


@pytest.mark.parametrize(
    "ending", ["revoked_at = now()", "expires_at = now() - interval '1 s'"], ids=["revoked", "run out"]
)
def test_a_token_that_is_over_opens_nothing(call: Call, sessions: Sessions, ending: str) -> None:
    assert call("GET", "/deployment").status_code == 200
    with sessions.begin() as session:
        session.execute(text(f"UPDATE api_token SET {ending}"))  # noqa: S608  (a constant above)
    assert call("GET", "/deployment").status_code == 401


def test_a_locked_account_closes_its_tokens(call: Call, company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.merge(company.elena).locked_at = datetime.now(UTC)
    assert call("GET", "/deployment").status_code == 401


def test_a_token_opens_no_more_than_its_person_may(
    call: Call, company: Company, token_of: Callable[[PersonRow], str]
) -> None:
    ana = token_of(company.ana)
    assert call("GET", "/deployment", token=ana).status_code == 403
    felix = token_of(company.felix)
    assert call("GET", "/deployment", token=felix).status_code == 200
    assert call("POST", "/deployment/rollout", BODY, token=felix).status_code == 403


def test_a_session_alone_changes_nothing_but_may_look(
    browser_of: Callable[[PersonRow], Browser], company: Company, builds: None
) -> None:
    browser = browser_of(company.elena)
    assert browser.get("/api/v1/deployment").status_code == 200
    answer = browser.post("/api/v1/deployment/rollout", json=BODY)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "token-needed")


def test_a_token_is_stored_as_its_hash_only(
    sessions: Sessions, company: Company, token_of: Callable[[PersonRow], str]
) -> None:
    token = token_of(company.elena)
    with sessions.begin() as session:
        rows = session.execute(text("SELECT row_to_json(t)::text FROM api_token t")).scalars().all()
        notes = session.execute(text("SELECT detail::text FROM audit")).scalars().all()
    assert not [row for row in [*rows, *notes] if token in row]


# Rollouts


def test_a_rollout_is_begun_and_the_answer_says_what_changed_and_when(
    call: Call, builds: None, sessions: Sessions
) -> None:
    answer = call("POST", "/deployment/rollout", BODY)
    assert answer.status_code == 202
    said = answer.get_json()
    assert said["changed"]["what"] == "rollout begun"
    assert said["changed"]["new"] == {"state": "gate", "percentage": "10.0", "departments": ["it"]}
    assert datetime.fromisoformat(said["changed"]["at"]).tzinfo is not None
    path = answer.headers["Location"].removeprefix("/api/v1")
    shown = call("GET", path).get_json()
    assert shown["rollout"] == said["rollout"]
    assert [each["event"] for each in shown["events"]] == ["started"]
    assert "rollout.started" in trail(sessions)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({**BODY, "percentage": 101}, 422, "percentage"),
        ({**BODY, "percentage": -1}, 422, "percentage"),
        ({**BODY, "percentage": "NaN"}, 422, "percentage"),
        ({**BODY, "percentage": 0.05}, 422, "percentage"),
        ({**BODY, "percentage": True}, 422, "percentage"),
        ({**BODY, "build_id": ""}, 422, "build_id"),
        ({**BODY, "build_id": "never-seen"}, 404, "never-seen"),
        ({**BODY, "build_id": "b3"}, 409, "no live worker"),
        ({**BODY, "build_id": "b1"}, 409, "current"),
        ({**BODY, "departments": ["nowhere"]}, 422, "departments"),
        ({**BODY, "colour": "red"}, 422, "colour"),
        ({"build_id": "b2"}, 422, "percentage"),
        ({**BODY, "limits": {"error": "NaN"}}, 422, "limits"),
        ({**BODY, "why": "\u202e"}, 422, "why"),
        ([], 422, "body"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    call: Call, builds: None, sessions: Sessions, body: Any, status: int, word: str
) -> None:
    before = trail(sessions)
    answer = call("POST", "/deployment/rollout", body)
    assert answer.status_code == status, answer.get_json()
    assert answer.mimetype == "application/problem+json"
    assert word in answer.get_data(as_text=True)
    assert trail(sessions) == before
    with sessions.begin() as session:
        assert not rollout.open_rollouts(session)


def test_a_bare_nan_in_json_is_refused(
    call: Call, app: Flask, builds: None, company: Company, token_of: Any
) -> None:
    body = '{"build_id": "b2", "percentage": NaN, "departments": []}'
    answer = app.test_client().post(
        "/api/v1/deployment/rollout",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_of(company.elena)}"},
    )
    assert answer.status_code == 422


def test_another_canary_conflicts_and_the_same_one_gets_the_new_share(
    call: Call, builds: None, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h'"))
    assert call("POST", "/deployment/rollout", BODY).status_code == 202
    refused = call("POST", "/deployment/rollout", {**BODY, "build_id": "b3"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "another-rollout-runs")
    assert (
        call("POST", "/deployment/rollout", {**BODY, "percentage": 50}).status_code == 409
    )  # at its gate still
    expose(sessions)
    raised = call(
        "POST", "/deployment/rollout", {**BODY, "percentage": 50, "departments": ["it", "marketing"]}
    )
    assert raised.status_code == 202
    changed = raised.get_json()["changed"]
    assert changed["old"]["percentage"] == "10.0"
    assert changed["new"] == {"state": "step", "percentage": "50.0", "departments": ["it", "marketing"]}


def test_promote_needs_another_person_and_abort_does_not(
    call: Call,
    builds: None,
    sessions: Sessions,
    second_platform_person: PersonRow,
    token_of: Callable[[PersonRow], str],
) -> None:
    begun = call("POST", "/deployment/rollout", BODY).get_json()["rollout"]
    expose(sessions)
    path = f"/deployment/rollouts/{begun['id']}"
    refused = call("POST", f"{path}/promote", {"why": "fine"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "promotes-own-rollout")
    julia = token_of(second_platform_person)
    assert (
        call("POST", f"{path}/promote", {"why": "looked"}, token=julia).get_json()["rollout"]["state"]
        == "bake"
    )
    aborted = call("POST", f"{path}/abort", {"why": "no"})
    assert aborted.get_json()["changed"]["new"]["state"] == State.RETURNING
    assert call("POST", f"{path}/launch", {"why": "no"}).status_code == 404


def test_a_command_that_was_given_on_an_old_sight_is_refused(call: Call, builds: None) -> None:
    begun = call("POST", "/deployment/rollout", BODY).get_json()["rollout"]
    path = f"/deployment/rollouts/{begun['id']}"
    seen = {"why": "wait", "revision": begun["revision"]}
    assert call("POST", f"{path}/pause", seen).status_code == 202
    assert call("POST", f"{path}/resume", seen).get_json()["code"] == "rollout-changed"


# The way back


def test_the_way_back_is_asked_for_and_followed(call: Call, builds: None, sessions: Sessions) -> None:
    call("POST", "/deployment/rollout", BODY)
    expose(sessions)
    answer = call(
        "POST", "/deployment/emergency-rollback", {"current_build_id": "b2", "reason": "it eats orders"}
    )
    assert answer.status_code == 202
    said = answer.get_json()
    assert (said["return"]["state"], said["return"]["stable"]) == ("asked", "b1")
    path = answer.headers["Location"].removeprefix("/api/v1")
    assert call("GET", path).get_json()["return"]["id"] == said["return"]["id"]
    refused = call("POST", "/deployment/rollout", BODY)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "build-is-rejected")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"current_build_id": "never-seen", "reason": "bad"}, 404),
        ({"current_build_id": "b2"}, 422),
        ({"current_build_id": "b2", "reason": " "}, 422),
        ({"current_build_id": "", "reason": "bad"}, 422),
    ],
)
def test_a_way_back_that_makes_no_sense_changes_nothing(
    call: Call, builds: None, sessions: Sessions, body: Any, status: int
) -> None:
    before = trail(sessions)
    assert call("POST", "/deployment/emergency-rollback", body).status_code == status
    assert trail(sessions) == before


def test_a_way_back_to_a_dead_build_is_refused_and_a_freeze_is_offered(
    call: Call, builds: None, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        session.execute(text("UPDATE build SET live_until = now() - interval '1 h' WHERE build_id = 'b1'"))
    body = {"current_build_id": "b2", "reason": "bad"}
    refused = call("POST", "/deployment/emergency-rollback", body)
    assert refused.status_code == 409
    assert "freeze" in refused.get_json()["detail"]
    assert call("POST", "/deployment/emergency-rollback", {**body, "freeze_only": True}).status_code == 202


# Looking, flags and rules


def test_a_build_without_figures_is_never_called_good(call: Call, builds: None) -> None:
    said = call("GET", "/deployment/builds/b2").get_json()
    assert said["verdict"] == "inconclusive"
    assert {each["metric"] for each in said["metrics"]} >= {"error", "slow", "not_progressed"}
    assert call("GET", "/deployment/builds/never-seen").status_code == 404


def test_a_flag_that_spends_waits_for_a_second_person(call: Call, company: Company) -> None:
    flag = next(one for one in FLAGS.values() if one.spending)
    answer = call("POST", "/feature-flags/toggle", {"feature": flag.key, "enabled": True})
    assert answer.status_code == 202
    assert answer.get_json()["proposal"]["waits_for"] == "a second person"
    off = call("POST", "/feature-flags/toggle", {"feature": flag.key, "enabled": False, "department": "it"})
    assert off.status_code == 200
    assert off.get_json()["changed"]["new"]["subject"] == "it"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"feature": "no-such-flag", "enabled": True}, 404),
        ({"feature": "automated-review", "enabled": "yes"}, 422),
        ({"feature": "automated-review"}, 422),
        ({"feature": "automated-review", "enabled": False, "department": "nowhere"}, 404),
        ({"feature": "automated-review", "enabled": False, "user_id": "ana"}, 422),
    ],
)
def test_a_toggle_that_makes_no_sense_changes_nothing(
    call: Call, sessions: Sessions, body: Any, status: int
) -> None:
    before = trail(sessions)
    assert call("POST", "/feature-flags/toggle", body).status_code == status
    assert trail(sessions) == before


def test_a_rule_is_added_changed_and_removed_with_its_version(call: Call, company: Company) -> None:
    rule = {"name": "IT first", "build": "b2", "departments": ["it"], "salt": "s", "share_percent": "10"}
    added = call("POST", "/routing/rules", {"rule": rule, "why": "try"})
    assert added.status_code == 201
    path = f"/routing/rules/{added.get_json()['id']}"
    changed = call("PUT", path, {"rule": {**rule, "share_percent": "20"}, "why": "more", "version": 1})
    assert changed.get_json()["changed"]["new"]["share_percent"] == "20"
    stale = call("PUT", path, {"rule": rule, "why": "less", "version": 1})
    assert stale.status_code == 409
    assert (
        call("PUT", path, {"rule": {**rule, "share_percent": "120"}, "why": "x", "version": 2}).status_code
        == 422
    )
    assert call("DELETE", path, {"why": "done", "version": 2}).status_code == 200
    assert call("GET", path).status_code == 404


def test_routing_is_frozen_and_thawed(call: Call) -> None:
    frozen = call("PUT", "/routing/state", {"frozen": True, "why": "look first"})
    assert frozen.get_json()["changed"]["new"] is True
    assert call("GET", "/routing/rules").get_json()["frozen"] is True


def test_the_api_describes_itself(call: Call) -> None:
    paths = call("GET", "/openapi.json").get_json()["paths"]
    assert {"/api/v1/deployment/rollout", "/api/v1/deployment/emergency-rollback"} <= set(paths)
    assert "/api/v1/feature-flags/toggle" in paths
