"""The way of a request as named steps: what is done, what happens now, what lies ahead. Reads a record, asks nothing."""

from __future__ import annotations

from flask_babel import gettext as _

from app.pages.employee.path import path
from app.pages.employee.record import Record
from app.pages.employee.step import AHEAD, DONE, NOW, STOPPED, Step
from rules.decision import Outcome, Why
from rules.request import Status
from storage.decision import DecisionRow
from storage.order import OrderRow, Standing

_NOT_DECIDED = frozenset({Status.SUBMITTED, Status.IN_REVIEW})


def steps(record: Record) -> list[Step]:
    """The steps in their order. A step that cannot come any more is left out."""
    row = record.row
    done = [Step(_("Submitted"), DONE, at=row.submitted_at)]
    if record.run is not None:
        done += path(record)
    elif row.run_id is None:  # what a node asks for was checked and agreed to in its run
        done += _checks(record)
    done += _questions(record)
    return done + _end(record)


def _checks(record: Record) -> list[Step]:
    """The product and the automated review; after a withdrawal only what had happened by then."""
    product, review = _product(record), _review(record)
    if record.status is Status.WITHDRAWN:
        return [step for step in (product, review) if step.state == DONE]
    return [product, review]


def _product(record: Record) -> Step:
    name = _("Product checked")
    skipped = record.entry("review.skipped")
    first = record.decisions[0] if record.decisions else None
    if first is not None and first.why == Why.PRODUCT_UNCLEAR:
        return Step(name, DONE, _("Something is unclear"), first.asked_at)
    if record.review is not None:
        return Step(name, DONE, at=record.review.started_at)
    if skipped is not None:
        return Step(name, DONE, at=skipped.at)
    if record.status in _NOT_DECIDED:
        return Step(name, NOW)
    return Step(name, DONE if record.decisions or record.orders else AHEAD)


def _review(record: Record) -> Step:
    name = _("Automated review")
    first = record.decisions[0] if record.decisions else None
    skipped = record.entry("review.skipped")
    if record.review is not None:
        text = _("Approved") if record.review.auto_approved else _("Left to a person")
        return Step(name, DONE, text, record.review.finished_at)
    if skipped is not None:
        return Step(name, DONE, _("Switched off"), skipped.at)
    if first is not None:
        text = _("Did not work") if first.why == Why.REVIEW_FAILED else _("Not used")
        return Step(name, DONE, text, first.asked_at)
    return Step(name, AHEAD if record.status in {*_NOT_DECIDED, Status.WITHDRAWN} else DONE)


def _questions(record: Record) -> list[Step]:
    """One step for each question to a person, and one for each price that rose in between."""
    found: list[Step] = []
    orders = {order.round: order for order in record.orders}
    for decision in record.decisions:
        if decision.node is not None:
            continue  # it stands in the path of the process
        rise = _price_step(orders.get(decision.round - 1))
        found += [rise] if rise else []
        found += [_decision_step(record, decision)] if decision.outcome != Outcome.WITHDRAWN else []
    if record.price_is_open:
        rise = _price_step(record.order)
        found += [rise] if rise else []
    if record.price_is_open or (record.run is None and _is_left_to_person(record)):
        found.append(Step(_("Manager decides"), NOW))
    return found


def _is_left_to_person(record: Record) -> bool:
    judged = record.review is not None and not record.review.auto_approved
    return record.status is Status.IN_REVIEW and (judged or record.entry("review.skipped") is not None)


def _price_step(order: OrderRow | None) -> Step | None:
    if order is None or order.state != Standing.PRICE_CHANGED:
        return None
    return Step(_("Price rose"), DONE, _("Asked again"), order.settled_at)


def _decision_step(record: Record, decision: DecisionRow) -> Step:
    name = _("Manager decides")
    match decision.outcome:
        case Outcome.APPROVED:
            text = _("Approved by %(name)s", name=record.name(decision.decided_by))
            return Step(name, DONE, text, decision.decided_at)
        case Outcome.REJECTED:
            text = _("Rejected by %(name)s", name=record.name(decision.decided_by))
            return Step(name, STOPPED, text, decision.decided_at)
        case Outcome.EXPIRED:
            return Step(name, STOPPED, _("Nobody decided"), decision.decided_at)
        case _:
            return Step(name, NOW, record.name(record.row.awaited_id), decision.asked_at)


def _end(record: Record) -> list[Step]:
    row, order = record.row, record.order
    ordered, done = _("Ordered"), _("Done")
    settled_at = order.settled_at if order else None
    match record.status:
        case Status.REJECTED | Status.EXPIRED:
            return []
        case Status.WITHDRAWN:
            return [Step(_("Withdrawn"), STOPPED, at=row.closed_at)]
        case Status.ORDER_REFUSED:
            return [Step(ordered, STOPPED, _("Refused by the vendor"), settled_at)]
        case Status.COMPLETED:
            is_part = order is not None and order.state == Standing.PART_PLACED
            text = _("In part") if is_part else ""
            return [Step(ordered, DONE, text, settled_at), Step(done, DONE, at=row.closed_at)]
        case Status.ORDERING if not record.price_is_open:
            return [Step(ordered, NOW, at=row.status_since), Step(done, AHEAD)]
        case Status.ORDER_UNKNOWN:
            return [Step(ordered, NOW, _("Not confirmed yet"), row.status_since), Step(done, AHEAD)]
        case _:
            return [Step(ordered, AHEAD), Step(done, AHEAD)]
