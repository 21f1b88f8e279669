"""What operators do with a run: incidents, signals, calling it off. What may be said is judged in rules/ and storage/."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, get_readable_run, opens
from app.pages.run.one import refused
from app.pages.run.routes import pages
from rules.errors import BusinessError, Invalid
from rules.person import Act
from rules.process_signal import SIGNAL_OUTCOMES
from rules.text import judge_why
from storage import process_incident, process_message, process_run

#: Longer than that no message may be either.
LONGEST_OUTPUT = 100_000


@pages.get("/runs/incidents", endpoint="runs_incidents")
@opens(Act.READ_PROCESS)
def list_incidents() -> ResponseReturnValue:
    """Every node that waits for an operator, the oldest first."""
    return render_template("run/incidents.html", found=process_incident.waiting(database.session()))


@pages.post("/runs/<uuid:run_id>/incidents/<node>", endpoint="operate")
@opens(Act.OPERATE_RUN)
def operate(run_id: UUID, node: str) -> ResponseReturnValue:
    """Have a node that failed tried again, skipped or failed."""
    row, form = get_readable_run(run_id), request.form
    try:
        act = form.get("act", "")
        process_incident.operate(
            database.session(), run_id, node, current_person().id, act, iteration=_iteration(),
            outcome=form.get("outcome", "") if act == "skip" else "",
            output=_output() if act == "skip" else {}, reason=judge_why(form.get("why", "")),
        )  # fmt: skip
    except BusinessError as refusal:
        return refused(row, refusal, f"incident-{node}")
    database.commit()
    said = {
        "retry": _("It is being tried again."),
        "skip": _("It is skipped; the run goes on."),
        "fail": _("It has failed; the run goes on from there."),
    }
    flash(said[act], "success")
    return redirect(url_for("run.runs_one", run_id=run_id), 303)


@pages.post("/runs/<uuid:run_id>/signals", endpoint="signal")
@opens(Act.SIGNAL_RUN)
def signal(run_id: UUID) -> ResponseReturnValue:
    """Send a signal to a node that waits for it."""
    row, form = get_readable_run(run_id), request.form
    node = form.get("node", "")
    try:
        outcome = form.get("outcome", "")
        if outcome not in SIGNAL_OUTCOMES:
            raise Invalid(_("Please choose one of those that are offered."), "outcome")
        process_message.send(
            database.session(), run_id, form.get("name", ""), outcome, _output(), current_person().id,
            message_key=form.get("key") or None, node=node, iteration=_iteration(),
        )  # fmt: skip
    except BusinessError as refusal:
        return refused(row, refusal, f"signal-{node}")
    database.commit()
    flash(_("The signal is sent."), "success")
    return redirect(url_for("run.runs_one", run_id=run_id), 303)


@pages.post("/runs/<uuid:run_id>/cancel", endpoint="cancel")
@opens(Act.OPERATE_RUN)
def cancel(run_id: UUID) -> ResponseReturnValue:
    """Call a run off."""
    row = get_readable_run(run_id)
    try:
        why = judge_why(request.form.get("why", ""))
        process_run.cancel(database.session(), run_id, current_person().id, why)
    except BusinessError as refusal:
        return refused(row, refusal, "cancel")
    database.commit()
    flash(_("The run is being called off: what is asked of people is withdrawn."), "success")
    return redirect(url_for("run.runs_one", run_id=run_id), 303)


def _iteration() -> int:
    text = request.form.get("iteration", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _output() -> dict[str, Any]:
    text = request.form.get("output", "").strip()
    if not text:
        return {}
    if len(text) > LONGEST_OUTPUT:
        raise Invalid(_("This is too long."), "output")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Invalid(_('This is no JSON object. An example: {"order": "A-17"}.'), "output")
    return value
