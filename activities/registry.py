"""Every activity, made with the means it needs. The one place that wires stores and gateways to steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from activities.decision import DecisionActivities
from activities.notification import NotificationActivities, Teller
from activities.order import OrderActivities
from activities.product import ProductActivities
from activities.review import ReviewActivities
from gateways.amazon import AmazonBusiness
from storage.flag_copy import FlagCopy


@dataclass(frozen=True)
class Means:
    """What activities work with."""

    sessions: sessionmaker[Session]
    vendor: AmazonBusiness
    flags: FlagCopy
    teller: Teller
    price_tolerance_percent: Decimal


def approvals(means: Means) -> list[Callable[..., Any]]:
    """The activities that an approvals worker serves."""
    product = ProductActivities(means.sessions, means.vendor, means.price_tolerance_percent)
    review = ReviewActivities(means.sessions, means.flags)
    decision = DecisionActivities(means.sessions, means.teller)
    order = OrderActivities(means.sessions, means.vendor, means.teller, means.price_tolerance_percent)
    notification = NotificationActivities(means.sessions, means.teller)
    return [
        product.validate_product,
        review.review_request,
        decision.ask_approver,
        decision.read_decision,
        decision.remind_approver,
        decision.escalate_decision,
        decision.expire_decision,
        decision.note_stray_signal,
        order.place_order,
        order.read_order_back,
        order.ask_settlement,
        notification.tell_people,
    ]
