"""The list of all requests: filtered, sorted, page by page or streamed whole. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from rules.request import ENDED, Status
from storage.department import Department
from storage.person import PersonRow
from storage.request import RequestRow

#: Rows fetched at a time while a whole list is streamed.
STREAM_ROWS = 500


class Way(StrEnum):
    """Who approved."""

    AUTO = "auto"
    MANUAL = "manual"
    NOBODY = "nobody"


class Sort(StrEnum):
    """What a list can be sorted by."""

    SUBMITTED = "submitted"
    AMOUNT = "amount"
    STATUS = "status"
    REQUESTER = "requester"
    NUMBER = "number"


@dataclass(frozen=True)
class Wanted:
    """Which requests and in which order; None or empty leaves a criterion out.

    Attributes:
        requester: part of a name.
        text: part of the title, number, ASIN or order of words in the reason.
        first_day: the first calendar day of submission in UTC; `last_day` is inclusive.
    """

    department_id: str = ""
    status: Status | None = None
    way: Way | None = None
    requester: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    first_day: date | None = None
    last_day: date | None = None
    text: str = ""
    sort: Sort = Sort.SUBMITTED
    ascending: bool = False


@dataclass(frozen=True)
class Listed:
    """One request with the names that a list shows."""

    request: RequestRow
    requester: str
    department: str
    awaited: str | None


_Requester = aliased(PersonRow)
_Awaited = aliased(PersonRow)
_Rows = Select[RequestRow, str, str, str]

_COLUMNS: Final[Mapping[Sort, InstrumentedAttribute[Any]]] = {
    Sort.SUBMITTED: RequestRow.submitted_at,
    Sort.AMOUNT: RequestRow.amount,
    Sort.STATUS: RequestRow.status,
    Sort.REQUESTER: _Requester.name,
    Sort.NUMBER: RequestRow.number,
}


def count(session: Session, wanted: Wanted) -> int:
    """How many requests fit."""
    query = (
        select(func.count(RequestRow.id))
        .join(_Requester, _Requester.id == RequestRow.requester_id)
        .where(*_criteria(wanted))
    )
    return session.scalar(query) or 0


def page(session: Session, wanted: Wanted, number: int, per_page: int) -> Sequence[Listed]:
    """One page of the list; pages count from 1."""
    query = _sorted(wanted).limit(per_page).offset((number - 1) * per_page)
    return list(_read(session, query))


def stream(session: Session, wanted: Wanted) -> Iterator[Listed]:
    """The whole list, a few rows in memory at a time; ends with the session's transaction."""
    query = _sorted(wanted).execution_options(yield_per=STREAM_ROWS)
    yield from _read(session, query)


def _read(session: Session, query: _Rows) -> Iterator[Listed]:
    for request, requester, department, awaited in session.execute(query):
        yield Listed(request, requester, department, awaited)


def totals(session: Session, wanted: Wanted) -> Mapping[str, Decimal]:
    """Currency -> sum of what fits; amounts are never added across currencies."""
    query = (
        select(RequestRow.currency, func.sum(RequestRow.amount))
        .join(_Requester, _Requester.id == RequestRow.requester_id)
        .where(*_criteria(wanted))
        .group_by(RequestRow.currency)
        .order_by(RequestRow.currency)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _sorted(wanted: Wanted) -> _Rows:
    column = _COLUMNS[wanted.sort]
    # The id, which is made in the order of time, settles ties, so that no row stands on two pages.
    order = (column.asc(), RequestRow.id.asc()) if wanted.ascending else (column.desc(), RequestRow.id.desc())
    return (
        select(RequestRow, _Requester.name, Department.name, _Awaited.name)
        .join(_Requester, _Requester.id == RequestRow.requester_id)
        .join(Department, Department.id == RequestRow.department_id)
        .outerjoin(_Awaited, _Awaited.id == RequestRow.awaited_id)
        .where(*_criteria(wanted))
        .order_by(*order)
    )


def _criteria(wanted: Wanted) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = [true()]
    if wanted.department_id:
        criteria.append(RequestRow.department_id == wanted.department_id)
    if wanted.status is not None:
        criteria.append(RequestRow.status == wanted.status.value)
    if wanted.way is not None:
        criteria.append(_approved_by(wanted.way))
    if wanted.requester:
        criteria.append(_Requester.name.icontains(wanted.requester, autoescape=True))
    if wanted.amount_from is not None:
        criteria.append(RequestRow.amount >= wanted.amount_from)
    if wanted.amount_to is not None:
        criteria.append(RequestRow.amount <= wanted.amount_to)
    if wanted.first_day is not None:
        criteria.append(RequestRow.submitted_at >= datetime.combine(wanted.first_day, time.min, UTC))
    if wanted.last_day is not None:
        after = wanted.last_day + timedelta(days=1)
        criteria.append(RequestRow.submitted_at < datetime.combine(after, time.min, UTC))
    if wanted.text:
        fields = (RequestRow.title, RequestRow.number, RequestRow.asin, RequestRow.reason)
        criteria.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in fields)))
    return criteria


def _approved_by(way: Way) -> ColumnElement[bool]:
    match way:
        case Way.AUTO:
            return RequestRow.auto_approved.is_(True)
        case Way.MANUAL:
            return RequestRow.auto_approved.is_(False)
        case Way.NOBODY:
            return and_(
                RequestRow.auto_approved.is_(None), RequestRow.status.in_([status.value for status in ENDED])
            )


def unsettled(session: Session) -> Sequence[Listed]:
    """Requests whose order may or may not exist at the vendor, the longest waiting first."""
    wanted = Wanted(status=Status.ORDER_UNKNOWN)
    query = _sorted(wanted).order_by(None).order_by(RequestRow.status_since, RequestRow.id)
    return list(_read(session, query))


def count_unsettled(session: Session) -> int:
    """How many requests wait to be settled."""
    return count(session, Wanted(status=Status.ORDER_UNKNOWN))
