"""One typed function per activity of a process: its timeout and retry policy. A node says itself how often it is tried."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from rules.process import Retry
from rules.process_book import Book
from rules.process_messages import (
    PROCESS,
    LoadedProcess,
    LoadedValue,
    LoadValue,
    LoadVersion,
    NodeResult,
    NodeStep,
    NoteNews,
    ProcessInput,
    ProcessResult,
    SettleStep,
    run_workflow_id,
)

PROCESS_KEY: Final = SearchAttributeKey.for_keyword("Process")
PROCESS_VERSION: Final = SearchAttributeKey.for_int("ProcessVersion")

Result = TypeVar("Result")

#: What only Postgres can keep from happening: tried until it is back.
UNTIL_DONE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=20),
)
#: Whoever only opens a wait needs nothing but Postgres, and waits for it.
OPENS_A_WAIT: Final = ("wait", "wait_for_signal")
#: Whoever is done, or waits, as soon as Postgres takes a row.
NEEDS_ONLY_POSTGRES: Final = (*OPENS_A_WAIT, "approval", "notify", "sub_process")
#: Whoever asks another system at each look.
ASKS_OUTSIDE: Final = ("place_order",)
CALL_OUTSIDE: Final = timedelta(seconds=60)
ONE_TRANSACTION: Final = timedelta(seconds=10)
#: A worker that died while it called another system is noticed after this long.
HEARTBEAT: Final = timedelta(seconds=10)


class Underway:
    """The steps of a run that have begun and not ended; those have to end before it can be continued as new."""

    def __init__(self) -> None:
        self.steps = self._brief = 0

    async def during(self, step: Awaitable[Result], node_type: str = "") -> Result:
        """Count a step while it is under way."""
        is_brief = node_type in NEEDS_ONLY_POSTGRES
        self.steps += 1
        self._brief += is_brief
        try:
            return await step
        finally:
            self.steps -= 1
            self._brief -= is_brief

    def lets_tell(self, book: Book) -> bool:
        """Whether what the book has to tell should be told now.

        What a step has written already can wait for the end of all steps; what nobody else will write, for those that
        need only Postgres: where they cannot end, nothing could be told either.
        """
        return bool(book.news) and (not self.steps or (book.is_urgent and not self._brief))


async def _local(name: str, given: Any, result: type[Result], summary: str) -> Result:
    done: Result = await workflow.execute_local_activity(
        name,
        given,
        result_type=result,
        start_to_close_timeout=ONE_TRANSACTION,
        retry_policy=UNTIL_DONE,
        summary=summary,
    )
    return done


async def load_process(given: ProcessInput) -> LoadedProcess:
    """Load the definition and the input of a run, once."""
    return await _local("load_process", given, LoadedProcess, "Load the process")


async def load_version(given: LoadVersion) -> LoadedProcess:
    """Load the definition that a run is to follow from now on."""
    return await _local("load_version", given, LoadedProcess, f"Load version {given.version}")


async def run_node(given: NodeStep, retry: Retry) -> NodeResult:
    """Run a node, or open what it waits for."""
    if given.type in OPENS_A_WAIT:
        return await _local("run_node", given, NodeResult, given.title)
    done: NodeResult = await workflow.execute_activity(
        "run_node",
        given,
        result_type=NodeResult,
        activity_id=f"{given.node}:{given.iteration}",
        start_to_close_timeout=timedelta(seconds=retry.timeout_seconds),
        schedule_to_close_timeout=timedelta(seconds=retry.total_seconds) if retry.total_seconds else None,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=retry.first_seconds),
            backoff_coefficient=float(retry.factor),
            maximum_interval=timedelta(seconds=max(retry.longest_seconds, retry.first_seconds)),
            maximum_attempts=retry.attempts,
        ),
        summary=given.title,
    )
    return done


async def settle_node(given: SettleStep) -> NodeResult:
    """Look again at a node that waits: Postgres knows whether it still has to."""
    summary = f"{given.title}: {given.why}"
    if given.type not in ASKS_OUTSIDE:
        return await _local("settle_node", given, NodeResult, summary)
    done: NodeResult = await workflow.execute_activity(
        "settle_node",
        given,
        result_type=NodeResult,
        start_to_close_timeout=CALL_OUTSIDE,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=UNTIL_DONE,
        summary=summary,
    )
    return done


async def note_news(given: NoteNews) -> None:
    """Write down what has happened."""
    await _local("note_news", given, type(None), "Note what has happened")


async def load_value(given: LoadValue) -> LoadedValue:
    """Load a large value, or a part of it."""
    return await _local("load_value", given, LoadedValue, "Load a large value")


async def run_part(child: ProcessInput, title: str) -> None:
    """Carry a run through as a part of this one. How it ended lies in Postgres."""
    await workflow.execute_child_workflow(
        PROCESS,
        child,
        id=run_workflow_id(child.run_id),
        result_type=ProcessResult,
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        static_summary=f"{title}: {child.process}",
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(PROCESS_KEY, child.process),
                SearchAttributePair(PROCESS_VERSION, child.version),
            ]
        ),
    )
