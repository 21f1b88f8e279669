"""Giving a version of a process to some first on the page and through the API: beginning, telling, who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.rollout import State
from storage import api_token, rollout
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.process import ProcessVersionRow
from storage.rollout import RolloutRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import readable
from tests.process_samples import deployed, travel
from tests.storage.some_first import begin_process, checked, expose, plan

BrowserOf = Callable[[PersonRow], Browser]
Call = Callable[..., TestResponse]
Sessions = sessionmaker[Session]


@pytest.fixture(autouse=True)
def second(sessions: Sessions, company: Company) -> ProcessVersionRow:
    """Version 1 of a trip is deployed, version 2 is checked; Elena wrote both."""
    with sessions.begin() as session:
        deployed(session, company, travel())
        return checked(session, company, travel(policy="all"))


@pytest.fixture
def call(browser: Browser, sessions: Sessions) -> Call:
    def call_as(person: PersonRow, method: str, path: str, body: Any = None) -> TestResponse:
        with sessions.begin() as session:
            token = api_token.add(session, person, "a test", person.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return browser.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return call_as


def body(**changes: Any) -> dict[str, Any]:
    return {"kind": "process", "target": "travel@2", "percentage": 100, "why": "try it on some", **changes}


def newest(sessions: Sessions) -> RolloutRow:
    with sessions.begin() as session:
        return rollout.newest(session, 1)[0]


def running(sessions: Sessions, company: Company, second: ProcessVersionRow) -> RolloutRow:
    with sessions.begin() as session:
        return expose(session, begin_process(session, company, second, plan("100")))


# The API


def test_a_version_is_rolled_out_and_taken_back_through_the_api(
    call: Call, company: Company, sessions: Sessions
) -> None:
    said = call(company.carla, "POST", "/deployment/rollout", body())
    assert said.status_code == 202
    shown = said.get_json()["rollout"]
    assert (shown["kind"], shown["target"], shown["label"]) == (
        "process",
        "travel",
        "Process travel, version 2",
    )
    assert (shown["content"]["version"], shown["content"]["replaces"]) == (2, 1)
    with sessions.begin() as session:
        expose(session, rollout.newest(session, 1)[0])
    given = {"input": {"amount": "1.00", "requester": str(company.ana.id)}}
    begun = call(company.ana, "POST", "/processes/travel/runs", given).get_json()
    assert begun["version"] == 2
    why = call(company.ana, "GET", f"/runs/{begun['id']}").get_json()["given_first"]
    assert (why["rollout"], why["chosen"], why["share"]) == (shown["id"], True, "100.0")
    assert "within the share of 100 %" in why["why"]
    at = f"/deployment/rollouts/{shown['id']}"
    assert call(company.diego, "POST", f"{at}/abort", {"why": "wrong"}).status_code == 202
    after = call(company.ana, "POST", "/processes/travel/runs", given).get_json()
    assert after["version"] == 1
    assert call(company.ana, "GET", f"/runs/{after['id']}").get_json()["given_first"] is None
    assert call(company.felix, "GET", at).get_json()["rollout"]["state"] == "returning"


def test_a_version_that_is_rolled_out_is_not_edited(
    call: Call, company: Company, sessions: Sessions, second: ProcessVersionRow
) -> None:
    running(sessions, company, second)
    edit = {"definition": travel(), "revision": second.revision}
    said = call(company.elena, "PUT", "/processes/travel/draft", edit)
    assert (said.status_code, said.get_json()["code"]) == (409, "is-rolled-out")
    assert "Version 2 is being rolled out" in said.get_json()["detail"]


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("elena", {}, 403),  # who wrote it
        ("felix", {}, 403),
        ("ana", {}, 403),
        ("bruno", {}, 403),
        ("carla", {"target": "travel"}, 422),
        ("carla", {"target": "travel@two"}, 422),
        ("carla", {"target": "travel@3"}, 404),
        ("carla", {"target": "nothing@1"}, 404),
        ("carla", {"target": "travel@1"}, 409),  # everybody follows it
        ("carla", {"limits": {"overturned": "0.05"}}, 422),
        ("carla", {"native": True}, 422),
        ("carla", {"percentage": 101}, 422),
        ("carla", {"departments": ["nobodys"]}, 422),
    ],
)
def test_what_makes_no_sense_or_is_not_theirs_is_refused(
    call: Call, company: Company, sessions: Sessions, who: str, changes: Any, status: int
) -> None:
    said = call(getattr(company, who), "POST", "/deployment/rollout", body(**changes))
    assert said.status_code == status
    with sessions.begin() as session:
        assert not rollout.newest(session)


@pytest.mark.parametrize("who", ["felix", "ana", "bruno"])
def test_who_may_not_deploy_steers_no_rollout_of_a_process(
    call: Call, company: Company, sessions: Sessions, second: ProcessVersionRow, who: str
) -> None:
    row = running(sessions, company, second)
    for command in ("pause", "promote", "abort"):
        said = call(getattr(company, who), "POST", f"/deployment/rollouts/{row.id}/{command}", {"why": "x"})
        assert said.status_code == 403
    assert newest(sessions).state == State.STEP


def test_two_at_once_are_not_given_to_some(call: Call, company: Company) -> None:
    assert call(company.carla, "POST", "/deployment/rollout", body()).status_code == 202
    again = call(company.diego, "POST", "/deployment/rollout", body())
    assert again.status_code == 409
    assert "Process travel, version 2 is gate" in again.get_json()["detail"]


# The pages


def form(**changes: Any) -> dict[str, Any]:
    """The form, filled well."""
    return {
        "kind": "process", "process": "travel@2", "bake": "2", "why": "try it on some", "share-0": "50",
        "minutes-0": "5", "samples-0": "20",
    } | changes  # fmt: skip


def test_it_is_begun_on_the_page_which_offers_what_is_checked(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    carla = browser_of(company.carla)
    page = carla.get("/rollout/new?kind=process").text
    assert 'value="travel@2"' in page
    assert 'value="travel@1"' not in page
    assert 'name="limit-not_progressed"' in page
    assert 'name="limit-overturned"' not in page
    assert carla.send("/rollout", form()).status_code == 303
    row = newest(sessions)
    assert (row.label, row.created_by) == ("Process travel, version 2", company.carla.id)
    assert "stay on it, whatever becomes" in readable(carla.get(f"/rollouts/{row.id}").text)


@pytest.mark.parametrize(
    ("who", "changes", "status", "word"),
    [
        ("carla", {"process": ""}, 422, "choose a version"),
        ("carla", {"process": "travel"}, 422, "such as travel@4"),
        ("carla", {"process": "travel@9"}, 404, "no version 9"),
        ("carla", {"process": "travel@1"}, 409, "Version 1 is deployed"),
        ("elena", {}, 403, "You wrote this version"),
        ("felix", {}, 403, ""),
    ],
)
def test_what_makes_no_sense_or_is_not_theirs_is_said_on_the_page(
    browser_of: BrowserOf,
    company: Company,
    sessions: Sessions,
    who: str,
    changes: Any,
    status: int,
    word: str,
) -> None:
    answer = browser_of(getattr(company, who)).send("/rollout", form(**changes))
    assert (answer.status_code, word in readable(answer.text)) == (status, True)
    with sessions.begin() as session:
        assert not rollout.newest(session)


def test_the_release_page_shows_it_by_its_name_with_its_own_guards(
    browser_of: BrowserOf, company: Company, sessions: Sessions, second: ProcessVersionRow
) -> None:
    row = running(sessions, company, second)
    said = readable(browser_of(company.diego).get("/rollout").text)
    _before, _name, card = said.partition("Rollout of Process travel, version 2")
    assert "A stage took longer than 30 s" in card
    assert "Automatic approval overturned" not in card
    assert browser_of(company.felix).get(f"/rollouts/{row.id}").status_code == 200
