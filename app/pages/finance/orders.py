"""Orders whose outcome nobody knows: what is known of each, and what a person found out. Decides nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app import database
from app.access import current_person, get_readable_request, opens
from app.errors import wants_json
from app.pages.finance.routes import pages
from rules.errors import AlreadyDecided, BusinessError, Invalid, InvalidFields, NotFound
from rules.order import READ_BACK_LIMIT
from rules.person import Act, Person
from rules.text import clean_text
from storage import order as orders
from storage import person as people
from storage import request_search, settlement
from storage.order import OrderRow, Standing
from storage.request import RequestRow

LONGEST_COMMENT = 1000
#: What vendors print on an order: letters, digits and a few signs between them, such as 404-1234567-1234567.
_VENDOR_NUMBER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/#-]{0,62}[A-Za-z0-9])?", re.ASCII)


class OwnRequestCannotBeSettled(BusinessError):
    """Nobody settles an order for a request of their own."""

    status = 403


@dataclass(frozen=True)
class Found:
    """What a person found out, judged.

    Attributes:
        vendor_order_id: None where the vendor has no such order.
    """

    vendor_order_id: str | None
    comment: str


def judge_settlement(outcome: str, vendor_order_id: str, comment: str) -> Found:
    """What the typed form means; raises InvalidFields."""
    problems: dict[str, str] = {}
    number = " ".join(vendor_order_id.split())
    if outcome not in {"placed", "missing"}:
        problems["outcome"] = str(_("Please say what you found out."))
    if outcome == "placed" and not _VENDOR_NUMBER.fullmatch(number):
        problems["vendor_order_id"] = str(
            _(
                "Please give the vendor's order number as it is printed there, for example 404-1234567-1234567."
            )
        )
    if outcome == "missing" and number:
        problems["vendor_order_id"] = str(_("You gave an order number and said that there is no order."))
    try:
        text = clean_text(comment, "comment", LONGEST_COMMENT)
    except Invalid as refusal:
        problems["comment"] = (
            refusal.message if comment.strip() else str(_("Please say how you found out, and with whom."))
        )
    if problems:
        raise InvalidFields(problems)
    return Found(number if outcome == "placed" else None, text)


@pages.get("/orders", endpoint="orders")
@opens(Act.SETTLE_ORDER)
def orders_list() -> ResponseReturnValue:
    """Requests whose order may or may not exist, the longest waiting first."""
    session = database.session()
    found = request_search.unsettled(session)
    known = settlement.latest_orders(session, [one.request.id for one in found])
    return render_template(
        "finance/orders.html",
        found=[(one, known.get(one.request.id)) for one in found],
        me=current_person().id,
        asks_until=asks_until,
    )


def asks_until(order: OrderRow) -> datetime | None:
    """Until when the system reads the order back by itself before it asks a person."""
    return order.unknown_since + READ_BACK_LIMIT if order.unknown_since else None


@pages.get("/orders/<number>")
@opens(Act.SETTLE_ORDER)
def orders_settle(number: str) -> ResponseReturnValue:
    """What is known of one order, and the form to settle it."""
    return _form_page(get_readable_request(number))


def _form_page(row: RequestRow, problems: dict[str, str] | None = None) -> str:
    session = database.session()
    order = settlement.latest_orders(session, [row.id]).get(row.id)
    if order is None:
        raise NotFound(_("Nothing was ordered for this request."))
    names = people.names(session, [one for one in (row.requester_id, order.settled_by) if one])
    return render_template(
        "finance/settle.html",
        row=row,
        order=order,
        requester=names.get(row.requester_id, ""),
        settler=names.get(order.settled_by, "") if order.settled_by else "",
        is_open=order.state == Standing.UNKNOWN,
        is_own=row.requester_id == current_person().id,
        asks_until=asks_until(order),
        typed=request.form,
        problems=problems or {},
    )


@pages.post("/orders/<number>")
@opens(Act.SETTLE_ORDER)
def orders_settle_now(number: str) -> ResponseReturnValue:
    """Record what a person found out; sent twice, it is recorded once and answered alike."""
    session, person = database.session(), current_person()
    row = get_readable_request(number)
    try:
        found = judge_settlement(
            request.form.get("outcome", ""),
            request.form.get("vendor_order_id", ""),
            request.form.get("comment", ""),
        )
    except InvalidFields as refusal:
        if wants_json():
            raise
        return make_response(_form_page(row, refusal.problems), 422)
    settle(session, row, person, found)
    database.commit()
    flash(_("%(number)s is settled. Thank you; the requester is told.", number=row.number), "success")
    return redirect(url_for("finance.orders"), 303)


def settle(session: Session, row: RequestRow, person: Person, found: Found) -> None:
    """Record it under locks.

    Raises:
        OwnRequestCannotBeSettled, VendorIsBeingAsked.
        AlreadyDecided: the outcome is known by now, and is not what this person recorded before.
    """
    if row.requester_id == person.id:
        raise OwnRequestCannotBeSettled(
            _("This is your own request; please ask a colleague in finance to settle it.")
        )
    row, order = settlement.hold(session, row.id)
    if order.settled_by == person.id and order.vendor_order_ids == _ids(found):
        return
    if order.state != Standing.UNKNOWN:
        raise AlreadyDecided(_("The outcome of this order is known by now; nothing is left to settle."))
    orders.settle(session, order, person.id, found.vendor_order_id, found.comment)


def _ids(found: Found) -> list[str]:
    return [found.vendor_order_id] if found.vendor_order_id is not None else []
