"""The pages of routing: who may change what, what is refused at its field, and what is told of the next request."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from rules.routing import Rule, bucket_of
from storage import build, routing
from storage.audit import SYSTEM
from storage.build import BuildRow
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import trail
from tests.app.wishes import submitted

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "IT first",
        "kind": "route",
        "build": "b2",
        "share_percent": "12.5",
        "unit": "request",
        "departments": ["it"],
        "people": "",
        "zone": "UTC",
        "priority": "10",
        "variants": "",
        "limit": "",
        "currency": "EUR",
        "enabled": "yes",
        "why": "The pilot begins",
        "version": "0",
        **changes,
    }


def rules_of(sessions: Sessions) -> list[Rule]:
    with sessions.begin() as session:
        return list(routing.read_rules(session).rules)


def add(browser: Browser, sessions: Sessions, **changes: Any) -> UUID:
    known = {rule.id for rule in rules_of(sessions)}
    answer = browser.send("/routing", form(**changes))
    assert answer.status_code == 303, answer.text
    (added,) = {rule.id for rule in rules_of(sessions)} - known
    return UUID(added)


def make_live(sessions: Sessions, *builds: str) -> None:
    with sessions.begin() as session:
        for build in builds:
            session.add(BuildRow(build_id=build))
        session.flush()
        session.execute(text("UPDATE build SET live_until = now() + interval '1 hour'"))


def words_of(page: str, part: str) -> str:
    """A section of a page as text in one line."""
    section = page.split(f'id="{part}"')[1].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def test_the_platform_writes_a_rule_that_is_asked_from_then_on(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rule_id = add(
        browser_of(company.elena), sessions, people="ANA@vistobueno.example, carla@vistobueno.example"
    )
    (rule,) = rules_of(sessions)
    assert (rule.id, rule.build, rule.share_percent) == (str(rule_id), "b2", Decimal("12.5"))
    assert rule.people == (str(company.ana.id), str(company.carla.id))
    entry = trail(sessions, "routing.rule_added")[0]
    assert (entry.actor_id, entry.detail["why"]) == (company.elena.id, "The pilot begins")


def test_the_form_shows_a_rule_as_it_was_typed(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    window = {
        "zone": "Europe/Madrid", "starts_at": "2026-07-01T09:00", "ends_at": "2026-10-25T02:30",
        "from_hour": "09:00", "to_hour": "17:00", "weekdays": ["0", "4"],
    }  # fmt: skip
    rule_id = add(
        elena, sessions, build="", variants="control 1\nnew 3 b2", people="ana@vistobueno.example", **window
    )
    before = rules_of(sessions)
    page = elena.get(f"/routing/rules/{rule_id}").text
    for shown in ("2026-07-01T09:00", "2026-10-25T02:30", "ana@vistobueno.example", "control 1\nnew 3 b2"):
        assert shown in page
    again = form(
        build="", variants="control 1\nnew 3 b2", people="ana@vistobueno.example", version="1", **window
    )
    assert elena.send(f"/routing/rules/{rule_id}", again).status_code == 303
    assert rules_of(sessions) == before
    assert len(trail(sessions, "routing.rule_changed")) == 0


def test_raising_a_share_keeps_the_salt_and_so_those_already_in(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    rule_id = add(elena, sessions)
    salt = rules_of(sessions)[0].salt
    elena.send(f"/routing/rules/{rule_id}", form(share_percent="50", version="1", why="It looks good"))
    (rule,) = rules_of(sessions)
    assert (rule.salt, rule.share_percent) == (salt, Decimal(50))


def test_the_second_of_two_who_edit_keeps_what_was_typed_sees_the_other_change_and_saves_on_top(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena, other = browser_of(company.elena), browser_of(company.elena)
    path = f"/routing/rules/{add(elena, sessions)}"
    first = form(share_percent="20", version="1", why="Elena goes on")
    assert elena.send(path, first).status_code == 303
    late = other.send(path, form(share_percent="90", name="All of IT", version="1", why="Peter hurries"))
    assert late.status_code == 409
    for typed in (
        'name="share_percent" type="text" value="90"',
        'value="All of IT"',
        'value="Peter hurries"',
    ):
        assert typed in late.text
    clash = " ".join(re.sub(r"<[^>]+>", " ", late.text.split('id="clash"')[1].split("<form")[0]).split())
    theirs, mine = clash.split("What yours would change on top of it")
    assert company.elena.name in theirs
    assert "Elena goes on share percent 12.5 20" in theirs
    assert mine.startswith(" name IT first All of IT share percent 20 90")
    assert rules_of(sessions)[0].share_percent == 20

    version = late.text.split('name="version" value="')[1].split('"')[0]
    again = form(share_percent="90", name="All of IT", version=version, why="Peter hurries")
    assert other.send(path, again).status_code == 303
    assert rules_of(sessions)[0].share_percent == 90


def test_who_edited_nobody_knows_which_version_saves_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    rule_id = add(elena, sessions)
    late = elena.send(f"/routing/rules/{rule_id}", form(share_percent="90", version=""))
    assert (late.status_code, rules_of(sessions)[0].share_percent) == (409, Decimal("12.5"))


def test_a_rule_of_a_rollout_is_shown_and_not_edited_by_hand(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        content = {"name": "Step 1", "build": "b2", "rollout_id": "r1"}
        rule_id = routing.add_rule(session, content, SYSTEM, "Step 1").id
    elena = browser_of(company.elena)
    assert "A rollout steers this rule" in elena.get(f"/routing/rules/{rule_id}").text
    assert elena.send(f"/routing/rules/{rule_id}", form(version="1")).status_code == 409


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"why": ""}, "say why"),
        ({"why": "x" * 501}, "at most 500"),
        ({"name": ""}, "fill this in"),
        ({"name": "a\x00b"}, "cannot be shown"),
        ({"share_percent": "100.1"}, "from 0 to 100"),
        ({"share_percent": "NaN"}, "from 0 to 100"),
        ({"share_percent": "12.55"}, "steps of 0.1"),
        ({"share_percent": ""}, "from 0 to 100"),
        ({"kind": "teleport"}, "not known"),
        ({"kind": ""}, "not known"),
        ({"build": "b 2"}, "letters, digits"),
        ({"build": ""}, "name the build, or variants"),
        ({"variants": "a 1\nb 1 b2"}, "leave this one empty"),
        ({"build": "", "variants": "only 1"}, "from 2 to 10"),
        ({"build": "", "variants": "a one\nb two"}, "a name, a weight"),
        ({"departments": ["sales"]}, "no department sales"),
        ({"roles": ["emperor"]}, "not known"),
        ({"people": "nobody@vistobueno.example"}, "Nobody has the address"),
        ({"people": "ana"}, "not a person"),
        ({"people": str(UUID(int=9))}, "no person"),
        ({"priority": "first"}, "whole number"),
        ({"priority": "0"}, "whole number"),
        ({"zone": "Europe/Nowhere"}, "not a time zone"),
        ({"zone": "Europe/Madrid", "starts_at": "2026-03-29T02:30"}, "put forward"),
        ({"starts_at": "2026-06-02T00:00", "ends_at": "2026-06-01T00:00"}, "end after it begins"),
        ({"from_hour": "09:00"}, "both hours or neither"),
        ({"weekdays": ["9"]}, "from 0, Monday"),
        ({"limit": "10.00"}, "Only an exclusion"),
        ({"kind": "exclude", "build": "", "limit": "ten"}, "plain number"),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_told_at_its_field_and_what_was_typed_stays(
    changes: dict[str, Any], said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    refused = browser_of(company.elena).send("/routing", form(**changes))
    assert refused.status_code == 422, refused.text
    problems = " ".join(
        re.findall(r'<div class="problem"[^>]*>.*?<span>(.*?)</span>', refused.text, re.DOTALL)
    )
    assert said in problems
    assert 'value="12.5"' in refused.text or "share_percent" in changes
    assert rules_of(sessions) == []


def test_a_rule_is_taken_away_with_a_reason_and_its_story_stays(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    rule_id = add(elena, sessions)
    path = f"/routing/rules/{rule_id}/remove"
    assert elena.send(path, {"version": "1", "why": ""}).status_code == 422
    late = elena.send(path, {"version": "7", "why": "It is done"})
    assert (late.status_code, 'value="It is done"' in late.text) == (409, True)
    assert "Somebody changed this rule meanwhile" in late.text
    assert elena.send(path, {"version": "1", "why": "Done"}).status_code == 303
    assert rules_of(sessions) == []
    story = elena.get("/routing").text.split("How it came so")[1]
    assert story.index("removed") < story.index("added")
    assert "Done" in story
    assert elena.get(f"/routing/rules/{rule_id}").status_code == 404


def test_routing_is_frozen_and_let_go_with_a_reason(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    assert elena.send("/routing/state", {"act": "freeze", "why": ""}).status_code == 422
    assert elena.send("/routing/state", {"act": "explode", "why": "?"}).status_code == 422
    elena.send("/routing/state", {"act": "freeze", "why": "It burns"})
    elena.send("/routing/state", {"act": "freeze", "why": "Again"})
    assert "Routing is frozen" in elena.get("/routing").text
    assert "It burns" in elena.get("/routing").text
    elena.send("/routing/state", {"act": "thaw", "why": "Out"})
    assert "Routing is frozen" not in elena.get("/routing").text
    assert len(trail(sessions, "routing.state_set")) == 2


def test_the_list_shows_the_mode_and_that_native_lets_rules_rest(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    add(elena, sessions)
    assert "Mode selective" in elena.get("/routing").text
    elena.send("/routing/state", {"act": "native", "why": "By workflow id"})
    page = elena.get("/routing").text
    assert "Mode native" in page
    assert "rests" in page


def test_rules_do_not_take_over_while_the_server_itself_gives_a_share_away(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    elena.send("/routing/state", {"act": "native", "why": "By workflow id"})
    with sessions.begin() as session:
        build.note_route(session, "b1", "b2", Decimal(10), 2)
    answer = elena.send("/routing/state", {"act": "selective", "why": "Exclude finance"})
    assert answer.status_code == 422
    assert "still gives 10 % to b2" in answer.text
    with sessions.begin() as session:
        assert routing.state(session).mode == "native"
        build.note_route(session, "b1", "b2", Decimal(0), 3)
    assert elena.send("/routing/state", {"act": "selective", "why": "Exclude finance"}).status_code == 303


def test_the_list_names_builds_that_nobody_serves(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    add(elena, sessions)
    assert "b2 has no live worker" in elena.get("/routing").text
    make_live(sessions, "b2")
    assert "no live worker" not in elena.get("/routing").text


@pytest.mark.parametrize("reader", ["carla", "felix"])
def test_finance_and_auditors_read_and_cannot_change(
    reader: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    rule_id = add(browser_of(company.elena), sessions)
    browser = browser_of(getattr(company, reader))
    for path in ("/routing", f"/routing/rules/{rule_id}", "/routing/why"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "Save" not in page.text
        assert "Freeze" not in page.text
    for path in (
        "/routing",
        "/routing/state",
        f"/routing/rules/{rule_id}",
        f"/routing/rules/{rule_id}/remove",
    ):
        assert browser.send(path, form(version="1")).status_code == 403
    assert len(rules_of(sessions)) == 1


LOOK = "/routing/why?who={}@vistobueno.example"


def test_the_look_up_says_where_the_next_request_goes_and_by_which_rule(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    make_live(sessions, "b2")
    add(elena, sessions)
    page = elena.get(LOOK.format("julia")).text
    assert "12.5 % to b2 by IT first" in words_of(page, "ways")
    assert "87.5 % to the current build" in words_of(page, "ways")
    page = elena.get(LOOK.format("ana")).text
    assert "100 % to the current build" in words_of(page, "ways")
    assert "IT first for others It is for others." in words_of(page, "trials")


def test_the_look_up_names_exclusions_dead_builds_and_the_freeze(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    add(elena, sessions, share_percent="100")
    assert "Build b2 has no live worker" in words_of(elena.get(LOOK.format("julia")).text, "trials")
    add(elena, sessions, kind="exclude", name="Never above 50", limit="50.00", departments=[])
    page = elena.get(LOOK.format("julia")).text
    assert "Kept out by the exclusion “Never above 50”" in words_of(page, "trials")
    page = elena.get(LOOK.format("julia") + "&amount=50.00").text
    assert "excluded" not in words_of(page, "trials")
    elena.send("/routing/state", {"act": "freeze", "why": "It burns"})
    assert "Routing is frozen" in words_of(elena.get(LOOK.format("julia")).text, "ways")


def test_the_look_up_tells_where_earlier_requests_went_and_why(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    make_live(sessions, "b2")
    before = submitted(sessions, company.julia)
    rule_id = add(elena, sessions, share_percent="100")
    after = submitted(sessions, company.julia, key="second")
    said = words_of(elena.get(LOOK.format("julia")).text, "earlier")
    share = Decimal(bucket_of(str(rule_id), "request", str(after.id))) / 1000
    assert re.search(rf"{after.number} .* b2 The request drew {share:.3f} of 100", said)
    assert re.search(rf"{before.number} .* the current build There was no rule\.", said)


def test_the_look_up_shows_the_servers_own_ramp_in_native_mode(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    submitted(sessions, company.julia)
    elena.send("/routing/state", {"act": "native", "why": "By workflow id"})
    with sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO build_route (current, ramping, percent, revision) VALUES ('b1', 'b2', 25, 1),"
                " ('b1', 'b2', 100, 2)"
            )
        )
    page = elena.get(LOOK.format("julia")).text
    assert "100 % to b2" in words_of(page, "ways")
    assert "on the server's ramp" in words_of(page, "earlier")


@pytest.mark.parametrize("who", ["nobody@vistobueno.example", "x%00y"])
def test_looking_up_nobody_is_told_plainly(who: str, browser_of: BrowserOf, company: Company) -> None:
    page = browser_of(company.felix).get(f"/routing/why?who={who}")
    assert "Nobody has this mail address" in page.text


def test_an_amount_that_is_none_is_told_plainly(browser_of: BrowserOf, company: Company) -> None:
    page = browser_of(company.felix).get(LOOK.format("ana") + "&amount=NaN")
    assert page.status_code == 200
    assert "plain number" in page.text
    assert browser_of(company.felix).get(LOOK.format("ana") + "&currency=XXX").status_code == 200


def test_a_rule_that_cannot_be_read_is_named_and_can_be_written_anew(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    rule_id = add(elena, sessions)
    with sessions.begin() as session:
        session.execute(text('UPDATE routing_rule SET content = content || \'{"kind": "teleport"}\''))
    assert "cannot be read" in elena.get("/routing").text
    assert elena.get(f"/routing/rules/{rule_id}").status_code == 200
    assert elena.send(f"/routing/rules/{rule_id}", form(version="1")).status_code == 303
    assert rules_of(sessions)[0].name == "IT first"
