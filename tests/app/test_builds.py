"""The page of the builds: what it tells of each, who may wish what, and that a wish leaves as a message."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from rules.gate import Gate, Replayed, ReplayFailure, Smoke
from rules.outbox import Kind
from storage import build
from storage.build import BuildRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import trail

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]

SHUT = Gate(
    "two",
    "one",
    forward=Replayed("two", "histories that exist", 9, (ReplayFailure("purchase-1", 12, "<b>gone</b>"),)),
    back=Replayed("one", "histories of two", 18),
    smoke=Smoke(0.4),
)


@pytest.fixture
def builds(sessions: Sessions) -> Sessions:
    """Three builds: `one` is current and lives, `two` stood before a shut gate, `old` is drained and dead."""
    with sessions.begin() as session:
        build.announce(session, "one", "4d2c9f", "the first")
        build.announce(session, "two", "", "")
        build.announce(session, "old", "", "")
        session.execute(
            text(
                "UPDATE build SET state = 'current', live_until = now() + interval '1 h', workers = 2"
                " WHERE build_id = 'one'"
            )
        )
        session.execute(text("UPDATE build SET state = 'drained' WHERE build_id = 'old'"))
        build.note_gate(session, "two", SHUT)
        build.note_route(session, "one", None, Decimal(0), 3)
    return sessions


def section(page: str, build_id: str) -> str:
    """What the page says of one build, as text in one line."""
    part = page.split(f'aria-labelledby="build-{build_id}"')[1].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def wishes(sessions: Sessions) -> list[tuple[str, str]]:
    """The messages for builds that wait to leave."""
    with sessions.begin() as session:
        kinds = (Kind.CHECK_BUILD.value, Kind.FORGET_BUILD.value)
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind.in_(kinds)).order_by(OutboxRow.id))
        return [(row.kind, row.payload["build_id"]) for row in rows]


def test_the_page_tells_of_each_build_how_it_stands(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    page = browser_of(company.elena).get("/builds").text
    assert "current" in section(page, "one")
    assert "2 live workers" in section(page, "one")
    assert "the first" in section(page, "one")
    assert "no live worker" in section(page, "two")


def test_a_shut_gate_names_the_run_the_event_and_the_reason(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    page = browser_of(company.elena).get("/builds").text
    said = section(page, "two")
    assert "gate shut" in said
    assert "The code of two does not replay purchase-1 at event 12" in said
    assert "<b>gone</b>" not in page


def test_the_wish_for_a_gate_leaves_once(browser_of: BrowserOf, company: Company, builds: Sessions) -> None:
    elena = browser_of(company.elena)
    assert elena.send("/builds/two/gate", {}).status_code == 303
    assert elena.send("/builds/two/gate", {}).status_code == 303
    assert wishes(builds) == [("check_build", "two")]
    assert "the gate runs" in section(elena.get("/builds").text, "two")
    [entry] = trail(builds, "build.gate_begun")
    assert (entry.actor_id, entry.detail["build_id"]) == (company.elena.id, "two")


def test_a_gate_that_died_may_be_begun_again(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    with builds.begin() as session:
        session.execute(text("UPDATE build SET gate_begun_at = now() - interval '1 h'"))
    assert browser_of(company.elena).send("/builds/two/gate", {}).status_code == 303
    assert wishes(builds) == [("check_build", "two")]


def test_only_a_drained_build_can_be_forgotten(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    elena = browser_of(company.elena)
    assert elena.send("/builds/one/forget", {}).status_code == 409
    assert elena.send("/builds/never-seen/forget", {}).status_code == 404
    assert wishes(builds) == []
    assert elena.send("/builds/old/forget", {}).status_code == 303
    assert wishes(builds) == [("forget_build", "old")]


def test_page_and_act_judge_alike_whether_a_build_may_be_forgotten(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    elena, button = browser_of(company.elena), 'action="/builds/old/forget"'
    assert button in elena.get("/builds").text
    with builds.begin() as session:
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h' WHERE build_id = 'old'"))
    assert button not in elena.get("/builds").text
    refused = elena.send("/builds/old/forget", {})
    assert (refused.status_code, wishes(builds)) == (409, [])
    assert "A worker of this build is alive" in refused.text


def test_who_may_only_read_finds_no_button_and_no_open_door(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    carla = browser_of(company.carla)
    page = carla.get("/builds").text
    assert "gate shut" in section(page, "two")
    assert "/builds/two/gate" not in page
    assert carla.send("/builds/two/gate", {}).status_code == 403
    assert wishes(builds) == []


def test_knowledge_that_has_grown_old_is_told_with_its_age(
    browser_of: BrowserOf, company: Company, builds: Sessions
) -> None:
    elena = browser_of(company.elena)
    assert "Temporal was last heard of" not in elena.get("/builds").text
    with builds.begin() as session:
        session.execute(text("UPDATE build_route SET checked_at = now() - interval '5 min'"))
    assert "Temporal was last heard of" in elena.get("/builds").text


def test_what_is_known_of_a_build_outlives_the_server_forgetting_it(builds: Sessions) -> None:
    with builds.begin() as session:
        session.execute(text("UPDATE build SET first_seen_at = now() - interval '1 h'"))
        build.note_sightings(session, [])
    with builds.begin() as session:
        row = session.get_one(BuildRow, "one")
        assert (row.state, row.commit) == ("gone", "4d2c9f")
        assert build.all_builds(session)
