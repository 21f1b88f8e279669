"""What the forms of triggers and timetables share: the process, what its runs are given, who saw which revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.pages.designer.typed import read_value, write_value
from rules.errors import BusinessError, InvalidFields
from rules.process import Process
from rules.process_unattended import check_input
from storage import process as processes
from storage.process import ProcessRow
from storage.process_trigger import deployed_or_none

#: In front of the name of an entry of the input, in the names of a form's fields.
INPUT = "input."


def deployed() -> Sequence[ProcessRow]:
    """The processes that a run may be started of."""
    return [row for row in processes.all_processes(database.session()) if row.deployed_version is not None]


def chosen(key: str) -> Process | None:
    """The deployed version of the process of that key; None where there is none."""
    return deployed_or_none(database.session(), key) if key else None


def read_input(form: Mapping[str, str]) -> dict[str, Any]:
    """What the runs are given, of what was typed; an empty field is no entry."""
    return {
        name.removeprefix(INPUT): read_value(text)
        for name, text in form.items()
        if name.startswith(INPUT) and text.strip()
    }


def write_input(given: Mapping[str, Any]) -> dict[str, str]:
    """The same as a form shows it."""
    return {f"{INPUT}{name}": write_value(value) for name, value in given.items()}


def revision() -> int:
    """The revision that whoever sends the form has seen; 0 for none."""
    text = request.form.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def problems_of(refusal: BusinessError) -> dict[str, str]:
    """A refusal by field; what names none stands at the top."""
    if isinstance(refusal, InvalidFields):
        return refusal.problems
    return {refusal.field or "": refusal.message}


def misfit(process: Process | None, given: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, str]:
    """What of an input the process does not take any more, by field; it may have got another version since."""
    if process is None:
        return {}
    try:
        check_input(process, given, there)
    except BusinessError as refusal:
        return problems_of(refusal)
    return {}


def saved(said: str, address: str) -> ResponseReturnValue:
    """Keep it, say so, and go on to its page."""
    database.commit()
    flash(said, "success")
    return redirect(address, 303)


def switched(is_on: bool) -> str:
    """What is said after a switch."""
    return str(_("It is on from now on.") if is_on else _("It is off: nothing starts by it from now on."))
