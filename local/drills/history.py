"""What Temporal wrote down of one run, read as facts: who did which step, who ran the workflow's code, which patches.

The verdicts of the small drills are built on this and not on what a drill believes it has done. Reads; asks nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, TaskQueueKind, VersioningBehavior
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

WORKER: Final = re.compile(r"(?P<name>.+)@(?P<build>[^@#]+)#(?P<pid>\d+)")
#: What the SDK puts behind a worker's signature to name the queue of what it has in its memory.
MEMORY: Final = re.compile(r"-[0-9a-f]{32}$")
#: The marker under which the SDK's core writes down a patch.
PATCH_MARKER: Final = "core_patch"


@dataclass(frozen=True, order=True)
class Who:
    """A worker as it signs its work: its name, the build that it says it is, its process."""

    name: str
    build: str
    pid: int

    def __str__(self) -> str:
        return self.name


def who(identity: str) -> Who:
    """The worker behind an identity of `lifecycle_worker.Post`. Raises ValueError for any other."""
    found = WORKER.fullmatch(identity)
    if found is None:
        raise ValueError(f"no worker of the drills signs as {identity!r}")
    build = found["build"]
    return Who(found["name"], "" if build == "-" else build, int(found["pid"]))


@dataclass(frozen=True)
class StepDone:
    """One activity of a run: its last attempt, as only this one stands in the history."""

    name: str
    event: int
    scheduled_at: datetime
    worker: Who | None = None
    attempt: int = 0
    trouble: str = ""
    """How the attempt before the last one went, in the server's words; empty where there was none."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    receipt: dict[str, Any] = field(default_factory=dict)
    """What it gave back; empty while it has not ended well."""
    refused: str = ""
    """Why it failed for good."""


@dataclass(frozen=True)
class Turn:
    """One workflow task: a worker ran the workflow's code until there was nothing more to do.

    Attributes:
        offered_to: the worker that had the run in its memory and was asked first; None where anybody was.
        worker: who took it; None while nobody has. Where nobody asks in the name of `offered_to` any more, it may be
            another one without a further entry in the history.
        build: of the deployment version that the server recorded, or, without versions, that the worker named.
        pinned: whether the server recorded that the run is to stay on this build.
        timed_out: nobody came for it, or whoever did never answered.
        trouble: why the code could not go on, such as a history that it cannot replay.
    """

    event: int
    scheduled_at: datetime
    offered_to: Who | None
    worker: Who | None = None
    build: str = ""
    pinned: bool = False
    timed_out: bool = False
    completed: bool = False
    trouble: str = ""

    @property
    def from_memory(self) -> bool:
        """Whether whoever took it went on from memory, without reading the history again."""
        return self.offered_to is not None and self.offered_to == self.worker


@dataclass(frozen=True)
class Recorded:
    """The history of one run, as far as it goes."""

    workflow_id: str
    steps: tuple[StepDone, ...]
    turns: tuple[Turn, ...]
    patches: tuple[str, ...]
    signalled_at: tuple[datetime, ...]
    held_on: str
    """The build that the run was started on by name; empty where it was not."""
    completed: bool
    failed: bool
    result: dict[str, Any]

    @property
    def receipts(self) -> tuple[dict[str, Any], ...]:
        """What the steps gave back, in their order."""
        return tuple(step.receipt for step in self.steps if step.receipt)

    def step(self, name: str) -> StepDone:
        """The step of this name. Raises KeyError."""
        return {step.name: step for step in self.steps}[name]

    def taken_over_by(self, worker: str) -> Turn | None:
        """The first turn of a worker that did not have the first one: it had to replay."""
        turns = [turn for turn in self.turns if turn.worker]
        if not turns or str(turns[0].worker) == worker:
            return None
        return next((turn for turn in turns if str(turn.worker) == worker), None)

    def replayed_at(self, turn: Turn) -> tuple[StepDone, ...]:
        """The steps whose results the code read from the history at this turn, since they were done before it."""
        return tuple(step for step in self.steps if step.receipt and step.event < turn.event)


async def recorded(client: Client, workflow_id: str) -> Recorded:
    """Fetch the history of a run and read it."""
    return read(await client.get_workflow_handle(workflow_id).fetch_history())


def read(history: WorkflowHistory) -> Recorded:
    """A history as facts."""
    reader = _Reader()
    for event in history.events:
        reader.take(event)
    return Recorded(
        history.workflow_id,
        tuple(reader.steps.values()),
        tuple(reader.turns.values()),
        tuple(reader.patches),
        tuple(reader.signalled_at),
        reader.held_on,
        reader.completed,
        reader.failed,
        reader.result,
    )


class _Reader:
    """Takes event after event; a step and a turn are known by the event that scheduled them."""

    def __init__(self) -> None:
        self.steps: dict[int, StepDone] = {}
        self.turns: dict[int, Turn] = {}
        self.patches: list[str] = []
        self.signalled_at: list[datetime] = []
        self.held_on = ""
        self.completed = self.failed = False
        self.result: dict[str, Any] = {}

    def take(self, event: HistoryEvent) -> None:
        """Read one event; those that say nothing of who did what are passed over."""
        read_as = {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: self._begun,
            EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: self._turn_offered,
            EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED: self._turn_taken,
            EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: self._turn_completed,
            EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: self._turn_timed_out,
            EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: self._turn_failed,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: self._step_offered,
            EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: self._step_taken,
            EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: self._step_completed,
            EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: self._step_refused,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: self._signalled,
            EventType.EVENT_TYPE_MARKER_RECORDED: self._marked,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: self._completed,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: self._failed,
        }.get(event.event_type)
        if read_as is not None:
            read_as(event)

    def _begun(self, event: HistoryEvent) -> None:
        override = event.workflow_execution_started_event_attributes.versioning_override
        self.held_on = override.pinned.version.build_id

    def _turn_offered(self, event: HistoryEvent) -> None:
        queue = event.workflow_task_scheduled_event_attributes.task_queue
        sticky = queue.kind == TaskQueueKind.TASK_QUEUE_KIND_STICKY
        offered_to = who(MEMORY.sub("", queue.name)) if sticky else None
        self.turns[event.event_id] = Turn(event.event_id, _at(event), offered_to)

    def _turn_taken(self, event: HistoryEvent) -> None:
        given = event.workflow_task_started_event_attributes
        self._set_turn(given.scheduled_event_id, worker=who(given.identity))

    def _turn_completed(self, event: HistoryEvent) -> None:
        given = event.workflow_task_completed_event_attributes
        build = given.deployment_version.build_id or given.worker_version.build_id
        pinned = given.versioning_behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
        self._set_turn(given.scheduled_event_id, build=build, pinned=pinned, completed=True)

    def _turn_timed_out(self, event: HistoryEvent) -> None:
        given = event.workflow_task_timed_out_event_attributes
        self._set_turn(given.scheduled_event_id, timed_out=True)

    def _turn_failed(self, event: HistoryEvent) -> None:
        given = event.workflow_task_failed_event_attributes
        self._set_turn(given.scheduled_event_id, trouble=given.failure.message)

    def _set_turn(self, number: int, **what: Any) -> None:
        self.turns[number] = replace(self.turns[number], **what)

    def _step_offered(self, event: HistoryEvent) -> None:
        given = event.activity_task_scheduled_event_attributes
        self.steps[event.event_id] = StepDone(given.activity_type.name, event.event_id, _at(event))

    def _step_taken(self, event: HistoryEvent) -> None:
        given = event.activity_task_started_event_attributes
        self._set_step(
            given.scheduled_event_id,
            worker=who(given.identity),
            attempt=given.attempt,
            trouble=given.last_failure.message,
            started_at=_at(event),
        )

    def _step_completed(self, event: HistoryEvent) -> None:
        given = event.activity_task_completed_event_attributes
        receipt = _value(given.result.payloads)
        self._set_step(given.scheduled_event_id, ended_at=_at(event), receipt=receipt)

    def _step_refused(self, event: HistoryEvent) -> None:
        given = event.activity_task_failed_event_attributes
        self._set_step(given.scheduled_event_id, ended_at=_at(event), refused=given.failure.message)

    def _set_step(self, number: int, **what: Any) -> None:
        self.steps[number] = replace(self.steps[number], **what)

    def _signalled(self, event: HistoryEvent) -> None:
        self.signalled_at.append(_at(event))

    def _marked(self, event: HistoryEvent) -> None:
        given = event.marker_recorded_event_attributes
        if given.marker_name == PATCH_MARKER:
            self.patches.extend(_patches(given.details["patch-data"].payloads))

    def _completed(self, event: HistoryEvent) -> None:
        self.completed = True
        self.result = _value(event.workflow_execution_completed_event_attributes.result.payloads)

    def _failed(self, event: HistoryEvent) -> None:
        self.failed = True


def _patches(payloads: Sequence[Payload]) -> Iterator[str]:
    for payload in payloads:
        yield json.loads(payload.data)["id"]


def _value(payloads: Sequence[Payload]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(payloads[0].data)
    return value


def _at(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(UTC)
