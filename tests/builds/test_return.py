"""The way back on the real server: under load, by hand with nothing but Temporal, and where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import datetime

import pytest
from sqlalchemy import text

from gateways import temporal_builds
from rules.build_return import NoWayBack
from rules.request import ENDED, Status
from rules.rollout import State
from storage import build, build_return
from storage.audit import Actor
from storage.build_return import BuildReturnRow
from storage.request import RequestRow
from tests.builds.test_rollout import begin, open_two, until, until_carried
from tests.builds.yard import Yard
from tests.processes import ROOT

#: So many requests are on their way while the build is taken back.
LOAD = 60


def go_back(yard: Yard, *, freeze_only: bool = False) -> BuildReturnRow:
    with yard.desk.sessions.begin() as session:
        elena = Actor.person(yard.desk.company.elena.id)
        return build_return.ask(session, "two", "for this test", elena, freeze_only=freeze_only)


def until_done(yard: Yard, asked: BuildReturnRow, *states: str) -> BuildReturnRow:
    def look() -> BuildReturnRow:
        with yard.desk.sessions.begin() as session:
            return build_return.by_id(session, asked.id)

    return yard.until(look, lambda row: row.state in states)


def starts_on_two_after(yard: Yard, at: datetime) -> list[str]:
    """Requests submitted after a moment that ever had a stage on build `two`."""
    with yard.desk.sessions.begin() as session:
        query = text(
            "SELECT DISTINCT number FROM request JOIN outcome ON outcome.request_id = request.id"
            " WHERE outcome.build_id = 'two' AND request.submitted_at > :at"
        )
        return list(session.scalars(query, {"at": at}))


def test_a_return_under_load_loses_nothing_and_sends_nothing_new_there(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    requests: list[RequestRow] = [yard.submit() for _ in range(LOAD // 2)]
    waiting = yard.submit(dear=True)
    yard.await_status(waiting, Status.AWAITING_DECISION)
    asked = go_back(yard)
    requests += [yard.submit() for _ in range(LOAD // 2)]
    done = until_done(yard, asked, build_return.DONE)
    assert done.why == ""
    assert done.report["stable"] == "one"
    assert done.report["late_queues"] == []
    assert done.routed_at is not None
    yard.desk.answer(waiting, "approve")
    ends = Counter(yard.await_status(each, *ENDED).status for each in [*requests, waiting])
    assert ends == {Status.COMPLETED: LOAD + 1}
    assert [len(yard.desk.ledger(each)) for each in requests] == [1] * LOAD
    assert starts_on_two_after(yard, done.asked_at) == []
    until(yard, row, State.RETURNED)


def test_a_return_by_hand_needs_neither_postgres_nor_redis(yard: Yard, environment: dict[str, str]) -> None:
    open_two(yard)
    yard.run(temporal_builds.set_current(yard.client, "two"))
    nothing = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-m", "activities.emergency_return", "--reason", "it eats orders"]
    env = {**os.environ, **environment, **nothing, "MIGRATION_DATABASE_URL": nothing["DATABASE_URL"]}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
        )

    said = run("two")
    assert said.returncode == 0, said.stderr
    assert "New requests go to one (current set)" in said.stdout
    assert yard.deployment().route.current == "one"
    again = run("two")
    assert again.returncode == 0, "it may be repeated"
    assert "as before" in again.stdout
    unknown = run("nope")
    assert unknown.returncode == 1


def test_where_the_old_build_is_dead_nothing_changes_and_a_freeze_is_offered(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    yard.programs["one"].kill()

    def live() -> frozenset[str]:
        with yard.desk.sessions.begin() as session:
            return build.live_builds(session)

    yard.until(live, lambda found: "one" not in found)
    with pytest.raises(NoWayBack, match="freeze two"):
        go_back(yard)
    assert yard.deployment().route.ramping == "two"
    frozen = until_done(yard, go_back(yard, freeze_only=True), build_return.DONE)
    assert frozen.freeze_only
    assert yard.deployment().route.ramping is None
    yard.programs["one"].start()
    later = yard.submit()
    yard.await_status(later, Status.COMPLETED)
