"""The published cases and made-up graphs on the real server: they come out as the pure scheduler says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from rules.process import Outcome
from rules.process_schedule import begin, report, start
from rules.process_state import NodeStatus, Result, Turn
from tests.servers import Servers
from tests.workflows.process_cases import AS_PLAYED, EVERY, Case, plain
from tests.workflows.process_hall import Hall
from tests.workflows.process_played import Played, stage, to_rest
from tests.workflows.process_played import played as played
from workflows import registry as workflow_registry


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_a_case_comes_out_on_the_server_as_the_scheduler_says(case: Case, played: Played) -> None:
    run = played.hall.look(played.runs[case.name])
    assert run.state is not None
    assert plain(run.state) in case.expected()
    assert run.status == run.state["result"]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_what_postgres_was_told_of_a_case_leads_to_the_same_state_again(case: Case, played: Played) -> None:
    run_id = played.runs[case.name]
    run, plan, rows = played.hall.look(run_id), case.plan, played.hall.steps(run_id)
    assert run.state is not None
    if any(row.status == NodeStatus.CANCELLED and row.node in run.state["errors"] for row in rows):
        return  # it was parked before it was called off, which its row no longer tells: another branch was slower
    state, step = start(plan)
    for row in rows:
        for turn in step.ready:
            begin(plan, state, turn)
        if row.status in (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.INCIDENT):
            outcome = _reported(case, row.node, row.iteration, row.outcome)
            step = report(plan, state, Turn(row.node, row.iteration), outcome, AS_PLAYED)
            assert step.accepted, (row.node, row.iteration)
    for turn in step.ready:
        begin(plan, state, turn)
    assert plain(state.to_content(plan)) == plain(run.state)


def _reported(case: Case, node: str, iteration: int, written: str) -> Outcome:
    """How a node ended, before what follows from it was drawn: a failure that is passed over counts as done."""
    listed = case.answers.get(node)
    said = listed[min(iteration, len(listed)) - 1] if listed else None
    return said or Outcome(written)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_whatever_was_skipped_says_which_edge_was_dead(case: Case, played: Played) -> None:
    for row in played.hall.steps(played.runs[case.name]):
        if row.status == NodeStatus.SKIPPED:
            assert row.why is not None
            assert row.why["dead"]
        else:
            assert row.why is None


def test_a_run_that_ended_is_no_longer_open_and_says_how() -> None:
    ends = {case.expected()[0]["result"] for case in EVERY}
    assert ends == {Result.OPEN.value, Result.COMPLETED.value, Result.FAILED.value}


@pytest.mark.whole
def test_runs_that_begin_anew_after_every_step_come_to_the_same_states(servers: Servers) -> None:
    # One after the other: a worker without memory forgets also a step that takes longer than a workflow task may (10 s).
    cases = EVERY[::3]

    async def one_by_one(opening: Callable[[], AbstractAsyncContextManager[Hall]]) -> None:
        async with (
            opening() as hall,
            hall.worker(hall.executors(played=True), workflow_registry.fast(), remembers=0),
        ):
            for number, case in enumerate(cases):
                run_id = await hall.play(f"anew-{number}", case.process, case.answers)
                await to_rest(hall, run_id, case)
                state = hall.look(run_id).state
                assert state is not None
                assert plain(state) in case.expected(), case.name

    with stage(servers) as (runner, opening):
        runner.run(one_by_one(opening))
