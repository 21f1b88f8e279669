"""Requests that wait for a person, for the tests of the manager's and finance's pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from rules.decision import Why
from rules.money import Money
from rules.person import approver_line
from rules.product import BuyingGuidance, Product
from rules.request import Draft, Status
from storage import decision as decisions
from storage import order as orders
from storage import person as people
from storage import request as requests
from storage.audit import SYSTEM, AuditRow
from storage.decision import DecisionRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.request import RequestRow

WHY = "Amount: 649.00 EUR, allowed is at most 500.00 EUR."
CHAIR = Product(
    asin="B0CHAIR001",
    offer_id="offer-chair",
    title="Office chair with arm rests",
    url="https://www.amazon.es/dp/B0CHAIR001",
    vendor="amazon.es",
    seller="Muebles Sol",
    category="furniture",
    unit_price=Money(Decimal("649.00"), "EUR"),
    available=True,
    buying_guidance=BuyingGuidance.NONE,
    max_quantity=None,
)


@dataclass(frozen=True)
class Asked:
    """A request that waits, and what a page shows of its question."""

    id: UUID
    number: str
    decision_id: UUID
    amount: str
    content: str

    @property
    def shown(self) -> dict[str, str]:
        """What a form about it carries."""
        return {"decision": str(self.decision_id), "amount": self.amount, "content": self.content}

    def answer(self, choice: str, comment: str = "") -> dict[str, str]:
        """The form with an answer."""
        return {**self.shown, "choice": choice, "comment": comment}


def ask(
    sessions: sessionmaker[Session],
    requester: PersonRow,
    *,
    product: Product = CHAIR,
    quantity: int = 1,
    why: Why = Why.REVIEW_SAYS_NO,
    detail: str = WHY,
    waited: timedelta = timedelta(0),
) -> Asked:
    """Submit a request of `requester` and ask their approver."""
    total = product.unit_price.times(quantity)
    draft = Draft(product, quantity, total, "For the new colleague.", requester.department_id, None)
    with sessions.begin() as session:
        row = requests.submit(session, draft, session.merge(requester), uuid4().hex, "of a test")
        requests.move(session, row.id, Status.IN_REVIEW, SYSTEM)
        asked = _ask(session, row.id, why, detail, total)
        if waited:
            session.execute(
                text(
                    "UPDATE decision SET asked_at = asked_at - :waited, deadline_at = deadline_at - :waited"
                    " WHERE id = :id"
                ),
                {"waited": waited, "id": asked.decision_id},
            )
    return asked


def _ask(session: Session, request_id: UUID, why: Why, detail: str, total: Money) -> Asked:
    row = requests.by_id(session, request_id, lock=True)
    requester = session.get_one(PersonRow, row.requester_id)
    line = approver_line(requester.to_person(), people.deciders(session))
    question = decisions.ask(session, row, line, why, detail, total)
    assert question is not None
    return Asked(row.id, row.number, question.id, str(question.total), question.content_hash)


def raise_price(sessions: sessionmaker[Session], asked: Asked, unit_price: str) -> Asked:
    """Let the vendor refuse the approved price, and ask again with the new one."""
    with sessions.begin() as session:
        row = requests.by_id(session, asked.id, lock=True)
        order = orders.intend(session, row, row.total.per_unit(row.quantity))
        order.state = "price_changed"
        row.round += 1
        session.flush()
        total = Money(Decimal(unit_price), row.currency).times(row.quantity)
        return _ask(session, row.id, Why.PRICE_ROSE, f"One costs {unit_price} EUR now.", total)


def lose_answer(sessions: sessionmaker[Session], asked: Asked) -> None:
    """Let the vendor's answer to the order of an approved request get lost."""
    with sessions.begin() as session:
        row = requests.by_id(session, asked.id, lock=True)
        order = orders.intend(session, row, row.total.per_unit(row.quantity))
        orders.claim_send(session, order, 0)
        orders.mark_unknown(session, order, "The vendor's answer is not known: the line went dead.")


def pass_deadline(sessions: sessionmaker[Session], asked: Asked) -> None:
    """Let the time to decide run out, before the system has come round to closing the question."""
    with sessions.begin() as session:
        session.execute(
            text("UPDATE decision SET deadline_at = now() - interval '1 second' WHERE id = :id"),
            {"id": asked.decision_id},
        )


def request_of(sessions: sessionmaker[Session], asked: Asked) -> RequestRow:
    """The request as it stands now."""
    with sessions.begin() as session:
        return requests.by_id(session, asked.id)


def decision_of(sessions: sessionmaker[Session], asked: Asked) -> DecisionRow:
    """The question as it stands now."""
    with sessions.begin() as session:
        return session.get_one(DecisionRow, asked.decision_id)


def signals_of(sessions: sessionmaker[Session], asked: Asked) -> list[str]:
    """The kinds of the messages about a request that wait for the relay, besides the one that starts it."""
    with sessions.begin() as session:
        kinds = session.scalars(
            select(OutboxRow.kind).where(OutboxRow.request_id == asked.id).order_by(OutboxRow.id)
        )
        return [kind for kind in kinds if kind != "start_approval"]


def acts_of(sessions: sessionmaker[Session], asked: Asked) -> list[str]:
    """What the audit trail says was done to a request, in order."""
    with sessions.begin() as session:
        return list(
            session.scalars(
                select(AuditRow.action).where(AuditRow.request_id == asked.id).order_by(AuditRow.seq)
            )
        )


def trail(sessions: sessionmaker[Session], action: str) -> list[AuditRow]:
    """Every audit entry of one kind, in order."""
    with sessions.begin() as session:
        return list(session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.seq)))
