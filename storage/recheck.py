"""Automatic approvals that are looked at again: which wait, what was said, how large a share is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Integer,
    Numeric,
    Select,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from rules.decision import Outcome
from rules.errors import AlreadyDecided, NotFound
from rules.recheck import ASKED_FOR, DRAWS, USUAL_SHARE, Judged, Verdict, check_may_recheck
from storage import audit, person
from storage.audit import Actor
from storage.database import Base
from storage.decision import DecisionRow
from storage.department import Department
from storage.person import PersonRow
from storage.request import RequestRow
from storage.review import ReviewRow

#: A page shows so many; the rest moves up as these are judged.
LONGEST_LIST: Final = 100


class RecheckRow(Base):
    """What somebody said of an automatic approval; never changed."""

    __tablename__ = "recheck"
    __table_args__ = (
        CheckConstraint(f"verdict IN ({', '.join(repr(v.value) for v in Verdict)})", name="verdict_is_known"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"), primary_key=True)
    verdict: Mapped[str]
    why: Mapped[str]
    judged_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RecheckShareRow(Base):
    """How large a share of the automatic approvals is drawn from `at` on, in percent; never changed."""

    __tablename__ = "recheck_share"
    __table_args__ = (CheckConstraint("share BETWEEN 0 AND 100", name="share_is_a_percentage"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    share: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    why: Mapped[str]
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


@dataclass(frozen=True)
class Waiting:
    """An automatic approval that somebody is asked to look at again."""

    request: RequestRow
    review: ReviewRow
    requester: str
    department: str


@dataclass(frozen=True)
class Told:
    """A verdict with the names around it."""

    row: RecheckRow
    request: RequestRow
    requester: str
    judge: str


def share(session: Session) -> tuple[Decimal, RecheckShareRow | None]:
    """The share that is drawn now, in percent, and the change that made it so; None where nobody set one."""
    newest = session.scalars(
        select(RecheckShareRow).order_by(RecheckShareRow.at.desc(), RecheckShareRow.id.desc()).limit(1)
    ).one_or_none()
    return (newest.share if newest else USUAL_SHARE), newest


def set_share(session: Session, percent: Decimal, by: UUID, why: str) -> bool:
    """Draw another share from now on; what was drawn before stays. Returns whether it is another one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(RecheckShareRow.__tablename__))))
    before, _newest = share(session)
    if percent == before:
        return False
    session.add(RecheckShareRow(share=percent, why=why, changed_by=by))
    session.flush()
    audit.record(
        session, Actor.person(by), "recheck.share_set", before=str(before), value=str(percent), why=why
    )
    return True


def _is_drawn() -> ColumnElement[bool]:
    """Whether the request of a review was drawn, by the share in force when the review ended."""
    in_force = (
        select(RecheckShareRow.share)
        .where(RecheckShareRow.at <= ReviewRow.finished_at)
        .order_by(RecheckShareRow.at.desc(), RecheckShareRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    drawn: ColumnElement[bool] = func.recheck_draw(ReviewRow.request_id) * literal(100) < func.coalesce(
        in_force, USUAL_SHARE
    ) * literal(DRAWS)
    return drawn


def _drawn_lately_below() -> ColumnElement[int]:
    """Below what all lie that were drawn of those that somebody is asked about; a bound to read an index by."""
    since = func.now() - ASKED_FOR
    at_first = (
        select(RecheckShareRow.share)
        .where(RecheckShareRow.at <= since)
        .order_by(RecheckShareRow.at.desc(), RecheckShareRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    set_since = select(func.max(RecheckShareRow.share)).where(RecheckShareRow.at > since).scalar_subquery()
    # GREATEST passes over NULL, which is when nobody has set a share since.
    largest = func.greatest(func.coalesce(at_first, USUAL_SHARE), set_since)
    # The index holds whole numbers: a bound of another type would leave it unread.
    return cast(func.ceil(largest * DRAWS / 100), Integer)


def _drawn(*columns: Any) -> Select[Any]:
    """Automatic approvals that were drawn and that nobody has taken back since."""
    taken_back = select(DecisionRow.id).where(
        DecisionRow.request_id == ReviewRow.request_id, DecisionRow.outcome == Outcome.REJECTED.value
    )
    # In a process a review may only advise.
    lets_go = or_(RequestRow.run_id.is_(None), RequestRow.auto_approved.is_(True))
    return (
        select(*columns)
        .select_from(ReviewRow)
        .join(RequestRow, RequestRow.id == ReviewRow.request_id)
        .where(ReviewRow.auto_approved, _is_drawn(), ~taken_back.exists(), lets_go)
    )


def _waiting(judge_id: UUID, *columns: Any) -> Select[Any]:
    return (
        _drawn(*columns)
        .outerjoin(RecheckRow, RecheckRow.request_id == RequestRow.id)
        .where(
            RecheckRow.request_id.is_(None),
            RequestRow.requester_id != judge_id,
            ReviewRow.finished_at >= func.now() - ASKED_FOR,
            func.recheck_draw(ReviewRow.request_id) < _drawn_lately_below(),
        )
    )


def waiting(session: Session, judge_id: UUID) -> Sequence[Waiting]:
    """What a person may judge, the longest waiting first; not their own requests."""
    query = (
        _waiting(judge_id, RequestRow, ReviewRow, PersonRow.name, Department.name)
        .join(PersonRow, PersonRow.id == RequestRow.requester_id)
        .join(Department, Department.id == RequestRow.department_id)
        .order_by(ReviewRow.finished_at)
        .limit(LONGEST_LIST)
    )
    return [Waiting(*row) for row in session.execute(query)]


def count_waiting(session: Session, judge_id: UUID) -> int:
    """How many a person may judge."""
    return session.scalar(_waiting(judge_id, func.count())) or 0


def newest(session: Session, limit: int = 20) -> Sequence[Told]:
    """The latest verdicts, the newest first."""
    judge = aliased(PersonRow)
    rows = session.execute(
        select(RecheckRow, RequestRow, PersonRow.name, judge.name)
        .join(RequestRow, RequestRow.id == RecheckRow.request_id)
        .join(PersonRow, PersonRow.id == RequestRow.requester_id)
        .join(judge, judge.id == RecheckRow.judged_by)
        .order_by(RecheckRow.judged_at.desc())
        .limit(limit)
    )
    return [Told(row, request, requester, name) for row, request, requester, name in rows]


def of_request(session: Session, request_id: UUID) -> RecheckRow | None:
    """What was said of a request's automatic approval; None where nobody looked at it again."""
    return session.get(RecheckRow, request_id, populate_existing=True)


def drawn(session: Session, row: RequestRow) -> ReviewRow:
    """The review of a request that was drawn; raises NotFound where it was not, so that nobody picks."""
    review: ReviewRow | None = session.scalars(_drawn(ReviewRow).where(RequestRow.id == row.id)).one_or_none()
    if review is None:
        raise NotFound("This request is not among those that are looked at again.")
    return review


def judge(session: Session, row: RequestRow, by: UUID, judged: Judged) -> bool:
    """Keep what a person says of a drawn approval; False where they said just that before.

    Raises:
        NotFound: it was not drawn.
        OwnRequestCannotBeRechecked, AlreadyDecided: it is their own, or has a verdict.
    """
    drawn(session, row)
    check_may_recheck(by, row.requester_id)
    written = session.execute(
        upsert(RecheckRow)
        .values(request_id=row.id, verdict=judged.verdict.value, why=judged.why, judged_by=by)
        .on_conflict_do_nothing()
        .returning(RecheckRow.request_id)
    ).one_or_none()
    if written is None:
        earlier = session.get_one(RecheckRow, row.id, populate_existing=True)
        if (earlier.judged_by, earlier.verdict, earlier.why) == (by, judged.verdict.value, judged.why):
            return False
        name = person.names(session, [earlier.judged_by]).get(earlier.judged_by, "Somebody")
        raise AlreadyDecided(f"{name} has looked at this again already and found it {earlier.verdict}.")
    audit.record(
        session,
        Actor.person(by),
        "recheck.judged",
        row.id,
        verdict=judged.verdict.value,
        comment=judged.why,
    )
    return True
