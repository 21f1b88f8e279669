"""What nodes that buy share with the built-in approval: its steps to review, order, ask and tell. Makes none anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.exceptions import ApplicationError

from activities.decision import DecisionActivities
from activities.notification import NotificationActivities, Teller
from activities.order import OrderActivities
from activities.review import ReviewActivities
from gateways.amazon import AmazonBusiness, VendorAccessDenied, VendorBusy, VendorUnavailable
from rules.decision import Alarm, Why
from rules.messages import AskStep, DecisionStep, OrderStep, RequestStep
from rules.order import is_for_a_person
from rules.request import ENDED, Status
from storage import decision, order, request
from storage.database import now
from storage.flag_copy import FlagCopy
from storage.order import OrderRow, Standing
from storage.request import RequestRow

log = logging.getLogger(__name__)

#: What says that nothing was ordered yet and that the same order may go well later.
COMES_AGAIN: Final = frozenset(each.__name__ for each in (VendorBusy, VendorUnavailable, VendorAccessDenied))


@dataclass(frozen=True)
class PurchaseSteps:
    """The steps of a purchase, each in transactions of its own."""

    sessions: sessionmaker[Session]
    review: ReviewActivities
    order: OrderActivities
    question: DecisionActivities
    telling: NotificationActivities

    @classmethod
    def of(
        cls,
        sessions: sessionmaker[Session],
        vendor: AmazonBusiness,
        flags: FlagCopy,
        teller: Teller,
        price_tolerance_percent: Decimal,
    ) -> PurchaseSteps:
        """The steps over these means; see `activities.registry.Means`."""
        return cls(
            sessions,
            ReviewActivities(sessions, flags),
            OrderActivities(sessions, vendor, teller, price_tolerance_percent),
            DecisionActivities(sessions, teller),
            NotificationActivities(sessions, teller),
        )

    def carry_on(self, request_id: UUID, why: str) -> None:
        """Do the next thing about a request that is being ordered: order once, read back, ask, remind, tell.

        Args:
            why: empty at first; then why it is looked at again.
        """
        step = RequestStep(str(request_id))
        row, newest = self._stand(request_id)
        if Status(row.status) is Status.AWAITING_DECISION:
            self._ring(row, why)
        elif Status(row.status) in order.MAY_BE_ORDERED:
            self._order(step, row, newest)
        row, newest = self._stand(request_id)
        if Status(row.status) is Status.ORDERING and newest and newest.state == Standing.PRICE_CHANGED:
            price = "" if newest.actual_unit_price is None else str(newest.actual_unit_price)
            self.question.ask_approver(AskStep(step.request_id, Why.PRICE_ROSE.value, newest.message, price))
        elif Status(row.status) in order.MAY_BE_ORDERED and newest is not None and self._is_overdue(newest):
            self.order.ask_settlement(step)
        elif Status(row.status) in ENDED:
            self.tell_end(request_id)

    def tell_end(self, request_id: UUID) -> None:
        """Tell everybody concerned how a request has ended, once."""
        self.telling.tell_people(RequestStep(str(request_id)))

    def _order(self, step: RequestStep, row: RequestRow, newest: OrderRow | None) -> None:
        """Order once, or read back; a vendor that is busy or away is asked again at the next look."""
        is_under_way = newest is not None and newest.round == row.round and not newest.is_settled
        sends = 0
        if is_under_way and newest is not None and newest.sends:
            found = self.order.read_order_back(step)
            if not found.may_send_again:
                return
            sends = found.sends
        try:
            self.order.place_order(OrderStep(step.request_id, sends))
        except ApplicationError as passing:
            if passing.type not in COMES_AGAIN:
                raise
            log.warning("the vendor is asked again later", extra={"request": row.number, "why": str(passing)})

    def _ring(self, row: RequestRow, why: str) -> None:
        """An alarm of the question about a price; its node rings them, whichever round it is in."""
        with self.sessions.begin() as session:
            asked = decision.of_request(session, row.id)[-1]
            is_late = asked.outcome is None and now(session) >= asked.deadline_at
        alarm, _, days = why.partition(" ")
        given = DecisionStep(str(row.id), str(asked.id), f"after {days} days")
        if is_late:
            self.question.expire_decision(given)
        elif alarm == Alarm.REMIND.value:
            self.question.remind_approver(given)
        elif alarm == Alarm.ESCALATE.value:
            self.question.escalate_decision(given)

    def _stand(self, request_id: UUID) -> tuple[RequestRow, OrderRow | None]:
        with self.sessions.begin() as session:
            row = request.by_id(session, request_id)
            orders = order.of_request(session, request_id)
            return row, orders[-1] if orders else None

    def _is_overdue(self, newest: OrderRow) -> bool:
        with self.sessions.begin() as session:
            since = newest.unknown_since or newest.intended_at
            return not newest.is_settled and is_for_a_person(since, now(session))
