"""Keeps Temporal's schedules in line with the timetables in Postgres, and takes the planned times that they ring for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from gateways import temporal_schedules
from gateways.temporal_schedules import Done, Wanted
from rules.errors import BusinessError, NotFound
from rules.messages import CONTROL_QUEUE
from rules.process_timetable import Planned, fingerprint
from rules.process_timetable_cron import counting_zone, read_cron, read_zone
from rules.process_timetable_messages import (
    PLANNED_START,
    PlannedResult,
    PlannedStartInput,
    PlannedStep,
    schedule_id,
)
from storage import process_timetable
from storage.process_timetable import ProcessTimetableRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TimetableActivities:
    """The step of a planned time."""

    sessions: sessionmaker[Session]

    @activity.defn
    def begin_planned_run(self, given: PlannedStep) -> PlannedResult:
        """Write down what a planned time starts, once; a timetable that is unknown here starts nothing."""
        planned_at = datetime.fromisoformat(given.planned_at)
        with self.sessions.begin() as session:
            try:
                row = process_timetable.begin_planned(
                    session, UUID(given.timetable_id), planned_at, given.revision
                )
            except NotFound as refusal:
                return PlannedResult(Planned.REFUSED.value, refusal.message)
            return PlannedResult(row.outcome, row.note, str(row.run_id) if row.run_id else "")


@dataclass(frozen=True)
class TimetableDesk:
    """Looks through all schedules; several desks may stand side by side."""

    sessions: sessionmaker[Session]
    connect: Callable[[], Awaitable[Client]]

    async def look(self) -> int:
        """Bring every schedule in line; 0, as what one look has left to do is for the next."""
        try:
            client = await self.connect()
        except (RPCError, RuntimeError) as error:
            log.warning("the schedules cannot be looked at", extra={"error": str(error)[:200]})
            return 0
        for timetable_id in await asyncio.to_thread(self._all):
            try:
                await carry_timetable(client, self.sessions, timetable_id)
            except (
                RPCError,
                BusinessError,
            ) as error:  # one that cannot be carried keeps none of the others up
                told = {"timetable": str(timetable_id), "error": str(error)[:200]}
                log.warning("a schedule is not in line", extra=told)
        return 0

    def _all(self) -> list[UUID]:
        with self.sessions.begin() as session:
            return list(process_timetable.to_keep_in_line(session))


async def carry_timetable(client: Client, sessions: sessionmaker[Session], timetable_id: UUID) -> None:
    """Bring the schedule of one timetable in line, as it stands now. Raises RPCError."""

    def read() -> ProcessTimetableRow:
        with sessions.begin() as session:
            return process_timetable.by_id(session, timetable_id)

    row = await asyncio.to_thread(read)
    is_known = row.in_line_with == row.revision
    if row.removed_at is not None:
        await temporal_schedules.delete(client, schedule_id(str(row.id)))
        done = Done.NOTHING
    else:
        done = await temporal_schedules.put_in_line(client, _wanted(row))
    if done is Done.NOTHING and is_known:
        return

    def note() -> bool:
        with sessions.begin() as session:
            return process_timetable.note_in_line(
                session, timetable_id, row.revision, was_mended=is_known and done is not Done.NOTHING
            )

    if not await asyncio.to_thread(note):
        await carry_timetable(client, sessions, timetable_id)  # it was changed meanwhile


def _wanted(row: ProcessTimetableRow) -> Wanted:
    timetable, cron, zone = row.timetable, read_cron(row.cron), read_zone(row.zone)
    return Wanted(
        schedule_id=schedule_id(str(row.id)),
        cron=cron,
        zone=counting_zone(cron, zone, row.changed_at.astimezone(zone)).key,
        catch_up=timedelta(seconds=row.catch_up_seconds),
        is_paused=not row.is_on,
        workflow=PLANNED_START,
        argument=PlannedStartInput(str(row.id), row.revision),
        task_queue=CONTROL_QUEUE,
        title=row.title,
        fingerprint=fingerprint(timetable, row.revision, row.is_on),
    )
