"""One's own requests, and the page of one request for everybody who may read it. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import database
from app.access import (
    current_person,
    get_own_request,
    get_readable_request,
    get_readable_run,
    may_here,
    opens,
)
from app.navigation import is_there
from app.pages.employee.history import sentence, why_no_review
from app.pages.employee.journey import steps
from app.pages.employee.pace import Pace, pace_of
from app.pages.employee.record import Record, gather
from rules.errors import Invalid, NotFound
from rules.person import Act
from rules.request import ENDED, NEXT, WITHDRAWABLE, Status
from rules.text import clean_text
from storage import decision as decisions
from storage import request_list
from storage.policy import RuleSetRow
from storage.request_list import Page, Wanted

pages = Blueprint("employee", __name__, template_folder="templates")

PER_PAGE: Final = 20
LONGEST_SEARCH: Final = 100

#: What the status filter offers: word in the address -> label and statuses.
STATUSES: Final[Mapping[str, tuple[Any, frozenset[Status]]]] = {
    "": (_l("Any status"), frozenset()),
    "open": (_l("In progress"), frozenset(NEXT) - ENDED),
    "waiting": (_l("Awaiting decision"), frozenset({Status.AWAITING_DECISION})),
    "ordered": (_l("Ordered"), frozenset({Status.COMPLETED})),
    "rejected": (_l("Rejected"), frozenset({Status.REJECTED})),
    "expired": (_l("Expired"), frozenset({Status.EXPIRED})),
    "refused": (_l("Refused by the vendor"), frozenset({Status.ORDER_REFUSED})),
    "withdrawn": (_l("Withdrawn"), frozenset({Status.WITHDRAWN})),
}

#: What the age filter offers: word in the address -> label and days.
AGES: Final[Mapping[str, tuple[Any, int | None]]] = {
    "": (_l("Any age"), None),
    "7": (_l("Last 7 days"), 7),
    "30": (_l("Last 30 days"), 30),
    "90": (_l("Last 90 days"), 90),
    "365": (_l("Last year"), 365),
}

#: Ends after which one may want to ask again, with something changed.
TO_BE_CORRECTED: Final = frozenset({Status.REJECTED, Status.EXPIRED, Status.ORDER_REFUSED, Status.WITHDRAWN})


@pages.get("/requests", endpoint="requests")
@opens(Act.SUBMIT_REQUEST)
def list_requests() -> ResponseReturnValue:
    """One's own requests: searched, filtered, the newest first."""
    problem, text = "", ""
    try:
        text = clean_text(request.args.get("q", ""), "q", LONGEST_SEARCH, required=False)
    except Invalid as refusal:
        problem = refusal.message
    status, age = request.args.get("status", ""), request.args.get("age", "")
    wanted = Wanted(
        text=text,
        statuses=STATUSES.get(status, STATUSES[""])[1],
        within=timedelta(days=days) if (days := AGES.get(age, AGES[""])[1]) else None,
    )
    page = Page((), 1, 1, 0)
    if not problem:
        page = request_list.page_of(database.session(), current_person().id, wanted, _page_number(), PER_PAGE)
    shown = render_template(
        "employee/requests.html",
        page=page,
        text=text,
        problem=problem,
        status=status if status in STATUSES else "",
        age=age if age in AGES else "",
        statuses=STATUSES,
        ages=AGES,
        is_filtered=wanted != Wanted() or bool(problem),
        to_be_corrected=TO_BE_CORRECTED,
        page_url=lambda wish: url_for("employee.requests", q=text, status=status, age=age, page=wish),
    )
    return shown, 422 if problem else 200


def _page_number() -> int:
    text = request.args.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1


@pages.get("/requests/<number>", endpoint="request")
@opens(Act.READ_REQUEST)
def show_request(number: str) -> ResponseReturnValue:
    """One request: where it stands and why, and all that happened."""
    return render_template("employee/request.html", **_facts(gather(get_readable_request(number))))


@pages.get("/requests/<number>/progress")
@opens(Act.READ_REQUEST)
def progress(number: str) -> ResponseReturnValue:
    """What the page of a request asks again and again: the parts that change, or 204 while nothing did.

    A look at an unchanged request costs one query besides those of the gate.
    """
    row = get_readable_request(number)
    shown = Pace.of_address(request.args)
    pace = pace_of(row, shown.until, time.time())
    unchanged = request_list.latest_entry(database.session(), row.id) == shown.seen
    if unchanged and pace.every_seconds == shown.every_seconds:
        return Response(status=204)
    facts = _facts(gather(row), until=shown.until)
    answer = Response(render_template("employee/_progress.html", **facts, is_part=True))
    if facts["has_panel"] != shown.has_panel:
        # The form of the decision came or went: only a whole page has it.
        answer.headers["HX-Refresh"] = "true"
    return answer


def _facts(record: Record, until: float | None = None) -> dict[str, Any]:
    """What the page and its changing parts are made of."""
    row, me = record.row, current_person()
    now = time.time()
    decision = record.open_for(me.id)
    has_panel = decision is not None and me.id in decision.asked_ids and me.id != row.requester_id
    has_panel = has_panel and may_here(Act.DECIDE_REQUEST)
    pace = pace_of(row, until, now)
    is_mine = row.requester_id == me.id
    return {
        "record": record,
        "row": row,
        "requester": record.requester,
        "open_decision": decision,
        "has_panel": has_panel,
        "steps": steps(record),
        "sentences": [(entry, sentence(record, entry)) for entry in record.entries],
        "run_url": _run_url(record),
        "why_no_review": why_no_review(record),
        "rule_set_url": rule_set_url(record.rule_set),
        "is_mine": is_mine,
        "may_withdraw": is_mine and record.status in WITHDRAWABLE,
        "may_correct": is_mine and record.status in TO_BE_CORRECTED,
        "pace": pace,
        "poll": url_for(
            "employee.progress",
            number=row.number,
            **pace.as_address(record.latest_entry, has_panel=has_panel),
        ),
    }


def _run_url(record: Record) -> str | None:
    """Where the run that decides about it or asked for it is shown; None where there is none, or not for the reader."""
    endpoint, run_id = "run.runs_one", record.row.run_id
    if run_id is None or not is_there(endpoint) or not may_here(Act.READ_RUN):
        return None
    try:
        get_readable_run(run_id)
    except NotFound:
        return None
    return url_for(endpoint, run_id=run_id)


def rule_set_url(rule_set: RuleSetRow | None) -> str | None:
    """Where a version of the rules can be read, for those who may; None where there is no such page."""
    endpoint = "finance.rule_set_version"
    if rule_set is None or not is_there(endpoint) or not may_here(Act.READ_POLICY):
        return None
    return url_for(endpoint, rule_set_id=rule_set.id)


@pages.post("/requests/<number>/withdraw")
@opens(Act.SUBMIT_REQUEST)
def withdraw(number: str) -> ResponseReturnValue:
    """Take one's own request back while nobody has decided."""
    row = get_own_request(number)
    decisions.withdraw(database.session(), row, current_person().id)
    database.commit()
    flash(_("Your request is withdrawn. Nothing will be ordered."), "success")
    return redirect(url_for("employee.request", number=number), 303)
