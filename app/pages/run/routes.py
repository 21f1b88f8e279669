"""The list of runs: what is asked for in the address, and a page of it. Decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import database
from app.access import current_person, opens
from app.dates import parse_day
from app.templating import exact_time
from rules.errors import Invalid
from rules.person import Act, Role, may_read_all_runs
from rules.process_input import REQUESTER
from rules.process_state import Result
from rules.text import clean_text
from storage import process, process_run_list
from storage.process_run_list import PERSON, Listed, Place, Wanted

pages = Blueprint("run", __name__, template_folder="templates")

PER_PAGE: Final = 50
LONGEST_SEARCH: Final = 100
GLIMPSED: Final = 3
STATUSES: Final[Mapping[str, Any]] = {
    Result.OPEN.value: _l("open"),
    Result.COMPLETED.value: _l("completed"),
    Result.FAILED.value: _l("failed"),
    Result.CANCELLED.value: _l("called off"),
}
ROLES: Final[Mapping[str, Any]] = {
    Role.EMPLOYEE.value: _l("any employee"),
    Role.MANAGER.value: _l("any manager"),
    Role.FINANCE.value: _l("finance"),
    Role.PLATFORM.value: _l("platform"),
    Role.AUDITOR.value: _l("any auditor"),
    Role.ADMIN.value: _l("administration"),
}


@pages.app_template_filter("took")
def took(ended: datetime, began: datetime) -> str:
    """How long something took, in one unit."""
    passed = ended - began
    if passed < timedelta(seconds=1):
        return str(_("took less than a second"))
    return str(_("took %(time)s", time=format_timedelta(passed, threshold=0.95)))


#: How an input holds a moment.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@pages.app_template_filter("glimpse")
def glimpse(given: Mapping[str, Any]) -> str:
    """The first short values of an input, by which people tell runs of one process apart."""
    told = [plain(value) for name, value in given.items() if name != REQUESTER and _is_short(value)]
    return ", ".join(told[:GLIMPSED])


@pages.app_template_filter("plain")
def plain(value: Any) -> str:
    """A value as people write it: moments with day and time."""
    if isinstance(value, str) and _MOMENT.match(value):
        with suppress(ValueError):
            return exact_time(datetime.fromisoformat(value))
    return str(value)


def _is_short(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, str | int) and 0 < len(str(value)) <= 40


@dataclass(frozen=True)
class Asked:
    """The filter as it was asked for: what is understood of it, and what is wrong with the rest."""

    wanted: Wanted
    problems: dict[str, str]


@pages.get("/runs", endpoint="runs")
@opens(Act.READ_RUN)
def list_runs() -> ResponseReturnValue:
    """Runs that whoever is logged in may see, the newest first."""
    session, reader, asked = database.session(), current_person(), read_filter()
    behind, problem = _place(request.args.get("behind", ""))
    asked.problems.update(problem)
    rows = (
        [] if asked.problems else process_run_list.page(session, reader, asked.wanted, PER_PAGE + 1, behind)
    )
    awaited = process_run_list.awaited_people(session) if may_read_all_runs(reader) else {}
    page = render_template(
        "run/runs.html",
        asked=asked,
        typed=request.args,
        rows=rows[:PER_PAGE],
        found=0 if asked.problems else process_run_list.count(session, reader, asked.wanted),
        most=process_run_list.MOST_COUNTED,
        names=process_run_list.say_awaited(session, [one.run.awaiting for one in rows]),
        roles=ROLES,
        processes=[(row.key, row.title) for row in process.all_processes(session)],
        statuses=STATUSES,
        awaited={f"{PERSON}{reader.id}": _("me"), **ROLES, **awaited},
        sees_all=may_read_all_runs(reader),
        behind=behind,
        older=address(behind=_as_text(rows[PER_PAGE - 1])) if len(rows) > PER_PAGE else "",
        newest=address(behind=None),
    )
    return make_response(page, 422 if asked.problems else 200)


def address(**changes: Any) -> str:
    """The address of the list as it is filtered now, with some parameters changed; empty ones are left out."""
    kept = {name: value for name, value in (request.args.to_dict() | changes).items() if value}
    return url_for("run.runs", **kept)


def read_filter() -> Asked:
    """What the address asks for."""
    typed = {name: value.strip() for name, value in request.args.items() if value.strip()}
    problems: dict[str, str] = {}

    def read(name: str, parse: Callable[[str], Any], missing: Any) -> Any:
        if name not in typed:
            return missing
        try:
            return parse(typed[name])
        except Invalid as refusal:
            problems[name] = refusal.message
            return missing

    until = read("until", lambda text: _day(text, "until"), None)
    wanted = Wanted(
        process=read("process", lambda text: clean_text(text, "process", LONGEST_SEARCH), ""),
        version=read("version", _version, None),
        status=read("status", lambda text: _one_of(text, STATUSES, "status"), ""),
        awaiting=read("awaiting", _awaited, ""),
        has_incident=read("incident", lambda text: _one_of(text, ("yes", "no"), "incident") == "yes", None),
        started_by=read("by", lambda text: clean_text(text, "by", LONGEST_SEARCH), ""),
        since=read("since", lambda text: _day(text, "since"), None),
        until=until + timedelta(days=1) if until else None,
        text=read("q", lambda text: clean_text(text, "q", LONGEST_SEARCH), ""),
    )
    return Asked(wanted, problems)


def _one_of(text: str, known: Any, field: str) -> str:
    if text not in known:
        raise Invalid(_("Please choose one of those that are offered."), field)
    return text


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise Invalid(_("A version is a whole number, such as 3."), "version")
    return int(text)


def _awaited(text: str) -> str:
    if text in ROLES:
        return text
    try:
        return f"{PERSON}{UUID(text.removeprefix(PERSON))}"
    except ValueError:
        raise Invalid(_("Please choose one of those that are offered."), "awaiting") from None


def _day(text: str, field: str) -> datetime:
    return datetime.combine(parse_day(text, field), time(), UTC)


def _as_text(last: Listed) -> str:
    return f"{last.run.started_at.isoformat()} {last.run.id}"


def _place(text: str) -> tuple[Place | None, dict[str, str]]:
    if not text:
        return None, {}
    moment, _space, run_id = text.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is not None:
            return Place(at, UUID(run_id)), {}
    except ValueError:
        pass
    return None, {"behind": str(_("This page of the list is not known. Please begin with the newest."))}
