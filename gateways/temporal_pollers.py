"""Who asks Temporal for work: per build and task queue. Knows why the server's own word on it is not enough.

The server makes a build current whose workers have all died. A poll is remembered for minutes, and an idle worker
polls once a minute only; a worker's heartbeat comes every other second, but by the worker's own clock. So a
heartbeat is never compared with a clock: it counts when it changes while we look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueVersioningInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkerDeploymentVersionRequest,
    ListWorkersRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import CALL_SECONDS
from rules.build import HEARTBEAT
from rules.messages import APPROVALS_DEPLOYMENT, APPROVALS_QUEUE

WORKFLOWS: Final = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES: Final = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY

#: How often a change is looked for while waiting for one.
LOOK_SECONDS: Final = 0.1
#: So many workers are listed at once; more belong to another kind of company.
MOST_WORKERS: Final = 1000


@dataclass(frozen=True, order=True)
class Queue:
    """A task queue and what is fetched from it: `workflow` or `activity`."""

    name: str
    kind: str


#: What every build has to serve, whether or not it has told the server yet.
QUEUES: Final = (Queue(APPROVALS_QUEUE, "workflow"), Queue(APPROVALS_QUEUE, "activity"))


@dataclass(frozen=True)
class Poller:
    """A worker that asked for work; `last_poll_at` is the server's time, in UTC."""

    queue: Queue
    build_id: str
    identity: str
    last_poll_at: datetime


@dataclass(frozen=True)
class QueueRoute:
    """Where one queue sends new work: what the matching engine does, not what it has been told."""

    current: str | None
    ramping: str | None
    percent: Decimal


@dataclass(frozen=True)
class Backlog:
    """What waits for a build on one queue."""

    queue: Queue
    count: int
    age: timedelta


async def pollers(client: Client, timeout: timedelta = CALL_SECONDS) -> tuple[Poller, ...]:
    """Every worker of the deployment that asked for approvals within the last minutes. Raises RPCError."""
    answers = await _describe_queues(client, timeout)
    return tuple(
        Poller(queue, each.deployment_options.build_id, each.identity, each.last_access_time.ToDatetime(UTC))
        for queue, answer in answers.items()
        for each in answer.pollers
        if each.deployment_options.deployment_name == APPROVALS_DEPLOYMENT
    )


def last_polls(found: tuple[Poller, ...], build_id: str) -> dict[Queue, datetime | None]:
    """Queue -> when a worker of the build last asked it, None where none did."""
    return {
        queue: max(
            (each.last_poll_at for each in found if each.queue == queue and each.build_id == build_id),
            default=None,
        )
        for queue in QUEUES
    }


async def routes(client: Client, timeout: timedelta = CALL_SECONDS) -> dict[Queue, QueueRoute]:
    """Queue -> where it really sends new work; 0.4 s after a change as a rule. Raises RPCError."""
    answers = await _describe_queues(client, timeout)
    return {queue: _queue_route(answer.versioning_info) for queue, answer in answers.items()}


def _queue_route(info: TaskQueueVersioningInfo) -> QueueRoute:
    return QueueRoute(
        info.current_deployment_version.build_id or None,
        info.ramping_deployment_version.build_id or None,
        Decimal(str(round(info.ramping_version_percentage, 3))).normalize() + 0,
    )


async def await_route(client: Client, wanted: QueueRoute, within_seconds: float = 5.0) -> list[Queue]:
    """Wait until every queue sends new work that way; the queues that do not after `within_seconds`.

    Never waits for the server's own word that a change is complete: it may never come.
    """
    late: list[Queue] = list(QUEUES)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + within_seconds
    while True:
        found = await routes(client)
        late = [queue for queue in QUEUES if found[queue] != wanted]
        if not late or loop.time() >= ends_at:
            return late
        await asyncio.sleep(LOOK_SECONDS)


async def heartbeats(client: Client, timeout: timedelta = CALL_SECONDS) -> dict[str, Mapping[str, datetime]]:
    """Build id -> worker -> its last heartbeat by its own clock, of those that ask both queues for approvals.

    Empty where the server keeps no heartbeats. Raises RPCError.
    """
    try:
        answer = await client.workflow_service.list_workers(
            ListWorkersRequest(namespace=client.namespace, page_size=MOST_WORKERS), timeout=timeout
        )
    except RPCError as error:
        if error.status in {RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.INVALID_ARGUMENT}:
            return {}
        raise
    found: dict[str, dict[str, datetime]] = {}
    for each in answer.workers_info:
        beat = each.worker_heartbeat
        version = beat.deployment_version
        asks = beat.workflow_poller_info.current_pollers and beat.activity_poller_info.current_pollers
        if beat.status != WorkerStatus.WORKER_STATUS_RUNNING or not asks:
            continue
        if version.deployment_name == APPROVALS_DEPLOYMENT and beat.task_queue == APPROVALS_QUEUE:
            workers = found.setdefault(version.build_id, {})
            workers[beat.worker_instance_key] = beat.heartbeat_time.ToDatetime(UTC)
    return dict(found)


async def await_life(client: Client, build_id: str, within_seconds: float | None = None) -> bool:
    """Whether a worker of the build gives a sign of life while we look: a heartbeat or a poll that is new.

    Args:
        within_seconds: two heartbeats by default.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + (within_seconds or 2 * HEARTBEAT.total_seconds() + 0.5)
    before = await _signs(client, build_id)
    while loop.time() < ends_at:
        await asyncio.sleep(LOOK_SECONDS)
        now = await _signs(client, build_id)
        if any(before.get(worker) != sign for worker, sign in now.items()):
            return True
    return False


async def unserved(client: Client, build_id: str) -> list[Queue]:
    """The queues that no living worker of the build asks; takes as long as a few heartbeats. Raises RPCError."""
    if not await await_life(client, build_id):
        return list(QUEUES)
    if build_id in await heartbeats(client):
        return []
    return [queue for queue, at in last_polls(await pollers(client), build_id).items() if at is None]


async def _signs(client: Client, build_id: str) -> dict[str, datetime]:
    """What changes while a worker of the build lives."""
    beats, polls = await asyncio.gather(heartbeats(client), pollers(client))
    asked = {
        f"{each.identity} {each.queue}": each.last_poll_at for each in polls if each.build_id == build_id
    }
    return {**beats.get(build_id, {}), **asked}


async def backlogs(client: Client, build_id: str) -> list[Backlog]:
    """What waits for the build on each of its queues; it grows where nobody is alive. Raises RPCError."""
    try:
        answer = await client.workflow_service.describe_worker_deployment_version(
            DescribeWorkerDeploymentVersionRequest(
                namespace=client.namespace,
                deployment_version=WorkerDeploymentVersion(
                    deployment_name=APPROVALS_DEPLOYMENT, build_id=build_id
                ),
                report_task_queue_stats=True,
            ),
            timeout=CALL_SECONDS,
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []
        raise
    return [
        Backlog(
            Queue(each.name, "workflow" if each.type == WORKFLOWS else "activity"),
            each.stats.approximate_backlog_count,
            each.stats.approximate_backlog_age.ToTimedelta(),
        )
        for each in answer.version_task_queues
    ]


async def not_entered(client: Client, build_id: str) -> list[Queue]:
    """The queues on which the server does not know the build yet: it enters one after the other as a worker comes.

    As long as one is missing the server may refuse to make the build current. Raises RPCError.
    """
    entered = [each.queue for each in await backlogs(client, build_id)]
    return [queue for queue in QUEUES if queue not in entered]


async def _describe_queues(client: Client, timeout: timedelta) -> dict[Queue, DescribeTaskQueueResponse]:
    answers = await asyncio.gather(*(_describe_queue(client, queue, timeout) for queue in QUEUES))
    return dict(zip(QUEUES, answers, strict=True))


async def _describe_queue(client: Client, queue: Queue, timeout: timedelta) -> DescribeTaskQueueResponse:
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue.name),
            task_queue_type=WORKFLOWS if queue.kind == "workflow" else ACTIVITIES,
        ),
        timeout=timeout,
    )
