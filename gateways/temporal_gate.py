"""What the gate asks of Temporal: histories as files, one run held on a build, rehearsals. Knows no judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import (
    PinnedVersioningOverride,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkerDeploymentVersion,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import AMOUNT, CALL_SECONDS, DEPARTMENT, REQUESTER, STATUS
from rules import messages
from rules.gate import GATE_WITHIN, SMOKE_WITHIN
from rules.gate_messages import (
    BUILD_GATE,
    SMOKE_RUN,
    GateInput,
    GateResult,
    RunRef,
    SmokeCheck,
    gate_queue,
    gate_workflow_id,
)
from rules.messages import DecisionSignal, PurchaseInput, PurchaseResult

AT_ONCE: Final = 10
#: A rehearsal is made of answers that are there at once.
REHEARSED_WITHIN_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.2


class NotRehearsed(Exception):
    """A rehearsal did not come to where it should; the message says which and how far it came."""


async def write_histories(client: Client, runs: Sequence[RunRef], folder: Path) -> int:
    """Write each run's history to a JSON file named by its workflow's id; how many there still were."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def write(ref: RunRef) -> bool:
        async with gate:
            handle = client.get_workflow_handle(ref.workflow_id, run_id=ref.run_id)
            try:
                history = await handle.fetch_history()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:  # the server keeps nothing for ever
                    return False
                raise
        (folder / f"{ref.workflow_id}.json").write_text(history.to_json(), encoding="utf-8")
        return True

    return sum(await asyncio.gather(*(write(each) for each in runs)))


async def run_smoke(client: Client, build_id: str) -> SmokeCheck:
    """One run held on a build; raises TimeoutError, WorkflowFailureError or RPCError where it does not come through."""
    handle: WorkflowHandle[Any, SmokeCheck] = await client.start_workflow(
        SMOKE_RUN,
        GateInput(build_id),
        id=f"smoke-{build_id}-{uuid4()}",
        task_queue=messages.APPROVALS_QUEUE,
        result_type=SmokeCheck,
        execution_timeout=GATE_WITHIN,
        static_summary=f"Is build {build_id} able to work?",
        rpc_timeout=CALL_SECONDS,
        versioning_override=PinnedVersioningOverride(
            WorkerDeploymentVersion(messages.APPROVALS_DEPLOYMENT, build_id)
        ),
    )
    try:
        async with asyncio.timeout(SMOKE_WITHIN.total_seconds()):
            return await handle.result()
    except TimeoutError:
        await end_run(client, RunRef(handle.id, handle.first_execution_run_id or ""), "it took too long")
        raise


async def start_rehearsal(client: Client, build_id: str, request_id: str, department_id: str) -> RunRef:
    """Start an approval of no request, on the queue where the build answers its own questions."""
    given = PurchaseInput(request_id, request_id, department_id, request_id, "Nobody", "Nothing", "1", "EUR")
    handle = await client.start_workflow(
        messages.PURCHASE_APPROVAL,
        given,
        id=request_id,
        task_queue=gate_queue(build_id),
        execution_timeout=GATE_WITHIN,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(DEPARTMENT, department_id),
                SearchAttributePair(STATUS, "submitted"),
                SearchAttributePair(AMOUNT, 1.0),
                SearchAttributePair(REQUESTER, request_id),
            ]
        ),
        static_summary=f"Rehearsal of build {build_id}",
        rpc_timeout=CALL_SECONDS,
    )
    return RunRef(handle.id, handle.first_execution_run_id or "")


async def await_rehearsal(client: Client, run: RunRef, *, rests_at: str | None) -> None:
    """Wait until a rehearsal has ended, or rests in this status. Raises NotRehearsed, RPCError."""
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id, result_type=PurchaseResult)
    try:
        async with asyncio.timeout(REHEARSED_WITHIN_SECONDS):
            if rests_at is None:
                await handle.result()
                return
            # Never by a query: one that comes while a local step runs cuts the history where it cannot be
            # replayed from its beginning.
            while (await handle.describe()).typed_search_attributes.get(STATUS) != rests_at:
                await asyncio.sleep(LOOK_SECONDS)
    except (TimeoutError, WorkflowFailureError) as error:
        reason = str(error.cause) if isinstance(error, WorkflowFailureError) else "it stands still"
        raise NotRehearsed(f"{run.workflow_id} did not come to {rests_at or 'its end'}: {reason}") from error


async def answer_rehearsal(client: Client, run: RunRef, decision_id: str) -> None:
    """Wake a rehearsal as the answer of a person would. Raises RPCError."""
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    await handle.signal(messages.SIGNAL_DECISION, DecisionSignal(decision_id), rpc_timeout=CALL_SECONDS)


async def end_run(client: Client, run: RunRef, reason: str) -> None:
    """End a run of the gate; harmless where it has ended."""
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    try:
        await handle.terminate(reason=reason, rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def start_gate(client: Client, build_id: str) -> WorkflowHandle[Any, GateResult]:
    """Begin the gate of a build, or join the one that runs already. Raises RPCError."""
    return await client.start_workflow(
        BUILD_GATE,
        GateInput(build_id),
        id=gate_workflow_id(build_id),
        task_queue=messages.CONTROL_QUEUE,
        result_type=GateResult,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        execution_timeout=GATE_WITHIN,
        static_summary=f"May build {build_id} have traffic?",
        rpc_timeout=CALL_SECONDS,
    )


async def run_gate(client: Client, build_id: str) -> GateResult:
    """Run the gate of a build to its end; its judgement is kept with the build, too.

    Raises:
        WorkflowFailureError: it broke, which is no judgement. RPCError: nothing says how it stands.
    """
    return await (await start_gate(client, build_id)).result()
