"""Requests that wait while the build changes: they keep their branch, and a run that is stuck can be freed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateways import temporal_builds, temporal_pollers, temporal_runs
from gateways.temporal_pollers import QueueRoute
from rules.request import Status, workflow_id
from tests.builds.second_look import second_look, took_it
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole


def test_a_request_from_before_the_review_ends_on_the_old_branch_under_the_new_build(yard: Yard) -> None:
    before = yard.changed_code("before", "rules/patch.py", ("{REVIEW: None}", "{}"))
    yard.start_build("one", before)
    yard.await_current("one")
    old = yard.await_status(yard.submit(), Status.AWAITING_DECISION)
    yard.start_build("two")
    yard.await_build("two")
    yard.run(temporal_builds.set_current(yard.client, "two"))
    assert yard.run(temporal_pollers.await_route(yard.client, QueueRoute("two", None, Decimal(0)), 20)) == []
    new = yard.await_status(yard.submit(), Status.COMPLETED)
    yard.programs["one"].end()
    yard.desk.answer(old, "approve")
    yard.await_status(old, Status.COMPLETED)
    assert yard.desk.look(old).auto_approved is False
    assert yard.desk.look(new).auto_approved is True


def test_a_run_that_is_stuck_on_the_wrong_build_is_found_and_freed_without_waiting(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two", second_look(yard, "None"))
    yard.await_build("two")
    yard.run(temporal_builds.set_current(yard.client, "two"))
    taken = yard.until(
        lambda: yard.await_status(yard.submit(dear=True), Status.AWAITING_DECISION),
        lambda row: took_it(yard, row),
    )
    # The trap: a return to code that does not know the patch.
    yard.run(temporal_builds.set_current(yard.client, "one"))
    yard.programs["two"].kill()
    yard.desk.answer(taken, "approve")
    stuck = yard.until(lambda: yard.run(temporal_runs.stuck_runs(yard.client, "two")), bool)
    assert [each.workflow_id for each in stuck] == [workflow_id(taken.id)]
    yard.programs["two"].start()
    yard.run(temporal_runs.hold(yard.client, stuck[0].workflow_id, "two"))
    done, never = yard.run(
        temporal_runs.reset_stuck(yard.client, stuck, "back to the build that knows the patch")
    )
    assert (done, never) == ([workflow_id(taken.id)], [])
    yard.await_status(taken, Status.COMPLETED)
    assert len(yard.desk.ledger(taken)) == 1, "what ran again bought nothing twice"
