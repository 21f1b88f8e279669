"""Processes on their pages: begun, edited by forms and operations, checked, deployed by a second person, tried."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.process_edit import Kind, Operation
from storage import process as processes
from storage.person import PersonRow
from tests.app.browser import Browser, form_token
from tests.app.people import Company
from tests.process_samples import covered, deployed, travel

OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def elena(browser_of: OpenBrowser, company: Company) -> Browser:
    """Elena of the platform, who draws."""
    return browser_of(company.elena)


@pytest.fixture
def carla(browser_of: OpenBrowser, company: Company) -> Browser:
    """Carla of finance, who deploys."""
    return browser_of(company.carla)


@pytest.fixture
def trip(elena: Browser) -> Browser:
    """Elena with a draft of the trip of tests/process_samples.py."""
    answer = elena.send("/processes/new", {"key": "travel", "content": json.dumps(covered(travel()))})
    assert (answer.status_code, answer.location) == (303, "/processes/travel/outline")
    return elena


def change(browser: Browser, revision: int, *operations: Operation) -> TestResponse:
    """Send operations as the canvas does."""
    sent = {"revision": revision, "operations": [each.to_content() for each in operations]}
    headers = {"X-CSRFToken": form_token(browser.application), "Accept": "application/json"}
    return browser.post("/processes/travel/edit", json=sent, headers=headers)


def drafted(sessions: Sessions) -> Any:
    """The draft of the trip as it is stored, with its revision."""
    with sessions() as session:
        row = processes.draft(session, "travel")
        return row and (row.process, row.revision, row.state)


def texts(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_process_is_begun_empty_and_stands_in_the_list(elena: Browser) -> None:
    assert (
        elena.send("/processes/new", {"key": "trip", "name": "Trips", "department": "it"}).status_code == 303
    )
    said = texts(elena.get("/processes").text)
    assert "Trips trip IT nothing yet version 1 draft" in said
    assert "The process begins with it" in texts(elena.get("/processes/trip/outline").text).replace(
        "the process", "The process"
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"key": ""}, "Please give a key"),
        ({"key": "Not A Key"}, "key"),
        ({"key": "new"}, "an address of ours"),
        ({"key": "a", "content": "{"}, "this is no JSON"),
        ({"key": "a", "content": "[]"}, "key, nodes and edges"),
        ({"key": "a", "content": '{"nodes": [{"id": "x", "type": "end", "colour": 1}]}'}, "nodes[0].colour"),
    ],
)
def test_what_is_no_process_is_said_where_it_was_typed(
    elena: Browser, typed: dict[str, str], said: str
) -> None:
    answer = elena.send("/processes/new", typed)
    assert answer.status_code == 422
    assert said in texts(answer.text)


def test_a_second_process_of_one_key_is_refused(trip: Browser) -> None:
    answer = trip.send("/processes/new", {"key": "travel"})
    assert answer.status_code == 409
    assert "There is a process 'travel' already." in texts(answer.text)


def test_the_canvas_sends_operations_and_gets_the_new_graph_its_problems_and_the_way_back(
    trip: Browser, sessions: Sessions
) -> None:
    answer = change(trip, 1, Operation(Kind.DISCONNECT, "ask-false_branch>no"))
    told = answer.get_json()
    assert (answer.status_code, told["revision"]) == (200, 2)
    assert {each["code"] for each in told["problems"]} >= {"branch_missing", "node_unreachable"}
    back = [Operation.from_content(each) for each in told["back"]]
    again = change(trip, 2, *back).get_json()
    assert [each for each in again["problems"] if each["severity"] == "error"] == []
    assert drafted(sessions)[1] == 3


def test_who_saves_on_top_of_an_old_revision_is_told_and_nothing_is_changed(
    trip: Browser, carla: Browser, sessions: Sessions
) -> None:
    assert change(carla, 1, Operation(Kind.SET_NODE, "ask", "name", "Boss")).status_code == 200
    late = change(trip, 1, Operation(Kind.SET_NODE, "ask", "name", "Chief"))
    assert (late.status_code, late.get_json()["code"]) == (409, "draft-changed")
    assert drafted(sessions)[0].node("ask").name == "Boss"


def test_a_form_that_comes_late_can_be_put_on_top_of_the_newer_draft(
    trip: Browser, carla: Browser, sessions: Sessions
) -> None:
    change(carla, 1, Operation(Kind.SET_NODE, "ask", "name", "Boss"))
    late = trip.send(
        "/processes/travel/edit",
        {"do": "add", "type": "notify", "name": "Tell the office", "revision": "1"},
    )
    assert late.status_code == 409
    assert "changed meanwhile" in texts(late.text)
    kept = html.unescape(re.findall(r'name="operations" value="([^"]+)"', late.text)[0])
    mine = {"do": "apply", "operations": kept, "revision": "2"}
    assert trip.send("/processes/travel/edit", mine).status_code == 200
    process, revision, _ = drafted(sessions)
    assert (process.node("ask").name, process.node("tell_the_office").type, revision) == ("Boss", "notify", 3)


def test_the_outline_draws_connects_sets_and_takes_back_without_a_script(
    elena: Browser, sessions: Sessions
) -> None:
    elena.send("/processes/new", {"key": "travel"})

    def do(**typed: str) -> str:
        answer = elena.send("/processes/travel/edit", {"revision": str(drafted(sessions)[1]), **typed})
        assert answer.status_code == 200, texts(answer.text)
        return answer.text

    do(do="add", type="approval", name="Boss")
    do(do="add", type="end", name="Yes", after="boss")
    do(do="add", type="end", name="No", after="boss")
    saved = do(
        **{
            "do": "save_node", "node": "boss", "name": "The boss", "join": "all", "on_error": "incident",
            "on_timeout": "false_branch", "config.who.0.kind": "role", "config.who.0.who": "finance",
            "config.deadline": "3 d",
        }
    )  # fmt: skip
    process = drafted(sessions)[0]
    assert process.node("boss").config == {"who": [{"role": "finance"}], "deadline": "3 d"}
    assert [edge.id for edge in process.edges] == [
        "-start>boss", "boss-true_branch>yes", "boss-false_branch>no"
    ]  # fmt: skip
    assert "Problems none" in texts(saved)
    back = html.unescape(re.findall(r'name="operations" value="([^"]+)"', saved)[0])
    do(do="apply", operations=back)
    assert drafted(sessions)[0].node("boss").config == {}
    do(do="disconnect", edge="boss-false_branch>no")
    do(do="connect", source="boss", target="no", type="always")
    do(do="save_edge", edge="boss-always>no", type="false_branch", order="2")
    assert drafted(sessions)[0].edge("boss-false_branch>no").order == 2
    do(do="remove", node="no")
    assert drafted(sessions)[0].node("no") is None
    do(**{"do": "save_process", "name": "Trips", "inputs.0.name": "amount", "inputs.0.kind": "amount"})
    assert drafted(sessions)[0].name == "Trips"
    assert not drafted(sessions)[0].inputs[0].required


def test_a_change_that_makes_no_sense_is_refused_and_said(trip: Browser, sessions: Sessions) -> None:
    for typed in ({"do": "dance"}, {"do": "add", "type": "rocket"}, {"do": "connect", "source": "ask"}):
        assert trip.send("/processes/travel/edit", {"revision": "1", **typed}).status_code == 422, typed
    for typed in ({"do": "remove", "node": "gone"}, {"do": "connect", "source": "ask", "target": "gone"}):
        assert trip.send("/processes/travel/edit", {"revision": "1", **typed}).status_code == 409, typed
    assert trip.send("/processes/travel/edit", {"do": "add", "type": "end"}).status_code == 422
    assert drafted(sessions)[1] == 1


def test_a_version_is_checked_by_who_drew_it_and_deployed_by_somebody_else(
    trip: Browser, carla: Browser, sessions: Sessions
) -> None:
    assert trip.send("/processes/travel/check", {"revision": "1"}).location == "/processes/travel"
    assert "somebody else of platform or finance has to deploy it" in texts(
        trip.get("/processes/travel").text
    )
    own = trip.send("/processes/travel/versions/1/deploy", {"reason": "It is mine."})
    assert own.status_code == 403
    unsaid = carla.send("/processes/travel/versions/1/deploy", {"reason": " "})
    assert (unsaid.status_code, "Please say why." in unsaid.text) == (422, True)
    assert carla.send("/processes/travel/versions/1/deploy", {"reason": "Trips start."}).status_code == 303
    assert "new runs follow version 1" in texts(carla.get("/processes/travel").text)
    assert carla.send("/processes/travel/retire", {"reason": "No more trips."}).status_code == 303
    with sessions() as session:
        assert processes.by_key(session, "travel").deployed_version is None


def test_a_draft_with_errors_is_not_checked_and_says_what_is_wrong(trip: Browser, sessions: Sessions) -> None:
    change(trip, 1, Operation(Kind.DISCONNECT, "ask-false_branch>no"))
    answer = trip.send("/processes/travel/check", {"revision": "2"})
    assert answer.location == "/processes/travel/outline"
    assert "must be solved first" in texts(trip.get(answer.location).text)
    assert drafted(sessions)[2] == processes.DRAFT


def test_the_first_change_after_a_deployment_begins_the_next_version(
    elena: Browser, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
    assert "The first change begins a new draft" in texts(elena.get("/processes/travel/outline").text)
    told = change(elena, 0, Operation(Kind.SET_NODE, "ask", "name", "Boss")).get_json()
    assert (told["version"], told["revision"]) == (2, 1)
    assert "Node ask: name is set to Boss." in texts(elena.get("/processes/travel").text)
    change(elena, 1, Operation(Kind.SET_CONFIG, "ask", "who", [{"role": "finance"}, {"role": "admin"}]))
    said = texts(elena.get("/processes/travel").text)
    assert "Node ask: who is set to finance and the administrators." in said
    assert "new runs follow version 1" in texts(elena.get("/processes/travel").text)


def test_a_process_is_told_in_two_languages_and_drawn(trip: Browser) -> None:
    assert "Ask the manager of input.requester to approve" in texts(trip.get("/processes/travel").text)
    spanish = texts(trip.get("/processes/travel?language=es").text)
    assert "Pedir aprobación" in spanish
    assert "3 nodos y 3 conexiones." in spanish


def test_a_trial_follows_the_chosen_outcome_and_says_why_a_node_did_not_run(trip: Browser) -> None:
    shown = trip.get("/processes/travel/try").text
    assert row_of(shown, "no") == "no skipped “Manager” ended with: yes."
    shown = trip.send("/processes/travel/try", {"first.ask": "not_satisfied"}).text
    assert row_of(shown, "yes") == "yes skipped “Manager” ended with: no."
    assert row_of(shown, "no") == "no completed #2"
    begun = trip.send("/processes/travel/try", {"first.ask": "not_satisfied", "step": "0"}).text
    assert row_of(begun, "no") == "no waiting"
    assert row_of(begun, "ask").startswith("Manager ready #1")
    stays = trip.send("/processes/travel/try", {"first.ask": "never"}).text
    assert "The run waits" in texts(stays)


def row_of(page: str, node: str) -> str:
    """What the try-out says of a node."""
    return texts(re.findall(rf'<tr data-node="{node}">(.*?)</tr>', page, re.DOTALL)[0])


def test_the_auditor_reads_and_tries_and_neither_draws_nor_deploys(
    trip: Browser, browser_of: OpenBrowser, company: Company
) -> None:
    felix = browser_of(company.felix)
    page = felix.get("/processes/travel")
    assert page.status_code == felix.get("/processes/travel/try").status_code == 200
    assert "/outline" not in page.text
    assert felix.get("/processes/travel/outline").status_code == 403
    assert change(felix, 1, Operation(Kind.REMOVE_NODE, "no")).status_code == 403
    assert felix.send("/processes/travel/versions/1/deploy").status_code == 403


def test_employees_and_managers_find_the_door_closed(
    trip: Browser, browser_of: OpenBrowser, company: Company
) -> None:
    for person in (company.ana, company.bruno, company.greta):
        assert browser_of(person).get("/processes").status_code == 403
        assert change(browser_of(person), 1, Operation(Kind.REMOVE_NODE, "no")).status_code == 403
