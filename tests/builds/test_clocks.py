"""Machines whose clocks are ten minutes apart: what time decides is decided by Postgres's, Redis's or Temporal's clock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from local.program import ROOT, Program
from rules.flag import AUTOMATED_REVIEW, Level
from rules.request import Status
from rules.rollout import State
from storage import build, flag, route, routing
from storage.audit import SYSTEM
from storage.database import now
from tests.builds.test_rollout import begin, look, until_carried
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

#: One machine is so far ahead, the other so far behind; the servers' clocks and the test's stand between.
APART = timedelta(minutes=5)
SLOW, FAST = -APART, APART


def environment_of(environment: dict[str, str], shift: timedelta) -> dict[str, str]:
    """What a process needs to see another time."""
    seconds = str(int(shift.total_seconds()))
    return {**environment, "PYTHONPATH": str(ROOT / "tests" / "clock"), "SHIFT_SECONDS": seconds}


def run(environment: dict[str, str], shift: timedelta, *command: str) -> str:
    """What a program says that ends by itself, on a machine whose clock goes so wrong."""
    env = environment_of(environment, shift)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def machines(yard: Yard, environment: dict[str, str]) -> Yard:
    """Build `one`, current, on the slow machine; the control worker and build `two` on the fast one."""
    yard.programs["control"].end()
    wanted = {
        "control": (FAST, ["control"]),
        "one": (SLOW, ["approvals", "--build", "one"]),
        "two": (FAST, ["approvals", "--build", "two"]),
    }
    for name, (shift, arguments) in wanted.items():
        command = [sys.executable, "worker.py", *arguments]
        yard.programs[name] = Program(name, command, environment_of(environment, shift), yard.room)
        yard.programs[name].start()
        if name == "one":
            yard.await_current("one")  # the first that comes is
    yard.until(lambda: live(yard), lambda found: found == {"one", "two"})
    return yard


def live(yard: Yard) -> frozenset[str]:
    with yard.desk.sessions.begin() as session:
        return build.live_builds(session)


def database_now(yard: Yard) -> datetime:
    with yard.desk.sessions.begin() as session:
        return now(session)


def let_review_end(yard: Yard, after: timedelta) -> datetime:
    """Switch the automated review on until so long from now; the end."""
    with yard.desk.sessions.begin() as session:
        until = now(session) + after
        wish = flag.Change(AUTOMATED_REVIEW, Level.EVERYONE, "", True, "for a while", until=until)
        flag.set_value(session, wish, SYSTEM)
    return until


def test_the_clocks_of_these_tests_are_really_wrong() -> None:
    asked = "import time, datetime as d; print(time.time(), d.datetime.now(d.UTC).timestamp())"
    for shift in (SLOW, FAST):
        for seen in run(dict(os.environ), shift, "-c", asked).split():
            wrong = datetime.fromtimestamp(float(seen), UTC) - datetime.now(UTC) - shift
            assert abs(wrong) < timedelta(minutes=1)


def a_flag_ends_on_both_at_once(yard: Yard) -> None:
    let_review_end(yard, APART / 2)
    for build_id in ("one", "two"):
        done = yard.await_status(yard.submit(held_on=build_id), Status.COMPLETED)
        assert done.auto_approved, f"on {build_id} the flag has not ended yet"
    ends_at = let_review_end(yard, timedelta(seconds=2))
    yard.until(lambda: database_now(yard), lambda at: at > ends_at)


def a_deadline_comes_when_it_is_due(yard: Yard) -> None:
    """The review is off by now, on both."""
    for build_id in ("one", "two"):
        before = database_now(yard)
        waiting = yard.submit(held_on=build_id)
        yard.await_status(waiting, Status.AWAITING_DECISION)
        [question] = yard.desk.decisions(waiting)
        assert before < question.asked_at < database_now(yard)
        assert question.deadline_at - question.asked_at == timedelta(days=7)
        yard.run(yard.desk.pass_time(waiting, timedelta(days=7) - APART / 2))
        assert yard.desk.look(waiting).status == Status.AWAITING_DECISION, f"on {build_id} it is not due yet"
        yard.run(yard.desk.pass_time(waiting, APART / 2))
        yard.await_status(waiting, Status.EXPIRED)


def in_window(yard: Yard, starts: timedelta, ends: timedelta) -> UUID:
    """A rule that sends Marketing to `two` between two moments."""
    at = database_now(yard)
    window = {"starts_at": (at + starts).isoformat(), "ends_at": (at + ends).isoformat()}
    content = {"name": "a while", "build": "two", "departments": ["marketing"], "window": window}
    with yard.desk.sessions.begin() as session:
        return routing.add_rule(session, content, SYSTEM, "for this test").id


def remove(yard: Yard, rule_id: UUID) -> None:
    with yard.desk.sessions.begin() as session:
        version = routing.by_id(session, rule_id).version
        routing.remove_rule(session, rule_id, SYSTEM, "for this test", replaces_version=version)


def a_window_opens_on_both_at_once(yard: Yard, environment: dict[str, str]) -> None:
    article, ana = yard.desk.article(), str(yard.desk.company.ana.id)

    def chosen_on(shift: timedelta) -> str | None:
        said = run(environment, shift, "-m", "tests.clock.submit", ana, article.host, article.asin)
        with yard.desk.sessions.begin() as session:
            found = route.of(session, UUID(said))
            assert found is not None
            return found.build

    half = APART / 2
    for starts, ends, wanted in ((-half, half, "two"), (-2 * half, -half, None), (half, 2 * half, None)):
        rule_id = in_window(yard, starts, ends)
        assert [chosen_on(shift) for shift in (SLOW, FAST)] == [wanted, wanted]
        remove(yard, rule_id)


def a_rollout_goes_on_its_figures(yard: Yard) -> None:
    row = begin(yard)
    until_carried(yard, row)
    requests = [yard.submit() for _ in range(4)]
    for request in requests:
        yard.await_status(request, Status.AWAITING_DECISION)
    yard.until(lambda: look(yard, row), lambda seen: seen.state == State.BAKE and seen.ready)


def test_what_time_decides_goes_right_on_machines_whose_clocks_are_ten_minutes_apart(
    machines: Yard, environment: dict[str, str]
) -> None:
    a_flag_ends_on_both_at_once(machines)
    a_deadline_comes_when_it_is_due(machines)
    a_window_opens_on_both_at_once(machines, environment)
    a_rollout_goes_on_its_figures(machines)
    machines.programs["two"].kill()
    machines.until(lambda: live(machines), lambda found: found == {"one"})
