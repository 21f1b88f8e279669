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
from local.program import ROOT
from rules.build_return import NoWayBack
from rules.messages import APPROVALS_DEPLOYMENT
from rules.request import ENDED, Status
from rules.rollout import State
from storage import build, build_return
from storage.audit import Actor
from storage.build_return import BuildReturnRow
from tests.builds.test_rollout import begin, open_two, until, until_carried
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

#: So many requests are on their way while the build is taken back: for people, and in the middle of a step.
WAITING, IN_STEPS = 160, 40


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


def last_start_on_two(yard: Yard) -> datetime:
    """When the newest request that ever ran on `two` was started, as the server lists it."""

    async def starts() -> list[datetime]:
        used = f"TemporalUsedWorkerDeploymentVersions = '{APPROVALS_DEPLOYMENT}:two'"
        used = f"WorkflowType = 'PurchaseApproval' AND {used}"
        return [each.start_time async for each in yard.client.list_workflows(used)]

    return max(yard.run(starts()))


@pytest.mark.timeout(400)  # two hundred approvals, on a machine that may be busy with other tests
def test_a_return_while_200_requests_run_loses_nothing_and_sends_nothing_new_there(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    dear, cheap = yard.desk.article(dearer_than=500, cheaper_than=2500), yard.desk.article()
    waiting = [yard.desk.submit(dear) for _ in range(WAITING)]
    for each in waiting:
        yard.await_status(each, Status.AWAITING_DECISION)
    in_steps = [yard.desk.submit(cheap) for _ in range(IN_STEPS // 2)]
    asked = go_back(yard)
    in_steps += [yard.desk.submit(cheap) for _ in range(IN_STEPS // 2)]
    done = until_done(yard, asked, build_return.DONE)
    assert done.why == ""
    assert done.report["stable"] == "one"
    assert done.report["late_queues"] == []
    assert done.routed_at is not None
    assert datetime.fromisoformat(done.report["last_start_at"]) == last_start_on_two(yard)
    # A busy Temporal may change the route for a call that it did not answer in time: then no clock tells.
    assert isinstance(done.report["last_start_ms"], int) == bool(done.report["changed"])
    for each in waiting:
        yard.desk.answer(each, "approve")
    everything = [*waiting, *in_steps]
    ends = Counter(yard.await_status(each, *ENDED).status for each in everything)
    assert ends == {Status.COMPLETED: WAITING + IN_STEPS}
    ordered = Counter(str(entry["external_id"]) for entry in yard.desk.ledger())
    assert len(ordered) == len(everything)
    assert set(ordered.values()) == {1}
    assert all(any(each.id.hex in key for key in ordered) for each in everything)
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
