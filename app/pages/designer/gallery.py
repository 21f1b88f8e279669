"""The gallery: templates with their pictures, what is filled in, and the draft that comes of it with its scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.pages.designer.begin import ADDRESSES
from app.pages.designer.routes import pages
from app.pages.designer.typed import form_field, read_field
from rules.errors import BusinessError, Invalid, InvalidFields, NotFound
from rules.person import Act
from rules.process_content import to_content
from rules.process_gallery import Template, make_process
from rules.process_language import Language
from rules.process_node import FieldKind
from rules.process_plan import make_plan
from rules.process_svg import draw
from rules.process_templates import TEMPLATES
from rules.process_words import tell
from storage import department
from storage import process as processes


@pages.get("/processes/templates", endpoint="processes_templates")
@opens(Act.DRAW_PROCESS)
def templates() -> ResponseReturnValue:
    """Every template."""
    language = _language()
    shown = [(each, draw(make_process(each, each.key, "", {}, language))) for each in TEMPLATES.values()]
    return render_template("designer/templates.html", shown=shown, language=language)


@pages.get("/processes/templates/<template>", endpoint="processes_template")
@opens(Act.DRAW_PROCESS)
def template_form(template: str) -> ResponseReturnValue:
    """What a template asks for, and what it draws."""
    return make_response(_page(_template(template), {}, {}))


@pages.post("/processes/templates/<template>", endpoint="processes_template_use")
@opens(Act.DRAW_PROCESS)
def use(template: str) -> ResponseReturnValue:
    """Begin a process with a template."""
    chosen, form = _template(template), request.form
    values = _values(chosen)
    key, name = form.get("key", "").strip(), form.get("name", "").strip()
    try:
        if key in ADDRESSES:
            raise Invalid(_("This key is an address of ours. Please choose another one."), "key")
        process = make_process(chosen, key, name, values, _language())
        row = processes.create(
            database.session(), to_content(process), form.get("department") or None, current_person().id,
            _("From the template “%(name)s”", name=chosen.title[Language.ENGLISH]),
        )  # fmt: skip
    except InvalidFields as refusal:
        return make_response(_page(chosen, values, refusal.problems), 422)
    except BusinessError as refusal:
        return make_response(_page(chosen, values, {refusal.field or "key": refusal.message}), refusal.status)
    database.commit()
    return redirect(url_for("designer.processes_one", key=row.process_key), 303)


def _template(key: str) -> Template:
    found = TEMPLATES.get(key)
    if found is None:
        raise NotFound(_("There is no such template."))
    return found


def _language() -> Language:
    return Language.SPANISH if request.values.get("language") == "es" else Language.ENGLISH


def _values(template: Template) -> dict[str, Any]:
    """What was typed; an emptied field is one that is missing, a choice that is not made the usual one."""
    values = {}
    for field in template.fields:
        lead = f"config.{field.name}"
        inputs = {
            name.removeprefix(lead).removeprefix("."): text
            for name, text in request.form.items()
            if name == lead or name.startswith(f"{lead}.")
        }
        value = read_field(field, inputs)
        if value is not None or field.kind is not FieldKind.CHOICE:
            values[field.name] = value
    return values


def _page(template: Template, values: Mapping[str, Any], problems: Mapping[str, str]) -> str:
    language = _language()
    filled = {**template.usual, **values}
    try:
        process = make_process(template, template.key, "", filled, language)
    except InvalidFields:
        process = make_process(template, template.key, "", {}, language)
    found = [{"field": name, "message": said, "hint": ""} for name, said in problems.items()]
    return render_template(
        "designer/template.html",
        template=template,
        language=language,
        fields=[form_field(each, filled) for each in template.fields],
        here_problems=found,
        problems=problems,
        typed=request.form,
        departments=department.names(database.session()),
        process=process,
        picture=draw(process, language=language),
        sentences=tell(make_plan(process), language),
        operators=[],
        read_as=[],
    )
