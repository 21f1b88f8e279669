"""A planned time of a timetable: told to Postgres, which knows whether a run starts. Waits for no run."""

from __future__ import annotations

from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from rules.process_timetable_messages import (
        PLANNED_START,
        PlannedResult,
        PlannedStartInput,
        PlannedStep,
    )
    from workflows import process_timetable_steps as steps

#: When the scheduler meant it to start, which is earlier than it did where it was late.
PLANNED_AT: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@workflow.defn(name=PLANNED_START)
class PlannedStart:
    """Started by a schedule at each planned time, on the control queue."""

    @workflow.run
    async def run(self, given: PlannedStartInput) -> PlannedResult:
        """One step; a second run for the same time, or a second attempt, finds what the first one wrote."""
        info = workflow.info()
        planned_at = info.typed_search_attributes.get(PLANNED_AT) or info.start_time
        step = PlannedStep(given.timetable_id, given.revision, planned_at.isoformat())
        return await steps.begin_planned_run(step)
