"""Temporal's schedules: made, changed, paused and deleted so that each says what it should. Knows no reason for any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import CALL_SECONDS
from rules.process_timetable_cron import Cron


class Done(StrEnum):
    """What had to be done to a schedule."""

    NOTHING = "nothing"
    CREATED = "created"
    UPDATED = "updated"


@dataclass(frozen=True)
class Wanted:
    """What a schedule has to be.

    Attributes:
        workflow, argument, task_queue: what it starts at each time.
        catch_up: how late it may still do so.
        fingerprint: names all of this; kept at the schedule, so that one look tells whether it is in line.
    """

    schedule_id: str
    cron: Cron
    zone: str
    catch_up: timedelta
    is_paused: bool
    workflow: str
    argument: Any
    task_queue: str
    title: str
    fingerprint: str


async def put_in_line(client: Client, wanted: Wanted) -> Done:
    """Make the schedule what it has to be; harmless when repeated. Raises RPCError."""
    schedule, done = _schedule(wanted), Done.NOTHING

    def mend(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        nonlocal done
        if _told(found.description.schedule) == _told(schedule):
            done = Done.NOTHING
            return None
        done = Done.UPDATED
        return ScheduleUpdate(schedule)

    handle = client.get_schedule_handle(wanted.schedule_id)
    try:
        await handle.update(mend, rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    else:
        return done
    try:
        await client.create_schedule(wanted.schedule_id, schedule, rpc_timeout=CALL_SECONDS)
    except ScheduleAlreadyRunningError:
        return Done.NOTHING  # another worker was faster; the next look finds what it made
    return Done.CREATED


async def delete(client: Client, schedule_id: str) -> None:
    """Delete a schedule; one that is not there is deleted. Raises RPCError."""
    try:
        await client.get_schedule_handle(schedule_id).delete(rpc_timeout=CALL_SECONDS)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _schedule(wanted: Wanted) -> Schedule:
    cron = wanted.cron
    calendar = ScheduleCalendarSpec(
        second=_ranges((0,)),
        minute=_ranges(cron.minutes),
        hour=_ranges(cron.hours),
        day_of_month=_ranges(cron.days),
        month=_ranges(cron.months),
        day_of_week=_ranges(cron.weekdays),
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            wanted.workflow,
            wanted.argument,
            id=wanted.schedule_id,
            task_queue=wanted.task_queue,
            static_summary=wanted.title[:200],
        ),
        spec=ScheduleSpec(calendars=[calendar], time_zone_name=wanted.zone),
        # Whether runs may overlap is decided where they are known, in Postgres; what this starts ends at once.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=wanted.catch_up),
        state=ScheduleState(note=wanted.fingerprint, paused=wanted.is_paused),
    )


def _told(schedule: Schedule) -> tuple[Any, ...]:
    """What a schedule says that somebody may have changed; what it starts is told by the fingerprint in its note."""
    spec, policy, state = schedule.spec, schedule.policy, schedule.state
    times = (list(spec.calendars), list(spec.intervals), list(spec.skip), spec.time_zone_name)
    return (*times, policy.overlap, policy.catchup_window, state.note, state.paused)


def _ranges(values: Sequence[int]) -> tuple[ScheduleRange, ...]:
    """The values as few ranges, in the form in which the server gives them back."""
    ranges: list[ScheduleRange] = []
    for value in values:
        if ranges and ranges[-1].end == value - 1:
            ranges[-1] = ScheduleRange(ranges[-1].start, value)
        else:
            ranges.append(ScheduleRange(value, value))
    return tuple(ranges)
