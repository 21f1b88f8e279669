"""The audit trail as a list: filtered, in plain words, page by page. Changes nothing."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import database
from app.access import opens
from app.dates import parse_day
from app.pages.auditor.wording import ACTIONS, facts, title
from rules.errors import Invalid
from rules.person import Act
from rules.text import clean_text
from storage import audit_list, department
from storage import person as people
from storage.audit_list import AuditFilter

pages = Blueprint("auditor", __name__, template_folder="templates")

PER_PAGE = 50
LONGEST_NUMBER = 30


@pages.get("/audit")
@opens(Act.READ_AUDIT)
def trail() -> ResponseReturnValue:
    """Every act, the newest first."""
    session, problems = database.session(), dict[str, str]()
    wanted = _read_filter(problems)
    entries, older = audit_list.entries(session, wanted, _before(), PER_PAGE)
    everybody = people.all_people(session)
    names = department.names(session) | {str(row.id): row.name for row in everybody}
    return render_template(
        "auditor/trail.html",
        entries=entries,
        older=_address(before=older) if older is not None else None,
        newest=_address(before=None) if _before() is not None else None,
        typed=request.args,
        problems=problems,
        people=everybody,
        actions=ACTIONS,
        title=title,
        facts=lambda row: facts(row.detail, names),
    )


def _read_filter(problems: dict[str, str]) -> AuditFilter:
    action = request.args.get("action", "")
    if action and action not in ACTIONS:
        problems["action"] = "Please choose one from the list."
    return AuditFilter(
        number=_text(problems, "number").upper(),
        actions=(action,) if action in ACTIONS else (),
        person_id=_person(problems),
        first_day=_day(problems, "since"),
        last_day=_day(problems, "until"),
    )


def _text(problems: dict[str, str], name: str) -> str:
    try:
        return clean_text(request.args.get(name, ""), name, LONGEST_NUMBER, required=False)
    except Invalid as refusal:
        problems[name] = refusal.message
        return ""


def _person(problems: dict[str, str]) -> UUID | None:
    typed = request.args.get("person", "")
    if not typed:
        return None
    try:
        return UUID(typed)
    except ValueError:
        problems["person"] = "Please choose a person from the list."
        return None


def _day(problems: dict[str, str], name: str) -> date | None:
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    try:
        return parse_day(typed, name)
    except Invalid as refusal:
        problems[name] = refusal.message
        return None


def _before() -> int | None:
    typed = request.args.get("before", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 18 else None


def _address(before: int | None) -> str:
    kept: dict[str, Any] = {
        name: value for name, value in request.args.to_dict().items() if value and name != "before"
    }
    return url_for("auditor.trail", before=before, **kept)
