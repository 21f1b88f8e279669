"""Triggers of processes through the API. What is right is judged in rules/process_trigger.py."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app import database
from app.access import current_person, opens
from app.api import trigger_shown as shown
from app.api.setup import PREFIX, Subject
from app.api.trigger_schemas import SwitchSchema, TriggerChangeSchema, TriggerSchema
from rules.person import Act
from storage import process, process_trigger
from storage.process_trigger import ProcessTriggerRow

api = Subject(
    "api_triggers", __name__, url_prefix=f"{PREFIX}/triggers", description="Events that start processes"
)


def _shown(row: ProcessTriggerRow) -> dict[str, Any]:
    return shown.trigger(row, process.by_key(database.session(), row.process_key))


@api.at("", "GET")
@opens(Act.READ_PROCESS)
def many() -> dict[str, Any]:
    """Every trigger."""
    rows = process_trigger.all_triggers(database.session())
    return {"triggers": [shown.trigger(*each) for each in rows]}


@api.at("", "POST")
@api.reads(TriggerSchema)
@opens(Act.DEPLOY_PROCESS)
def create(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A new trigger; events that happen from now on count."""
    row = process_trigger.create(database.session(), *_parts(given))
    answer = _shown(row)
    database.commit()
    return answer, 201


@api.at("/<uuid:trigger_id>", "GET")
@opens(Act.READ_PROCESS)
def one(trigger_id: UUID) -> dict[str, Any]:
    """One trigger, with what events of late did there."""
    session = database.session()
    row = process_trigger.by_id(session, trigger_id)
    latest = process_trigger.latest(session, trigger_id)
    return {**_shown(row), "starts": [shown.trigger_start(each) for each in latest]}


@api.at("/<uuid:trigger_id>", "PUT")
@api.reads(TriggerChangeSchema)
@opens(Act.DEPLOY_PROCESS)
def change(given: dict[str, Any], trigger_id: UUID) -> dict[str, Any]:
    """Another content for a trigger, on top of the revision that was read."""
    revision = given.pop("revision")
    content, by, why = _parts(given)
    row = process_trigger.change(database.session(), trigger_id, content, by, revision, why)
    answer = _shown(row)
    database.commit()
    return answer


@api.at("/<uuid:trigger_id>/switch", "POST")
@api.reads(SwitchSchema)
@opens(Act.DEPLOY_PROCESS)
def switch(given: dict[str, Any], trigger_id: UUID) -> dict[str, Any]:
    """Switch a trigger on or off."""
    row = process_trigger.switch(
        database.session(), trigger_id, given["on"], current_person().id, given["revision"], given["why"]
    )
    answer = _shown(row)
    database.commit()
    return answer


def _parts(given: dict[str, Any]) -> tuple[dict[str, Any], UUID, str]:
    why = given.pop("why")
    return given, current_person().id, why
