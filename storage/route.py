"""The route of each request as it was chosen at submit. Who goes where is decided in rules/routing.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Index,
    Uuid,
    and_,
    any_,
    bindparam,
    false,
    func,
    insert,
    not_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.money import Money
from rules.routing import Reason, Route, Subject, decide
from storage import assignment, audit, routing
from storage.audit import SYSTEM, Actor
from storage.build import BuildRow
from storage.database import Base
from storage.person import PersonRow
from storage.routing import RoutingRuleRow, RoutingStateRow

#: What a submit asks for, all in one.
_AT_SUBMIT = routing.EVERYTHING.add_columns(assignment.EXPOSURES)
TAKEN_BACK_MEANWHILE = "Its rule or build was taken back before it started."
#: Asked only where a rule stands, so that a request without rules pays nothing for it.
LiveBuilds = Callable[[Session], Collection[str]]


class RouteRow(Base):
    """Where a request was sent when it was submitted. A request without one was submitted while there was no rule.

    Attributes:
        build: None for the build that is current when the request starts.
        redirected_at: since when the build no longer takes it, so that it goes to the current one after all.
    """

    __tablename__ = "route"
    __table_args__ = (
        Index("ix_route_build_at", "build", "at"),
        Index("ix_route_rule_id_at", "rule_id", "at"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"), primary_key=True)
    build: Mapped[str | None]
    variant: Mapped[str | None]
    rule_id: Mapped[UUID | None]
    bucket: Mapped[int | None]
    reason: Mapped[str]
    why: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    redirected_at: Mapped[datetime | None]
    redirected_why: Mapped[str | None]


def subject_of(person: PersonRow, amount: Money | None, request_id: UUID | None = None) -> Subject:
    """A requester as the routing rules see one."""
    return Subject(
        person_id=str(person.id),
        department_id=person.department_id,
        roles=frozenset(person.roles),
        request_id=str(request_id) if request_id else None,
        amount=amount,
    )


def choose(
    session: Session, request_id: UUID, requester: PersonRow, amount: Money, live_builds: LiveBuilds
) -> Route | None:
    """Choose where a request goes and store it, in the transaction that submits it.

    What the rollouts of policies and flags mean for it is stored, too; see storage/assignment.py.

    One statement where there is no rule and no such rollout.

    Returns:
        None, and no route is stored, while there is no rule.
    """
    rule_set, now, exposures = routing.read_rules_beside(session, _AT_SUBMIT)
    if exposures is not None:
        assignment.write(session, exposures, request_id, requester.department_id)
    if not rule_set.rules:
        return None
    chosen = decide(subject_of(requester, amount, request_id), rule_set, live_builds(session), now)
    session.execute(
        insert(RouteRow).values(
            request_id=request_id,
            build=chosen.build,
            variant=chosen.variant,
            rule_id=UUID(chosen.rule_id) if chosen.rule_id else None,
            bucket=chosen.bucket,
            reason=chosen.reason.value,
            why=chosen.why,
            revision=chosen.revision,
        )
    )
    if chosen.reason is Reason.NO_POLLERS:
        audit.record(
            session, SYSTEM, "routing.build_not_live", request_id, rule=chosen.rule_id, why=chosen.why
        )
    return chosen


def of(session: Session, request_id: UUID) -> RouteRow | None:
    """The route of a request, read afresh; None where it was submitted while there was no rule."""
    return session.get(RouteRow, request_id, populate_existing=True)


_CHOSEN = (
    select(
        RouteRow.request_id,
        RouteRow.build,
        and_(
            not_(RoutingStateRow.frozen),
            BuildRow.rejected_at.is_(None),
            func.coalesce(RoutingRuleRow.content["enabled"].as_boolean(), false()),
        ),
    )
    .join(RoutingStateRow, true())
    .outerjoin(RoutingRuleRow, RoutingRuleRow.id == RouteRow.rule_id)
    .outerjoin(BuildRow, BuildRow.build_id == RouteRow.build)
    .where(
        RouteRow.request_id == any_(bindparam("request_ids", type_=ARRAY(Uuid))),
        RouteRow.build.is_not(None),
        RouteRow.redirected_at.is_(None),
    )
)


def builds_now(session: Session, request_ids: Collection[UUID]) -> dict[UUID, str]:
    """Request -> the build to start it on; those that go to the current one are left out.

    A submit that was under way while a build was taken back may have stored a route to it all the same. So a route
    counts only where its rule is still on, nothing is frozen and the build is not rejected; else it is redirected here.
    """
    if not request_ids:
        return {}
    found = session.execute(_CHOSEN, {"request_ids": list(request_ids)}).all()
    late = [request_id for request_id, _, counts in found if not counts]
    if late:
        session.execute(
            update(RouteRow)
            .where(RouteRow.request_id.in_(late))
            .values(redirected_at=func.now(), redirected_why=TAKEN_BACK_MEANWHILE)
        )
    return {request_id: build for request_id, build, counts in found if counts and build is not None}


def redirect(session: Session, build: str, actor: Actor, why: str) -> Sequence[UUID]:
    """Let a build take no request any more that was sent to it; returns the requests that it concerns.

    Of those that run already the caller has to take the override away; here they are only written down.
    """
    moved = session.scalars(
        update(RouteRow)
        .where(RouteRow.build == build, RouteRow.redirected_at.is_(None))
        .values(redirected_at=func.now(), redirected_why=why)
        .returning(RouteRow.request_id)
    ).all()
    if moved:
        audit.record(session, actor, "routing.redirected", build=build, requests=len(moved), why=why)
    return moved


def assigned(session: Session, rule_id: UUID) -> Mapping[tuple[str | None, str | None], int]:
    """How many requests a rule sent where: (build, variant) -> count."""
    rows = session.execute(
        select(RouteRow.build, RouteRow.variant, func.count())
        .where(RouteRow.rule_id == rule_id, RouteRow.reason == Reason.MATCHED.value)
        .group_by(RouteRow.build, RouteRow.variant)
    )
    return {(build, variant): count for build, variant, count in rows}
