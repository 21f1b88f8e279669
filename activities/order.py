"""The steps that buy: intent first, then the call, then the outcome. What an answer means is decided in rules/."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import beating
from activities.notification import Teller
from gateways.amazon import (
    AmazonBusiness,
    OrderOutcomeUnknown,
    VendorAccessDenied,
    VendorBusy,
    VendorError,
    VendorRefused,
    VendorUnavailable,
)
from rules.messages import OrderStep, OrderStepResult, RequestStep
from rules.notification import Kind
from rules.order import (
    OrderOutcome,
    OrderState,
    PurchaseOrder,
    Rejection,
    describe_outcome,
    highest_unit_price,
    may_send_again,
)
from rules.person import Role
from rules.request import Status
from storage import order as orders
from storage import person as people
from storage import request as requests
from storage.order import OrderRow
from storage.request import RequestRow


@dataclass(frozen=True)
class OrderActivities:
    """Steps that buy."""

    sessions: sessionmaker[Session]
    vendor: AmazonBusiness
    teller: Teller
    price_tolerance_percent: Decimal

    @activity.defn(no_thread_cancel_exception=True)
    def place_order(self, given: OrderStep) -> OrderStepResult:
        """Order once.

        The claim to send is committed before the call and the row is held during it: an attempt that finds
        a claim it does not know of never sends, and two processes never send at the same time.
        """
        with self.sessions.begin() as session:
            row, order, claimed = self._claim(session, given)
            if not claimed:
                return _result(Status(row.status), order)
        with self.sessions.begin() as session:
            order = orders.lock(session, order.id)
            if order.is_settled or order.sends != given.sends_so_far + 1:
                return _result(requests.status_of(session, row.id), order)
            with beating():
                failure = self._send(session, row, order, sent_before=given.sends_so_far > 0)
            result = _result(requests.status_of(session, row.id), order)
        if failure is not None:
            raise failure
        return result

    def _claim(self, session: Session, given: OrderStep) -> tuple[RequestRow, OrderRow, bool]:
        row = requests.by_id(session, UUID(given.request_id))
        if Status(row.status) not in orders.MAY_BE_ORDERED:
            return row, _latest(session, row), False
        highest = highest_unit_price(row.draft.unit_price, self.price_tolerance_percent)
        order = orders.intend(session, row, highest)
        if orders.claim_send(session, order, given.sends_so_far):
            return row, order, True
        row = requests.by_id(session, row.id)
        if not order.is_settled and Status(row.status) in orders.MAY_BE_ORDERED:
            orders.mark_unknown(session, order, "An earlier attempt may have reached the vendor.")
            row = requests.by_id(session, row.id)
        return row, order, False

    def _send(
        self, session: Session, row: RequestRow, order: OrderRow, *, sent_before: bool
    ) -> ApplicationError | None:
        """Send and record; the error to raise after the commit where the vendor has to be asked again."""
        try:
            outcome = self.vendor.place_order(orders.as_purchase_order(row, order), sent_before=sent_before)
        except OrderOutcomeUnknown as unknown:
            orders.mark_unknown(session, order, f"The vendor's answer is not known: {unknown}.")
        except (VendorBusy, VendorUnavailable, VendorAccessDenied) as passing:
            orders.release_send(session, order)
            return _come_again(passing)
        except VendorRefused as refusal:
            if sent_before:
                orders.mark_unknown(session, order, f"A repeat was refused ({refusal}).")
            else:
                refused = OrderOutcome(
                    OrderState.REFUSED, rejections=(Rejection(refusal.code, refusal.reason),)
                )
                _record(session, order, refused)
        else:
            _record(session, order, outcome)
        return None

    @activity.defn(no_thread_cancel_exception=True)
    def read_order_back(self, given: RequestStep) -> OrderStepResult:
        """Ask the vendor whether it has the order; a person may have settled it meanwhile.

        Nothing is held during the call: reading changes nothing, and what was learnt meanwhile goes first.
        """
        with self.sessions.begin() as session:
            row = requests.by_id(session, UUID(given.request_id))
            order = _current(session, row)
            if order.is_settled or order.sends == 0:
                return _result(Status(row.status), order)
            sends, asked = order.sends, orders.as_purchase_order(row, order)
        with beating():
            found = self._read_back(asked)
        with self.sessions.begin() as session:
            order = orders.lock(session, order.id)
            if not order.is_settled:
                _note_read_back(session, order, found, sends)
            return _result(requests.status_of(session, row.id), order)

    def _read_back(self, asked: PurchaseOrder) -> OrderOutcome | VendorError:
        try:
            return self.vendor.read_order(asked)
        except VendorError as failure:
            return failure

    @activity.defn
    def ask_settlement(self, given: RequestStep) -> OrderStepResult:
        """Ask finance, once, to find out whether the order exists."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, UUID(given.request_id))
            order = orders.lock(session, _current(session, row).id)
            if not order.is_settled:
                orders.mark_unknown(session, order, order.message or "The vendor could not be reached.")
                finance = [person.id for person in people.holding(session, Role.FINANCE)]
                self.teller.tell(
                    session,
                    row,
                    finance,
                    Kind.ORDER_UNKNOWN,
                    detail=order.message,
                    step=str(order.round),
                    to_chat=True,
                )
            return _result(requests.status_of(session, row.id), order)


def _current(session: Session, row: RequestRow) -> OrderRow:
    for order in orders.of_request(session, row.id):
        if order.round == row.round:
            return order
    raise ApplicationError("the order is not in the database", type="RequestIsMissing")


def _latest(session: Session, row: RequestRow) -> OrderRow:
    attempts = orders.of_request(session, row.id)
    if not attempts:
        raise ApplicationError("nothing was ever ordered", type="RequestIsMissing")
    return attempts[-1]


def _note_read_back(session: Session, order: OrderRow, found: OrderOutcome | VendorError, sends: int) -> None:
    """Store what a read-back told; `sends` is how often the order had left when the vendor was asked."""
    if isinstance(found, VendorError):
        # Proves nothing either way: the workflow comes again after a longer wait.
        order.not_found_reads = 0
        orders.mark_unknown(session, order, f"The vendor could not be asked: {found}.")
    elif found.state is not OrderState.NOT_FOUND:
        _record(session, order, found)
    elif order.sends == sends:
        order.not_found_reads += 1
        orders.mark_unknown(session, order, "The vendor does not know the order yet.")


def _record(session: Session, order: OrderRow, outcome: OrderOutcome) -> None:
    order.not_found_reads = 0
    message = describe_outcome(outcome, order.quantity, order.highest_price)
    orders.record_outcome(session, order, outcome, message, _as_json(asdict(outcome)))


def _as_json(value: Any) -> Any:
    """Dataclass fields as JSON: Decimals as text, so that no amount passes through a float."""
    match value:
        case dict():
            return {key: _as_json(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_as_json(entry) for entry in value]
        case Decimal():
            return str(value)
        case _:
            return value


def _result(status: Status, order: OrderRow) -> OrderStepResult:
    never_left = not order.is_settled and order.sends == 0
    return OrderStepResult(
        status=status.value,
        state=order.state,
        sends=order.sends,
        detail=order.message,
        may_send_again=not order.is_settled and (never_left or may_send_again(order.not_found_reads)),
        unit_price="" if order.actual_unit_price is None else str(order.actual_unit_price),
    )


def _come_again(passing: VendorError) -> ApplicationError:
    pause = timedelta(seconds=passing.retry_after_seconds) if isinstance(passing, VendorBusy) else None
    return ApplicationError(str(passing), type=type(passing).__name__, next_retry_delay=pause)
