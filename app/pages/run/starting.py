"""Starting a process from a page: its inputs as a form, sent twice it makes one run. What fits is judged in rules/."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.pages.run.routes import pages
from rules.errors import BusinessError, InvalidFields
from rules.person import Act
from rules.process import Input, ValueKind
from rules.process_input import REQUESTER
from storage import process, process_run
from storage.audit import Actor

#: Longer than that no key that a form brings is.
LONGEST_KEY: Final = 64


@pages.get("/runs/new", endpoint="runs_startable")
@opens(Act.START_PROCESS)
def list_startable() -> ResponseReturnValue:
    """Processes that can be started: those of the whole company and of one's own department."""
    mine = current_person().department_id
    rows = [
        row
        for row in process.all_processes(database.session())
        if row.deployed_version is not None and row.department_id in (None, mine)
    ]
    return render_template("run/startable.html", rows=rows)


@pages.get("/runs/new/<key>", endpoint="runs_new")
@opens(Act.START_PROCESS)
def start_form(key: str) -> ResponseReturnValue:
    """What a process wants to know before it starts."""
    return _form(key, {}, str(uuid4()))


@pages.post("/runs/new/<key>", endpoint="runs_start")
@opens(Act.START_PROCESS)
def start(key: str) -> ResponseReturnValue:
    """Start a run; the same form sent again leads to the same run."""
    session, person = database.session(), current_person()
    form_key = request.form.get("key", "")[:LONGEST_KEY] or str(uuid4())
    # Others' keys are their own: nobody is led to a run that somebody else began.
    start_key = f"page {person.id} {form_key}"
    try:
        given = {each.name: value for each in _inputs(key) if (value := _typed(each)) is not None}
        row = process_run.begin(session, key, given, Actor.person(person.id), start_key=start_key)
    except InvalidFields as refusal:
        session.rollback()
        return _form(key, refusal.problems, form_key, 422)
    except BusinessError as refusal:
        session.rollback()
        return _form(key, {"": refusal.message}, form_key, refusal.status)
    database.commit()
    flash(_("It has begun. This page follows it."), "success")
    return redirect(url_for("run.runs_one", run_id=row.id), 303)


def _inputs(key: str) -> list[Input]:
    """What the page asks for; who asks is known."""
    version = process.deployed(database.session(), key)
    return [each for each in version.process.inputs if each.name != REQUESTER]


def _form(key: str, problems: Mapping[str, str], form_key: str, status: int = 200) -> ResponseReturnValue:
    inputs = _inputs(key)
    named = {f"input.{each.name}" for each in inputs}
    page = render_template(
        "run/new.html",
        row=process.by_key(database.session(), key),
        inputs=inputs,
        kinds=ValueKind,
        problems=problems,
        others=[text for name, text in problems.items() if name not in named],
        typed=request.form,
        form_key=form_key,
    )
    return make_response(page, status)


def _typed(each: Input) -> Any:
    """What was typed, as what the input is; left as it is where it is none, for the judge to say so."""
    text = request.form.get(f"input.{each.name}", "").strip()
    if not text:
        return None
    try:
        return _READ.get(each.kind, str)(text)
    except (ValueError, RecursionError):
        return text


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _flag(text: str) -> bool:
    return {"yes": True, "no": False}[text] if text in ("yes", "no") else bool(json.loads(text))


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _anything(text: str) -> Any:
    return json.loads(text) if text[0] in "[{" else text


_READ: Final[Mapping[ValueKind, Callable[[str], Any]]] = {
    ValueKind.NUMBER: _number,
    ValueKind.FLAG: _flag,
    ValueKind.MOMENT: _moment,
    ValueKind.LIST: json.loads,
    ValueKind.OBJECT: json.loads,
    ValueKind.ANY: _anything,
}
