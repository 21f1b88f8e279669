"""Runs of processes through the API: read, signal, mend, call off; tasks and callbacks. Temporal is never asked here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import request

from app import database
from app.access import current_person, get_readable_run, opens
from app.api import process_shown as shown
from app.api import process_versions as _versions  # noqa: F401  (its routes hang on the processes)
from app.api.process_schemas import (
    AnswerSchema,
    CallbackSchema,
    CancelSchema,
    IncidentSchema,
    SignalSchema,
)
from app.api.setup import PREFIX, Subject
from app.api.trigger_shown import cause
from rules.errors import Invalid
from rules.person import Act
from rules.text import clean_text
from storage import (
    process_assignment,
    process_callback,
    process_incident,
    process_message,
    process_run,
    process_run_list,
    process_step,
    process_task,
)
from storage.process_run_list import Wanted

api = Subject("api_runs", __name__, url_prefix=f"{PREFIX}/runs", description="Runs of processes")
tasks = Subject("api_tasks", __name__, url_prefix=f"{PREFIX}/tasks", description="Who is asked")
callbacks = Subject(
    "api_callbacks", __name__, url_prefix=f"{PREFIX}/callbacks", description="Answers of systems"
)

MOST_RUNS = 200
MOST_VERSIONS = 1_000_000
LONGEST_WORDS = 100


@api.at("", "GET")
@opens(Act.READ_PROCESS)
def many() -> dict[str, Any]:
    """Runs, the newest first, narrowed as on their page.

    `process`, `version`, `status`, `awaiting` (a role, or `person:` and an id), `incident` (yes or no), `started_by`,
    `text`, `since` and `before` narrow them; `before` with the `started_at` of the last one gives the next page.
    """
    asked = request.args
    wanted = Wanted(
        process=asked.get("process", ""),
        version=_number(asked["version"], "version", MOST_VERSIONS) if "version" in asked else None,
        status=asked.get("status", ""),
        awaiting=asked.get("awaiting", ""),
        has_incident=_yes_or_no(asked.get("incident")),
        started_by=clean_text(asked.get("started_by", ""), "started_by", LONGEST_WORDS, required=False),
        text=clean_text(asked.get("text", ""), "text", LONGEST_WORDS, required=False),
        since=_moment(asked.get("since"), "since"),
        until=_moment(asked.get("before"), "before"),
    )
    limit = _number(asked.get("limit", "50"), "limit", MOST_RUNS)
    found = process_run_list.page(database.session(), current_person(), wanted, limit)
    return {"runs": [{**shown.run(each.run), "incidents": each.incidents} for each in found]}


@api.at("/<uuid:run_id>", "GET")
@opens(Act.READ_RUN)
def one(run_id: UUID) -> dict[str, Any]:
    """One run: its path edge by edge, what became of each node, whom it asks, why not, and why this version."""
    session, row = database.session(), get_readable_run(run_id)
    plan = process_run.plan_of(session, row)
    return {
        **shown.run(row),
        "path": shown.path(plan, process_run.state_of(row, plan)),
        "steps": shown.steps(process_step.of_run(session, run_id)),
        "tasks": [shown.task(each) for each in process_task.of_run(session, run_id)],
        "given_first": shown.drawn(process_assignment.of_run(session, run_id)),
        "cause": cause(session, run_id),
    }


@api.at("/<uuid:run_id>/signals/<name>", "POST")
@api.reads(SignalSchema)
@opens(Act.SIGNAL_RUN)
def signal(given: dict[str, Any], run_id: UUID, name: str) -> tuple[dict[str, Any], int]:
    """Send a named signal; it is kept where its node has not started yet."""
    row = process_message.send(
        database.session(), run_id, name, given["outcome"], given["output"], current_person().id,
        message_key=given["message_key"], node=given["node"], iteration=given["iteration"],
    )  # fmt: skip
    database.commit()
    return {"run": str(run_id), "node": row.node, "iteration": row.iteration, "outcome": row.outcome}, 202


@api.at("/<uuid:run_id>/incidents/<node>", "POST")
@api.reads(IncidentSchema)
@opens(Act.OPERATE_RUN)
def operate(given: dict[str, Any], run_id: UUID, node: str) -> tuple[dict[str, Any], int]:
    """Have a node that failed tried again, skipped or failed."""
    row = process_incident.operate(
        database.session(), run_id, node, current_person().id, given["act"], iteration=given["iteration"],
        outcome=given["outcome"], output=given["output"], reason=given["why"],
    )  # fmt: skip
    database.commit()
    return {"run": str(run_id), "node": node, "iteration": row.iteration, "act": given["act"]}, 202


@api.at("/<uuid:run_id>/cancel", "POST")
@api.reads(CancelSchema)
@opens(Act.OPERATE_RUN)
def cancel(given: dict[str, Any], run_id: UUID) -> tuple[dict[str, Any], int]:
    """Call a run off."""
    process_run.cancel(database.session(), run_id, current_person().id, given["why"])
    database.commit()
    return {"run": str(run_id)}, 202


@tasks.at("", "GET")
@opens(Act.ANSWER_TASK)
def mine() -> dict[str, Any]:
    """What waits for an answer of whoever asks."""
    rows = process_task.open_for(database.session(), current_person())
    return {"tasks": [shown.task(row) for row in rows]}


@tasks.at("/<uuid:task_id>/answer", "POST")
@tasks.reads(AnswerSchema)
@opens(Act.ANSWER_TASK)
def answer(given: dict[str, Any], task_id: UUID) -> dict[str, Any]:
    """Agree or refuse; the same answer sent again by the same person gives back what was recorded."""
    row = process_task.answer(database.session(), task_id, current_person(), given["agrees"], given["note"])
    database.commit()
    return shown.task(row)


@callbacks.at("/<token>", "POST")
@callbacks.reads(CallbackSchema)
@opens(Act.ANYONE)
def call_back(given: dict[str, Any], token: str) -> tuple[dict[str, Any], int]:
    """Complete the work that a token was handed out for, or fail it. The token is all that is asked for."""
    process_callback.use(database.session(), token, given["output"], given["error"])
    database.commit()
    return {"taken": True}, 202


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid("This must be a moment with its zone, such as 2026-12-01T09:00:00+01:00.", field)
    return at


def _number(text: str, field: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise Invalid(f"This must be a whole number from 1 to {most}.", field)
    return int(text)


def _yes_or_no(text: str | None) -> bool | None:
    if text not in (None, "yes", "no"):
        raise Invalid("This must be yes or no.", "incident")
    return None if text is None else text == "yes"
