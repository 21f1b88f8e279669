"""The steps around a person's decision: ask, remind, escalate, read, expire. Who may decide is in rules/decision.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notification import Teller
from rules.decision import Outcome, Why
from rules.messages import AskStep, AskStepResult, DecisionStep, DecisionStepResult, StraySignal
from rules.money import Money
from rules.notification import Kind
from rules.person import Person, approver_line
from rules.request import Status
from storage import audit
from storage import decision as decisions
from storage import order as orders
from storage import person as people
from storage import request as requests
from storage.audit import SYSTEM
from storage.decision import DecisionRow
from storage.order import Standing
from storage.request import RequestRow


@dataclass(frozen=True)
class DecisionActivities:
    """Steps around a question to a person."""

    sessions: sessionmaker[Session]
    teller: Teller

    @activity.defn
    def ask_approver(self, given: AskStep) -> AskStepResult:
        """Open the question of the request's current round and ask the first of the line."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, UUID(given.request_id), lock=True)
            if Status(row.status) is Status.SUBMITTED:
                # The check of the product, which makes this step, was given up before it came so far.
                requests.move(session, row.id, Status.IN_REVIEW, SYSTEM)
                row = requests.by_id(session, row.id)
            if Why(given.why) is Why.PRICE_ROSE:
                _begin_next_round(session, row)
            line = _line(session, row)
            total = _total(row, given.unit_price)
            decision = decisions.ask(session, row, line, Why(given.why), given.detail, total)
            if decision is None:
                return AskStepResult(requests.by_id(session, row.id).status)
            row = requests.by_id(session, row.id)
            if decision.outcome is None:
                kind = Kind.PRICE_ROSE if Why(given.why) is Why.PRICE_ROSE else Kind.ASKED
                self.teller.tell(
                    session,
                    row,
                    decision.asked_ids[:1],
                    kind,
                    detail=decision.detail,
                    step=str(decision.round),
                    to_chat=True,
                )
            asked = people.names(session, decision.asked_ids[:1]).get(decision.asked_ids[0], "")
            return AskStepResult(row.status, str(decision.id), asked)

    @activity.defn
    def read_decision(self, given: DecisionStep) -> DecisionStepResult:
        """How the question stands; Postgres is the one that knows."""
        with self.sessions.begin() as session:
            decision = _decision(session, given)
            return _standing(session, decision)

    @activity.defn
    def remind_approver(self, given: DecisionStep) -> DecisionStepResult:
        """Remind everybody who is asked, once a step."""
        with self.sessions.begin() as session:
            decision = _decision(session, given)
            if decision.outcome is None:
                row = requests.by_id(session, decision.request_id)
                step = f"{decision.round} {given.step}"
                self.teller.tell(
                    session, row, decision.asked_ids, Kind.REMINDED, detail=decision.detail, step=step
                )
                audit.record(session, SYSTEM, "decision.reminded", row.id, step=given.step)
            return _standing(session, decision)

    @activity.defn
    def escalate_decision(self, given: DecisionStep) -> DecisionStepResult:
        """Ask the next person of the line too; the first one may still answer."""
        with self.sessions.begin() as session:
            decision = _decision(session, given)
            row = requests.by_id(session, decision.request_id, lock=True)
            # More than one asked: an earlier attempt of this step got through.
            if len(decision.asked_ids) == 1:
                following = decisions.escalate(session, decision, _line(session, row))
                if following is not None:
                    self.teller.tell(
                        session,
                        row,
                        [following.id],
                        Kind.ESCALATED,
                        detail=decision.detail,
                        step=str(decision.round),
                        to_chat=True,
                    )
            return _standing(session, decision)

    @activity.defn
    def expire_decision(self, given: DecisionStep) -> DecisionStepResult:
        """Close the question for the system unless somebody was first; say who won."""
        with self.sessions.begin() as session:
            decision = _decision(session, given)
            decisions.expire(session, decision)
            return _standing(session, decision)

    @activity.defn
    def note_stray_signal(self, given: StraySignal) -> None:
        """Write a signal that changed nothing to the audit trail."""
        with self.sessions.begin() as session:
            audit.record(
                session,
                SYSTEM,
                "signal.stray",
                UUID(given.request_id),
                signal=given.signal,
                decision=given.decision_id,
                reason=given.reason,
            )


def _decision(session: Session, given: DecisionStep) -> DecisionRow:
    decision = decisions.by_id(session, UUID(given.decision_id))
    if decision is None:
        raise ApplicationError("the question is not in the database", type="RequestIsMissing")
    return decision


def _standing(session: Session, decision: DecisionRow) -> DecisionStepResult:
    row = requests.by_id(session, decision.request_id)
    session.refresh(decision)
    return DecisionStepResult(row.status, Outcome(decision.outcome).value if decision.outcome else "")


def _line(session: Session, row: RequestRow) -> Sequence[Person]:
    requester = people.by_id(session, row.requester_id)
    if requester is None:
        raise ApplicationError("the requester is not in the database", type="RequestIsMissing")
    line = approver_line(requester.to_person(), people.deciders(session))
    if not line:
        raise ApplicationError("nobody may decide this: no manager and no finance account is active")
    return line


def _begin_next_round(session: Session, row: RequestRow) -> None:
    """A price that rose is a new question and, once approved, a new order; harmless when repeated."""
    order = next((o for o in orders.of_request(session, row.id) if o.round == row.round), None)
    if order is not None and order.state == Standing.PRICE_CHANGED:
        row.round += 1
        session.flush()


def _total(row: RequestRow, unit_price: str) -> Money:
    if not unit_price:
        return row.total
    return Money(Decimal(unit_price), row.currency).times(row.quantity)
