"""Giving a policy or a flag's value to some first on the pages and through the API: saving, beginning, telling, who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.flag import REVIEW_STRICTNESS, Reading, Source
from rules.review import History, ReviewInput, review_content
from rules.rollout import State
from storage import api_token, assignment, policy, review, rollout, rollout_flag
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.policy import RuleSetRow
from storage.rollout import RolloutRow
from tests.app import release
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import RULES, put_in_force, readable, submitted
from tests.storage.some_first import begin_flag, begin_policy, candidate, expose, plan

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture(autouse=True)
def rules(sessions: Sessions, company: Company) -> None:
    put_in_force(sessions)
    put_in_force(sessions, RULES, "it")


def saved_candidate(sessions: Sessions, company: Company) -> RuleSetRow:
    with sessions.begin() as session:
        return candidate(session, company)


def trying_policy(sessions: Sessions, company: Company, share: str = "50") -> UUID:
    """Carla has begun the rollout of a candidate for IT, and its gate is passed."""
    with sessions.begin() as session:
        row = begin_policy(session, company, candidate(session, company), plan(share))
        return expose(session, row).id


def newest(sessions: Sessions) -> RolloutRow:
    with sessions.begin() as session:
        return rollout.newest(session, 1)[0]


def form(kind: str, **changes: Any) -> dict[str, Any]:
    """The form that begins a rollout, filled well but for what is rolled out."""
    return {
        "kind": kind, "bake": "2", "why": "try it on some", "share-0": "50", "minutes-0": "5", "samples-0": "20",
        "departments-0": ["it"],
    } | changes  # fmt: skip


# Saving a candidate


def typed(**changes: object) -> dict[str, object]:
    return {
        "replaces_version": "1", "max_amount": "650.00", "currency": "EUR", "trusted_categories": ["books"],
        "min_previous_purchases": "3", "max_rejected_last_30_days": "1", "note": "A new idea", **changes,
    }  # fmt: skip


def test_a_candidate_is_saved_beside_what_is_in_force(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    answer = carla.send("/policy/it", typed(**{"as": "candidate"}))
    assert answer.status_code == 303
    page = readable(carla.get(answer.headers["Location"]).text)
    assert "version 2 is saved and in force for nobody yet" in page
    assert "Begin a rollout" in page
    with sessions.begin() as session:
        standing = policy.in_force(session, "it")
        assert standing is not None
        assert standing.version == 1
    assert "candidate: version 2" in readable(carla.get("/policy").text)
    versions = readable(carla.get("/policy/it/versions").text)
    assert "Version 2 candidate" in versions
    assert "Version 1 in force" in versions


def test_the_next_version_in_force_is_written_on_top_of_what_is_in_force_not_of_a_candidate(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    saved_candidate(sessions, company)
    carla = browser_of(company.carla)
    assert carla.send("/policy/it", typed()).status_code == 303
    with sessions.begin() as session:
        standing = policy.in_force(session, "it")
        assert standing is not None
        assert (standing.version, standing.content["max_amount"]) == (3, "650.00")
        assert policy.candidates(session) == []


def test_an_auditor_sees_a_candidate_and_cannot_begin_with_it(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    row = saved_candidate(sessions, company)
    page = readable(browser_of(company.felix).get(f"/policy/versions/{row.id}").text)
    assert "in force for nobody" in page
    assert "Begin a rollout" not in page


# Beginning on the page


def test_finance_begins_the_rollout_of_its_candidate(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    wanted = saved_candidate(sessions, company)
    carla = browser_of(company.carla)
    page = carla.get(f"/rollout/new?kind=policy&candidate={wanted.id}").text
    assert f'value="{wanted.id}" selected' in page
    assert "Flag and value" not in page
    answer = carla.send("/rollout", form("policy", candidate=str(wanted.id)))
    assert answer.status_code == 303
    row = newest(sessions)
    assert (row.label, row.state, row.created_by) == ("Policy of IT, version 2", State.GATE, company.carla.id)
    assert "Rollout of Policy of IT, version 2" in readable(carla.get("/rollout").text)


def test_platform_begins_the_rollout_of_a_flags_value_and_finance_agrees_on_the_flags_page(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena, carla = browser_of(company.elena), browser_of(company.carla)
    assert "review-strictness = lenient" in elena.get("/rollout/new?kind=flag").text
    assert elena.send("/rollout", form("flag", flag="review-strictness=lenient")).status_code == 303
    row = newest(sessions)
    assert row.label == "Flag review-strictness = lenient"
    page = carla.get(f"/flags/{REVIEW_STRICTNESS.key}").text
    assert "a rollout: 50 % IT" in readable(page)
    proposal = page.split("/proposals/")[1].split('"')[0]
    assert (
        carla.send(f"/flags/{REVIEW_STRICTNESS.key}/proposals/{proposal}", {"answer": "agree"}).status_code
        == 303
    )
    with sessions.begin() as session:
        assert rollout_flag.refusal(session, rollout.by_id(session, row.id)) == ""


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"candidate": ""}, 422, "choose a candidate"),
        ({"kind": "nonsense"}, 422, "choose what"),
        ({"candidate": str(UUID(int=3))}, 404, "no such rule set"),
        ({"kind": "flag", "flag": ""}, 422, "choose a value"),
        ({"kind": "flag", "flag": "nothing=on"}, 404, "no flag"),
        ({"kind": "flag", "flag": "review-strictness=mild"}, 422, "one of"),
        ({"kind": "flag", "flag": "review-strictness=standard"}, 409, "already"),
        ({"departments-0": ["marketing"]}, 422, "not for marketing"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_begins(
    browser_of: BrowserOf, company: Company, sessions: Sessions, changes: Any, status: int, word: str
) -> None:
    wanted = saved_candidate(sessions, company)
    answer = browser_of(company.elena).send("/rollout", form("policy", candidate=str(wanted.id)) | changes)
    assert (answer.status_code, word in readable(answer.text)) == (status, True)
    with sessions.begin() as session:
        assert not rollout.newest(session)


# Who may


def test_finance_steers_its_policies_and_nothing_else(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    built = release.in_the_middle(sessions, company)
    tried = trying_policy(sessions, company)
    carla = browser_of(company.carla)
    assert carla.get("/rollout/new?kind=build").status_code == 403
    assert carla.send("/rollout", form("build", build="b2")).status_code == 403
    assert carla.send("/rollout", form("flag", flag="review-strictness=strict")).status_code == 403
    assert carla.send(f"/rollouts/{built}", {"command": "pause", "why": "x"}).status_code == 403
    page = carla.get("/rollout").text
    assert 'id="tell-policy-it"' in page
    assert 'id="tell"' not in page
    for command, state in (("pause", State.PAUSED), ("resume", State.STEP), ("abort", State.RETURNING)):
        assert carla.send(f"/rollouts/{tried}", {"command": command, "why": "x"}).status_code == 303
        with sessions.begin() as session:
            assert rollout.by_id(session, tried).state == state


def test_of_two_finance_people_the_other_one_promotes(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    tried = trying_policy(sessions, company)
    told = {"command": "promote", "why": "it is good"}
    assert browser_of(company.carla).send(f"/rollouts/{tried}", told).status_code == 403
    assert browser_of(company.diego).send(f"/rollouts/{tried}", told).status_code == 303
    assert newest(sessions).state == State.BAKE


def test_a_refused_command_stands_at_the_rollout_that_it_was_for(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    tried = trying_policy(sessions, company)
    page = browser_of(company.elena).send(f"/rollouts/{tried}", {"command": "abort", "why": ""}).text
    assert f'id="why-{tried}-problem"' in page
    assert page.count('class="problem"') == 1


@pytest.mark.parametrize("who", ["felix", "ana", "bruno"])
def test_nobody_else_steers_anything(
    browser_of: BrowserOf, company: Company, sessions: Sessions, who: str
) -> None:
    tried = trying_policy(sessions, company)
    browser = browser_of(getattr(company, who))
    assert browser.get("/rollout/new?kind=policy").status_code == 403
    assert browser.send(f"/rollouts/{tried}", {"command": "abort", "why": "x"}).status_code == 403


# What is shown


def test_the_release_page_shows_every_kind_by_its_name_each_with_its_own_way(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    trying_policy(sessions, company)
    with sessions.begin() as session:
        begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("10"))
    said = readable(browser_of(company.elena).get("/rollout").text)
    for label in ("Build b2", "Policy of IT, version 2", "Flag review-strictness = strict"):
        assert f"Rollout of {label}" in said
    assert "tried on past reviews" in said


def test_the_page_of_a_request_says_what_its_review_went_by(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    trying_policy(sessions, company, "100")
    row = submitted(sessions, company.julia)
    with sessions.begin() as session:
        given_by = assignment.read(session, row.id, "it")
        subject = ReviewInput(row.total, row.category, row.vendor, "it", History(9, 0))
        assert given_by.rule_set is not None
        result = review_content(subject, given_by.rule_set.content)
        reading = Reading(True, Source.EVERYONE, 1)
        review.store(session, row.id, subject, given_by.rule_set, result, reading, given_by.said)
    for person in (company.julia, company.felix):
        said = readable(browser_of(person).get(f"/requests/{row.number}").text)
        assert "Given to some first Policy of IT, version 2" in said
        assert "Rules of IT, version 2" in said


# The API


@pytest.fixture
def call(browser: Browser, sessions: Sessions) -> Callable[..., TestResponse]:
    def call_as(person: PersonRow, method: str, path: str, body: Any = None) -> TestResponse:
        with sessions.begin() as session:
            token = api_token.add(session, person, "a test", person.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return browser.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return call_as


def body(**changes: Any) -> dict[str, Any]:
    return {"percentage": 50, "departments": ["it"], "why": "try it on some", **changes}


def test_a_policy_and_a_flag_are_rolled_out_through_the_api_too(
    call: Callable[..., TestResponse], company: Company, sessions: Sessions
) -> None:
    wanted = saved_candidate(sessions, company)
    said = call(company.carla, "POST", "/deployment/rollout", body(kind="policy", target=str(wanted.id)))
    assert said.status_code == 202
    shown = said.get_json()["rollout"]
    assert (shown["kind"], shown["target"], shown["label"]) == ("policy", "it", "Policy of IT, version 2")
    assert shown["build_id"] is None
    flag_body = body(kind="flag", target="review-strictness", value="strict")
    assert call(company.elena, "POST", "/deployment/rollout", flag_body).status_code == 202
    labels = [
        each["label"] for each in call(company.felix, "GET", "/deployment/rollouts").get_json()["rollouts"]
    ]
    assert labels == ["Flag review-strictness = strict", "Policy of IT, version 2"]


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("carla", {"build_id": "b2"}, 403),
        ("carla", {"kind": "flag", "target": "review-strictness", "value": "strict"}, 403),
        ("felix", {"kind": "policy", "target": str(UUID(int=1))}, 403),
        ("elena", {"kind": "policy", "target": "it"}, 422),
        ("elena", {"kind": "policy", "target": str(UUID(int=1))}, 404),
        ("elena", {"kind": "flag", "target": "review-strictness"}, 422),
        ("elena", {"kind": "flag", "target": "review-strictness", "value": 7}, 422),
        ("elena", {"kind": "flag", "target": "nothing", "value": True}, 404),
        ("elena", {"kind": "process", "target": "laptops"}, 422),
        ("elena", {}, 422),
    ],
)
def test_what_makes_no_sense_or_is_not_theirs_is_refused_by_the_api(
    call: Callable[..., TestResponse],
    company: Company,
    sessions: Sessions,
    who: str,
    changes: Any,
    status: int,
) -> None:
    assert call(getattr(company, who), "POST", "/deployment/rollout", body(**changes)).status_code == status
    with sessions.begin() as session:
        assert not rollout.newest(session)


def test_a_build_whose_rollout_was_stopped_by_its_workers_fails_and_one_of_unknown_health_does_not_pass(
    call: Callable[..., TestResponse], company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    seen = call(company.elena, "GET", "/deployment/builds/b2").get_json()
    assert (seen["verdict"], bool(seen["open_points"])) == ("inconclusive", True)
    with sessions.begin() as session:
        session.execute(
            text("UPDATE rollout SET figures = jsonb_set(figures, '{health,without_poller_seconds}', '25')")
        )
    seen = call(company.elena, "GET", "/deployment/builds/b2").get_json()
    assert (seen["verdict"], seen["hard_stops"]) == ("fail", ["No live worker on a queue for 25 s."])
