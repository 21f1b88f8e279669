"""The list of all requests, with filters and as a file for a spreadsheet. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app import database
from app.access import current_person, opens
from app.dates import parse_day
from app.spreadsheet import Cell, csv_download
from rules.errors import Invalid
from rules.money import parse_amount
from rules.person import Act
from rules.request import Status
from rules.text import clean_text
from storage import audit, department, request_search
from storage.audit import Actor
from storage.request_search import Listed, Sort, Wanted, Way

pages = Blueprint("finance", __name__, template_folder="templates")

PER_PAGE = 25
LAST_PAGE = 10_000
LONGEST_WORD = 200


#: How the filter names each status; the badges of the list come from macros/ui.html.
STATUS_WORDS = {
    Status.SUBMITTED: lazy_gettext("Submitted"),
    Status.IN_REVIEW: lazy_gettext("In review"),
    Status.AWAITING_DECISION: lazy_gettext("Awaiting decision"),
    Status.ORDERING: lazy_gettext("Ordering"),
    Status.ORDER_UNKNOWN: lazy_gettext("Order unclear"),
    Status.COMPLETED: lazy_gettext("Ordered"),
    Status.REJECTED: lazy_gettext("Rejected"),
    Status.EXPIRED: lazy_gettext("Expired"),
    Status.WITHDRAWN: lazy_gettext("Withdrawn"),
    Status.ORDER_REFUSED: lazy_gettext("Refused by the vendor"),
}


@dataclass(frozen=True)
class Asked:
    """The filter as it was asked for: what is understood of it, and what is wrong with the rest."""

    wanted: Wanted
    problems: dict[str, str]


@pages.get("/requests/all")
@opens(Act.LIST_ALL_REQUESTS)
def requests() -> ResponseReturnValue:
    """Every request of the company."""
    session, asked = database.session(), read_filter()
    page = min(max(1, request.args.get("page", 1, int)), LAST_PAGE)
    found = request_search.count(session, asked.wanted)
    return render_template(
        "finance/requests.html",
        asked=asked,
        typed=request.args,
        rows=request_search.page(session, asked.wanted, page, PER_PAGE),
        found=found,
        sums=request_search.totals(session, asked.wanted),
        departments=department.names(session),
        statuses=[(status.value, str(word)) for status, word in STATUS_WORDS.items()],
        page=page,
        pages=-(-found // PER_PAGE),
        address=address,
        page_address=lambda number: address(page=number),
    )


def address(endpoint: str = "finance.requests", **changes: Any) -> str:
    """The address of the list as it is filtered now, with some parameters changed; empty ones are left out."""
    kept = {
        name: value for name, value in (request.args.to_dict() | changes).items() if value not in {"", None}
    }
    return url_for(endpoint, **kept)


@pages.get("/requests/all.csv")
@opens(Act.LIST_ALL_REQUESTS)
def requests_csv() -> ResponseReturnValue:
    """The filtered list as a file. Who takes figures out of the house stands in the audit trail."""
    session, asked = database.session(), read_filter()
    if asked.problems:
        name, problem = next(iter(asked.problems.items()))
        raise Invalid(problem, name)
    audit.record(
        session,
        Actor.person(current_person().id),
        "requests.exported",
        filter={name: value for name, value in request.args.to_dict().items() if value},
        rows=request_search.count(session, asked.wanted),
    )
    database.commit()
    return csv_download("vistobueno-requests", _HEAD, _csv_rows(asked.wanted))


_HEAD = (
    "Number", "Submitted (UTC)", "Requester", "Department", "Title", "ASIN", "Vendor", "Seller", "Category",
    "Quantity", "Amount", "Currency", "Status", "Since (UTC)", "Approved by", "Waiting for", "Reason", "Closed because",
)  # fmt: skip


def _csv_rows(wanted: Wanted) -> Iterator[list[Cell]]:
    for one in request_search.stream(database.session(), wanted):
        row = one.request
        yield [
            row.number, row.submitted_at, one.requester, one.department, row.title, row.asin, row.vendor,
            row.seller, row.category, row.quantity, row.amount, row.currency, row.status, row.status_since,
            _approved_by(one), one.awaited, row.reason, row.closed_reason,
        ]  # fmt: skip


def _approved_by(one: Listed) -> str:
    return {True: "automated review", False: "person", None: ""}[one.request.auto_approved]


def read_filter() -> Asked:
    """The filter that the address asks for; what cannot be understood is named and left out."""
    given, problems = request.args, dict[str, str]()
    wanted = Wanted(
        department_id=_word(problems, "department"),
        status=_one_of(problems, "status", Status),
        way=_one_of(problems, "way", Way),
        requester=_word(problems, "requester"),
        amount_from=_amount(problems, "from"),
        amount_to=_amount(problems, "to"),
        first_day=_day(problems, "since"),
        last_day=_day(problems, "until"),
        text=_word(problems, "q"),
        sort=_one_of(problems, "sort", Sort) or Sort.SUBMITTED,
        ascending=given.get("order") == "up",
    )
    return Asked(wanted, problems)


T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


def _try(problems: dict[str, str], name: str, read: Callable[[str], T]) -> T | None:
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    try:
        return read(typed)
    except Invalid as refusal:
        problems[name] = refusal.message
        return None


def _word(problems: dict[str, str], name: str) -> str:
    return _try(problems, name, lambda typed: clean_text(typed, name, LONGEST_WORD)) or ""


def _one_of(problems: dict[str, str], name: str, choices: type[Choice]) -> Choice | None:
    def read(typed: str) -> Choice:
        try:
            return choices(typed)
        except ValueError:
            raise Invalid(_("Please choose one from the list."), name) from None

    return _try(problems, name, read)


def _amount(problems: dict[str, str], name: str) -> Decimal | None:
    # Three digits after the point are what the finest currency has.
    return _try(problems, name, lambda typed: parse_amount(typed, "KWD", name))


def _day(problems: dict[str, str], name: str) -> date | None:
    return _try(problems, name, lambda typed: parse_day(typed, name))
