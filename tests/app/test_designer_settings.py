"""How often a node is tried, and how long detached branches go on: as people write them."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from app.pages.designer.typed import read_seconds, write_seconds
from rules.process import Process, Retry
from storage import process as processes
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.process_samples import travel

OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def trip(browser_of: OpenBrowser, company: Company, sessions: Sessions) -> Browser:
    """Elena with a draft of the trip."""
    with sessions.begin() as session:
        processes.create(session, travel(), None, company.elena.id, "")
    return browser_of(company.elena)


def drafted(sessions: Sessions) -> Process:
    """The draft of the trip."""
    with sessions() as session:
        row = processes.draft(session, "travel")
        assert row is not None
        return row.process


@given(st.integers(0, 366 * 86_400))
def test_seconds_come_back_as_they_were(seconds: int) -> None:
    text = write_seconds(seconds)
    if len(text.split()[0]) <= 7:
        assert read_seconds(text, "x") == seconds


def test_how_often_a_node_is_tried_is_written_as_times_and_the_usual_is_left_out(
    trip: Browser, sessions: Sessions
) -> None:
    form = {"do": "save_node", "node": "ask", "name": "Manager", "join": "all", "on_error": "incident"}
    form |= {"on_timeout": "false_branch", "retry.factor": "2", "retry.total_seconds": ""}
    trip.send(
        "/processes/travel/edit",
        {**form, "revision": "1", "retry.attempts": "3", "retry.timeout_seconds": "2 min"},
    )
    node = drafted(sessions).node("ask")
    assert node is not None
    assert node.retry == Retry(attempts=3, timeout_seconds=120)
    shown = trip.get("/processes/travel/inspect?node=ask").text
    assert 'name="retry.timeout_seconds" value="2 min"' in shown
    trip.send(
        "/processes/travel/edit", {**form, "revision": "2", "retry.attempts": "", "retry.timeout_seconds": ""}
    )
    node = drafted(sessions).node("ask")
    assert node is not None
    assert node.retry is None


def test_a_form_that_shows_no_retries_leaves_them_as_they_are(trip: Browser, sessions: Sessions) -> None:
    change = '[{"op": "set_node", "target": "ask", "field": "retry", "value": {"attempts": 9}}]'
    trip.send("/processes/travel/edit", {"do": "apply", "revision": "1", "operations": change})
    trip.send("/processes/travel/edit", {"do": "save_node", "node": "ask", "name": "Boss", "revision": "2"})
    node = drafted(sessions).node("ask")
    assert node is not None
    assert (node.name, node.retry) == ("Boss", Retry(attempts=9))


def test_how_long_detached_branches_go_on_is_written_as_a_time(trip: Browser, sessions: Sessions) -> None:
    form = {"do": "save_process", "name": "Travel", "on_branch_failure": "cancel_all"}
    assert 'name="detached_timeout" value="1 d"' in trip.get("/processes/travel/inspect").text
    trip.send("/processes/travel/edit", {**form, "revision": "1", "detached_timeout": "36 h"})
    assert drafted(sessions).detached_timeout_seconds == 36 * 3600
    refused = trip.send("/processes/travel/edit", {**form, "revision": "2", "detached_timeout": "soon"})
    assert refused.status_code == 422
    assert "Please write a time such as 90 s" in html.unescape(refused.text)
