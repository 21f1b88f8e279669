"""What Postgres knows of builds: the control worker sees them come, live and die, and lets go of what was held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateways import temporal, temporal_builds, temporal_runs
from rules.build import BuildState
from rules.messages import PurchaseInput
from rules.request import Status
from storage import build as builds
from storage.build import BuildRouteRow, BuildRow
from storage.request import RequestRow
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

Sessions = sessionmaker[Session]


def row_of(sessions: Sessions, build_id: str) -> BuildRow | None:
    """What Postgres knows of a build."""
    with sessions.begin() as session:
        return session.get(BuildRow, build_id)


def live(sessions: Sessions) -> frozenset[str]:
    """The builds that count as alive."""
    with sessions.begin() as session:
        return builds.live_builds(session)


def route(sessions: Sessions) -> BuildRouteRow | None:
    """The route as Postgres knows it."""
    with sessions.begin() as session:
        return builds.route(session)


def test_a_build_is_written_down_with_its_commit_its_note_and_its_life(
    yard: Yard, sessions: Sessions
) -> None:
    program = yard.start_build("one", note="the first of all")
    yard.await_current("one")
    yard.until(lambda: live(sessions), lambda found: found == {"one"})
    row = yard.until(lambda: row_of(sessions, "one"), lambda found: found and found.workers and found.note)
    assert row is not None
    assert (row.state, row.note, row.workers) == (BuildState.CURRENT.value, "the first of all", 1)
    standing = route(sessions)
    assert standing is not None
    assert (standing.current, standing.ramping) == ("one", None)
    program.kill()
    yard.until(lambda: live(sessions), lambda found: not found)
    row = row_of(sessions, "one")
    assert row is not None
    assert row.state == BuildState.CURRENT.value, "the server goes on calling a dead build current"


def test_runs_are_counted_on_their_build(yard: Yard, sessions: Sessions) -> None:
    yard.start_build("one")
    yard.await_current("one")
    ended = yard.submit()
    waiting = yard.submit(dear=True)
    yard.await_status(ended, Status.COMPLETED)
    yard.await_status(waiting, Status.AWAITING_DECISION)
    # The server counts with a lag: the run that ended may be told a look later than the one that waits.
    yard.until(
        lambda: row_of(sessions, "one"),
        lambda found: found and (found.open_runs, found.finished_runs) == (1, 1),
    )


def _hold(yard: Yard, build_id: str) -> RequestRow:
    """A request whose run is held on a build, waiting for its manager."""
    return yard.await_status(yard.submit(dear=True, held_on=build_id), Status.AWAITING_DECISION)


def test_a_chosen_request_runs_on_the_canary_until_the_canary_is_for_everybody(
    yard: Yard, sessions: Sessions
) -> None:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two")
    yard.await_build("two")
    client = yard.client
    yard.run(temporal_builds.set_ramping(client, "two", Decimal(0)))
    chosen = _hold(yard, "two")
    plain = yard.submit()
    yard.await_status(plain, Status.COMPLETED)
    # The server counts with a lag.
    yard.until(lambda: yard.run(temporal_runs.count_runs(client, "one")), lambda runs: runs.finished == 1)
    yard.until(lambda: yard.run(temporal_runs.pinned_runs(client, "two")), lambda found: len(found) == 1)
    yard.run(temporal_builds.set_current(client, "two"))
    yard.until(lambda: yard.run(temporal_runs.pinned_runs(client, "two")), lambda found: not found)
    assert yard.desk.look(chosen).status == Status.AWAITING_DECISION.value
    yard.programs["two"].end()
    yard.run(temporal_builds.set_current(client, "one"))
    yard.desk.answer(chosen, "approve")
    yard.await_status(chosen, Status.COMPLETED)


def test_a_run_cannot_be_held_on_a_build_that_nobody_knows(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    given = PurchaseInput("1", "PR-1", "it", "2", "Ana", "Lamp", "1", "EUR")
    with pytest.raises(temporal.NoSuchBuild):
        yard.run(temporal.start_approval(yard.client, "purchase-1", given, "never-seen"))


def test_held_runs_move_to_another_build_in_one_batch_and_it_goes_on(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two")
    yard.await_build("two")
    yard.run(temporal_builds.set_ramping(yard.client, "two", Decimal(0)))
    chosen = _hold(yard, "two")
    yard.until(lambda: yard.run(temporal_runs.pinned_runs(yard.client, "two")), bool)
    yard.programs["two"].kill()
    job = yard.run(temporal_runs.move_held(yard.client, "two", "one", "two died"))
    assert job is not None
    assert yard.run(temporal_runs.await_batch(yard.client, job)) == (1, 0)
    yard.desk.answer(chosen, "approve")
    yard.await_status(chosen, Status.COMPLETED)
