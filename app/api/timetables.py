"""Timetables of processes through the API. What is right is judged in rules/process_timetable.py; Temporal is not asked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app import database
from app.access import current_person, opens
from app.api import trigger_shown as shown
from app.api.setup import PREFIX, Subject
from app.api.trigger_schemas import SwitchSchema, TakeAwaySchema, TimetableChangeSchema, TimetableSchema
from rules.person import Act
from storage import process, process_timetable
from storage.database import now
from storage.process_timetable import ProcessTimetableRow

api = Subject(
    "api_timetables", __name__, url_prefix=f"{PREFIX}/timetables", description="Times that start processes"
)


def _shown(row: ProcessTimetableRow) -> dict[str, Any]:
    session = database.session()
    return shown.timetable(row, process.by_key(session, row.process_key), now(session))


@api.at("", "GET")
@opens(Act.READ_PROCESS)
def many() -> dict[str, Any]:
    """Every timetable with its next times."""
    session = database.session()
    at = now(session)
    rows = process_timetable.all_timetables(session)
    return {"timetables": [shown.timetable(row, owner, at) for row, owner in rows]}


@api.at("", "POST")
@api.reads(TimetableSchema)
@opens(Act.DEPLOY_PROCESS)
def create(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A new timetable."""
    row = process_timetable.create(database.session(), *_parts(given))
    answer = _shown(row)
    database.commit()
    return answer, 201


@api.at("/<uuid:timetable_id>", "GET")
@opens(Act.READ_PROCESS)
def one(timetable_id: UUID) -> dict[str, Any]:
    """One timetable, with what became of its last planned times."""
    session = database.session()
    row = process_timetable.there(session, timetable_id)
    latest = process_timetable.latest(session, timetable_id)
    return {**_shown(row), "starts": [shown.timetable_start(each) for each in latest]}


@api.at("/<uuid:timetable_id>", "PUT")
@api.reads(TimetableChangeSchema)
@opens(Act.DEPLOY_PROCESS)
def change(given: dict[str, Any], timetable_id: UUID) -> dict[str, Any]:
    """Another content for a timetable, on top of the revision that was read."""
    revision = given.pop("revision")
    content, by, why = _parts(given)
    row = process_timetable.change(database.session(), timetable_id, content, by, revision, why)
    answer = _shown(row)
    database.commit()
    return answer


@api.at("/<uuid:timetable_id>/switch", "POST")
@api.reads(SwitchSchema)
@opens(Act.DEPLOY_PROCESS)
def switch(given: dict[str, Any], timetable_id: UUID) -> dict[str, Any]:
    """Switch a timetable on or off."""
    row = process_timetable.switch(
        database.session(), timetable_id, given["on"], current_person().id, given["revision"], given["why"]
    )
    answer = _shown(row)
    database.commit()
    return answer


@api.at("/<uuid:timetable_id>", "DELETE")
@api.reads(TakeAwaySchema)
@opens(Act.DEPLOY_PROCESS)
def remove(given: dict[str, Any], timetable_id: UUID) -> tuple[dict[str, Any], int]:
    """Take a timetable away; what it started goes on."""
    process_timetable.remove(
        database.session(), timetable_id, current_person().id, given["revision"], given["why"]
    )
    database.commit()
    return {"removed": str(timetable_id)}, 200


def _parts(given: dict[str, Any]) -> tuple[dict[str, Any], UUID, str]:
    why = given.pop("why")
    return given, current_person().id, why
