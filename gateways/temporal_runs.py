"""Runs by build at Temporal: counting them, moving them to another build, freeing those that are stuck.

Knows that visibility writes a version as `deployment:build`, and that a run whose first task fails has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.batch.v1 import BatchOperationUpdateWorkflowExecutionOptions
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import BatchOperationState, EventType
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    ResetWorkflowExecutionRequest,
    StartBatchOperationRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import CALL_SECONDS, NoSuchRun
from rules.build import check_build_id
from rules.messages import APPROVALS_DEPLOYMENT, APPROVALS_QUEUE, PURCHASE_APPROVAL

#: Runs that one call looks at, at most; the caller comes again.
MOST_RUNS: Final = 500
#: So many questions at once; more would only queue at the server.
AT_ONCE: Final = 20
#: A task that is at its second attempt has failed or timed out once.
STUCK_ATTEMPT: Final = 2
_MASK: Final = FieldMask(paths=["versioning_override"])


@dataclass(frozen=True)
class Runs:
    """How many approvals a build has; runs that moved away are counted where they are."""

    open: int
    finished: int


@dataclass(frozen=True)
class Run:
    """One open approval.

    Attributes:
        build_id: where it ran last; empty while no task of it has succeeded.
        attempt: how often its waiting task has been tried, 0 where none waits.
    """

    workflow_id: str
    run_id: str
    build_id: str
    attempt: int

    @property
    def is_stuck(self) -> bool:
        """Whether its task fails again and again."""
        return self.attempt >= STUCK_ATTEMPT


def _of(build_id: str) -> str:
    version = f"{APPROVALS_DEPLOYMENT}:{check_build_id(build_id)}"
    return f"WorkflowType = '{PURCHASE_APPROVAL}' AND TemporalWorkerDeploymentVersion = '{version}'"


def _pinned_to(build_id: str) -> str:
    version = f"pinned:{APPROVALS_DEPLOYMENT}:{check_build_id(build_id)}"
    return f"BuildIds = '{version}' AND ExecutionStatus = 'Running'"


async def count_runs(client: Client, build_id: str) -> Runs:
    """How many approvals are open on a build and how many ended there. Raises RPCError."""
    open_, all_ = await asyncio.gather(
        client.count_workflows(f"{_of(build_id)} AND ExecutionStatus = 'Running'", rpc_timeout=CALL_SECONDS),
        client.count_workflows(_of(build_id), rpc_timeout=CALL_SECONDS),
    )
    return Runs(open_.count, all_.count - open_.count)


async def last_start(client: Client, build_id: str, since: datetime) -> datetime | None:
    """When the newest approval that ever ran on a build was started, by the server's clock. Raises RPCError.

    Args:
        since: older ones are not looked for.

    Returns:
        None where none was started since then.
    """
    used = f"{APPROVALS_DEPLOYMENT}:{check_build_id(build_id)}"
    query = (
        f"WorkflowType = '{PURCHASE_APPROVAL}' AND TaskQueue = '{APPROVALS_QUEUE}'"
        f" AND TemporalUsedWorkerDeploymentVersions = '{used}' AND StartTime >= '{since.isoformat()}'"
    )
    first: dict[str, datetime] = {}
    async for each in client.list_workflows(query, limit=MOST_RUNS):
        # A run that was set back begins anew under its old name; that is no new request.
        first[each.id] = min(first.get(each.id, each.start_time), each.start_time)
    return max(first.values(), default=None)


async def pinned_runs(client: Client, build_id: str) -> list[str]:
    """The workflow ids of open runs that are held on a build. Raises RPCError."""
    found = client.list_workflows(_pinned_to(build_id), limit=MOST_RUNS)
    return [each.id async for each in found]


async def stuck_runs(client: Client, build_id: str) -> list[Run]:
    """Open approvals of a build, or of none yet, whose task fails again and again. Raises RPCError."""
    query = (
        f"WorkflowType = '{PURCHASE_APPROVAL}' AND TaskQueue = '{APPROVALS_QUEUE}'"
        " AND ExecutionStatus = 'Running' AND (TemporalWorkerDeploymentVersion IS NULL"
        f" OR TemporalWorkerDeploymentVersion = '{APPROVALS_DEPLOYMENT}:{check_build_id(build_id)}')"
    )
    found = [(each.id, each.run_id) async for each in client.list_workflows(query, limit=MOST_RUNS)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(workflow_id: str, run_id: str) -> Run | None:
        async with gate:
            return await _look(client, workflow_id, run_id)

    looked = await asyncio.gather(*(look(*each) for each in found))
    return [each for each in looked if each is not None and each.is_stuck]


async def _look(client: Client, workflow_id: str, run_id: str) -> Run | None:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        seen = await handle.describe(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if seen.status is not WorkflowExecutionStatus.RUNNING:
        return None
    raw = seen.raw_description
    version = raw.workflow_execution_info.versioning_info.deployment_version
    return Run(workflow_id, run_id, version.build_id, raw.pending_workflow_task.attempt)


async def reset_stuck(client: Client, runs: Iterable[Run], reason: str) -> tuple[list[str], list[str]]:
    """Set stuck runs back to their last completed task, so that they need not wait for their next attempt.

    Steps that had run since then run again; ours change nothing the second time.

    Returns:
        The workflow ids that were set back, and those that cannot be: no task of theirs has ever succeeded.
    """
    done: list[str] = []
    never: list[str] = []
    for run in runs:
        last = await _last_completed_task(client, run)
        if last is None:
            never.append(run.workflow_id)
            continue
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
                reason=reason,
                workflow_task_finish_event_id=last,
                request_id=str(uuid4()),
            ),
            timeout=CALL_SECONDS,
        )
        done.append(run.workflow_id)
    return done, never


async def _last_completed_task(client: Client, run: Run) -> int | None:
    last = None
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            last = event.event_id
    return last


def _override(build_id: str | None) -> WorkflowExecutionOptions:
    """What holds a run on a build; nothing where it shall go wherever new work goes."""
    if build_id is None:
        return WorkflowExecutionOptions()
    version = WorkerDeploymentVersion(deployment_name=APPROVALS_DEPLOYMENT, build_id=check_build_id(build_id))
    behavior = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED
    pinned = VersioningOverride.PinnedOverride(behavior=behavior, version=version)
    return WorkflowExecutionOptions(versioning_override=VersioningOverride(pinned=pinned))


async def hold(client: Client, workflow_id: str, build_id: str | None) -> None:
    """Hold one run on a build, or release it with None. Raises NoSuchRun, RPCError."""
    try:
        await client.workflow_service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id),
                workflow_execution_options=_override(build_id),
                update_mask=_MASK,
            ),
            timeout=CALL_SECONDS,
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NoSuchRun(workflow_id) from None
        raise


async def move_held(client: Client, build_id: str, to: str | None, reason: str) -> str | None:
    """Move all runs that are held on a build to another, or release them with None: in one batch of the server.

    Returns:
        The id of the batch for `await_batch`; None where no run is held there. Raises RPCError.
    """
    found = await client.count_workflows(_pinned_to(build_id), rpc_timeout=CALL_SECONDS)
    if not found.count:
        return None
    job_id = f"move-{build_id}-{uuid4()}"
    await client.workflow_service.start_batch_operation(
        StartBatchOperationRequest(
            namespace=client.namespace,
            visibility_query=_pinned_to(build_id),
            job_id=job_id,
            reason=reason,
            update_workflow_options_operation=BatchOperationUpdateWorkflowExecutionOptions(
                identity="vistobueno", workflow_execution_options=_override(to), update_mask=_MASK
            ),
        ),
        timeout=CALL_SECONDS,
    )
    return job_id


async def await_batch(client: Client, job_id: str, within_seconds: float = 30.0) -> tuple[int, int]:
    """Wait for a batch: how many runs it moved and how many it could not. Raises TimeoutError, RPCError."""
    async with asyncio.timeout(within_seconds):
        while True:
            seen = await client.workflow_service.describe_batch_operation(
                DescribeBatchOperationRequest(namespace=client.namespace, job_id=job_id),
                timeout=timedelta(seconds=5),
            )
            if seen.state != BatchOperationState.BATCH_OPERATION_STATE_RUNNING:
                return seen.complete_operation_count, seen.failure_operation_count
            await asyncio.sleep(0.2)


async def newest_runs(
    client: Client, query: str, most: int, statuses: Sequence[str] = (), workflow: str = PURCHASE_APPROVAL
) -> list[tuple[str, str]]:
    """(workflow id, run id) of approvals that match, the newest first, an equal number of each status.

    Args:
        query: of visibility, without the workflow's type.
        most: in all; each of `statuses` (our own `Status`) gets its share, so that rare ones are there, too.
        workflow: of another type than approvals.
    """
    # Without its quotes the name is a word of SQL.
    narrowed = [f" AND `Status` = '{status}'" for status in statuses] or [""]
    share = max(1, most // len(narrowed))
    found: list[tuple[str, str]] = []
    for part in narrowed:
        whole = f"WorkflowType = '{workflow}' AND TaskQueue = '{APPROVALS_QUEUE}' AND {query}{part}"
        found += [(each.id, each.run_id) async for each in client.list_workflows(whole, limit=share)]
    return found
