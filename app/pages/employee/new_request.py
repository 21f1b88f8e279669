"""A new request: the form, what it would lead to while it is typed, and its one submit. Judges nothing itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import catalogue, database
from app.access import current_person, get_own_request, opens
from app.catalogue import Resolved
from app.pages.account.demo_logins import demo_shop
from app.pages.employee.forms import Sent, form_for, new_key, read_form
from app.pages.employee.preview import Preview, judge, preview, today, typed_of
from app.pages.employee.routes import TO_BE_CORRECTED, pages
from rules.errors import KeyReusedForAnotherRequest, NotFound
from rules.person import Act
from rules.request import LATEST_NEED, Status, Typed
from storage import department, request_list
from storage import person as people
from storage import request as requests
from storage.database import now
from storage.request import RequestRow

#: Fields that a person fills in; while one of them is typed in, the page does not fill it.
AMOUNT_FIELDS = frozenset({"amount", "currency"})


@pages.get("/requests/new")
@opens(Act.SUBMIT_REQUEST)
def new_request() -> ResponseReturnValue:
    """An empty form, or one that is filled in like an earlier request to be corrected."""
    number = request.args.get("copy")
    copied = get_own_request(number) if number is not None else None
    sent = Sent(typed_of(copied) if copied else Typed(), new_key(), opened_at=now(database.session()))
    return _page(Preview(sent, None), copied=copied)


@pages.post("/requests/new/preview")
@opens(Act.SUBMIT_REQUEST)
def preview_request() -> ResponseReturnValue:
    """The parts of the form's page that follow what is typed, for htmx."""
    sent = read_form()
    may_fill = request.headers.get("HX-Trigger-Name") not in AMOUNT_FIELDS
    shown = preview(sent, _resolve(sent), current_person(), may_fill=may_fill)
    form = form_for(shown.sent)
    return render_template("employee/_preview.html", shown=shown, form=form, demo_shop=_demo_shop())


@pages.post("/requests")
@opens(Act.SUBMIT_REQUEST)
def submit_request() -> ResponseReturnValue:
    """Make one request of the form, however often it comes; without JavaScript also look the product up.

    Not at the form's own address: a POST there makes browsers forget the page, and the back button would
    bring a form with a new key.
    """
    sent, person = read_form(), current_person()
    if sent.looks_up:
        return _page(preview(sent, _resolve(sent), person))
    earlier = request_list.submitted_with(database.session(), person.id, sent.key)
    if earlier is not None:
        row, payload_hash = earlier
        if payload_hash != sent.payload_hash:
            return _ask_again(sent, row)
        flash(_("You sent this form before; here is the request that it made."))
        return _shown(row.number)
    resolved = _resolve(sent)
    draft, _problems = judge(sent.typed, resolved, person.department_id)
    if draft is None:
        return _page(preview(replace(sent, judged=True), resolved, person, may_fill=False)), 422
    requester = people.by_id(database.session(), person.id)
    if requester is None:
        raise NotFound("This account is gone.")
    twin = _sent_from_another_tab(sent, person.id)
    if twin is not None:
        flash(_("You sent exactly this from another tab; here it is. It was not asked for a second time."))
        return _shown(twin.number)
    try:
        row = requests.submit(database.session(), draft, requester, sent.key, sent.payload_hash)
    except KeyReusedForAnotherRequest:
        # Two different forms with one key came at the same moment; the other one was first.
        database.session().rollback()
        first = request_list.submitted_with(database.session(), person.id, sent.key)
        return _ask_again(sent, first[0] if first else None)
    number = row.number
    database.commit()
    return _shown(number)


def _demo_shop() -> str | None:
    return demo_shop(current_app.config["SETTINGS"])


def _resolve(sent: Sent) -> Resolved | None:
    return catalogue.resolve(sent.typed.product_link) if sent.typed.product_link.strip() else None


def _sent_from_another_tab(sent: Sent, person_id: UUID) -> RequestRow | None:
    """The request that the same contents made while this form stood open, as long as that may still be bought."""
    if sent.opened_at is None:
        return None
    still_good = set(Status) - TO_BE_CORRECTED
    return request_list.submitted_since(
        database.session(), person_id, sent.payload_hash, sent.opened_at, still_good
    )


def _shown(number: str) -> ResponseReturnValue:
    return redirect(url_for("employee.request", number=number), 303)


def _ask_again(sent: Sent, earlier: RequestRow | None) -> ResponseReturnValue:
    """The form was used up and then changed: nothing is lost, but it needs a new key and a second look."""
    fresh = replace(sent, key=new_key(), opened_at=now(database.session()))
    shown = preview(fresh, _resolve(fresh), current_person(), may_fill=False)
    return _page(shown, earlier=earlier, is_reused=True), 422


def _page(
    shown: Preview,
    *,
    copied: RequestRow | None = None,
    earlier: RequestRow | None = None,
    is_reused: bool = False,
) -> str:
    day = today()
    names = department.names(database.session())
    return render_template(
        "employee/new_request.html",
        shown=shown,
        form=form_for(shown.sent),
        copied=copied,
        earlier=earlier,
        is_reused=is_reused,
        demo_shop=_demo_shop(),
        department=names.get(current_person().department_id, current_person().department_id),
        first_day=day.isoformat(),
        last_day=(day + LATEST_NEED).isoformat(),
    )
