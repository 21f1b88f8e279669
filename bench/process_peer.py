"""The peers of the interpreter: the same steps written by hand as Temporal workflows, on the same activity.

`python -m bench.process_peer` serves them; each step is the product's own `run_node`, with the same row, the same
transaction and the same retry policy. What the interpreter does beyond that (loading the definition, scheduling,
telling Postgres) the hand-written code does not need.
"""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from worker import CAPACITY, THREADS

with workflow.unsafe.imports_passed_through():
    from rules.process import Retry
    from rules.process_messages import NodeStep
    from workflows import process_steps as steps

QUEUE: Final = "process-peer"
#: As the interpreter has it at the beginning of a run.
ROOM_BYTES: Final = 150_000


@dataclass(frozen=True)
class ByHand:
    """What a peer is started with: its run's row, the config of each notice, and how many there are."""

    run_id: str
    config: dict[str, Any]
    notices: int


async def _tell(given: ByHand, number: int) -> None:
    node = f"tell{number:03d}"
    await steps.run_node(NodeStep(given.run_id, node, 1, "notify", node, given.config, ROOM_BYTES), Retry())


@workflow.defn(name="SequenceByHand")
class SequenceByHand:
    """A value is counted up and somebody is told, again and again."""

    @workflow.run
    async def run(self, given: ByHand) -> int:
        """How far it counted."""
        count = 0
        for number in range(given.notices):
            count += 1
            await _tell(given, number)
        return count


@workflow.defn(name="BranchesByHand")
class BranchesByHand:
    """Many are told at once."""

    @workflow.run
    async def run(self, given: ByHand) -> int:
        """How many."""
        await asyncio.gather(*(_tell(given, number) for number in range(given.notices)))
        return given.notices


async def serve() -> None:
    """A worker like the product's that serves the peers."""
    from activities.process import ProcessActivities
    from activities.process_nodes.notify import NotifyExecutor
    from activities.process_work import TaskTeller
    from storage.database import make_engine, make_sessions

    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    sessions = make_sessions(make_engine(os.environ["DATABASE_URL"], 2 * THREADS, "peer"))
    executors = {"notify": NotifyExecutor(TaskTeller("http://localhost", has_chat=False))}
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with ThreadPoolExecutor(2 * THREADS) as threads:
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[SequenceByHand, BranchesByHand],
            activities=[ProcessActivities(sessions, executors, lambda _: None).run_node],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
            **CAPACITY,
        )
        async with worker:
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve())
