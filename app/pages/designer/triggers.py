"""Triggers: the list, one with what events did there, its form. What is right is judged in rules/process_trigger.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.pages.designer import start_form
from app.pages.designer.routes import pages
from app.pages.designer.typed import form_field, read_field
from rules.errors import BusinessError
from rules.person import Act
from rules.process_node import Field, FieldKind
from rules.process_trigger import OPERATIONS
from rules.process_trigger_event import FIELDS, sample
from rules.text import judge_why
from storage import person as people
from storage import process as processes
from storage import process_trigger
from storage.process_trigger import ProcessTriggerRow

CONDITION: Final = Field("condition", FieldKind.CONDITION, "Only if")
_LEAD: Final = f"config.{CONDITION.name}"
#: What conditions and inputs may name beside the fields of the entity.
_OF_EVENTS: Final = ("event.decision", "event.at", "event.id", "event.changed", "event.before.status")


@pages.get("/triggers", endpoint="processes_triggers")
@opens(Act.READ_PROCESS)
def triggers() -> ResponseReturnValue:
    """Every trigger, what it starts, and what became of the last event there."""
    session = database.session()
    rows = [
        (row, owner, next(iter(process_trigger.latest(session, row.id, 1)), None))
        for row, owner in process_trigger.all_triggers(session)
    ]
    return render_template("designer/triggers.html", rows=rows)


@pages.get("/triggers/new", endpoint="processes_triggers_new")
@opens(Act.DEPLOY_PROCESS)
def new_trigger() -> ResponseReturnValue:
    """The form of a new one; `process` says which process it is to start."""
    return _page(None, {"process": request.args.get("process", "")}, None, {})


@pages.post("/triggers/new", endpoint="processes_triggers_create")
@opens(Act.DEPLOY_PROCESS)
def create_trigger() -> ResponseReturnValue:
    """Write a new one down."""
    try:
        row = process_trigger.create(database.session(), _content(), current_person().id, _why())
    except BusinessError as refusal:
        return _refused(None, refusal)
    address = url_for("designer.processes_triggers_one", trigger_id=row.id)
    return start_form.saved(_("The trigger is on: events that happen from now on count."), address)


@pages.get("/triggers/<uuid:trigger_id>", endpoint="processes_triggers_one")
@opens(Act.READ_PROCESS)
def one_trigger(trigger_id: UUID) -> ResponseReturnValue:
    """One trigger with its form and what events of late did there."""
    row = process_trigger.by_id(database.session(), trigger_id)
    there, process = sample(row.entity, row.operation), start_form.chosen(row.process_key)
    return _page(row, _typed(row), row.condition, start_form.misfit(process, row.given, there))


@pages.post("/triggers/<uuid:trigger_id>", endpoint="processes_triggers_change")
@opens(Act.DEPLOY_PROCESS)
def change_trigger(trigger_id: UUID) -> ResponseReturnValue:
    """Give it another content."""
    session = database.session()
    row = process_trigger.by_id(session, trigger_id)
    try:
        process_trigger.change(
            session, trigger_id, _content(), current_person().id, start_form.revision(), _why()
        )
    except BusinessError as refusal:
        return _refused(row, refusal)
    address = url_for("designer.processes_triggers_one", trigger_id=trigger_id)
    return start_form.saved(_("The trigger is changed."), address)


@pages.post("/triggers/<uuid:trigger_id>/switch", endpoint="processes_triggers_switch")
@opens(Act.DEPLOY_PROCESS)
def switch_trigger(trigger_id: UUID) -> ResponseReturnValue:
    """Switch it on or off."""
    session, is_on = database.session(), request.form.get("on") == "yes"
    row = process_trigger.by_id(session, trigger_id)
    try:
        process_trigger.switch(session, trigger_id, is_on, current_person().id, start_form.revision(), _why())
    except BusinessError as refusal:
        problems = {f"switch.{name}": said for name, said in start_form.problems_of(refusal).items()}
        return make_response(_page(row, _typed(row), row.condition, problems), refusal.status)
    address = url_for("designer.processes_triggers_one", trigger_id=trigger_id)
    return start_form.saved(start_form.switched(is_on), address)


def _why() -> str:
    return judge_why(request.form.get("why", ""))


def _content() -> dict[str, Any]:
    """What was typed, as rules/process_trigger.py judges it."""
    form = request.form
    entity, _dot, operation = form.get("happens", "").partition(".")
    return {
        "title": form.get("title", ""),
        "entity": entity,
        "operation": operation,
        "fields": [each.strip() for each in form.get("fields", "").split(",") if each.strip()],
        "condition": _condition(),
        "process": form.get("process", ""),
        "input": start_form.read_input(form),
        "may_follow_itself": form.get("may_follow_itself") == "yes",
    }


def _condition() -> Any:
    inputs = {
        name.removeprefix(_LEAD).removeprefix("."): text
        for name, text in request.form.items()
        if name.startswith(f"{_LEAD}.")
    }
    return read_field(CONDITION, inputs)


def _typed(row: ProcessTriggerRow) -> dict[str, str]:
    """A trigger as its form shows it."""
    return {
        "title": row.title,
        "happens": f"{row.entity}.{row.operation}",
        "fields": ", ".join(row.fields),
        "process": row.process_key,
        "may_follow_itself": "yes" if row.may_follow_itself else "",
        **start_form.write_input(row.given),
    }


def _refused(row: ProcessTriggerRow | None, refusal: BusinessError) -> ResponseReturnValue:
    page = _page(row, request.form, _condition(), start_form.problems_of(refusal))
    return make_response(page, refusal.status)


def _page(
    row: ProcessTriggerRow | None, typed: Mapping[str, str], condition: Any, problems: Mapping[str, str]
) -> str:
    session = database.session()
    latest = process_trigger.latest(session, row.id) if row else ()
    names = people.names(session, {row.created_by, row.changed_by}) if row else {}
    key = typed.get("process", "")
    entity = typed.get("happens", "request.").partition(".")[0]
    fields = FIELDS.get(entity, FIELDS["request"])
    return render_template(
        "designer/trigger.html",
        row=row,
        typed=typed,
        problems=problems,
        process=start_form.chosen(key),
        owner=processes.by_key(session, row.process_key) if row else None,
        deployed=start_form.deployed(),
        happens=[(each.value, operation.value) for each in OPERATIONS for operation in OPERATIONS[each]],
        condition=form_field(CONDITION, {"condition": condition}),
        here_problems=[{"field": "condition"}] if "condition" in problems else [],
        roles=(),
        paths=[f"{{{{entity.{name}}}}}" for name in fields] + [f"{{{{{each}}}}}" for each in _OF_EVENTS],
        fields=list(fields),
        latest=latest,
        names=names,
    )
