"""Scenarios on their page and on the way to a deployment, out of a try-out and out of a real run."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from rules.process import Ending, Outcome, Process
from rules.process_scenario import judge_scenarios
from storage import api_token, process_run, process_step
from storage import process as processes
from storage.audit import SYSTEM
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.process_samples import content, deployed, travel

OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def trip(browser_of: OpenBrowser, company: Company, sessions: Sessions) -> Browser:
    """Elena with a draft of the trip, without any scenario."""
    with sessions.begin() as session:
        processes.create(session, travel(), None, company.elena.id, "")
    return browser_of(company.elena)


def drafted(sessions: Sessions) -> tuple[Process, int]:
    """The draft of the trip and its revision."""
    with sessions() as session:
        row = processes.draft(session, "travel")
        assert row is not None
        return row.process, row.revision


def texts(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def send(browser: Browser, sessions: Sessions, **form: str) -> Any:
    """Press a button of the page of scenarios."""
    return browser.send("/processes/travel/scenarios", {"revision": str(drafted(sessions)[1]), **form})


def test_edges_without_a_scenario_are_named_and_one_button_makes_what_is_missing(
    trip: Browser, sessions: Sessions
) -> None:
    said = texts(trip.get("/processes/travel/scenarios").text)
    assert "0 of 3 edges" in said
    assert "Manager (no) → no Make one" in said
    assert send(trip, sessions, do="cover", edge="ask-false_branch>no").status_code == 303
    assert [each.name for each in drafted(sessions)[0].scenarios] == ["Manager: no"]
    assert send(trip, sessions, do="cover").status_code == 303
    said = texts(trip.get("/processes/travel/scenarios").text)
    assert "3 of 3 edges" in said
    assert "Edges that no scenario takes" not in said


def test_a_scenario_that_goes_another_way_says_where_and_is_accepted_or_removed(
    trip: Browser, sessions: Sessions
) -> None:
    send(trip, sessions, do="cover")
    process, revision = drafted(sessions)
    text = {"do": "apply", "revision": str(revision)}
    changed = '[{"op": "set_node", "target": "ask", "field": "on_timeout", "value": "true_branch"}]'
    trip.send("/processes/travel/edit", {**text, "operations": changed})
    assert judge_scenarios(drafted(sessions)[0]).failing == ()
    wrong = '[{"op": "set_scenario", "target": "late", "field": "", "value": {"name": "late", "given": {"amount": "9"},'
    wrong += ' "outcomes": {"ask": ["timeout"]}, "path": ["ask", "no"]}}]'
    trip.send("/processes/travel/edit", {"do": "apply", "revision": str(revision + 1), "operations": wrong})
    assert "After Manager comes yes; expected was no." in texts(trip.get("/processes/travel/scenarios").text)
    send(trip, sessions, do="accept_scenario", scenario="late")
    late = next(each for each in drafted(sessions)[0].scenarios if each.name == "late")
    assert late.path == ("ask", "yes")
    send(trip, sessions, do="drop_scenario", scenario="late")
    assert "late" not in [each.name for each in drafted(sessions)[0].scenarios]
    assert send(trip, sessions, do="drop_scenario", scenario="late").status_code == 409
    assert process.scenarios


def test_who_deploys_sees_what_is_missing_and_is_refused(
    trip: Browser, browser_of: OpenBrowser, company: Company, sessions: Sessions
) -> None:
    trip.send("/processes/travel/check", {"revision": "1"})
    carla = browser_of(company.carla)
    said = texts(carla.get("/processes/travel").text)
    assert "No scenario takes Manager (no) → no." in said
    assert "New runs follow it from then on" not in said
    refused = carla.send("/processes/travel/versions/1/deploy", {"reason": "now"})
    assert refused.status_code == 409
    assert "edges.ask-false_branch>no: No scenario takes the edge Manager (no) → no." in texts(refused.text)
    send(trip, sessions, do="cover")
    trip.send("/processes/travel/check", {"revision": str(drafted(sessions)[1])})
    assert "take every edge" in texts(carla.get("/processes/travel").text)
    assert carla.send("/processes/travel/versions/1/deploy", {"reason": "now"}).status_code == 303


def test_a_try_out_shows_templates_filled_in_and_is_kept_as_a_scenario(
    trip: Browser, sessions: Sessions
) -> None:
    form = {"input.amount": "12.50", "input.requester": "Ana", "first.ask": "not_satisfied"}
    shown = html.unescape(trip.send("/processes/travel/try", form).text)
    assert "May Ana travel for 12.50 EUR?" in shown
    assert trip.send("/processes/travel/try/keep", {**form, "name": ""}).status_code == 422
    kept = trip.send("/processes/travel/try/keep", {**form, "name": "Ana stays"})
    assert (kept.status_code, kept.location) == (303, "/processes/travel/scenarios")
    scenario = drafted(sessions)[0].scenarios[0]
    assert scenario.given == {"amount": "12.50", "requester": "Ana"}
    assert (scenario.outcomes, scenario.path) == ({"ask": (Outcome.NOT_SATISFIED,)}, ("ask", "no"))
    again = html.unescape(trip.get("/processes/travel/try?scenario=Ana+stays").text)
    assert 'value="12.50"' in again
    assert "May Ana travel for 12.50 EUR?" in again


def test_a_try_out_says_what_does_not_fit_and_why_a_template_failed(trip: Browser) -> None:
    said = texts(trip.send("/processes/travel/try", {"input.amount": "a lot"}).text)
    assert "This must be an amount" in said
    assert "must be a JSON object" in texts(trip.send("/processes/travel/try", {"output.ask": "[1]"}).text)
    whole = trip.send("/processes/travel/try", {"given": '{"amount": "3.00", "requester": "Leo"}'})
    assert "May Leo travel for 3.00 EUR?" in html.unescape(whole.text)
    assert "must be a JSON object" in texts(trip.send("/processes/travel/try", {"given": "{"}).text)


def test_the_canvas_asks_which_edges_are_left(trip: Browser, sessions: Sessions) -> None:
    send(trip, sessions, do="cover", edge="ask-false_branch>no")
    told = trip.get("/processes/travel/coverage").get_json()
    assert told == {
        "edges": {"ask-true_branch>yes": "missing"},
        "text": "2 of 3 edges are taken by scenarios",
    }


def small_or_big() -> dict[str, Any]:
    """A trip of which a condition says who is asked."""
    test = {"left": "{{input.amount}}", "op": "gt", "right": "500.00"}
    ask = {"type": "approval", "config": {"who": [{"role": "finance"}], "deadline": "7 d"}}
    return content(
        "travel",
        {"big": {"type": "condition", "config": {"test": test}}, "ask": ask, "end": {"type": "end"}},
        ">big, big true>ask, big false>end, ask true>end, ask false>end",
        inputs=[{"name": "amount", "kind": "amount"}],
    )


@pytest.fixture
def run_id(sessions: Sessions, company: Company) -> Any:
    """A run of a big trip that was refused."""
    with sessions.begin() as session:
        deployed(session, company, small_or_big())
        row = process_run.begin(session, "travel", {"amount": "900.00"}, SYSTEM)
        for node, outcome in (("big", "satisfied"), ("ask", "not_satisfied"), ("end", "completed")):
            process_step.begin(session, row.id, node, 1, {})
            step = process_step.by_id(session, row.id, node, 1)
            process_step.end(session, step, outcome, {}, 1000)
        return row.id


def test_one_click_makes_a_run_a_scenario_of_the_next_draft(
    browser_of: OpenBrowser, company: Company, sessions: Sessions, run_id: Any
) -> None:
    elena = browser_of(company.elena)
    answer = elena.send(f"/runs/{run_id}/scenario", {})
    assert (answer.status_code, answer.location) == (303, "/processes/travel/scenarios")
    process, _revision = drafted(sessions)
    made = next(each for each in process.scenarios if each.name.startswith("As in the run"))
    assert (made.given, made.outcomes) == ({"amount": "900.00"}, {"ask": (Outcome.NOT_SATISFIED,)})
    assert (made.path, made.ending) == (("big", "ask", "end"), Ending.COMPLETED)
    assert judge_scenarios(process).is_complete
    assert browser_of(company.ana).send(f"/runs/{run_id}/scenario", {}).status_code == 403


def test_a_program_makes_a_run_a_scenario_and_reads_the_coverage(
    app: Flask, company: Company, sessions: Sessions, run_id: Any
) -> None:
    with sessions.begin() as session:
        token = api_token.add(session, company.elena, "a program", company.elena.roles, 1, SYSTEM)
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    made = client.post(f"/api/v1/runs/{run_id}/scenario", json={"name": "Too big"}, headers=headers)
    assert (made.status_code, made.get_json()["scenario"]["path"]) == (201, ["big", "ask", "end"])
    found = client.get("/api/v1/processes/travel/versions/2/coverage", headers=headers).get_json()
    assert (found["complete"], found["covered"], found["missing"]) == (True, 5, [])
    assert "Too big" in [each["name"] for each in found["scenarios"]]
