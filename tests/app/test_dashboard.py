"""The page of a release: what it shows of traffic, rollout and ways back, who may tell it what, and why it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from rules.outbox import Kind as Message
from rules.rollout import State
from rules.routing import Mode
from storage import build, build_return, rollout, routing
from storage.audit import SYSTEM
from storage.build_return import BuildReturnRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.rollout import RolloutRow
from tests.app import release
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.wishes import readable

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def second_platform_person(company: Company, sessions: Sessions) -> PersonRow:
    """Julia runs the platform, too."""
    with sessions.begin() as session:
        row = session.merge(company.julia)
        row.roles = ["employee", "platform"]
        return row


def part(page: str, element_id: str) -> str:
    """What a section of the page says, in one line."""
    found = page.split(f'id="{element_id}"', 1)[1].split("</section>", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found.split(">", 1)[1]).split())


def row_of(sessions: Sessions) -> RolloutRow:
    """The newest rollout."""
    with sessions.begin() as session:
        return rollout.newest(session, 1)[0]


def form(**changes: Any) -> dict[str, Any]:
    """The form that begins a rollout, filled well."""
    return {
        "kind": "build", "build": "b2", "mode": "selective", "bake": "2", "why": "release 42", "limit-error": "4",
        "share-0": "10", "minutes-0": "5", "samples-0": "52", "departments-0": ["it"],
        "share-2": "100", "minutes-2": "0.5", "samples-2": "0", "manual-2": "yes",
    } | changes  # fmt: skip


# What it shows


def test_before_anything_happened_the_page_says_so(browser_of: BrowserOf, company: Company) -> None:
    said = readable(browser_of(company.elena).get("/rollout").text)
    assert "No control worker has looked at Temporal yet" in said
    assert "No rollout yet" in said


def test_each_department_shows_how_its_next_requests_go_and_how_they_went(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    traffic = part(browser_of(company.elena).get("/rollout").text, "traffic")
    it, marketing = traffic.split(" IT ")[1].split(" Marketing ")
    assert "b1 90 %" in it.replace("\xa0", " ")
    assert "b2 10 %" in it.replace("\xa0", " ")
    assert "(20)" in it
    assert "b1 100 %" in marketing.replace("\xa0", " ")
    assert "b2" not in marketing.split(" Operations ")[0]


def test_the_servers_own_ramp_is_shown_for_every_department(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.two_builds(sessions)
    with sessions.begin() as session:
        routing.set_state(session, SYSTEM, "a plain share", mode=Mode.NATIVE)
        build.note_route(session, "b1", "b2", Decimal("12.5"), 2)
    traffic = part(browser_of(company.elena).get("/rollout").text, "traffic").replace("\xa0", " ")
    assert "the server's own ramp chooses" in traffic
    for department in ("Finance", "IT", "Marketing"):
        assert f"{department} b1 87.5 % b2 12.5 %" in traffic


@pytest.mark.parametrize(
    ("state", "stands", "last"),
    [("promoted", "promoted", "Current : done"), ("returned", "returned", "10 % of IT : stopped here")],
)
def test_a_rollout_that_has_ended_tells_how_far_it_came(
    browser_of: BrowserOf, company: Company, sessions: Sessions, state: str, stands: str, last: str
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    with sessions.begin() as session:
        session.execute(text("UPDATE rollout SET state = :state, ended_at = now()"), {"state": state})
    elena = browser_of(company.elena)
    page = elena.get("/rollout").text
    assert 'id="running"' not in page
    assert stands in part(page, "history")
    assert last in " ".join(readable(elena.get(f"/rollouts/{rollout_id}").text).split()).replace("\xa0", " ")


def test_the_running_rollout_tells_its_steps_and_why_it_waits(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    said = part(browser_of(company.elena).get("/rollout").text, "running").replace("\xa0", " ")
    assert "Gate : done" in said
    assert "10 % of IT : now" in said
    assert "100 % of everybody : to come" in said
    assert "not enough to tell" in said
    assert "20 requests have been through this step" in said


def test_the_guards_say_how_far_it_is_to_a_return(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    said = part(browser_of(company.elena).get("/rollout").text, "guards")
    assert "1 of 20" in said
    assert "limit 4.0 %" in said
    assert re.search(r"\d+ bad in a row would lead back", said)


def test_the_figures_stand_side_by_side_with_their_intervals(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    said = part(browser_of(company.elena).get("/rollout").text, "figures").replace("\xa0", " ")
    new = said.split("b2 new")[1].split("b1 current")[0]
    assert "5.0 %" in new
    assert "95.0 %" in new
    assert "0.9–23.6 %" in new
    assert "1 of 20" in new


def test_the_timeline_tells_every_change_and_the_charts_carry_its_numbers(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    page = browser_of(company.elena).get("/rollout").text
    said = part(page, "timeline")
    assert "Rollout started Build b2" in said
    assert "Rollout moved by its figures: step 1" in said
    assert "Routing rule added" in said
    assert company.elena.name in said
    numbers = re.findall(r'told-number">(\d+)<', page)
    assert numbers == ["3", "2", "1"]
    for chart in ("rollout-requests", "rollout-errors"):
        option = page.split(f'id="{chart}" nonce')[1].split("</script>")[0]
        marks = json.loads(option.split(">", 1)[1])["series"][0]["markLine"]["data"]
        assert [mark["label"]["formatter"] for mark in marks] in (["1–3"], ["1", "2–3"], ["1–2", "3"])


def test_with_temporal_away_the_page_says_since_when(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    elena = browser_of(company.elena)
    assert "Temporal was last heard of" not in elena.get("/rollout").text
    with sessions.begin() as session:
        session.execute(text("UPDATE build_route SET checked_at = now() - interval '5 min'"))
        session.execute(text("UPDATE rollout SET checked_at = now() - interval '5 min'"))
    said = readable(elena.get("/rollout").text)
    assert "Temporal was last heard of 5 minutes ago" in said
    assert "Nobody has looked at it for a while" in said


def test_the_live_part_is_what_the_page_shows(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    elena = browser_of(company.elena)
    live = elena.get("/rollout/live?hours=6", headers={"HX-Request": "true"}).text
    assert "<html" not in live
    assert "last 6 h" in part(live, "traffic")
    assert part(live, "guards") == part(elena.get("/rollout?hours=6").text, "guards")


# Who may


def test_who_may_only_read_finds_no_button_and_no_open_door(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    felix = browser_of(company.felix)
    page = felix.get("/rollout").text
    assert "b2" in part(page, "running")
    assert 'id="tell"' not in page
    assert 'id="return-form"' not in page
    assert felix.send(f"/rollouts/{rollout_id}", {"command": "pause", "why": "x"}).status_code == 403
    assert felix.send("/rollout/return", {"build_id": "b2", "why": "x"}).status_code == 403
    assert felix.send("/rollout", form()).status_code == 403
    assert row_of(sessions).state == State.STEP


# Beginning


def test_a_rollout_is_begun_as_the_form_says(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.two_builds(sessions)
    elena = browser_of(company.elena)
    assert "<option>b2</option>" in elena.get("/rollout/new").text
    assert elena.send("/rollout", form()).status_code == 303
    row = row_of(sessions)
    plan = row.as_plan
    assert (row.state, row.target, row.created_by) == (State.GATE, "b2", company.elena.id)
    assert [(str(step.share), step.departments, step.min_seconds, step.manual) for step in plan.steps] == [
        ("10.0", ("it",), 300, False),
        ("100.0", (), 30, True),
    ]
    assert (plan.bake_seconds, str(plan.limits["error"])) == (120, "0.04")
    with sessions.begin() as session:
        [message] = session.scalars(
            select(OutboxRow).where(OutboxRow.kind == Message.WAKE_ROLLOUT.value)
        ).all()
        assert message.payload == {"rollout_id": str(row.id)}


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"build": "b3"}, 409, "no live worker"),
        ({"build": "b1"}, 409, "current one already"),
        ({"build": "never-seen"}, 404, "There is no build"),
        ({"share-0": "101"}, 422, "from 0 to 100"),
        ({"share-0": "NaN"}, 422, "from 0 to 100"),
        ({"share-0": "", "share-2": ""}, 422, "between 1 and"),
        ({"departments-0": ["nowhere"]}, 422, "no department nowhere"),
        ({"mode": "native"}, 422, "knows no departments"),
        ({"minutes-0": "soon"}, 422, "minutes"),
        ({"samples-2": "many"}, 422, "whole number"),
        ({"limit-error": "100"}, 422, "below 1"),
        ({"limit-error": "NaN"}, 422, "below 1"),
        ({"bake": "Infinity"}, 422, "minutes"),
        ({"why": " "}, 422, "say why"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(
    browser_of: BrowserOf, company: Company, sessions: Sessions, changes: Any, status: int, word: str
) -> None:
    release.two_builds(sessions)
    answer = browser_of(company.elena).send("/rollout", form(**changes))
    assert answer.status_code == status
    problems = re.findall(r'<div class="problem"[^>]*>(.*?)</div>', answer.text, re.S)
    assert any(word in problem for problem in problems), problems
    with sessions.begin() as session:
        assert not rollout.newest(session)


# Telling


def test_pause_and_resume_are_carried_into_the_books(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    elena = browser_of(company.elena)
    assert elena.send(f"/rollouts/{rollout_id}", {"command": "pause", "why": "lunch"}).status_code == 303
    assert row_of(sessions).state == State.PAUSED
    page = elena.get("/rollout").text
    assert "paused" in part(page, "running")
    assert 'value="resume"' in page
    elena.send(f"/rollouts/{rollout_id}", {"command": "resume", "why": "back"})
    assert row_of(sessions).state == State.STEP


def test_who_began_it_is_told_why_another_has_to_promote_it(
    browser_of: BrowserOf, company: Company, sessions: Sessions, second_platform_person: PersonRow
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    elena, told = browser_of(company.elena), {"command": "promote", "why": "it is good"}
    page = elena.get("/rollout").text
    assert 'value="promote"' not in page
    assert "another person has to promote it" in part(page, "running")
    answer = elena.send(f"/rollouts/{rollout_id}", told)
    assert answer.status_code == 403
    assert "another person has to promote it" in readable(answer.text)
    assert row_of(sessions).step == 0
    julia = browser_of(second_platform_person)
    assert "Promote to 50 %" in part(julia.get("/rollout").text, "running")
    assert julia.send(f"/rollouts/{rollout_id}", told).status_code == 303
    assert row_of(sessions).step == 1


def test_who_looked_at_an_older_state_is_told(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    old = row_of(sessions).revision - 1
    told = {"command": "abort", "why": "stop", "revision": str(old)}
    answer = browser_of(company.elena).send(f"/rollouts/{rollout_id}", told)
    assert answer.status_code == 409
    assert "The rollout has moved since you looked" in readable(answer.text)
    assert row_of(sessions).state == State.STEP


@pytest.mark.parametrize(
    ("told", "word"),
    [({"command": "abort", "why": ""}, "say why"), ({"command": "explode", "why": "x"}, "choose what to do")],
)
def test_a_command_without_reason_or_sense_changes_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions, told: dict[str, str], word: str
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    answer = browser_of(company.elena).send(f"/rollouts/{rollout_id}", told)
    assert answer.status_code == 422
    assert word in readable(answer.text)
    assert row_of(sessions).state == State.STEP


# The way back


def test_the_return_button_takes_the_new_build_back_and_shows_the_measured_times(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    elena = browser_of(company.elena)
    assert "Return from b2" in part(elena.get("/rollout").text, "return")
    answer = elena.send("/rollout/return", {"build_id": "b2", "why": "orders fail", "act": "return"})
    assert answer.status_code == 303
    with sessions.begin() as session:
        [back] = build_return.newest(session)
        assert (back.build_id, back.state, back.asked_by) == ("b2", build_return.ASKED, company.elena.id)
        assert build.by_id(session, "b2").rejected_at is not None
    assert row_of(sessions).state == State.RETURNING
    page = elena.get("/rollout").text
    assert "being carried out" in part(page, f"return-{back.id}")
    assert 'id="return-form"' not in page
    with sessions.begin() as session:
        report = {"stable": "b1", "routed_ms": 210, "verified_ms": 650, "reset": ["purchase-1"], "moved": 3,
                  "freed_ms": 900, "last_start_at": "2026-11-21T12:00:01+00:00", "last_start_ms": 340}  # fmt: skip
        build_return.note(session, back.id, build_return.DONE, report)
        row = session.get_one(BuildReturnRow, back.id)
        row.routed_at = row.asked_at
        session.execute(text("UPDATE build_return SET routed_at = asked_at + interval '1200 ms'"))
    said = part(elena.get("/rollout").text, f"return-{back.id}")
    assert "No new request on b2 after 1.2 s" in said
    assert "Seen on every queue 0.7 s" in said
    assert "1 set back, 3 moved" in said
    assert "Overrides frozen with the press" in said
    assert "Last start on it 0.3 s" in said
    one = readable(elena.get(f"/rollouts/{rollout_id}").text)
    assert "orders fail" in one
    assert "1.2 s" in one


def test_a_return_to_a_dead_build_is_refused_and_a_freeze_offered(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    with sessions.begin() as session:
        session.execute(text("UPDATE build SET live_until = now() - interval '1 min' WHERE build_id = 'b1'"))
    elena = browser_of(company.elena)
    answer = elena.send("/rollout/return", {"build_id": "b2", "why": "orders fail", "act": "return"})
    assert answer.status_code == 409
    said = readable(answer.text)
    assert "Build b1 has no live worker" in said
    assert "or freeze b2" in said
    assert elena.send("/rollout/return", {"build_id": "b2", "why": "x", "act": "freeze"}).status_code == 303
    with sessions.begin() as session:
        [back] = build_return.newest(session)
        assert back.freeze_only
        assert build.by_id(session, "b2").rejected_at is None


def test_a_return_without_a_reason_changes_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    release.in_the_middle(sessions, company)
    answer = browser_of(company.elena).send("/rollout/return", {"build_id": "b2", "why": " "})
    assert answer.status_code == 422
    assert "Please say why." in part(answer.text, "return")
    with sessions.begin() as session:
        assert not build_return.newest(session)


# Every rollout by itself


def test_a_rollout_keeps_its_own_page_with_every_move(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rollout_id = release.in_the_middle(sessions, company)
    felix = browser_of(company.felix)
    assert f"/rollouts/{rollout_id}" in felix.get("/rollout").text
    said = readable(felix.get(f"/rollouts/{rollout_id}").text)
    assert "The gate was passed." in said
    assert "release 42" in said
    assert felix.get("/rollouts/00000000-0000-0000-0000-000000000000").status_code == 404
