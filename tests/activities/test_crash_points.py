"""A worker that dies at any commit, or on either side of the vendor's answer, has each step run again, and nothing shows.

Every point at which a process can leave something behind is tried, one after the other, until none is left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from sqlalchemy import event

from activities import registry
from activities.registry import Means
from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from rules.decision import Why
from rules.messages import AskStep, DecisionStep, OrderStep, OrderStepResult, RequestStep
from rules.order import OrderOutcome, PurchaseOrder
from rules.request import Status
from storage.request import RequestRow
from tests.checking.loading import read_database, read_ledger
from tests.invariants import breaches
from tests.workflows.desk import Desk

T = TypeVar("T")
R = TypeVar("R")


class Dead(BaseException):
    """The process is gone, in the middle of what it did."""


@dataclass
class Fate:
    """Lets the process die once, at point number `at`; counts the points that it comes by."""

    at: int
    passed: int = 0

    def point(self, *_: object) -> None:
        """Something is left behind here, or not yet."""
        self.passed += 1
        if self.passed == self.at:
            raise Dead

    @property
    def has_struck(self) -> bool:
        """Whether the process has died."""
        return self.passed >= self.at

    @contextmanager
    def over(self, desk: Desk) -> Iterator[None]:
        """Both sides of every commit are points, as long as the block runs."""
        events = [(name, self.point) for name in ("before_commit", "after_commit")]
        for name, point in events:
            event.listen(desk.sessions, name, point)
        try:
            yield
        finally:
            for name, point in events:
                event.remove(desk.sessions, name, point)


class MortalVendor(AmazonBusiness):
    """The vendor as a process sees it that may die on either side of an order's answer."""

    fate: Fate

    def place_order(self, order: PurchaseOrder, *, sent_before: bool = False) -> OrderOutcome:
        """Send it, with a point on each side."""
        self.fate.point()
        outcome = super().place_order(order, sent_before=sent_before)
        self.fate.point()
        return outcome


class Steps:
    """The steps as a workflow calls them: one that dies is called again, as by a new worker."""

    def __init__(self, desk: Desk, fate: Fate) -> None:
        vendor = MortalVendor(account_of(desk.settings))
        vendor.fate = fate
        means = Means(desk.sessions, vendor, desk.flags, desk.teller, desk.settings.price_tolerance_percent)
        self._steps = {step.__name__: step for step in registry.approvals(means)}
        self._desk, self._fate = desk, fate

    def run(self, name: str, given: object, result: type[R]) -> R:
        """The step's result, however often the worker dies over it."""
        while True:
            try:
                with self._fate.over(self._desk):
                    done = self._steps[name](given)
            except Dead:
                continue
            assert isinstance(done, result)
            return done

    def order(self, row: RequestRow) -> None:
        """What the workflow does to buy, without its waits."""
        given = RequestStep(str(row.id))
        order = self.run("place_order", OrderStep(str(row.id)), OrderStepResult)
        while Status(order.status) is Status.ORDER_UNKNOWN:
            order = self.run("read_order_back", given, OrderStepResult)
            if order.may_send_again:
                order = self.run("place_order", OrderStep(str(row.id), order.sends), OrderStepResult)


def _bought_by_itself(desk: Desk, steps: Steps) -> RequestRow:
    row = desk.submit()
    given = RequestStep(str(row.id))
    steps.run("validate_product", given, object)
    steps.run("review_request", given, object)
    steps.order(row)
    steps.run("tell_people", given, object)
    return row


def _bought_by_approval(desk: Desk, steps: Steps) -> RequestRow:
    row = desk.submit(desk.article(dearer_than=500, cheaper_than=2500))
    given = RequestStep(str(row.id))
    steps.run("validate_product", given, object)
    steps.run("review_request", given, object)
    steps.run("ask_approver", AskStep(str(row.id), Why.REVIEW_SAYS_NO.value, "too dear"), object)
    [question] = desk.decisions(row)
    asked = DecisionStep(str(row.id), str(question.id), "after 3 days")
    steps.run("remind_approver", asked, object)
    steps.run("escalate_decision", asked, object)
    desk.answer(row, "approve")
    steps.run("read_decision", asked, object)
    steps.run("expire_decision", asked, object)
    steps.order(row)
    steps.run("tell_people", given, object)
    return row


def _all_points(desk: Desk, journey: Callable[[Desk, Steps], RequestRow]) -> Iterator[tuple[int, RequestRow]]:
    """The journey once for each point at which its worker can die; then once without."""
    for at in itertools.count(1):
        fate = Fate(at)
        yield at, journey(desk, Steps(desk, fate))
        if not fate.has_struck:
            return


@pytest.mark.whole
@pytest.mark.parametrize("journey", [_bought_by_itself, _bought_by_approval])
def test_a_worker_may_die_at_any_point_and_each_request_is_bought_and_told_once(
    desk: Desk, journey: Callable[[Desk, Steps], RequestRow]
) -> None:
    desk.fault("repeat_second_order", always=True)
    trails = {}
    for at, row in _all_points(desk, journey):
        assert desk.look(row).status == Status.COMPLETED, f"dead at point {at}"
        assert len(desk.ledger(row)) == 1, f"dead at point {at}"
        assert desk.told(row, desk.company.ana) == ["completed"], f"dead at point {at}"
        trails[at] = set(desk.audit(row))
    undisturbed = trails.pop(at)
    assert len(trails) > 10
    assert all(trail - {"request.order_unknown"} == undisturbed for trail in trails.values())
    with desk.sessions.begin() as session:
        facts = read_database(session)
    facts = replace(facts, vendor_orders=read_ledger(desk.settings.vendor_url), is_quiet=False)
    assert breaches(facts) == []
