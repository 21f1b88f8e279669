"""Timetables on the real server: a schedule fires, exactly one run starts; what is done to it there is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import ScheduleBackfill, ScheduleHandle, ScheduleUpdate, ScheduleUpdateInput
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.process_timetable import TimetableActivities, TimetableDesk
from gateways import temporal_schedules
from gateways.temporal_schedules import Done, Wanted
from rules import messages
from rules.process_timetable_cron import counting_zone, moments, read_cron, read_zone
from rules.process_timetable_messages import PlannedStep, schedule_id
from storage import process_run, process_timetable
from storage.process_timetable import ProcessTimetableRow
from tests.process_samples import content
from tests.workflows.process_hall import PATIENCE_SECONDS, Hall
from tests.workflows.process_play import Play, put
from tests.workflows.process_play import play as play
from workflows import registry as workflow_registry
from workflows.process_timetable import PlannedStart


def set_up(hall: Hall, **changes: Any) -> UUID:
    """A timetable of a process that ends at once: on 30 March at nine in Madrid, so that none rings by itself."""
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    key = put(hall, content("report", end, ">end", inputs=[{"name": "day", "kind": "text"}]))
    written = {
        "title": "Daily report", "process": key, "cron": "0 9 30 3 *", "zone": "Europe/Madrid",
        "overlap": "skip", "catch_up_seconds": 3600, "input": {"day": "{{timetable.date}}"}, **changes,
    }  # fmt: skip
    with hall.sessions.begin() as session:
        return process_timetable.create(session, written, hall.company.elena.id, "for a test").id


def look(hall: Hall, timetable_id: UUID) -> ProcessTimetableRow:
    with hall.sessions.begin() as session:
        return process_timetable.by_id(session, timetable_id)


def schedule_of(hall: Hall, timetable_id: UUID) -> ScheduleHandle:
    return hall.client.get_schedule_handle(schedule_id(str(timetable_id)))


def control(hall: Hall) -> Worker:
    """A control worker, as far as timetables need one."""
    return Worker(
        hall.client,
        task_queue=messages.CONTROL_QUEUE,
        workflows=[PlannedStart],
        activities=[TimetableActivities(hall.sessions).begin_planned_run],
        activity_executor=hall.threads,
        workflow_runner=workflow_registry.sandbox(),
    )


async def until(look_again: Callable[[], Any]) -> Any:
    """Wait until there is something."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await asyncio.to_thread(look_again)):
            await asyncio.sleep(0.02)
    return found


def test_a_planned_time_starts_exactly_one_run_however_often_it_is_rung_for(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        timetable_id = set_up(hall)
        await hall.carry()
        day = datetime(2026, 3, 30, tzinfo=UTC)  # in summer time, the day after the clock was changed
        again = ScheduleBackfill(day, day + timedelta(days=1))

        def starts() -> Any:
            with hall.sessions.begin() as session:
                return process_timetable.latest(session, timetable_id)

        async with control(hall):
            for _ in range(2):
                await schedule_of(hall, timetable_id).backfill(again)
                [start] = await until(starts)
        step = PlannedStep(str(timetable_id), 1, start.planned_at.isoformat())
        rung = await asyncio.to_thread(TimetableActivities(hall.sessions).begin_planned_run, step)
        assert rung.run_id == str(start.run_id)
        assert start.planned_at == datetime(2026, 3, 30, 7, 0, tzinfo=UTC)
        assert (start.outcome, start.note) == ("started", "")
        await hall.carry()
        assert (await hall.result(start.run_id)).result == "completed"
        assert hall.look(start.run_id).given == {"day": "2026-03-30"}

    play(journey)


def test_a_schedule_that_is_rung_by_hand_starts_a_run_that_knows_its_timetable(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        timetable_id = set_up(hall)
        await hall.carry()
        async with control(hall):
            await schedule_of(hall, timetable_id).trigger()

            def started() -> Any:
                with hall.sessions.begin() as session:
                    return process_timetable.latest(session, timetable_id)

            [start] = await until(started)
        with hall.sessions.begin() as session:
            found = process_timetable.of_run(session, start.run_id)
            key = look(hall, timetable_id).process_key
            assert [row.id for row in process_run.newest(session, key=key)] == [start.run_id]
        assert found is not None
        assert found[0].id == timetable_id

    play(journey)


def test_what_somebody_does_to_a_schedule_at_temporal_is_mended(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        async def connected() -> Any:
            return hall.client

        timetable_id, desk = set_up(hall), TimetableDesk(hall.sessions, connected)
        await hall.carry()
        schedule = schedule_of(hall, timetable_id)
        before = look(hall, timetable_id)
        assert (before.in_line_with, before.mended_at) == (1, None)
        await desk.look()
        assert look(hall, timetable_id).mended_at is None
        await schedule.delete()
        await desk.look()
        mended = look(hall, timetable_id).mended_at
        assert mended is not None
        assert not (await schedule.describe()).schedule.state.paused
        await schedule.pause(note="somebody thought so")
        await desk.look()
        again = look(hall, timetable_id).mended_at
        assert again is not None
        assert again > mended
        assert not (await schedule.describe()).schedule.state.paused
        await schedule.update(_elsewhere)
        await desk.look()
        last = look(hall, timetable_id).mended_at
        assert last is not None
        assert last > again
        assert (await schedule.describe()).schedule.spec.time_zone_name == "Europe/Madrid"
        await desk.look()
        assert look(hall, timetable_id).mended_at == last

    play(journey)


def test_a_timetable_that_cannot_be_carried_keeps_no_other_up(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        async def connected() -> Any:
            return hall.client

        broken, whole = sorted([set_up(hall), set_up(hall)])
        with hall.sessions.begin() as session:  # as if the zone had gone from the machine's database of zones
            process_timetable.by_id(session, broken, lock=True).zone = "Europe/Atlantis"
        await TimetableDesk(hall.sessions, connected).look()
        assert (look(hall, broken).in_line_with, look(hall, whole).in_line_with) == (None, 1)
        with hall.sessions.begin() as session:
            process_timetable.by_id(session, broken, lock=True).zone = "UTC"

    play(journey)


def _elsewhere(found: ScheduleUpdateInput) -> ScheduleUpdate:
    """The same schedule in another zone, as a page of Temporal would change it."""
    schedule = found.description.schedule
    schedule.spec.time_zone_name = "Asia/Tokyo"
    return ScheduleUpdate(schedule)


def test_a_timetable_that_is_changed_switched_off_and_removed_takes_its_schedule_along(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        timetable_id, elena = set_up(hall), hall.company.elena.id
        await hall.carry()
        schedule = schedule_of(hall, timetable_id)
        with hall.sessions.begin() as session:
            row = process_timetable.by_id(session, timetable_id)
            written = {
                "title": row.title, "process": row.process_key, "cron": "30 18 * * fri", "zone": "UTC",
                "overlap": "beside", "catch_up_seconds": 600, "input": row.given,
            }  # fmt: skip
            process_timetable.change(session, timetable_id, written, elena, 1, "weekly is enough")
        await hall.carry()
        told = await schedule.describe()
        [calendar] = told.schedule.spec.calendars
        assert [(each.start, each.end) for each in calendar.day_of_week] == [(5, 5)]
        assert told.schedule.policy.catchup_window == timedelta(minutes=10)
        with hall.sessions.begin() as session:
            process_timetable.switch(session, timetable_id, False, elena, 2, "holidays")
        await hall.carry()
        assert (await schedule.describe()).schedule.state.paused
        with hall.sessions.begin() as session:
            process_timetable.remove(session, timetable_id, elena, 3, "not needed")
        await hall.carry()
        with pytest.raises(RPCError) as gone:
            await schedule.describe()
        assert gone.value.status is RPCStatusCode.NOT_FOUND
        assert look(hall, timetable_id).in_line_with == 4

    play(journey)


#: Cron words, zone, from and to: also where a clock is changed.
CALENDARS = [
    ("0 9 * * 1-5", "Europe/Madrid", "2026-03-20", "2026-04-10"),
    ("30 2 * * *", "Europe/Madrid", "2026-03-27", "2026-03-31"),
    ("30 2 * * *", "Europe/Madrid", "2026-10-23", "2026-10-27"),
    ("*/10 * * * *", "Europe/Madrid", "2026-10-24", "2026-10-26"),
    ("*/20 1-3 * * *", "America/New_York", "2026-10-31", "2026-11-02"),
    ("0 0 * * sun", "America/Santiago", "2026-04-01", "2026-09-30"),
    ("15 8 1,15 * *", "Asia/Kolkata", "2026-04-01", "2026-06-30"),
    ("0 22-23 31 dec *", "Asia/Tokyo", "2026-01-01", "2029-12-31"),
    ("0 9 29 2 *", "UTC", "2026-01-01", "2034-01-01"),
]


def test_the_next_times_that_pages_show_are_those_at_which_the_server_rings(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        for words, name, first, last in CALENDARS:
            cron, zone = read_cron(words), read_zone(name)
            start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
            counted = counting_zone(cron, zone, start.astimezone(zone)).key
            wanted = Wanted(
                f"probe-{uuid4()}",
                cron,
                counted,
                timedelta(hours=1),
                True,
                "Nothing",
                None,
                "nobody",
                "",
                "1",
            )
            assert await temporal_schedules.put_in_line(hall.client, wanted) is Done.CREATED
            asked = ListScheduleMatchingTimesRequest(
                namespace=hall.client.namespace, schedule_id=wanted.schedule_id
            )
            asked.start_time.FromDatetime(start)
            asked.end_time.FromDatetime(end)
            told = await hall.client.workflow_service.list_schedule_matching_times(asked)
            theirs = [each.ToDatetime().replace(tzinfo=UTC) for each in told.start_time]
            ours: list[datetime] = []
            with suppress(StopIteration):
                times = moments(cron, zone, start)
                while (at := next(times).astimezone(UTC)) <= end:
                    ours.append(at)
            assert theirs == ours, (words, name)
            assert ours, (words, name)

    play(journey)
