"""The inbox and its answers. Who may decide what is settled in rules/decision.py, in the answer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app import database
from app.access import current_person, get_readable_request, opens
from app.errors import is_htmx, wants_json
from app.pages.manager.answering import Given, explain, give_answer
from app.pages.manager.panel import both_prices, is_mine
from rules.decision import Outcome
from rules.errors import AlreadyDecided, ChangedSinceShown, Invalid, RequestIsClosed
from rules.person import Act
from storage import inbox as questions
from storage.decision import DecisionRow
from storage.inbox import Question
from storage.request import RequestRow

pages = Blueprint("manager", __name__, template_folder="templates")

PER_PAGE = 25
#: What people most often write when they say no; one touch fills it in.
REASONS = (
    lazy_gettext("Not needed now"),
    lazy_gettext("We have one already"),
    lazy_gettext("Too expensive"),
    lazy_gettext("Please choose a cheaper one"),
    lazy_gettext("The budget is used up"),
    lazy_gettext("Please explain what it is for"),
)


@pages.app_context_processor
def _shared() -> dict[str, object]:
    return {"common_reasons": REASONS, "is_mine": is_mine, "both_prices": both_prices}


@pages.get("/inbox")
@opens(Act.DECIDE_REQUEST)
def inbox() -> ResponseReturnValue:
    """What waits for me."""
    return _list_page("mine", questions.mine(database.session(), current_person().id))


@pages.get("/inbox/all")
@opens(Act.DECIDE_REQUEST)
def inbox_all() -> ResponseReturnValue:
    """Everything that waits in my circle, also for others."""
    return _list_page("all", questions.in_scope(database.session(), current_person()))


@pages.get("/inbox/decided")
@opens(Act.DECIDE_REQUEST)
def inbox_decided() -> ResponseReturnValue:
    """What I was asked about and is answered."""
    page = max(1, request.args.get("page", 1, int))
    found, total = questions.decided(database.session(), current_person().id, min(page, 10_000), PER_PAGE)
    return _list_page("decided", found, page=page, pages=-(-total // PER_PAGE))


def _list_page(tab: str, found: Sequence[Question], page: int = 1, pages: int = 1) -> str:
    waiting = questions.count_mine(database.session(), current_person().id)
    return render_template(
        "manager/inbox.html",
        tab=tab,
        found=found,
        waiting=waiting,
        page=page,
        pages=pages,
        page_url=lambda number: url_for("manager.inbox_decided", page=number),
        longest=questions.LONGEST_LIST,
    )


@pages.post("/requests/<number>/decision")
@opens(Act.DECIDE_REQUEST)
def decide(number: str) -> ResponseReturnValue:
    """Approve or reject what was shown."""
    session, person = database.session(), current_person()
    row = get_readable_request(number)
    try:
        decision = give_answer(session, row, person, Given.of(request.form))
    except Invalid as refusal:
        if not is_htmx():
            raise
        return _row(row, status=422, problem=refusal.message)
    except (AlreadyDecided, ChangedSinceShown, RequestIsClosed) as refusal:
        if wants_json():
            raise
        database.session().rollback()
        return _look_again(row, explain(refusal))
    database.commit()
    if is_htmx():
        return _row(row, answered=decision)
    flash(told(decision, row), "success")
    return redirect(f"/requests/{row.number}", 303)


def told(decision: DecisionRow, row: RequestRow) -> str:
    """One sentence that says what a decision did."""
    if decision.node is not None:
        return str(_("Your answer is recorded: %(title)s. Its process goes on.", title=row.title))
    if decision.outcome == Outcome.APPROVED:
        return str(_("Approved: %(title)s. It is being ordered.", title=row.title))
    return str(_("Rejected: %(title)s. The requester is told why.", title=row.title))


def _row(
    row: RequestRow,
    *,
    status: int = 200,
    problem: str = "",
    changed: str = "",
    answered: DecisionRow | None = None,
) -> ResponseReturnValue:
    """The row of the list as it stands now."""
    session = database.session()
    question = questions.one(session, answered.id) if answered else questions.latest(session, row.id)
    waiting = questions.count_mine(database.session(), current_person().id)
    page = render_template(
        "manager/_answer.html",
        question=question,
        waiting=waiting,
        problem=problem,
        changed=changed,
        comment=request.form.get("comment", ""),
        told=told(answered, row) if answered is not None else "",
    )
    return make_response(page, status)


def _look_again(row: RequestRow, why: str) -> ResponseReturnValue:
    """The present state in place of the one that was answered, with what changed."""
    if is_htmx():
        return _row(row, status=409, changed=why)
    question = questions.latest(database.session(), row.id)
    return make_response(render_template("manager/changed.html", question=question, why=why), 409)
