"""Temporal: the connection, the search attributes, starting and signalling runs. Knows no reason for either."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from typing import Any, Final, NoReturn

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import (
    PinnedVersioningOverride,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkerDeploymentVersion,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from rules import messages
from rules.messages import PurchaseInput, RolloutInput
from rules.process_messages import PROCESS, ProcessInput, run_workflow_id
from settings import Settings

__all__ = [
    "NoSuchBuild",
    "NoSuchRun",
    "RPCError",
    "WorkflowFailureError",
    "connect",
    "ensure_search_attributes",
    "leave",
    "signal",
    "start_approval",
    "start_process",
    "wake_rollout",
]

DEPARTMENT: Final = SearchAttributeKey.for_keyword("Department")
STATUS: Final = SearchAttributeKey.for_keyword("Status")
AMOUNT: Final = SearchAttributeKey.for_float("Amount")
REQUESTER: Final = SearchAttributeKey.for_keyword("Requester")
AUTO_APPROVED: Final = SearchAttributeKey.for_bool("AutoApproved")
PROCESS_KEY: Final = SearchAttributeKey.for_keyword("Process")
PROCESS_VERSION: Final = SearchAttributeKey.for_int("ProcessVersion")
AWAITING_ROLE: Final = SearchAttributeKey.for_keyword_list("AwaitingRole")

_TYPES: Final[dict[str, IndexedValueType.ValueType]] = {
    DEPARTMENT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    STATUS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    AMOUNT.name: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    REQUESTER.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    AUTO_APPROVED.name: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    PROCESS_KEY.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    PROCESS_VERSION.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    AWAITING_ROLE.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}

#: A call that takes longer than this is given up; the outbox keeps the message.
CALL_SECONDS: Final = timedelta(seconds=5)
#: How the SDK says that a call got no answer in that time.
NO_ANSWER: Final = (RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED)


class NoSuchBuild(Exception):
    """The build that a run should be held on has never asked for work, or the server has forgotten it."""


class NoSuchRun(Exception):
    """The workflow that a signal was for has ended, or never was."""


async def connect(settings: Settings) -> Client:
    """A client for the namespace that the settings name; raises RuntimeError where nobody answers in time."""
    tls: bool | TLSConfig = settings.temporal_tls
    connecting = Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        tls=tls,
        api_key=settings.temporal_api_key,
    )
    try:
        # The SDK itself would wait for ever for a server that takes the connection and then says nothing.
        return await asyncio.wait_for(connecting, CALL_SECONDS.total_seconds())
    except TimeoutError:
        raise RuntimeError(f"Temporal at {settings.temporal_address} says nothing") from None


def leave(code: int) -> NoReturn:
    """End a short program that has used a client, with this exit code.

    Not by sys.exit: threads of the SDK may still call into an interpreter that is ending, which kills it (-6, -11).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def ensure_search_attributes(client: Client) -> None:
    """Make the search attributes of our runs known to the namespace; harmless when repeated."""
    service = client.operator_service
    known = await service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=CALL_SECONDS
    )
    missing = {name: kind for name, kind in _TYPES.items() if name not in known.custom_attributes}
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        await service.add_search_attributes(request)


async def start_approval(
    client: Client, workflow_id: str, given: PurchaseInput, build_id: str | None = None
) -> None:
    """Start the one workflow of a request; an already started or ended one counts as started.

    Args:
        build_id: hold the run on this build until it is released; None lets it go wherever new work goes.
            The override stays: one that is spent with the first task would send an auto-upgrading run back
            to the current build with its second.

    Raises:
        NoSuchBuild: nothing was started.
        RPCError: the server could not take it; nothing says whether it did.
    """
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(DEPARTMENT, given.department_id),
            SearchAttributePair(STATUS, "submitted"),
            SearchAttributePair(AMOUNT, float(given.amount)),
            SearchAttributePair(REQUESTER, given.requester_id),
        ]
    )
    try:
        await client.start_workflow(
            messages.PURCHASE_APPROVAL,
            given,
            id=workflow_id,
            task_queue=messages.APPROVALS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=attributes,
            memo={"number": given.number},
            static_summary=f"{given.number} {given.title}"[:200],
            static_details=f"{given.requester_name} asks for {given.title} ({given.amount} {given.currency})",
            rpc_timeout=CALL_SECONDS,
            versioning_override=_held_on(build_id),
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        if build_id is not None and error.status is RPCStatusCode.FAILED_PRECONDITION:
            raise NoSuchBuild(build_id) from error
        raise


async def start_process(client: Client, given: ProcessInput, title: str) -> None:
    """Start the one workflow of a run; an already started or ended one counts as started. Raises RPCError."""
    try:
        await client.start_workflow(
            PROCESS,
            given,
            id=run_workflow_id(given.run_id),
            task_queue=messages.APPROVALS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(PROCESS_KEY, given.process),
                    SearchAttributePair(PROCESS_VERSION, given.version),
                ]
            ),
            static_summary=title[:200],
            rpc_timeout=CALL_SECONDS,
        )
    except WorkflowAlreadyStartedError:
        return


def _held_on(build_id: str | None) -> PinnedVersioningOverride | None:
    if build_id is None:
        return None
    return PinnedVersioningOverride(WorkerDeploymentVersion(messages.APPROVALS_DEPLOYMENT, build_id))


async def signal(client: Client, workflow_id: str, name: str, given: Any) -> None:
    """Send a signal; raises NoSuchRun where the workflow has ended or never was, RPCError otherwise."""
    try:
        await client.get_workflow_handle(workflow_id).signal(name, given, rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NoSuchRun(workflow_id) from None
        raise


async def wake_rollout(client: Client, rollout_id: str) -> None:
    """Let the workflow of a rollout look at once; where there is none, or it was ended by hand, start it."""
    await client.start_workflow(
        messages.ROLLOUT,
        RolloutInput(rollout_id),
        id=f"rollout-{rollout_id}",
        task_queue=messages.CONTROL_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=messages.SIGNAL_WAKE,
        rpc_timeout=CALL_SECONDS,
    )
