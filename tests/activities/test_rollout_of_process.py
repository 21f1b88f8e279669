"""A rollout of a version of a process at its steps: tried, given to some, taken back, paused, deployed for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from activities.rollout import RolloutActivities
from activities.rollout_of_process import ProcessLever
from rules.messages import RolloutInput, RolloutLook
from rules.rollout import Act, Kind, Plan, State
from rules.rollout_command import Command
from storage import process, process_run, process_step, rollout
from storage.audit import Actor
from storage.process import ProcessVersionRow
from storage.rollout import RolloutRow
from tests.loop import ThreadRunner
from tests.process_samples import content, deployed, travel
from tests.storage.some_first import begin_process, checked, plan
from tests.workflows.desk import Desk


def within(desk: Desk, work: Callable[[Session], Any]) -> Any:
    with desk.sessions.begin() as session:
        return work(session)


class Machine:
    """The steps of one rollout, taken as its workflow takes them."""

    def __init__(self, desk: Desk, runner: ThreadRunner, row: RolloutRow) -> None:
        self._desk, self._runner, self.id = desk, runner, row.id
        levers = {Kind.PROCESS: ProcessLever(desk.sessions)}
        self._steps = RolloutActivities(desk.sessions, levers, "http://localhost", False)

    def go(self) -> RolloutRow:
        """Look and act until there is only to be watched; where it stands then."""
        given = RolloutInput(str(self.id))
        by_act = {
            Act.GATE: self._steps.pass_gate,
            Act.CARRY: self._steps.carry_share,
            Act.RETURN: self._steps.take_back,
            Act.PROMOTE: self._steps.make_stable,
        }

        async def look() -> RolloutLook:
            return await self._steps.look_at_rollout(given)

        while (act := Act(self._runner.run(look()).act)) not in (Act.WATCH, Act.END):

            async def act_on(step: Any = by_act[act]) -> None:
                await step(given)

            self._runner.run(act_on())
        found: RolloutRow = within(self._desk, lambda session: rollout.by_id(session, self.id))
        return found

    def tell(self, command: Command, by: Any) -> RolloutRow:
        """What a person tells it, and what comes of that."""
        within(self._desk, lambda session: rollout.command(session, self.id, command, by.id, "as it looks"))
        return self.go()

    def events(self) -> list[str]:
        rows = within(self._desk, lambda session: list(rollout.events(session, self.id)))
        return [each.event for each in rows]


@pytest.fixture
def second(desk: Desk) -> ProcessVersionRow:
    """Version 1 of a trip is deployed, version 2 is checked."""

    def made(session: Session) -> ProcessVersionRow:
        deployed(session, desk.company, travel())
        return checked(session, desk.company, travel(policy="all"))

    found: ProcessVersionRow = within(desk, made)
    return found


def machine(
    desk: Desk, runner: ThreadRunner, version: ProcessVersionRow, given: Plan | None = None
) -> Machine:
    row = within(desk, lambda session: begin_process(session, desk.company, version, given or plan("100")))
    return Machine(desk, runner, row)


def trip(desk: Desk) -> int:
    """The version that the next run follows."""
    julia = desk.company.julia.id

    def begun(session: Session) -> int:
        given = {"amount": "12.00", "requester": str(julia)}
        return process_run.begin(session, "travel", given, Actor.person(julia)).version

    found: int = within(desk, begun)
    return found


def test_it_is_given_to_some_after_its_gate_and_taken_back_at_once(
    desk: Desk, runner: ThreadRunner, second: ProcessVersionRow
) -> None:
    running = machine(desk, runner, second)
    assert trip(desk) == 1
    row = running.go()
    assert row.gate is not None
    assert (row.state, row.gate["passed"], row.gate["problems"]) == (State.STEP, True, [])
    assert trip(desk) == 2
    assert running.tell(Command.ABORT, desk.company.carla).state == State.ABORTED
    assert trip(desk) == 1
    assert running.events()[-1] == "taken_back"


def test_what_a_version_names_is_looked_at_again_at_its_gate(desk: Desk, runner: ThreadRunner) -> None:
    part = {"type": "sub_process", "config": {"process": "travel", "input": {"amount": "1"}}}
    nodes: dict[str, dict[str, Any]] = {"go": part, "end": {"type": "end"}}

    def made(session: Session) -> ProcessVersionRow:
        deployed(session, desk.company, travel())
        deployed(session, desk.company, content("fair", {"end": {"type": "end"}}, ">end"))
        version = checked(session, desk.company, content("fair", nodes, ">go, go>end"))
        process.retire(session, "travel", desk.company.carla.id, "nobody travels any more")
        return version

    row = machine(desk, runner, within(desk, made)).go()
    assert row.gate is not None
    assert (row.state, row.gate["passed"]) == (State.PAUSED, False)
    assert "The gate was not passed" in row.why
    assert row.gate["problems"]


def test_a_version_whose_scenarios_do_not_take_every_edge_does_not_pass_its_gate(
    desk: Desk, runner: ThreadRunner
) -> None:
    def made(session: Session) -> ProcessVersionRow:
        deployed(session, desk.company, travel())
        row = process.save_draft(session, "travel", travel(policy="all"), desk.company.elena.id, 0)
        return process.check(session, "travel", row.revision)[0]

    row = machine(desk, runner, within(desk, made)).go()
    assert row.gate is not None
    assert (row.state, row.gate["passed"]) == (State.PAUSED, False)
    assert "No scenario takes the edge Manager (no) → no." in row.gate["scenarios"].values()


def test_a_version_deployed_meanwhile_pauses_the_rollout_which_says_so(
    desk: Desk, runner: ThreadRunner
) -> None:
    def made(session: Session) -> ProcessVersionRow:
        deployed(session, desk.company, travel())
        deployed(session, desk.company, travel(policy="all"))
        process.deploy(session, "travel", 1, desk.company.carla.id, "the old one again")
        return process.version(session, "travel", 2)

    running = machine(desk, runner, within(desk, made))
    running.go()
    assert trip(desk) == 2
    within(desk, lambda session: deployed(session, desk.company, travel(policy="first")))
    assert trip(desk) == 3
    row = running.go()
    assert row.state == State.PAUSED
    assert "Version 3 was deployed after the rollout of version 2 began" in row.why


def through(running: Machine, by: Any) -> RolloutRow:
    """One person lets it through the bake and to all."""
    running.go()
    running.tell(Command.PROMOTE, by)
    return running.tell(Command.PROMOTE, by)


def test_promoted_it_is_deployed_for_all_by_who_promoted_it(
    desk: Desk, runner: ThreadRunner, second: ProcessVersionRow
) -> None:
    running = machine(desk, runner, second, plan("0"))
    row = through(running, desk.company.diego)
    assert (row.state, row.is_promoted_for_all) == (State.PROMOTED, True)
    standing = within(desk, lambda session: process.deployed(session, "travel"))
    assert (standing.version, standing.deployed_by) == (2, desk.company.diego.id)
    assert trip(desk) == 2


def test_promoted_by_who_wrote_it_it_pauses_and_says_why(
    desk: Desk, runner: ThreadRunner, second: ProcessVersionRow
) -> None:
    running = machine(desk, runner, second)
    row = through(running, desk.company.elena)
    assert (row.state, row.resumes) == (State.PAUSED, State.BAKE)
    assert "You wrote this version" in row.why
    assert within(desk, lambda session: process.deployed(session, "travel")).version == 1
    assert running.tell(Command.PROMOTE, desk.company.diego).is_promoted_for_all


def test_three_of_three_chosen_runs_that_failed_lead_back(
    desk: Desk, runner: ThreadRunner, second: ProcessVersionRow
) -> None:
    running = machine(desk, runner, second)
    running.go()

    def failed(session: Session) -> None:
        julia = desk.company.julia.id
        given = {"amount": "12.00", "requester": str(julia)}
        row = process_run.begin(session, "travel", given, Actor.person(julia))
        process_step.begin(session, row.id, "ask", 1, {})
        row.status = "failed"

    for _ in range(3):
        within(desk, failed)
    row = running.go()
    assert row.state == State.RETURNED
    assert "Ended with an error" in row.why
