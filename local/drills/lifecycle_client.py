"""Starts one run of the lifecycle on the Temporal that the environment names, follows it, and prints what came out.

Works from any place that reaches Temporal, also from inside a pod. Starts no server and no worker.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Final

from temporalio.client import Client, WorkflowHandle
from temporalio.common import PinnedVersioningOverride, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode

from local.drills.history import Recorded, StepDone, recorded
from local.drills.lifecycle import (
    DEPLOYMENT,
    LIFECYCLE,
    QUICK_STEPS,
    STEPS,
    UNVERSIONED_QUEUE,
    VERSIONED_QUEUE,
    Order,
)
from local.drills.story import Face, How, Ran, Said, Table, Tone
from local.drills.temporal_client import connect
from settings import BAD_SETTINGS, SettingsError

LOOK_SECONDS: Final = 0.5
#: After so long without a worker, say how to start one.
LONELY_SECONDS: Final = 8.0
LONG_STEP_SECONDS: Final = 4.0
QUICK_STEP_SECONDS: Final = 0.2


class CannotStart(Exception):
    """The run was not started; the message says why in one line."""


def order_of(command: str) -> Order:
    """What `lifecycle` and `quick` ask for."""
    number = f"{command}-{time.strftime('%H%M%S')}-{secrets.token_hex(2)}"
    if command == "quick":
        return Order(number, QUICK_STEPS, QUICK_STEP_SECONDS)
    return Order(number, STEPS, LONG_STEP_SECONDS)


async def begin(
    client: Client, order: Order, build: str = "", *, versioned: bool = False
) -> WorkflowHandle[object, object]:
    """Start a run for workers without versions, or for a build.

    Args:
        build: hold the run on this build.
        versioned: let the server choose the build: the current one.

    Raises:
        CannotStart: no worker of the build has asked for work yet.
    """
    version = WorkerDeploymentVersion(DEPLOYMENT, build)
    try:
        return await client.start_workflow(
            LIFECYCLE,
            order,
            id=order.number,
            task_queue=VERSIONED_QUEUE if build or versioned else UNVERSIONED_QUEUE,
            versioning_override=PinnedVersioningOverride(version) if build else None,
        )
    except RPCError as refused:
        if build and refused.status is RPCStatusCode.FAILED_PRECONDITION:
            raise CannotStart(f"--build: no worker of build {build} has asked for work yet") from None
        raise


async def follow(client: Client, order: Order, build: str, face: Face) -> Recorded:
    """Show every step as it is done, until the run has ended."""
    began = time.monotonic()
    lonely = False
    shown = 0
    while True:
        known = await recorded(client, order.number)
        done = [step for step in known.steps if step.receipt]
        for step in done[shown:]:
            face(_ran(step, time.monotonic() - began))
        shown = len(done)
        if known.completed or known.failed:
            return known
        if not (lonely or known.turns[0].worker or time.monotonic() - began < LONELY_SECONDS):
            lonely = True
            face(Said(0, Tone.ASIDE, f"Nobody has taken it yet. It waits for a worker: {_worker(build)}"))
        await asyncio.sleep(LOOK_SECONDS)


def _worker(build: str) -> str:
    return f"python -m local.drills worker {f'--build {build}' if build else '--unversioned'}"


def _ran(step: StepDone, at: float) -> Ran:
    worker = step.worker
    return Ran(
        at,
        step.name,
        How.EXECUTED,
        str(worker),
        worker.build if worker else "",
        step.attempt,
        f"receipt {step.receipt['number']}",
    )


def summary(known: Recorded) -> Table:
    """What the run gave back, as it says itself."""
    result = known.result
    changes = result.get("version_changes_detected") or ["none"]
    return Table(
        0,
        f"Run {known.workflow_id}",
        ("what the run gave back", ""),
        (
            ("steps done", str(len(result["receipts"]))),
            ("worker_versions_used", ", ".join(each or "-" for each in result["worker_versions_used"])),
            *(("version_changes_detected", change) for change in changes),
            ("rollout_detected", "yes" if result["rollout_detected"] else "no"),
        ),
    )


async def run(command: str, build: str, given: Mapping[str, str], face: Face) -> bool:
    """Start, follow, and show one run; returns whether it ended well. Raises CannotStart, SettingsError."""
    try:
        client = await connect(given)
    except (RuntimeError, RPCError) as silent:
        raise CannotStart(f"TEMPORAL_ADDRESS: nobody answers there ({str(silent)[:160]})") from None
    order = order_of(command)
    await begin(client, order, build)
    where = f"held on build {build}" if build else "for whichever worker without versions is free"
    face(Said(0, Tone.NEXT, f"Run {order.number} has begun: {len(order.steps)} steps, {where}."))
    known = await follow(client, order, build, face)
    if known.completed:
        face(summary(known))
    return known.completed


def main(command: str, build: str, given: Mapping[str, str], face: Face) -> int:
    """The command; every expected trouble is one line and an exit code."""
    try:
        return 0 if asyncio.run(run(command, build, given, face)) else 1
    except CannotStart as stopped:
        print(stopped, file=sys.stderr)
        return 1
    except SettingsError as wrong:
        print(*wrong.problems, sep="\n", file=sys.stderr)
        return BAD_SETTINGS
    except KeyboardInterrupt:
        print("\nThe run goes on without us.", file=sys.stderr)
        return 130
