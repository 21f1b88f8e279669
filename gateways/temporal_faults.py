"""What went wrong in runs at Temporal: nondeterminism, which no worker can tell Postgres of. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.workflow.v1 import WorkflowExecutionVersioningInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import CALL_SECONDS
from gateways.temporal_runs import AT_ONCE, STUCK_ATTEMPT

#: The failure is among the newest events: a task that fails again and again is written down once.
_NEWEST_EVENTS: Final = 8
_NONDETERMINISM: Final = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR


async def nondeterministic_runs(client: Client, build_id: str, workflow_ids: Sequence[str]) -> list[str]:
    """Those of the open runs that a build cannot go on with, because its code does not fit their history.

    Raises RPCError where Temporal does not answer.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(workflow_id: str) -> bool:
        async with gate:
            return await _is_broken(client, build_id, workflow_id)

    broken = await asyncio.gather(*(look(each) for each in workflow_ids))
    return [workflow_id for workflow_id, is_so in zip(workflow_ids, broken, strict=True) if is_so]


async def _is_broken(client: Client, build_id: str, workflow_id: str) -> bool:
    execution = WorkflowExecution(workflow_id=workflow_id)
    service = client.workflow_service
    try:
        seen = await service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution),
            timeout=CALL_SECONDS,
        )
        versioning = seen.workflow_execution_info.versioning_info
        if seen.pending_workflow_task.attempt < STUCK_ATTEMPT or build_id not in _builds_of(versioning):
            return False
        history = await service.get_workflow_execution_history_reverse(
            GetWorkflowExecutionHistoryReverseRequest(
                namespace=client.namespace, execution=execution, maximum_page_size=_NEWEST_EVENTS
            ),
            timeout=CALL_SECONDS,
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return any(
        event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        and event.workflow_task_failed_event_attributes.cause == _NONDETERMINISM
        for event in history.history.events
    )


def _builds_of(info: WorkflowExecutionVersioningInfo) -> set[str]:
    """Where the run is held, moves to, and ran last."""
    return {
        info.versioning_override.pinned.version.build_id,
        info.version_transition.deployment_version.build_id,
        info.deployment_version.build_id,
    }
