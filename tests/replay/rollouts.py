"""What the control worker carries, played with processes: rollouts to every end, their gate, a planned time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from rules.gate_messages import SMOKE_RUN, gate_workflow_id
from rules.process_timetable_messages import PLANNED_START, schedule_id
from rules.request import Status
from rules.rollout import Plan, State, Step
from rules.rollout_command import Command
from storage import process_timetable
from storage.rollout import RolloutRow
from tests.builds.second_look import second_look
from tests.builds.test_rollout import LOOSE, PLAN, begin, look, open_two, tell, until, until_carried
from tests.builds.yard import Yard
from tests.process_samples import content, deployed

#: Names of histories -> the function that plays them; it returns their workflow ids in the same order.
Play = Callable[[Yard], tuple[str, ...]]
ROLLOUTS: Final[dict[tuple[str, ...], Play]] = {}

_STEPS: Final = tuple(
    Step(Decimal(share), ("marketing",), min_seconds=0, min_samples=2, max_seconds=600) for share in (50, 100)
)
TWO_STEPS: Final = Plan(_STEPS, bake_seconds=0, check_seconds=1, limits=LOOSE)


def records(*names: str) -> Callable[[Play], Play]:
    """Say under which names the histories of a play are kept."""

    def keep(play: Play) -> Play:
        ROLLOUTS[names] = play
        return play

    return keep


def _of(row: RolloutRow) -> str:
    return f"rollout-{row.id}"


def _smoke(yard: Yard) -> str:
    """The run that was tried on a build."""
    return _only(yard, SMOKE_RUN)


def _only(yard: Yard, workflow_type: str) -> str:
    """The one workflow of a type; the lists of the server lag behind it."""

    async def ids() -> list[str]:
        return [each.id async for each in yard.client.list_workflows(f"WorkflowType = '{workflow_type}'")]

    return yard.until(lambda: yard.run(ids()))[0]


def _begin(yard: Yard, plan: Plan = PLAN) -> RolloutRow:
    """A rollout whose gate is over: on a busy machine that takes longer than the yard waits for anything."""
    row = begin(yard, plan)
    gate = yard.client.get_workflow_handle(gate_workflow_id("two"))

    async def has_begun() -> bool:
        return bool([each async for each in yard.client.list_workflows(f"WorkflowId = '{gate.id}'")])

    yard.until(lambda: yard.run(has_begun()))
    yard.run(gate.result())
    return row


def _feed(yard: Yard, row: RolloutRow, *states: State) -> RolloutRow:
    """Let requests come until the rollout stands there, ready if it bakes."""

    def stands() -> RolloutRow:
        yard.await_status(yard.submit(), Status.COMPLETED)
        return look(yard, row)

    return yard.until(stands, lambda seen: seen.state in states and (seen.ready or seen.state != State.BAKE))


@records("rollout_promoted_after_two_steps", "gate_passed", "smoke_run")
def promoted(yard: Yard) -> tuple[str, ...]:
    open_two(yard)
    row = _begin(yard, TWO_STEPS)
    until_carried(yard, row)
    _feed(yard, row, State.BAKE)
    tell(yard, row, Command.PROMOTE, yard.desk.company.julia.id)
    yard.await_current("two")
    return _of(row), gate_workflow_id("two"), _smoke(yard)


@records("rollout_returned_by_evidence")
def returned(yard: Yard) -> tuple[str, ...]:
    place = "def place_order(self, given: OrderStep) -> OrderStepResult:"
    broken = f"{place}\n        raise RuntimeError('this build cannot place an order')"
    open_two(yard, (place, broken), path="activities/order.py")
    row = _begin(yard, replace(PLAN, limits={}))
    until_carried(yard, row)
    for _ in range(6):
        yard.submit()
    until(yard, row, State.RETURNED)
    return (_of(row),)


@records("rollout_aborted")
def aborted(yard: Yard) -> tuple[str, ...]:
    open_two(yard)
    row = _begin(yard)
    until_carried(yard, row)
    tell(yard, row, Command.ABORT, yard.desk.company.elena.id)
    until(yard, row, State.ABORTED)
    return (_of(row),)


@records("rollout_paused_resumed_and_promoted")
def paused(yard: Yard) -> tuple[str, ...]:
    open_two(yard)
    row = _begin(yard)
    until_carried(yard, row)
    tell(yard, row, Command.PAUSE, yard.desk.company.elena.id)
    yard.until(lambda: look(yard, row).checked_at != row.checked_at)
    tell(yard, row, Command.RESUME, yard.desk.company.elena.id)
    _feed(yard, row, State.BAKE)
    tell(yard, row, Command.PROMOTE, yard.desk.company.julia.id)
    yard.await_current("two")
    return (_of(row),)


@records("rollout_aborted_before_its_gate", "gate_shut")
def gate_not_passed(yard: Yard) -> tuple[str, ...]:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two", second_look(yard, "None"))
    yard.await_build("two")
    row = _begin(yard)
    until(yard, row, State.PAUSED)
    tell(yard, row, Command.ABORT, yard.desk.company.elena.id)
    until(yard, row, State.ABORTED)
    return _of(row), gate_workflow_id("two")


@records("planned_run_begun")
def planned(yard: Yard) -> tuple[str, ...]:
    company, sessions = yard.desk.company, yard.desk.sessions
    report = content("report", {"end": {"type": "end"}}, ">end")
    written = {
        "title": "Daily report", "process": "report", "cron": "0 9 * * *", "zone": "Europe/Madrid",
        "overlap": "skip", "catch_up_seconds": 3600, "input": {},
    }  # fmt: skip
    with sessions.begin() as session:
        deployed(session, company, report)
        timetable_id = process_timetable.create(session, written, company.elena.id, "for a test").id

    def in_line_with() -> int | None:
        with sessions.begin() as session:
            return process_timetable.by_id(session, timetable_id).in_line_with

    yard.until(in_line_with)
    yard.run(yard.client.get_schedule_handle(schedule_id(str(timetable_id))).trigger())
    return (_only(yard, PLANNED_START),)
