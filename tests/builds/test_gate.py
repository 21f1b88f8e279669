"""The gate on the real server: good builds pass, and bad ones are told apart by what they would break."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateways import temporal_gate
from rules.gate import Gate, Smoke
from rules.request import Status, workflow_id
from storage import build as builds
from tests.builds.second_look import second_look
from tests.builds.yard import Yard
from tests.checking.loading import read_runs

pytestmark = pytest.mark.whole

WORKFLOW = "workflows/purchase_approval.py"


def pass_gate(yard: Yard, sessions: sessionmaker[Session], build_id: str) -> Gate:
    """What the gate of a build finds, as it is kept."""
    result = yard.run(temporal_gate.run_gate(yard.client, build_id))
    with sessions.begin() as session:
        row = builds.by_id(session, build_id)
    assert row.gate is not None
    gate = Gate.from_json(row.gate)
    assert (
        (result.passed, result.reasons)
        == (gate.passed, list(gate.reasons))
        == (row.gate_passed, result.reasons)
    )
    return gate


def begin(yard: Yard) -> str:
    """A first build with one request that has ended and one that waits; the id of the waiting one's run."""
    yard.start_build("one")
    yard.await_current("one")
    ended, waiting = yard.submit(), yard.submit(dear=True)
    yard.await_status(ended, Status.COMPLETED)
    yard.await_status(waiting, Status.AWAITING_DECISION)
    listed = "WorkflowType = 'PurchaseApproval' AND `Status` IN ('completed', 'awaiting_decision')"
    yard.until(lambda: yard.run(yard.client.count_workflows(listed)).count, lambda count: count == 2)
    return workflow_id(waiting.id)


def test_a_build_that_changes_nothing_passes_and_leaves_nothing_behind(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    waiting = begin(yard)
    yard.start_build("two")
    yard.await_build("two")
    gate = pass_gate(yard, sessions, "two")
    assert gate.reasons == ()
    assert gate.current == "one"
    assert gate.forward is not None
    assert (gate.forward.code, gate.forward.count) == ("two", 2)
    assert gate.back is not None
    assert gate.back.code == "one"
    assert gate.back.count >= 6, "every script of the rehearsal is replayed"
    assert gate.smoke is not None
    assert gate.smoke.seconds is not None
    assert yard.deployment().route.current == "one"
    left = "ExecutionStatus = 'Running' AND TaskQueue != 'approvals'"
    yard.until(lambda: yard.run(yard.client.count_workflows(left)).count, lambda count: count == 0)
    found = {run.workflow_id: run.status for run in yard.run(read_runs(yard.client))}
    assert len(found) == 2, "the checker of the books takes no rehearsal for a request"
    assert found[waiting] == "RUNNING"


def test_code_that_breaks_waiting_requests_is_refused_with_run_event_and_reason(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    waiting = begin(yard)
    unchecked = yard.changed_code(
        "unchecked",
        WORKFLOW,
        ("self._note(await steps.validate_product(self._request))", 'ReviewStepResult("in_review")'),
    )
    yard.start_build("two", unchecked)
    yard.await_build("two")
    gate = pass_gate(yard, sessions, "two")
    assert gate.forward is not None
    failure = next(each for each in gate.forward.failures if each.workflow_id == waiting)
    assert failure.event > 0
    assert failure.reason
    assert any(waiting in reason for reason in gate.reasons)


def test_code_from_which_there_is_no_way_back_is_refused_although_it_replays_everything(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    begin(yard)
    yard.start_build("two", second_look(yard, "None"))
    yard.await_build("two")
    gate = pass_gate(yard, sessions, "two")
    assert gate.forward is not None
    assert gate.forward.failures == ()
    assert gate.back is not None
    assert len(gate.back.failures) == gate.back.count, "every run of the new build takes the patch"
    assert all(each.event > 0 for each in gate.back.failures)


def test_the_same_patch_passes_while_it_is_switched_on_for_nobody(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    begin(yard)
    yard.start_build("two", second_look(yard, "SECOND_LOOK"))
    yard.await_build("two")
    assert pass_gate(yard, sessions, "two").reasons == ()


def test_a_build_without_a_living_worker_is_refused_at_once(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    begin(yard)
    program = yard.start_build("two")
    yard.await_build("two")
    program.kill()
    gate = pass_gate(yard, sessions, "two")
    assert gate.unserved == ("approvals (workflow)", "approvals (activity)")
    assert gate.reasons
    assert gate.smoke is None


def test_a_build_that_cannot_work_does_not_come_through_its_run(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    begin(yard)
    broken = yard.changed_code(
        "broken",
        "activities/replay.py",
        ("SELECT version_num FROM alembic_version", "SELECT version FROM nowhere"),
    )
    yard.start_build("two", broken)
    yard.await_build("two")
    gate = pass_gate(yard, sessions, "two")
    assert gate.smoke is not None
    assert isinstance(gate.smoke, Smoke)
    assert gate.smoke.seconds is None
    assert [reason for reason in gate.reasons if "did not come through" in reason]
