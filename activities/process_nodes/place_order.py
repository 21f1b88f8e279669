"""Place order: buys once. The order is always that of a request: the run's own, or one that the node asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate, takewhile
from typing import Any, Final
from uuid import UUID

from activities.process_purchase import PurchaseSteps
from activities.process_work import Work
from gateways.amazon import AmazonBusiness
from rules.decision import TIMERS
from rules.errors import Invalid
from rules.money import Money, parse_currency
from rules.order import READ_BACK_LIMIT, read_back_wait_seconds
from rules.process import Outcome
from rules.process_messages import Due, NodeResult
from rules.process_nodes.place_order import TYPE
from rules.process_purchase import check_same_purchase
from rules.product import ProductLink, ProductUnknownToVendor, parse_product_link
from rules.request import ENDED, Draft, Status, payload_hash
from storage import order, person, process_purchase, product, request
from storage.order import OrderRow, Standing
from storage.request import Place, RequestRow

#: What the vendor said lately is good enough for making an order out.
FRESH_FOR: Final = timedelta(minutes=15)
#: While a person is asked, the vendor and the clock are still looked at this often, for this long.
LATER_LOOK: Final = timedelta(hours=6)
LAST_LOOK: Final = timedelta(days=30)
LOOK: Final = "look"


@dataclass(frozen=True)
class PlaceOrderExecutor:
    """Completed by an order that the vendor took; a refusal fails the node.

    Attributes:
        hosts: the shops whose links are accepted; a bare ASIN means the first.
    """

    steps: PurchaseSteps
    vendor: AmazonBusiness
    hosts: Sequence[str]

    def prepare(self, work: Work) -> str:
        """The id of the request that is ordered, from now on by this node; the same one whenever it is called."""
        place = _place(work)
        made = process_purchase.ordered_by(work.session, place)
        if made is not None:
            return str(made.id)
        row = process_purchase.of_run(work.session, work.run, lock=True)
        link, quantity, price = self._wish(work, row)
        if row is None:
            process_purchase.check_is_no_part(work.session, work.run)
            row = self._ask_for(work, place, link, quantity, price)
        else:
            check_same_purchase(
                row.draft, vendor=link.host, asin=link.asin, quantity=quantity, currency=price.currency
            )
        process_purchase.begin_order(work.session, row, place)
        return str(row.id)

    def act(self, prepared: str, why: str) -> None:
        """The next thing about the order; see `PurchaseSteps.carry_on`."""
        self.steps.carry_on(UUID(prepared), why)

    def begin(self, work: Work) -> NodeResult:
        """How the order stands; what is not known yet is looked at again, sooner first."""
        return _standing(work) or NodeResult(dues=_dues(), awaits=_awaited(work))

    def settle(self, work: Work, why: str) -> NodeResult:
        """How it stands now."""
        return _standing(work) or NodeResult(awaits=_awaited(work))

    def _wish(self, work: Work, row: RequestRow | None) -> tuple[ProductLink, int, Money]:
        """Product, how many and the approved price of one; so many as the request asks for where nothing is said."""
        config = {"quantity": row.quantity, **work.config} if row is not None else work.config
        link = parse_product_link(str(config["product"]), self.hosts, self.hosts[0])
        currency = parse_currency(str(config["currency"]))
        return link, int(TYPE.value(config, "quantity")), Money(Decimal(str(config["unit_price"])), currency)

    def _ask_for(
        self, work: Work, place: Place, link: ProductLink, quantity: int, price: Money
    ) -> RequestRow:
        """A request for what the node buys, in the name of whoever the run is for."""
        session = work.session
        wanted_by = work.requester()
        requester = person.by_id(session, wanted_by.id) if wanted_by else None
        if requester is None:
            raise Invalid(
                "An order is somebody's wish: this run has no requester. Give it the input requester.",
                "requester",
            )
        try:
            found = product.recall(session, link.host, link.asin, FRESH_FOR) or self.vendor.look_up(link)
        except ProductUnknownToVendor:
            raise Invalid(f"The vendor does not know {link.asin}.", "product") from None
        reason = f"{work.title} ({work.run.process_key}, run {work.run.id})"
        draft = Draft(found, quantity, price.times(quantity), reason, requester.department_id, None)
        key = ":".join(map(str, place))
        return request.submit(session, draft, requester, key, payload_hash({"node": key}), ordered_by=place)


def _place(work: Work) -> Place:
    return work.run.id, work.row.node, work.row.iteration


def _found(work: Work) -> tuple[RequestRow, OrderRow | None]:
    row = process_purchase.ordered_by(work.session, _place(work))
    if row is None:
        raise LookupError("the node has begun no order")
    orders = order.of_request(work.session, row.id)
    return row, orders[-1] if orders else None


def _standing(work: Work) -> NodeResult | None:
    """How the node has ended by what became of the order; None while that is not known."""
    row, newest = _found(work)
    if Status(row.status) is Status.COMPLETED and newest is not None:
        return work.end(Outcome.COMPLETED, _output(row, newest))
    if Status(row.status) in ENDED:
        why = row.closed_reason or (newest.message if newest else "")
        return work.fail(f"{row.number} was not ordered: {row.status.replace('_', ' ')}. {why}".strip())
    return None


def _output(row: RequestRow, newest: OrderRow) -> dict[str, Any]:
    taken = newest.accepted_quantity or newest.quantity
    total = row.total if newest.charged_total is None else Money(newest.charged_total, newest.currency)
    return {
        "order": ", ".join(map(str, newest.vendor_order_ids)),
        "unit_price": str(total.per_unit(taken).amount),
        "total": str(total.amount),
    }


def _awaited(work: Work) -> list[str]:
    row, newest = _found(work)
    if row.awaited_id is not None:
        return [f"person:{row.awaited_id}"]
    is_unknown = newest is not None and newest.state == Standing.UNKNOWN
    return ["finance"] if is_unknown and Status(row.status) is Status.ORDER_UNKNOWN else []


def _dues() -> list[Due]:
    """When to look again: quickly at first while an outcome is unknown, at the alarms of a question about a price."""
    most = int(READ_BACK_LIMIT.total_seconds())
    quick = takewhile(
        lambda after: after < most, accumulate(read_back_wait_seconds(each) for each in range(1, 100))
    )
    later = range(most, int(LAST_LOOK.total_seconds()) + 1, int(LATER_LOOK.total_seconds()))
    alarms = [
        Due(f"{each.alarm.value} {each.after.days}", int(each.after.total_seconds())) for each in TIMERS
    ]
    return [Due(LOOK, after) for after in (*quick, *later)] + alarms
