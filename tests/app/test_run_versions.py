"""What a version would have changed, and moving runs to it: on pages and through the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from rules.process import Outcome
from rules.process_messages import MoveResult, NoteNews
from storage import api_token, process, process_migration, process_news, process_run
from storage.audit import SYSTEM
from storage.outbox import OutboxRow
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.process_runs import Carried, begin_trip
from tests.process_samples import Content, content, covered, deployed, travel

Open = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


def longer(**changes: Any) -> Content:
    """The trip with somebody told after the manager's yes."""
    trip = travel(**changes)
    told = {
        "type": "notify",
        "config": {"to": [{"role": "finance"}], "subject": "A trip", "text": "Somebody travels."},
    }
    return content(
        "travel",
        {
            **{node["id"]: {k: v for k, v in node.items() if k != "id"} for node in trip["nodes"]},
            "told": told,
        },
        ">ask, ask true>told, told>yes, ask false>no",
        name="Travel",
        inputs=trip["inputs"],
    )


@pytest.fixture
def call(app: Flask, sessions: Sessions) -> Callable[..., Any]:
    """Calls the API with a token of a person."""

    def send(who: PersonRow, method: str, path: str, body: Any = None) -> Any:
        with sessions.begin() as session:
            token = api_token.add(session, who, "a program", who.roles, 1, SYSTEM)
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


@pytest.fixture
def finished(sessions: Sessions, company: Company) -> list[UUID]:
    """Three trips that have ended: two with yes, one with no; the second version would tell somebody of a yes."""
    ids = []
    with sessions.begin() as session:
        deployed(session, company, travel())
        for outcome in (Outcome.SATISFIED, Outcome.SATISFIED, Outcome.NOT_SATISFIED):
            carried = begin_trip(session, company)
            carried.end(session, "ask", outcome)
            for end in ("yes", "no"):
                if any(turn.node == end for turn in carried.ready()):
                    carried.pass_by(session, end)
            ids.append(carried.row.id)
        deployed(session, company, longer())
    return ids


@pytest.fixture
def waiting(sessions: Sessions, company: Company) -> list[UUID]:
    """Two trips that Bruno is asked about, and a version that would tell somebody afterwards."""
    with sessions.begin() as session:
        deployed(session, company, travel())
        ids = [begin_trip(session, company).row.id for _ in range(2)]
        deployed(session, company, longer())
    return ids


def moves_in_outbox(sessions: Sessions) -> list[dict[str, Any]]:
    with sessions.begin() as session:
        query = select(OutboxRow.payload).where(OutboxRow.kind == "move_process").order_by(OutboxRow.id)
        return list(session.scalars(query))


def test_who_would_have_gone_another_way_is_listed_with_where(
    browser_of: Open, company: Company, finished: list[UUID]
) -> None:
    page = browser_of(company.felix).get("/processes/travel/versions/2/impact").text
    assert "2 of the last 3 finished runs would have gone another way." in page
    assert page.count("would have run, and did not") == 2
    for run_id in finished[:2]:
        assert f'href="/runs/{run_id}"' in page
    same = browser_of(company.felix).get("/processes/travel/versions/1/impact").text
    assert "Each of the last 3 finished runs would have gone the same way." in same


def test_the_impact_stands_on_the_form_that_deploys(
    browser_of: Open, company: Company, sessions: Sessions, finished: list[UUID]
) -> None:
    page = browser_of(company.carla).get("/processes/travel/versions/1").text
    assert 'hx-get="/processes/travel/versions/1/impact"' in page
    part = browser_of(company.carla).get(
        "/processes/travel/versions/1/impact", headers={"HX-Request": "true"}
    )
    assert "<html" not in part.text


def test_the_impact_is_told_to_programs(
    call: Callable[..., Any], company: Company, finished: list[UUID]
) -> None:
    told = call(company.elena, "GET", "/processes/travel/versions/2/impact").json
    assert (told["runs"], told["parted"], told["places"]) == (3, 2, [{"node": "told", "runs": 2}])
    assert {each["run"] for each in told["parted_runs"]} == set(map(str, finished[:2]))
    assert call(company.elena, "GET", "/processes/travel/versions/2/impact?last=1").json["runs"] == 1
    assert call(company.elena, "GET", "/processes/travel/versions/2/impact?last=0").status_code == 422
    assert call(company.elena, "GET", "/processes/travel/versions/9/impact").status_code == 404


def test_the_dry_run_changes_nothing_and_the_move_tells_each_run(
    browser_of: Open, company: Company, waiting: list[UUID], sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    path = "/processes/travel/versions/2/move"
    assert "2 of 2 open runs on other versions can be moved." in elena.get(path).text
    assert moves_in_outbox(sessions) == []
    silent = elena.send(path, {"which": "all", "why": ""})
    assert silent.status_code == 422
    assert "Please say why." in silent.text
    nothing = elena.send(path, {"which": "picked", "why": "Told too late."})
    assert nothing.status_code == 422
    moved = elena.send(path, {"which": "all", "why": "Told too late."})
    assert moved.status_code == 303
    assert {each["run_id"] for each in moves_in_outbox(sessions)} == set(map(str, waiting))
    assert "0 moved, 0 stayed, 2 under way" in elena.get(moved.location).text
    again = elena.send(path, {"which": "all", "why": "Once more."})
    assert again.status_code == 409
    assert "It is being moved already." in elena.get(path).text
    assert browser_of(company.carla).get(path).status_code == 403


def test_the_page_of_a_move_says_what_became_of_each_run(
    browser_of: Open, company: Company, waiting: list[UUID], sessions: Sessions
) -> None:
    with sessions.begin() as session:
        row = process_migration.ask(session, "travel", 2, company.elena.id, "Told too late.")
        first, second = waiting
        runs = [process_run.by_id(session, each) for each in waiting]
        new = {
            **(runs[0].state or {}),
            "sha256": process_migration.dry_run(session, "travel", 2).version.sha256,
        }
        results = (MoveResult(str(row.id)), MoveResult(str(row.id), "ask", "It has happened otherwise."))
        for run, state, version, result in zip(runs, (new, runs[1].state), (2, 1), results, strict=True):
            process_news.note(
                session, NoteNews(str(run.id), [], state or {}, run.awaiting, None, version, [result])
            )
    felix = browser_of(company.felix)
    page = felix.get(f"/moves/{row.id}", headers={"HX-Request": "true"})
    assert page.status_code == 286
    assert "1 run was moved; 1 stayed on its version." in page.text
    assert "It has happened otherwise." in page.text
    with sessions.begin() as session:
        assert [process_run.by_id(session, each).version for each in (first, second)] == [2, 1]
    assert "It has happened otherwise." in felix.get(f"/runs/{second}").text
    assert felix.get(f"/moves/{uuid4()}").status_code == 404


def test_one_run_is_moved_from_its_page_and_the_node_that_blocks_another_is_named(
    browser_of: Open, company: Company, waiting: list[UUID], sessions: Sessions
) -> None:
    elena, (first, second) = browser_of(company.elena), waiting
    assert "Move it to version 2" in elena.get(f"/runs/{first}").text
    assert elena.send(f"/runs/{first}/move", {"version": "2", "why": ""}).status_code == 422
    assert elena.send(f"/runs/{first}/move", {"version": "2", "why": "Mended."}).status_code == 303
    assert [each["run_id"] for each in moves_in_outbox(sessions)] == [str(first)]
    with sessions.begin() as session:
        deployed(session, company, longer(question="Really?"))
    page = elena.get(f"/runs/{second}").text
    assert "It stays on version 1" in page
    refused = elena.send(f"/runs/{second}/move", {"version": "3", "why": "Mended."})
    assert refused.status_code == 409
    assert "ask: It has happened, and is another node in the new version." in refused.text


def test_runs_are_moved_and_followed_by_programs(
    call: Callable[..., Any], company: Company, waiting: list[UUID]
) -> None:
    path = "/processes/travel/versions/2/move"
    dry = call(company.elena, "GET", path).json
    assert [(each["run"], each["can_be_moved"]) for each in dry["runs"]] == [
        (str(each), True) for each in waiting
    ]
    moved = call(company.elena, "POST", path, {"runs": [str(waiting[0])], "why": "Mended."})
    assert moved.status_code == 202
    assert moved.json["counts"] == {"asked": 1, "moved": 0, "stayed": 0}
    seen = call(company.felix, "GET", f"/processes/travel/moves/{moved.json['id']}").json
    assert [(each["run"], each["state"]) for each in seen["results"]] == [(str(waiting[0]), "asked")]
    assert call(company.carla, "POST", path, {"why": "Mine."}).status_code == 403
    assert call(company.elena, "POST", path, {"runs": ["x"], "why": "Mended."}).status_code == 422
    assert call(company.felix, "GET", f"/processes/other/moves/{moved.json['id']}").status_code == 404


def test_a_version_that_was_never_deployed_takes_no_run(
    call: Callable[..., Any], company: Company, waiting: list[UUID], sessions: Sessions
) -> None:
    draft = {"definition": travel(question="Why?"), "revision": 0, "why": "a draft"}
    assert call(company.elena, "PUT", "/processes/travel/draft", draft).status_code == 200
    refused = call(company.elena, "POST", "/processes/travel/versions/3/move", {"why": "Early."})
    assert (refused.status_code, refused.json["code"]) == (409, "not-to-be-followed")


def test_the_page_of_a_version_says_what_runs_where(
    browser_of: Open, company: Company, waiting: list[UUID]
) -> None:
    page = browser_of(company.elena).get("/processes/travel").text
    assert "2 open runs" in page
    assert 'href="/processes/travel/versions/2/impact"' in page
    assert 'href="/processes/travel/versions/2/move"' in page
    assert 'href="/runs?process=travel&amp;version=1&amp;status=open"' in page


def test_what_ends_before_it_was_moved_says_so(company: Company, sessions: Sessions) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
        carried: Carried = begin_trip(session, company)
        deployed(session, company, longer())
        row = process_migration.ask(session, "travel", 2, company.elena.id, "Mended.")
        carried.end(session, "ask", Outcome.NOT_SATISFIED)
        carried.pass_by(session, "no")
        [seen] = process_migration.of_move(session, row.id)
        assert (seen.state, seen.why) == ("stayed", process_migration.ENDED)


def test_a_checked_version_can_be_given_to_some_first_from_its_page(
    browser_of: Open, company: Company, waiting: list[UUID], sessions: Sessions
) -> None:
    with sessions.begin() as session:
        row = process.save_draft(session, "travel", covered(longer(deadline="9 d")), company.elena.id, 0)
        process.check(session, "travel", row.revision)
    carla = browser_of(company.carla)
    page = carla.get("/processes/travel/versions/3").text
    [address] = set(re.findall(r'href="(/rollout/new\?[^"]+)"', page))
    assert 'value="travel@3"' in carla.get(address.replace("&amp;", "&")).text


def test_a_part_is_found_from_the_run_that_it_is_a_part_of(
    browser_of: Open, company: Company, sessions: Sessions
) -> None:
    whole = content(
        "whole",
        {"part": {"type": "sub_process", "name": "The trip", "config": {"process": "travel"}},
         "yes": {"type": "end", "config": {"result": "satisfied"}},
         "no": {"type": "end", "config": {"result": "not_satisfied"}}},
        ">part, part true>yes, part false>no",
    )  # fmt: skip
    with sessions.begin() as session:
        deployed(session, company, travel())
        deployed(session, company, whole)
        carried = Carried(session, company, "whole", {})
        carried.begin(session, "part")
        part = process_run.begin_part(session, carried.row, "part", 1, "travel", {"amount": "12.00"})
    page = browser_of(company.ana).get(f"/runs/{carried.row.id}").text
    assert f'href="/runs/{part.id}"' in page
    assert f'href="/runs/{carried.row.id}"' in browser_of(company.ana).get(f"/runs/{part.id}").text
