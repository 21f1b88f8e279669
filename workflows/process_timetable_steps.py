"""The one typed function of a planned time: its timeout and retry policy. It runs on the control worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy

from rules.process_timetable_messages import PlannedResult, PlannedStep

#: Postgres comes back; a planned time that was recorded by Temporal is not lost meanwhile.
UNTIL_DONE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
)
ONE_TRANSACTION: Final = timedelta(seconds=10)


async def begin_planned_run(given: PlannedStep) -> PlannedResult:
    """Write down what this planned time starts, once."""
    done: PlannedResult = await workflow.execute_local_activity(
        "begin_planned_run",
        given,
        result_type=PlannedResult,
        start_to_close_timeout=ONE_TRANSACTION,
        retry_policy=UNTIL_DONE,
        summary="Start what is due",
    )
    return done
