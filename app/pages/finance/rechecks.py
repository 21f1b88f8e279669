"""Automatic approvals that finance looks at again: what waits, one of them, the share. Decides nothing."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, get_readable_request, opens
from app.errors import wants_json
from app.pages.finance.routes import pages
from rules.errors import InvalidFields
from rules.person import Act
from rules.recheck import ASKED_FOR, judge_share, judge_verdict
from storage import department
from storage import person as people
from storage import recheck as rechecks
from storage.request import RequestRow


@pages.get("/rechecks", endpoint="rechecks")
@opens(Act.RECHECK_REQUEST)
def rechecks_list() -> ResponseReturnValue:
    """What waits for a second look, the latest verdicts, and the share that is drawn."""
    return _list_page()


def _list_page(problems: dict[str, str] | None = None) -> str:
    session = database.session()
    percent, change = rechecks.share(session)
    changers = [change.changed_by] if change and change.changed_by else []
    return render_template(
        "finance/rechecks.html",
        waiting=rechecks.waiting(session, current_person().id),
        told=rechecks.newest(session),
        share=percent,
        change=change,
        changed_by=next(iter(people.names(session, changers).values()), ""),
        asked_for=ASKED_FOR,
        typed=request.form if problems else {},
        problems=problems or {},
    )


@pages.post("/rechecks/share")
@opens(Act.RECHECK_REQUEST)
def rechecks_share() -> ResponseReturnValue:
    """Draw another share from now on."""
    try:
        percent, why = judge_share(request.form.get("share", ""), request.form.get("why", ""))
    except InvalidFields as refusal:
        if wants_json():
            raise
        return make_response(_list_page(refusal.problems), 422)
    if rechecks.set_share(database.session(), percent, current_person().id, why):
        flash(_("From now on %(share)s %% of the automatic approvals are drawn.", share=percent), "success")
    database.commit()
    return redirect(url_for("finance.rechecks"), 303)


@pages.get("/rechecks/<number>")
@opens(Act.RECHECK_REQUEST)
def rechecks_one(number: str) -> ResponseReturnValue:
    """What was approved and why, and the form to say whether that was right."""
    return _one_page(get_readable_request(number))


def _one_page(row: RequestRow, problems: dict[str, str] | None = None) -> str:
    session = database.session()
    review = rechecks.drawn(session, row)
    verdict = rechecks.of_request(session, row.id)
    names = people.names(session, [row.requester_id, *([verdict.judged_by] if verdict else [])])
    return render_template(
        "finance/recheck.html",
        row=row,
        review=review,
        verdict=verdict,
        judge=names.get(verdict.judged_by, "") if verdict else "",
        requester=names.get(row.requester_id, ""),
        department=department.names(session).get(row.department_id, row.department_id),
        is_own=row.requester_id == current_person().id,
        typed=request.form,
        problems=problems or {},
    )


@pages.post("/rechecks/<number>")
@opens(Act.RECHECK_REQUEST)
def rechecks_judge(number: str) -> ResponseReturnValue:
    """Keep a verdict; sent twice, it is kept once and answered alike."""
    row = get_readable_request(number)
    try:
        judged = judge_verdict(request.form.get("verdict", ""), request.form.get("why", ""))
    except InvalidFields as refusal:
        if wants_json():
            raise
        return make_response(_one_page(row, refusal.problems), 422)
    rechecks.judge(database.session(), row, current_person().id, judged)
    database.commit()
    flash(_("Thank you. What you said of %(number)s counts in the figures.", number=row.number), "success")
    return redirect(url_for("finance.rechecks"), 303)
