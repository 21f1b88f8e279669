"""What the decision panel on a request's page shows: the question, both prices, what was decided before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app import database
from app.access import current_person
from rules.decision import Why
from rules.money import Money
from rules.person import Act, may, may_read_request
from storage import inbox
from storage.inbox import Question
from storage.request import RequestRow


@dataclass(frozen=True)
class Similar:
    """An earlier decision, and whether the reader may open its request."""

    question: Question
    readable: bool


@dataclass(frozen=True)
class Panel:
    """Everything that the panel says.

    Attributes:
        question: the newest question about the request.
        mine: whether whoever is logged in may answer it now.
        prices: what one piece cost when it was approved and what it costs now, where that is the question.
        next: what else waits for the reader, None where nothing does.
    """

    question: Question
    mine: bool
    prices: tuple[Money, Money] | None
    similar: Sequence[Similar]
    next: Question | None


def decision_panel(row: RequestRow) -> Panel | None:
    """The panel for whoever is logged in; None for those who decide nothing here."""
    session, person = database.session(), current_person()
    if row.requester_id == person.id or not may(person.roles, Act.DECIDE_REQUEST):
        return None
    question = inbox.latest(session, row.id, person.id)
    if question is None:
        return None
    return Panel(
        question,
        mine=is_mine(question, person.id),
        prices=both_prices(question),
        similar=[
            Similar(one, may_read_request(person, one.requester.to_person(), one.decision.asked_ids))
            for one in inbox.similar(session, row)
        ],
        next=next_question(person.id, row.id),
    )


def is_mine(question: Question, person_id: UUID) -> bool:
    """Whether the question is open and put to this person."""
    decision = question.decision
    if decision.outcome is not None or person_id not in decision.asked_ids:
        return False
    # Where a process asks several people, whoever has answered is not asked any more.
    return decision.node is None or inbox.waits_for(database.session(), decision.id, person_id)


def both_prices(question: Question) -> tuple[Money, Money] | None:
    """The price of one as it was approved and as it is now, where the question is that it rose."""
    if question.decision.why != Why.PRICE_ROSE:
        return None
    quantity = question.request.quantity
    return question.request.total.per_unit(quantity), question.decision.total.per_unit(quantity)


def next_question(person_id: UUID, after: UUID) -> Question | None:
    """The most urgent question that waits for this person, except about the request `after`."""
    waiting = inbox.mine(database.session(), person_id)
    return next((one for one in waiting if one.request.id != after), None)
