"""Drill: two builds side by side in one deployment, and runs that are held on one of them from beginning to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client

from local.drills.catalogue import Pace
from local.drills.history import Recorded
from local.drills.lifecycle import DEPLOYMENT, PHOTOGRAPH, VERSIONED_QUEUE, Order
from local.drills.stage import Stage, StageBroke
from local.drills.story import Check, Story, Verdict, judged
from local.drills.warehouse import LOOK_SECONDS, PATIENCE_SECONDS, Warehouse, open_warehouse

BUILDS: Final = ("A", "B")
LATE: Final = "ship"

LESSON: Final = (
    "A run that is held on a build meets no other code, whatever is rolled out meanwhile. The price: the workers of a "
    "build must stay until its last run has ended, and if they are gone, the run waits without a sound. So somebody "
    "has to count what is open on each build, and to watch that its workers live. Vistobueno's pages do both."
)


@dataclass(frozen=True)
class Facts:
    """What was found out.

    Attributes:
        wanted: for each run the build that it was to stay on.
        named: the runs that were started on a build by name.
        alone: the run whose build had no worker for a while; others ended meanwhile on the other build.
        meanwhile: a run of the other build that began and ended in that time.
    """

    wanted: Mapping[str, str]
    runs: tuple[Recorded, ...]
    named: frozenset[str]
    alone: str
    meanwhile: str

    def run(self, workflow_id: str) -> Recorded:
        """The run of this id. Raises KeyError."""
        return {run.workflow_id: run for run in self.runs}[workflow_id]


def judge(facts: Facts) -> Verdict:
    """The verdict, from facts alone."""
    runs = facts.runs
    unnamed = [run for run in runs if run.workflow_id not in facts.named]
    return judged(
        LESSON,
        Check(
            "Runs were started on each build by name",
            {run.held_on for run in runs if run.workflow_id in facts.named} == set(BUILDS)
            and all(run.held_on == facts.wanted[run.workflow_id] for run in runs if run.held_on),
            "; ".join(f"{run.workflow_id}: {run.held_on}" for run in runs if run.held_on) or "none",
        ),
        Check(
            "Every step of a run was done by a worker of its own build",
            all(_steps_on(run) == {facts.wanted[run.workflow_id]} for run in runs),
            "; ".join(
                f"{run.workflow_id}: {len(run.steps)} steps on {_said(_steps_on(run))}" for run in runs
            ),
        ),
        Check(
            "Every turn of a run's own code was taken there, too, and the server has it down as pinned",
            all(_turns_on(run) == {(facts.wanted[run.workflow_id], True)} for run in runs),
            "; ".join(
                f"{run.workflow_id}: {sum(turn.completed for turn in run.turns)} turns on "
                f"{_said({build for build, _ in _turns_on(run)})}"
                for run in runs
            ),
        ),
        Check(
            "Only the runs of the newer build know its new step",
            all((PHOTOGRAPH in _names(run)) == (facts.wanted[run.workflow_id] == "B") for run in runs),
            "; ".join(f"{run.workflow_id}: {len(run.steps)} steps" for run in runs),
        ),
        Check(
            "Without a name a run gets the build that is current as it begins, and stays there",
            [_steps_on(run) for run in unnamed] == [{build} for build in BUILDS],
            "; ".join(f"{run.workflow_id}: {_said(_steps_on(run))}" for run in unnamed) or "none",
        ),
        Check(
            "A run whose build had no worker waited for it, while the other build went on",
            _waited(facts.run(facts.alone), facts.run(facts.meanwhile)),
            f"{facts.alone} was told to go on; then {facts.meanwhile} began and ended; then came {LATE} of {facts.alone}",
        ),
        Check(
            "All runs ended",
            bool(runs) and all(run.completed for run in runs),
            f"{sum(run.completed for run in runs)} of {len(runs)}",
        ),
    )


def _steps_on(run: Recorded) -> set[str]:
    return {step.worker.build for step in run.steps if step.worker}


def _turns_on(run: Recorded) -> set[tuple[str, bool]]:
    return {(turn.build, turn.pinned) for turn in run.turns if turn.completed}


def _names(run: Recorded) -> list[str]:
    return [step.name for step in run.steps]


def _said(builds: set[str]) -> str:
    return ", ".join(sorted(builds)) or "none"


def _waited(alone: Recorded, meanwhile: Recorded) -> bool:
    """Whether one run was begun and ended between the word to the other to go on and its next step."""
    late = next((step for step in alone.steps if step.name == LATE), None)
    ends = [step.ended_at for step in meanwhile.steps if step.ended_at]
    if late is None or late.started_at is None or not (ends and meanwhile.turns and alone.signalled_at):
        return False
    return alone.signalled_at[-1] < meanwhile.turns[0].scheduled_at and max(ends) < late.started_at


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Do it and tell it."""
    warehouse = await open_warehouse(stage, story)
    seconds = pace.choose(quick=0.15, long=1.5)
    of_each = pace.choose(quick=1, long=3)
    wanted = await _by_name(story, warehouse, of_each, seconds)
    named = frozenset(wanted)
    wanted |= await _by_route(story, warehouse, len(wanted), seconds)
    alone, meanwhile = await _alone(story, stage, warehouse, len(wanted), seconds)
    wanted |= {alone: "A", meanwhile: "B"}
    runs = await warehouse.known(*wanted)
    facts = Facts(wanted, runs, named | {alone, meanwhile}, alone, meanwhile)
    _look_back(story, facts)
    await story.let_read()
    return judge(facts)


async def _by_name(story: Story, warehouse: Warehouse, of_each: int, seconds: float) -> dict[str, str]:
    story.chapter("Started by name")
    story.next(
        "Two workers are started on one queue: a-1 with build A, b-1 with build B. This time they tell the server so: "
        f"they belong to a deployment, “{DEPLOYMENT}”, and each is a version of it. Then orders are begun, in turn on A "
        "and on B, by name."
    )
    story.why(
        "Build B does one step more than build A. In the drill “coexistence” such a change had to be made with care, as "
        "a run could meet both. Here it may not meet both: the server gives the work of a run only to workers of its "
        "own build."
    )
    await story.let_read()
    await warehouse.hire("a-1", "A", versioned=True)
    await warehouse.hire("b-1", "B", versioned=True)
    wanted: dict[str, str] = {}
    for _ in range(of_each):
        for build in BUILDS:
            number = f"order-{len(wanted) + 1}"
            order = Order(number, step_seconds=seconds, hold_before=("reserve",), patient=True)
            wanted[await warehouse.begin(order, build)] = build
    await warehouse.let_pass("reserve", *wanted)
    await warehouse.until("the end of all runs", list(wanted), lambda run: run.completed)
    story.happened("Same queue, same moment, and no order has met the other build.")
    await story.let_read()
    return wanted


async def _by_route(story: Story, warehouse: Warehouse, begun: int, seconds: float) -> dict[str, str]:
    story.chapter("Started without a name")
    story.next(
        "Mostly nobody names a build. Then the server's route decides: the current version of the deployment. We make A "
        "current and begin an order; while it is under way, B becomes current, and another order is begun."
    )
    await story.let_read()
    first, second = (f"order-{begun + number}" for number in (1, 2))
    await _make_current(warehouse, "A")
    await warehouse.begin(
        Order(first, step_seconds=seconds, hold_before=(LATE,), patient=True), versioned=True
    )
    await warehouse.until("the first steps", [first], lambda run: len(run.receipts) >= 4)
    await _make_current(warehouse, "B")
    await warehouse.begin(Order(second, step_seconds=seconds, patient=True), versioned=True)
    await warehouse.until("the end of the second", [second], lambda run: run.completed)
    await warehouse.let_pass(LATE, first)
    await warehouse.until("the end of the first", [first], lambda run: run.completed)
    story.happened(
        f"{first} began while A was current and ended on A, although B was current by then. {second} got B. A change of "
        "the route is felt by what begins after it, and by nothing else."
    )
    await story.let_read()
    return {first: "A", second: "B"}


async def _make_current(warehouse: Warehouse, build: str) -> None:
    """Let new runs go to this build; returns when one that begins now gets it."""
    client = warehouse.client
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build, identity="drill"
        )
    )
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while await _current(client) != build:
        if time.monotonic() > ends_at:
            raise StageBroke(f"build {build} does not become current")
        await asyncio.sleep(LOOK_SECONDS)


async def _current(client: Client) -> str:
    """Where the queue itself sends new work: the deployment knows of a change before its queues do."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=VERSIONED_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return answer.versioning_info.current_deployment_version.build_id


async def _alone(
    story: Story, stage: Stage, warehouse: Warehouse, begun: int, seconds: float
) -> tuple[str, str]:
    story.chapter("What if nobody of the build is left?")
    story.next(
        f"One more order is held on A; before {LATE} it waits. Then the only worker of A is killed, and the order is "
        "told to go on. A worker of B is there and has nothing to do."
    )
    await story.let_read()
    alone, meanwhile = (f"order-{begun + number}" for number in (1, 2))
    await warehouse.begin(Order(alone, step_seconds=seconds, hold_before=(LATE,), patient=True), "A")
    await warehouse.until("the first steps", [alone], lambda run: len(run.receipts) >= 4)
    await stage.kill("a-1")
    await warehouse.let_pass(LATE, alone)
    await warehouse.begin(Order(meanwhile, step_seconds=seconds, patient=True), "B")
    await warehouse.until("an order of B", [meanwhile], lambda run: run.completed)
    story.happened(
        f"{meanwhile}, on B, was begun and is done. {alone} has not moved: no error, no alarm, it waits. The server "
        "would rather wait for ever than let the wrong code touch it."
    )
    story.next("Another worker of A is started.")
    await story.let_read()
    await warehouse.hire("a-2", "A", versioned=True)
    await warehouse.until("the end of the order on A", [alone], lambda run: run.completed)
    story.happened(f"{alone} has gone on where it stood, and ended.")
    await story.let_read()
    return alone, meanwhile


def _look_back(story: Story, facts: Facts) -> None:
    story.chapter("Who did what")
    steps: Sequence[str] = _names(facts.run(facts.meanwhile))
    rows = [
        [
            run.workflow_id,
            facts.wanted[run.workflow_id],
            *(next((str(one.worker) for one in run.steps if one.name == step), "–") for step in steps),
        ]
        for run in facts.runs
    ]
    story.table("The worker of each step: no row has two builds", ["order", "build", *steps], rows)
