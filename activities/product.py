"""The step that checks the product once more before anything is decided. Knows not what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from gateways.amazon import AmazonBusiness
from rules.decision import Why
from rules.messages import RequestStep, ReviewStepResult
from rules.product import Product, ProductUnknownToVendor, link_to
from rules.request import Status, product_doubt
from storage import product as products
from storage import request as requests
from storage.audit import SYSTEM
from storage.request import RequestRow

#: What the vendor said when the form was filled in is good enough for this long.
FRESH_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class ProductActivities:
    """Steps that ask about products."""

    sessions: sessionmaker[Session]
    vendor: AmazonBusiness
    price_tolerance_percent: Decimal

    @activity.defn
    def validate_product(self, given: RequestStep) -> ReviewStepResult:
        """Move the request into review; a product that is gone, blocked or dearer is left to a person."""
        request_id = UUID(given.request_id)
        with self.sessions.begin() as session:
            requests.move(session, request_id, Status.IN_REVIEW, SYSTEM)
            row = requests.by_id(session, request_id)
            known = products.recall(session, row.vendor, row.asin, FRESH_FOR)
        if Status(row.status) is not Status.IN_REVIEW:
            return ReviewStepResult(row.status)
        doubt = product_doubt(row.draft, known or self._look_up(row), self.price_tolerance_percent)
        if doubt:
            return ReviewStepResult(row.status, Why.PRODUCT_UNCLEAR.value, doubt)
        return ReviewStepResult(row.status)

    def _look_up(self, row: RequestRow) -> Product | None:
        try:
            found = self.vendor.look_up(link_to(row.vendor, row.asin))
        except ProductUnknownToVendor:
            return None
        with self.sessions.begin() as session:
            products.remember(session, found)
        return found
