"""Timetables on their page and through the API: next times as they are typed, refusals by name, what a run tells."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from storage import api_token, process_timetable
from storage.audit import SYSTEM
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.process_samples import content, deployed

Call = Callable[..., Any]
OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
PLANNED = datetime(2099, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def report(sessions: Sessions, company: Company) -> None:
    """A deployed process that asks for a day."""
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    inputs = [{"name": "day", "kind": "text"}]
    with sessions.begin() as session:
        deployed(session, company, content("report", end, ">end", name="Report", inputs=inputs))


@pytest.fixture
def call(app: Flask, company: Company, sessions: Sessions, report: None) -> Call:
    """Calls the API with a token of a person."""

    def send(who: PersonRow, method: str, path: str, body: Any = None) -> Any:
        with sessions.begin() as session:
            token = api_token.add(session, who, "a program", who.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


@pytest.fixture
def elena(browser_of: OpenBrowser, company: Company, report: None) -> Browser:
    """Elena of the platform, who may deploy."""
    return browser_of(company.elena)


def written(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Daily report", "process": "report", "cron": "0 9 * * *", "zone": "Europe/Madrid",
        "input": {"day": "{{timetable.date}}"}, "why": "each morning", **changes,
    }  # fmt: skip


def typed(**changes: str) -> dict[str, str]:
    return {
        "title": "Daily report", "process": "report", "cron": "0 9 * * *", "zone": "Europe/Madrid",
        "overlap": "skip", "catch_up_minutes": "60", "input.day": "{{timetable.date}}", "why": "each morning",
        **changes,
    }  # fmt: skip


def texts(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def came(sessions: Sessions, timetable_id: UUID) -> UUID | None:
    """Let a planned time come."""
    with sessions.begin() as session:
        return process_timetable.begin_planned(session, timetable_id, PLANNED, 1).run_id


def test_a_program_writes_changes_switches_and_removes_a_timetable(call: Call, company: Company) -> None:
    made = call(company.elena, "POST", "/timetables", written())
    assert made.status_code == 201
    told = made.get_json()
    assert (told["overlap"], told["catch_up_seconds"], told["in_line"]) == ("skip", 3600, False)
    assert len(told["next_times"]) == 5
    assert all("T09:00:00+0" in each for each in told["next_times"])
    path = f"/timetables/{told['id']}"
    changed = call(company.carla, "PUT", path, written(overlap="replace", revision=1))
    assert (changed.status_code, changed.get_json()["overlap"]) == (200, "replace")
    late = call(company.elena, "PUT", path, written(revision=1))
    assert (late.status_code, late.get_json()["code"]) == (409, "timetable-changed")
    off = call(company.elena, "POST", f"{path}/switch", {"on": False, "revision": 2, "why": "holidays"})
    assert (off.get_json()["on"], off.get_json()["next_times"]) == (False, [])
    gone = call(company.elena, "DELETE", path, {"revision": 3, "why": "not needed"})
    assert gone.status_code == 200
    assert call(company.elena, "GET", path).status_code == 404
    assert call(company.felix, "GET", "/timetables").get_json() == {"timetables": []}


def test_a_program_is_told_the_fields_that_make_no_sense(call: Call, company: Company) -> None:
    wrong = written(cron="0 25 * * *", overlap="maybe")
    refused = call(company.elena, "POST", "/timetables", wrong)
    assert refused.status_code == 422
    assert set(refused.get_json()["problems"]) == {"cron", "overlap"}


def test_a_run_tells_which_timetable_and_time_started_it(
    call: Call, company: Company, sessions: Sessions
) -> None:
    timetable_id = call(company.elena, "POST", "/timetables", written()).get_json()["id"]
    run_id = came(sessions, UUID(timetable_id))
    cause = call(company.carla, "GET", f"/runs/{run_id}").get_json()["cause"]
    assert (cause["timetable"], cause["planned_at"]) == (timetable_id, PLANNED.isoformat())
    [start] = call(company.carla, "GET", f"/timetables/{timetable_id}").get_json()["starts"]
    assert (start["run"], start["outcome"]) == (str(run_id), "started")


def test_a_timetable_is_written_on_the_page_and_shown_as_it_was_typed(
    elena: Browser, sessions: Sessions
) -> None:
    assert "Which process is to start?" in texts(elena.get("/timetables/new").text)
    assert 'name="input.day"' in elena.get("/timetables/new?process=report").text
    answer = elena.send("/timetables/new", typed(overlap="beside", catch_up_minutes="15"))
    assert answer.status_code == 303
    with sessions.begin() as session:
        [(row, _)] = process_timetable.all_timetables(session)
    assert (row.cron, row.overlap, row.catch_up_seconds) == ("0 9 * * *", "beside", 900)
    page = elena.get(answer.location)
    assert page.text.count("09:00 CE") == 5
    assert "The scheduler does not know of the last change yet" in texts(page.text)
    run_id = came(sessions, row.id)
    assert f"/runs/{run_id}" in elena.get(answer.location).text
    assert "started by the timetable Daily report" in texts(elena.get(f"/runs/{run_id}").text)
    listed = texts(elena.get("/timetables").text)
    assert "on its way to the scheduler" in listed
    assert "Report" in listed


def test_the_next_times_follow_what_is_being_typed(elena: Browser) -> None:
    shown = elena.get("/timetables/next?cron=30+2+*+*+*&zone=Asia/Tokyo").text
    assert shown.count("02:30 JST") == 5
    assert "five words" in texts(elena.get("/timetables/next?cron=daily&zone=UTC").text)
    assert "no time zone" in texts(elena.get("/timetables/next?cron=0+9+*+*+*&zone=Mars").text)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"cron": "0 9 1 * 1"}, "cron"),
        ({"zone": "Mars"}, "zone"),
        ({"overlap": "maybe"}, "overlap"),
        ({"catch_up_minutes": "soon"}, "catch_up_minutes"),
        ({"input.day": "{{timetable.weekday}}"}, "input-day"),
        ({"why": " "}, "why"),
    ],
)
def test_what_makes_no_sense_comes_back_with_what_was_typed_and_the_field_named(
    elena: Browser, sessions: Sessions, change: dict[str, str], field: str
) -> None:
    answer = elena.send("/timetables/new", typed(**change))
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    with sessions.begin() as session:
        assert process_timetable.all_timetables(session) == []


def test_a_timetable_is_switched_and_removed_on_the_page(elena: Browser, sessions: Sessions) -> None:
    address = elena.send("/timetables/new", typed()).location
    off = elena.send(f"{address}/switch", {"act": "off", "revision": "1", "why": "holidays"})
    assert off.status_code == 303
    late = elena.send(f"{address}/switch", {"act": "on", "revision": "1", "why": "back"})
    assert (late.status_code, "revision 2 by now" in texts(late.text)) == (409, True)
    gone = elena.send(f"{address}/switch", {"act": "remove", "revision": "2", "why": "not needed"})
    assert (gone.status_code, gone.location) == (303, "/timetables")
    assert elena.get(address).status_code == 404
    with sessions.begin() as session:
        assert process_timetable.all_timetables(session) == []
