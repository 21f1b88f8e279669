"""Where the small drills play: workers of the lifecycle on a stage, orders that are begun, watched and told.

Everything that it says of a run, it has read from Temporal: the history, or what the server says of a step under way.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client

from local.drills.history import Recorded, StepDone, Who, recorded, who
from local.drills.lifecycle import Journey, Order, Receipt
from local.drills.lifecycle_client import CannotStart, begin
from local.drills.lifecycle_worker import READY
from local.drills.stage import Stage, StageBroke
from local.drills.story import How, Story
from local.program import Program

#: How often a run is looked at while something is waited for.
LOOK_SECONDS: Final = 0.15
#: How long anything may take that the drill waits for; it ends a broken drill, it judges nothing.
PATIENCE_SECONDS: Final = 90.0


@dataclass(frozen=True)
class Attempt:
    """What the server says of a step that is under way or waits to be tried again.

    Attributes:
        number: of the attempt that runs, or, between two of them, of the next one.
        worker: who made the last attempt.
        runs: whether the attempt is being made now.
        trouble: how the attempt before went.
        wait: between the last attempt's end and the next one, to the tenth of a second: the server sets the next
            one in the moment in which it learns of the end.
    """

    step: str
    number: int
    worker: Who | None
    runs: bool
    trouble: str = ""
    wait: timedelta | None = None
    tried_again_at: datetime | None = None


@dataclass(frozen=True)
class Journal:
    """The steps that a worker began and those that it did, each as (order, step), by its own log."""

    begun: frozenset[tuple[str, str]]
    done: frozenset[tuple[str, str]]


def journal_of(words: str) -> Journal:
    """The same, read from the log."""
    return Journal(
        frozenset(re.findall(r" (\S+): (\w+) begins, attempt \d+$", words, re.MULTILINE)),
        frozenset(re.findall(r" (\S+): (\w+) is done$", words, re.MULTILINE)),
    )


def attempt_of(pending: PendingActivityInfo) -> Attempt:
    """The same as the server says it."""
    between = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED and pending.attempt > 1
    return Attempt(
        pending.activity_type.name,
        pending.attempt,
        who(pending.last_worker_identity) if pending.last_worker_identity else None,
        pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        pending.last_failure.message,
        _timedelta(pending.current_retry_interval) if between else None,
        pending.next_attempt_schedule_time.ToDatetime(UTC) if between else None,
    )


def _timedelta(given: Duration) -> timedelta:
    return timedelta(seconds=round(given.ToTimedelta().total_seconds(), 1))


class Warehouse:
    """The workers and orders of one drill."""

    def __init__(self, stage: Stage, story: Story, client: Client) -> None:
        self._stage = stage
        self._story = story
        self.client = client
        self._told: set[tuple[str, int]] = set()
        self._begun = 0

    # Workers

    async def hire(
        self, name: str, build: str = "", *, versioned: bool = False, fails: str = "", slots: int = 10
    ) -> Who:
        """Start a worker and wait until it serves. Raises StageBroke."""
        command = [sys.executable, "-m", "local.drills", "worker", "--name", name, "--slots", str(slots)]
        command += ["--build", build] if build else []
        command += [] if versioned else ["--unversioned"]
        command += ["--fails", fails] if fails else []
        await self._stage.start(name, command, READY)
        return Who(name, build, self._stage.pid(name))

    async def hire_all(self, *names: str, build: str = "", versioned: bool = False) -> None:
        """Several at once."""
        await asyncio.gather(*(self.hire(name, build, versioned=versioned) for name in names))

    async def dismiss(self, *names: str) -> None:
        """Ask workers to end, as a rollout or a scale-down does, and wait until they have ended by themselves."""
        programs = [self._stage.programs[name] for name in names]
        for program in programs:
            program.send(signal.SIGTERM)
        for program in programs:
            await asyncio.to_thread(_wait_for_end, program)

    def journal(self, name: str) -> Journal:
        """What a worker has written into its log about the steps that it began and did."""
        return journal_of(self._stage.programs[name].words)

    # Orders

    async def begin(self, order: Order, build: str = "", *, versioned: bool = False) -> str:
        """Begin a run and return its id; a build that has only just come up is waited for. Raises StageBroke."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                handle = await begin(self.client, order, build, versioned=versioned)
            except CannotStart as refused:
                if time.monotonic() > ends_at:
                    raise StageBroke(str(refused)) from refused
                await asyncio.sleep(LOOK_SECONDS)
            else:
                self._begun += 1
                return handle.id

    async def let_pass(self, step: str, *orders: str) -> None:
        """Let runs go past the step that they wait before."""
        for order in orders:
            await self.client.get_workflow_handle(order).signal("go_on", step)

    async def asked(self, order: str) -> list[Receipt]:
        """What a run remembers: a worker answers this from its memory, after replaying if it must."""
        handle = self.client.get_workflow_handle(order)
        receipts: list[Receipt] = await handle.query("receipts", result_type=list[Receipt])
        return receipts

    async def result(self, order: str) -> Journey:
        """Wait for the end of a run. Raises WorkflowFailureError."""
        journey: Journey = await self.client.get_workflow_handle(order, result_type=Journey).result()
        return journey

    async def known(self, *orders: str) -> tuple[Recorded, ...]:
        """What the server has written down of these runs."""
        return tuple([await recorded(self.client, order) for order in orders])

    async def attempts(self, order: str) -> list[Attempt]:
        """What the server says of the steps of a run that have not ended."""
        described = await self.client.get_workflow_handle(order).describe()
        return [attempt_of(pending) for pending in described.raw_description.pending_activities]

    # Waiting

    async def until(
        self, what: str, orders: Sequence[str], holds: Callable[[Recorded], bool], *, tell: bool = True
    ) -> tuple[Recorded, ...]:
        """Wait until this holds of every run, and tell each step as it is done. Raises StageBroke.

        Args:
            what: what is waited for, for the message if it never comes.
        """
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            runs = await self.known(*orders)
            if tell:
                self.tell(runs)
            if all(holds(run) for run in runs):
                return runs
            if time.monotonic() > ends_at:
                raise StageBroke(f"waited {PATIENCE_SECONDS:g} s in vain: {what}")
            await asyncio.sleep(LOOK_SECONDS)

    async def until_attempt(self, what: str, order: str, holds: Callable[[Attempt], bool]) -> Attempt:
        """Wait until a step that has not ended is like this. Raises StageBroke."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            for attempt in await self.attempts(order):
                if holds(attempt):
                    return attempt
            await asyncio.sleep(LOOK_SECONDS)
        raise StageBroke(f"waited {PATIENCE_SECONDS:g} s in vain: {what}")

    def tell(self, runs: Sequence[Recorded]) -> None:
        """Tell the steps that have been done since the last time, in the order in which they were."""
        new = [
            (step, run.workflow_id)
            for run in runs
            for step in run.steps
            if step.receipt and (run.workflow_id, step.event) not in self._told
        ]
        for step, order in sorted(new, key=_when):
            self._told.add((order, step.event))
            self._tell_step(step, order if self._begun > 1 else "")

    def _tell_step(self, step: StepDone, order: str) -> None:
        if step.worker is None:
            return
        receipt = f"receipt {step.receipt['number']}"
        note = f"{order}, {receipt}" if order else receipt
        self._story.ran(step.name, How.EXECUTED, str(step.worker), step.worker.build, step.attempt, note)


def _when(each: tuple[StepDone, str]) -> Any:
    return each[0].ended_at


def _wait_for_end(program: Program) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    pause = 0.05
    while program.runs:
        if time.monotonic() > ends_at:
            raise StageBroke(f"{program.name} does not end")
        time.sleep(pause)


async def open_warehouse(stage: Stage, story: Story) -> Warehouse:
    """Bring up what these drills need, which is Temporal and nothing else. Raises StageBroke."""
    return Warehouse(stage, story, await stage.start_temporal())
