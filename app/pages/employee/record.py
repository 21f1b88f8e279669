"""Everything that the page of one request shows, gathered in a few queries. Words and order are made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from app import database
from app.access import current_person
from app.pages.run.shown import RunShown, look
from rules.decision import Why
from rules.money import Money
from rules.person import approver_line
from rules.request import Status
from storage import decision as decisions
from storage import department, policy, process, process_run, request_list
from storage import order as orders
from storage import person as people
from storage import review as reviews
from storage.audit import AuditRow
from storage.decision import DecisionRow
from storage.order import OrderRow, Standing
from storage.person import PersonRow
from storage.policy import RuleSetRow
from storage.request import RequestRow
from storage.review import ReviewRow

#: Entries that are for the auditor, not for the people concerned.
NOT_SHOWN = frozenset({"request.read_refused"})


@dataclass(frozen=True)
class Record:
    """One request with all that happened to it.

    Attributes:
        names: person id -> name, of everybody who is mentioned.
        next_asked: who would be asked as well if nobody answers; None where nobody is left or awaited.
        latest_entry: the mark by which a page sees that something happened since.
        run: the run of the process that decides about it; None for the built-in approval.
        process: what people call that process.
    """

    row: RequestRow
    requester: PersonRow
    department: str
    review: ReviewRow | None
    rule_set: RuleSetRow | None
    decisions: Sequence[DecisionRow]
    orders: Sequence[OrderRow]
    entries: Sequence[AuditRow]
    names: Mapping[UUID, str]
    next_asked: str | None
    latest_entry: int
    run: RunShown | None = None
    process: str = ""

    @property
    def status(self) -> Status:
        """Where the request stands."""
        return Status(self.row.status)

    @property
    def open_decision(self) -> DecisionRow | None:
        """The question that waits for an answer, None where none does."""
        open_ones = [decision for decision in self.decisions if decision.outcome is None]
        return open_ones[-1] if open_ones and self.status is Status.AWAITING_DECISION else None

    def open_for(self, reader_id: UUID) -> DecisionRow | None:
        """The open question that asks this reader, else any; a process may ask several at once."""
        if self.open_decision is None:
            return None
        open_ones = [each for each in self.decisions if each.outcome is None]
        asked = [
            each for each in open_ones if reader_id in each.asked_ids and not self._answered(each, reader_id)
        ]
        return (asked or open_ones)[-1]

    def _answered(self, decision: DecisionRow, reader_id: UUID) -> bool:
        nodes = self.run.nodes if self.run is not None and decision.node is not None else ()
        return any(
            seat.answered_by == reader_id
            for shown in nodes
            if shown.node.id == decision.node
            for seat in shown.seats
        )

    @property
    def working(self) -> str:
        """The nodes of its process that run now or wait for an operator."""
        nodes = self.run.nodes if self.run is not None else ()
        names = [each.node.title for each in nodes if each.status in ("running", "awaited", "incident")]
        return ", ".join(dict.fromkeys(names))

    @property
    def order(self) -> OrderRow | None:
        """The latest attempt to order."""
        return self.orders[-1] if self.orders else None

    @property
    def price_is_open(self) -> bool:
        """Whether the price rose above what was approved and nobody has been asked about it yet."""
        order = self.order
        if order is None or order.round != self.row.round:
            return False
        return self.status is Status.ORDERING and order.state == Standing.PRICE_CHANGED

    @property
    def asked(self) -> str:
        """Everybody who may answer the open question."""
        decision = self.open_decision
        return " or ".join(self.name(each) for each in decision.asked_ids) if decision else ""

    def name(self, person_id: UUID | None) -> str:
        """A name; the system's where no person acted."""
        return "the system" if person_id is None else self.names.get(person_id, "somebody")

    def entry(self, action: str) -> AuditRow | None:
        """The first entry of this action."""
        return next((entry for entry in self.entries if entry.action == action), None)

    def approved_before(self, decision: DecisionRow) -> Money | None:
        """What had been approved when the price rose; None where the price is not what it was about."""
        if decision.why != Why.PRICE_ROSE:
            return None
        earlier = [each for each in self.decisions if each.round < decision.round]
        return earlier[-1].total if earlier else _first_total(self)

    def risen_price(self, decision: DecisionRow) -> Money | None:
        """What one piece costs since the price rose, where the vendor named it."""
        for order in self.orders:
            is_cause = order.round == decision.round - 1 and order.state == Standing.PRICE_CHANGED
            if is_cause and order.actual_unit_price is not None:
                return Money(order.actual_unit_price, order.currency)
        return None


def _first_total(record: Record) -> Money:
    """The amount as it was submitted; the request's own grows once a higher price is approved."""
    submitted = record.entry("request.submitted")
    amount = submitted.detail.get("amount") if submitted else None
    return Money(Decimal(amount), record.row.currency) if isinstance(amount, str) else record.row.total


def gather(row: RequestRow) -> Record:
    """Everything about a request, as it stands in this transaction."""
    session = database.session()
    # The mark is read first: what happens in between is then seen as new by the next look.
    latest_entry = request_list.latest_entry(session, row.id)
    requester = session.get_one(PersonRow, row.requester_id)
    asked = decisions.of_request(session, row.id)
    review = reviews.of_request(session, row.id)
    entries = [e for e in request_list.entries(session, row.id) if e.action not in NOT_SHOWN]
    ids = {row.requester_id, row.awaited_id, *(entry.actor_id for entry in entries)}
    for decision in asked:
        ids |= {decision.decided_by, *decision.asked_ids}
    run = _run(row)
    return Record(
        run=run,
        process=process.by_key(session, run.run.process_key).title if run is not None else "",
        row=row,
        requester=requester,
        department=department.names(session).get(row.department_id, row.department_id),
        review=review,
        rule_set=policy.by_id(session, review.rule_set_id) if review and review.rule_set_id else None,
        decisions=asked,
        orders=orders.of_request(session, row.id),
        entries=entries,
        names=people.names(session, {person_id for person_id in ids if person_id is not None}),
        next_asked=_next_asked(row, requester, asked),
        latest_entry=latest_entry,
    )


def _run(row: RequestRow) -> RunShown | None:
    """The run that decides about a request; one that a node made is decided by then."""
    if row.run_id is None:
        return None
    session = database.session()
    run = process_run.by_id(session, row.run_id)
    return look(session, run, current_person()) if run.request_id == row.id else None


def _next_asked(row: RequestRow, requester: PersonRow, asked: Sequence[DecisionRow]) -> str | None:
    if Status(row.status) is not Status.AWAITING_DECISION or not asked or len(asked[-1].asked_ids) > 1:
        return None
    line = approver_line(requester.to_person(), people.deciders(database.session()))
    return next((each.name for each in line if each.id not in asked[-1].asked_ids), None)
