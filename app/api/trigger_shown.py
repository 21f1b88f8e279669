"""How triggers, timetables and what they started look in JSON. Times are ISO 8601, planned ones in their zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.api.shown import when
from storage import process_timetable, process_trigger
from storage.process import ProcessRow
from storage.process_timetable import ProcessTimetableRow, ProcessTimetableStartRow
from storage.process_trigger import ProcessTriggerRow, ProcessTriggerStartRow


def trigger(row: ProcessTriggerRow, process: ProcessRow) -> dict[str, Any]:
    """A trigger, and whether anything would follow."""
    return {
        "id": str(row.id),
        "title": row.title,
        "entity": row.entity,
        "operation": row.operation,
        "fields": row.fields,
        "condition": row.condition,
        "process": row.process_key,
        "process_is_deployed": process.deployed_version is not None,
        "input": row.given,
        "may_follow_itself": row.may_follow_itself,
        "on": row.is_on,
        "revision": row.revision,
        "changed_by": str(row.changed_by),
        "changed_at": when(row.changed_at),
    }


def trigger_start(row: ProcessTriggerStartRow) -> dict[str, Any]:
    """What an event did at a trigger."""
    told = row.event
    return {
        "event": str(row.event_id),
        "entity": told["entity"],
        "entity_id": row.entity_id,
        "operations": told["operations"],
        "changed": told["changed"],
        "chain": told["chain"],
        "happened_at": told["at"],
        "outcome": row.outcome,
        "why": row.note,
        "run": str(row.run_id) if row.run_id else None,
        "at": when(row.at),
    }


def timetable(row: ProcessTimetableRow, process: ProcessRow, now: datetime) -> dict[str, Any]:
    """A timetable with its next times, and whether the scheduler knows it as it is."""
    return {
        "id": str(row.id),
        "title": row.title,
        "process": row.process_key,
        "process_is_deployed": process.deployed_version is not None,
        "cron": row.cron,
        "zone": row.zone,
        "overlap": row.overlap,
        "catch_up_seconds": row.catch_up_seconds,
        "input": row.given,
        "on": row.is_on,
        "revision": row.revision,
        "next_times": [each.isoformat() for each in row.timetable.next_times(now)] if row.is_on else [],
        "in_line": row.in_line_with == row.revision,
        "mended_at": when(row.mended_at),
        "changed_by": str(row.changed_by),
        "changed_at": when(row.changed_at),
    }


def timetable_start(row: ProcessTimetableStartRow) -> dict[str, Any]:
    """What became of a planned time."""
    return {
        "planned_at": when(row.planned_at),
        "outcome": row.outcome,
        "why": row.note,
        "run": str(row.run_id) if row.run_id else None,
        "at": when(row.at),
    }


def cause(session: Session, run_id: UUID) -> dict[str, Any] | None:
    """Which trigger and event, or which timetable and time, started a run; None where neither did."""
    by_event = process_trigger.of_run(session, run_id)
    if by_event is not None:
        row, start = by_event
        return {"trigger": str(row.id), "title": row.title, **trigger_start(start)}
    by_time = process_timetable.of_run(session, run_id)
    if by_time is not None:
        return {
            "timetable": str(by_time[0].id),
            "title": by_time[0].title,
            "planned_at": when(by_time[1].planned_at),
        }
    return None
