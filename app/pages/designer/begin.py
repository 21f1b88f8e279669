"""A new process: empty, or from a text or a file in YAML or JSON. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.pages.designer.routes import LONGEST_REASON, pages
from app.process_yaml import read_definition
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.person import Act
from rules.process_content import to_content
from storage import department
from storage import process as processes

#: Words that stand in the place of a key in our addresses.
ADDRESSES: Final = ("new", "templates")


@pages.get("/processes/new", endpoint="processes_new")
@opens(Act.DRAW_PROCESS)
def new_form() -> ResponseReturnValue:
    """The form of a new process."""
    return _page({})


def _page(problems: Mapping[str, str]) -> str:
    return render_template(
        "designer/new.html",
        typed=request.form,
        problems=problems,
        departments=department.names(database.session()),
    )


@pages.post("/processes/new", endpoint="processes_create")
@opens(Act.DRAW_PROCESS)
def create() -> ResponseReturnValue:
    """Begin a process: empty, or from its YAML or JSON form."""
    form, person = request.form, current_person()
    try:
        row = processes.create(
            database.session(), _typed_content(form), form.get("department") or None, person.id,
            form.get("reason", "").strip()[:LONGEST_REASON],
        )  # fmt: skip
    except InvalidFields as refusal:
        said = {name if name in ("key", "name") else "content": "" for name in refusal.problems}
        for name, text in refusal.problems.items():
            place = name if name in said else "content"
            said[place] = f"{said[place]} {text if place == name else f'{name}: {text}'}".strip()
        return make_response(_page(said), 422)
    except BusinessError as refusal:
        return make_response(_page({refusal.field or "content": refusal.message}), refusal.status)
    database.commit()
    return redirect(url_for("designer.processes_outline", key=row.process_key), 303)


def _typed_content(form: Mapping[str, str]) -> Mapping[str, Any]:
    named = {name: form[name].strip() for name in ("key", "name") if form.get(name, "").strip()}
    sent = request.files.get("file")
    text = form.get("content", "").strip()
    if sent is not None and sent.filename:
        text = sent.read().decode("utf-8", "replace")
    if not text and "key" not in named:
        raise Invalid(_("Please give a key: lower-case letters, digits and -."), "key")
    content = to_content(read_definition(text, named)) if text else named
    if content["key"] in ADDRESSES:
        raise Invalid(_("This key is an address of ours. Please choose another one."), "key")
    return content
