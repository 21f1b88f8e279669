"""Deciding several requests at once: one look at the sum, then each by itself. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, get_readable_request, opens
from app.pages.manager.answering import Given, explain, give_answer
from app.pages.manager.panel import both_prices, is_mine
from app.pages.manager.routes import pages
from rules.decision import Outcome, judge_answer
from rules.errors import BusinessError, Invalid, NotFound
from rules.person import Act
from rules.request import is_number
from storage import inbox as questions
from storage.inbox import LONGEST_LIST, Question


@dataclass(frozen=True)
class Result:
    """What became of one of several answers; `outcome` is None where it was not taken."""

    number: str
    title: str
    text: str
    outcome: Outcome | None = None


@pages.get("/inbox/several")
@opens(Act.DECIDE_REQUEST, repeatable=("pick",))
def inbox_several() -> ResponseReturnValue:
    """What would be decided at once, with its sum; shows and changes nothing."""
    return _page(_picked(request.args.getlist("pick")))


@pages.post("/inbox/several")
@opens(Act.DECIDE_REQUEST)
def inbox_decide_several() -> ResponseReturnValue:
    """Answer each by itself, in its own transaction: what fails takes nothing else with it."""
    picked = _picked(request.form.getlist("pick"))
    try:
        judge_answer(request.form.get("choice", ""), request.form.get("comment", ""))
    except Invalid as refusal:
        page = _page(picked, refusal.message, request.form.get("comment", ""))
        return make_response(page, 422)
    return render_template("manager/several_done.html", results=[_answer_one(number) for number in picked])


def _picked(numbers: Sequence[str]) -> list[str]:
    """The numbers that were ticked, each once; raises NotFound where none is."""
    picked = [number for number in dict.fromkeys(numbers) if is_number(number)][:LONGEST_LIST]
    if not picked:
        raise NotFound(_("Nothing is ticked. Please tick some requests in the list."))
    return picked


def _answer_one(number: str) -> Result:
    session = database.session()
    title = ""
    try:
        row = get_readable_request(number)
        title = row.title
        decision = give_answer(session, row, current_person(), Given.of(request.form, f"{number} "))
        outcome = Outcome(str(decision.outcome))
        database.commit()
    except BusinessError as refusal:
        session.rollback()
        return Result(number, title, explain(refusal))
    return Result(number, title, "", outcome)


def _page(picked: Sequence[str], problem: str = "", comment: str = "") -> str:
    person = current_person()
    found = [
        one for one in questions.latest_of(database.session(), picked) if person.id in one.decision.asked_ids
    ]
    if not found:
        raise NotFound(_("None of these requests waits for you. Please tick some in the list."))
    ready = [one for one in found if is_mine(one, person.id) and both_prices(one) is None]
    return render_template(
        "manager/several.html",
        ready=ready,
        left_out=[(one, _why_left_out(one)) for one in found if one not in ready],
        sums=_sums(ready),
        problem=problem,
        comment=comment,
    )


def _why_left_out(question: Question) -> str:
    if question.decision.outcome is not None:
        return str(_("It is decided by now."))
    return str(_("Its price rose: please look at both prices and decide it by itself."))


def _sums(found: Sequence[Question]) -> dict[str, Decimal]:
    """Currency -> sum; amounts are never added across currencies."""
    sums: dict[str, Decimal] = {}
    for one in found:
        sums[one.decision.currency] = sums.get(one.decision.currency, Decimal(0)) + one.decision.amount
    return sums
