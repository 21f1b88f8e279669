"""The figures' counts, against a handful of requests that are counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from rules.kpi import Durations, Grain, Ordered, Scope, Share, Tally
from storage.kpi import Report, count
from tests.storage.ledger import Ledger

#: Two whole ISO weeks, 2026-W45 and 2026-W46.
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 15)
START = datetime(2026, 11, 2, tzinfo=UTC)
END = datetime(2026, 11, 16, tzinfo=UTC)
IN_W45 = datetime(2026, 11, 4, 10, tzinfo=UTC)
IN_W46 = datetime(2026, 11, 11, 10, tzinfo=UTC)


def _scope(department_id: str | None = None, *, include_demo: bool = False) -> Scope:
    return Scope(FIRST, LAST, department_id, include_demo)


@pytest.fixture
def ledger(session: Session) -> Ledger:
    return Ledger(session)


@pytest.fixture
def report(ledger: Ledger) -> Report:
    """Ten requests; see the comments."""
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    # approved by the review after 1 s, in W45; its order was unclear for a while, then charged 100 EUR
    auto = ledger.request(IN_W45, "completed", closed_at=IN_W45 + 2 * second, auto_approved=True)
    ledger.review(auto, IN_W45 + second, approved=True)
    ledger.order(auto, "placed", IN_W45 + 2 * second, charged="100.00", unknown=True)
    # approved by the review after 3 s, in W46; two of three were delivered, the charge is not known
    part = ledger.request(IN_W46, "completed", closed_at=IN_W46 + 4 * second, auto_approved=True)
    ledger.review(part, IN_W46 + 3 * second, approved=True)
    ledger.order(part, "part_placed", IN_W46 + 4 * second, accepted=2)
    # approved by a person in the window's first moment, 2 h after submit; the vendor refused
    refused = ledger.request(START - 2 * hour, "order_refused", closed_at=START, department_id="marketing")
    ledger.review(refused, START - 2 * hour, approved=False)
    ledger.question(refused, "approved", START)
    ledger.order(refused, "refused", START)
    # rejected by a person 4 h after submit, in W46
    rejected = ledger.request(IN_W46, "rejected", closed_at=IN_W46 + 4 * hour, department_id="marketing")
    ledger.review(rejected, IN_W46, approved=False)
    ledger.question(rejected, "rejected", IN_W46 + 4 * hour)
    # never reviewed, expired in W46
    expired = ledger.request(IN_W45, "expired", closed_at=IN_W46, department_id="marketing")
    ledger.question(expired, "expired", IN_W46)
    # withdrawn in W45
    withdrawn = ledger.request(IN_W45, "withdrawn", closed_at=IN_W45 + hour)
    ledger.review(withdrawn, IN_W45, approved=False)
    ledger.question(withdrawn, "withdrawn", IN_W45 + hour)
    # approved by the review, then the price rose: the question is open, so nothing is decided
    risen = ledger.request(IN_W46, "awaiting_decision", auto_approved=True)
    ledger.review(risen, IN_W46 + second, approved=True)
    ledger.order(risen, "price_changed", IN_W46 + 2 * second)
    ledger.question(risen, None, None, round_number=2)
    # the same, and a person approved the higher price 6 h after submit; ordered in USD, in W46
    dearer = ledger.request(IN_W46, "completed", closed_at=IN_W46 + 6 * hour, auto_approved=False)
    ledger.review(dearer, IN_W46 + second, approved=True)
    ledger.order(dearer, "price_changed", IN_W46 + 2 * second)
    ledger.question(dearer, "approved", IN_W46 + 6 * hour, round_number=2)
    ledger.order(dearer, "placed", IN_W46 + 6 * hour, round_number=2, charged="30.00", currency="USD")
    # decided, ended and ordered the moment before and the moment after the window
    for at in (START - timedelta(microseconds=1), END):
        outside = ledger.request(at, "completed", closed_at=at, auto_approved=True)
        ledger.review(outside, at, approved=True)
        ledger.order(outside, "placed", at, charged="1000.00")
    ledger.session.flush()
    return count(ledger.session, _scope())


def test_the_company_is_counted_as_by_hand(report: Report) -> None:
    assert report.total == Tally(
        decided=6,
        reviewed=5,
        auto=2,
        approved=2,
        rejected=1,
        expired=1,
        withdrawn=1,
        completed=3,
        order_refused=1,
        auto_time=Durations(2),
        manual_time=Durations(3),
        ordered={
            "EUR": Ordered(2, Decimal("140.000"), Decimal("140.000")),
            "USD": Ordered(1, Decimal("30.000"), Decimal(0)),
        },
    )


def test_a_price_that_rose_makes_an_automatic_approval_a_persons_or_none(report: Report) -> None:
    assert report.total.auto_approval_rate == Share(2, 5)


def test_departments_are_counted_as_by_hand(report: Report) -> None:
    it, marketing = report.by_department["it"], report.by_department["marketing"]
    assert (it.decided, it.auto, it.approved, it.withdrawn, it.completed) == (3, 2, 1, 1, 3)
    assert (marketing.decided, marketing.reviewed, marketing.approved) == (3, 2, 1)
    assert (marketing.rejected, marketing.expired, marketing.order_refused) == (1, 1, 1)
    assert marketing.ordered == {}


def test_weeks_and_months_are_counted_as_by_hand(report: Report) -> None:
    w45 = report.by_period[Grain.WEEK, date(2026, 11, 2)]
    w46 = report.by_period[Grain.WEEK, date(2026, 11, 9)]
    assert (w45.decided, w45.auto, w45.approved, w45.withdrawn) == (2, 1, 1, 1)
    assert (w46.decided, w46.auto, w46.approved, w46.rejected, w46.expired) == (4, 1, 1, 1, 1)
    assert w45.ordered == {"EUR": Ordered(1, Decimal("100.000"), Decimal("100.000"))}
    november = report.by_period[Grain.MONTH, date(2026, 11, 1)]
    assert november == report.total
    assert set(report.by_period) == {
        (Grain.WEEK, date(2026, 11, 2)),
        (Grain.WEEK, date(2026, 11, 9)),
        (Grain.MONTH, date(2026, 11, 1)),
    }


def test_orders_that_were_unclear_and_requests_that_are_open_are_counted(report: Report) -> None:
    assert report.order_unknown_rate == Share(1, 6)
    assert (report.open_now.requests, report.open_now.unclear) == (1, 0)
    assert report.open_now.median_seconds == report.open_now.longest_seconds


def test_one_department_is_counted_alone(ledger: Ledger, report: Report) -> None:
    alone = count(ledger.session, _scope("marketing"))
    assert alone.total == report.by_department["marketing"]
    assert alone.open_now.requests == 0


@pytest.mark.parametrize(("include_demo", "decided"), [(True, 1), (False, 0)])
def test_made_up_requests_count_only_when_asked_for(ledger: Ledger, include_demo: bool, decided: int) -> None:
    made_up = ledger.request(IN_W45, "completed", closed_at=IN_W45, auto_approved=True, is_demo=True)
    ledger.review(made_up, IN_W45, approved=True)
    ledger.order(made_up, "placed", IN_W45, charged="10.00")
    ledger.request(IN_W45, "order_unknown", is_demo=True)
    ledger.session.flush()
    report = count(ledger.session, _scope(include_demo=include_demo))
    assert (report.total.decided, report.total.completed, report.open_now.unclear) == (decided,) * 3
    assert report.order_unknown_rate.whole == decided
    assert len(report.total.ordered) == decided


def test_quantiles_are_times_that_occurred_by_nearest_rank(ledger: Ledger) -> None:
    for seconds in range(1, 101):
        row = ledger.request(IN_W45, "completed", closed_at=IN_W45, auto_approved=True)
        ledger.review(row, IN_W45 + timedelta(seconds=seconds), approved=True)
        manual = ledger.request(IN_W45, "rejected", closed_at=IN_W45)
        ledger.question(manual, "rejected", IN_W45 + timedelta(hours=seconds / 4))
    ledger.session.flush()
    total = count(ledger.session, _scope()).total
    assert total.auto_time == Durations(100, 50.0, 90.0, 99.0)
    assert total.manual_time == Durations(100, 50 * 900.0, 90 * 900.0, 99 * 900.0)


def test_an_empty_company_has_no_figures_and_no_fault(session: Session) -> None:
    report = count(session, _scope())
    assert report.total == Tally()
    assert (report.by_department, report.by_period) == ({}, {})
    assert report.open_now.requests == 0
    assert report.open_now.median_seconds is None


def test_a_department_of_no_such_name_counts_nothing(ledger: Ledger, report: Report) -> None:
    assert count(ledger.session, _scope(str(UUID(int=0)))).total == Tally()


def test_what_follows_a_process_is_decided_when_the_process_has_decided(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    # the first of two has agreed, and a review that only advises has passed: nothing is decided
    waiting = ledger.request(IN_W46, "awaiting_decision", run_id=ledger.run())
    ledger.review(waiting, IN_W46, approved=True)
    ledger.question(waiting, "approved", IN_W46 + hour)
    # two agreed after 3 h, then it was ordered
    agreed = ledger.request(
        IN_W46, "completed", closed_at=IN_W46 + 4 * hour, auto_approved=False, run_id=ledger.run()
    )
    ledger.question(agreed, "approved", IN_W46 + hour)
    ledger.question(agreed, "approved", IN_W46 + 3 * hour, round_number=2)
    # a rule of the process refused what one had agreed to
    refused = ledger.request(IN_W46, "rejected", closed_at=IN_W46 + 2 * hour, run_id=ledger.run())
    ledger.question(refused, "approved", IN_W46 + hour)
    # a released review was enough
    auto = ledger.request(
        IN_W46, "completed", closed_at=IN_W46 + hour, auto_approved=True, run_id=ledger.run()
    )
    ledger.review(auto, IN_W46, approved=True)
    # withdrawn between two questions
    withdrawn = ledger.request(IN_W46, "withdrawn", closed_at=IN_W46 + 2 * hour, run_id=ledger.run())
    ledger.question(withdrawn, "approved", IN_W46 + hour)
    ledger.session.flush()
    total = count(ledger.session, _scope()).total
    assert (total.decided, total.auto, total.approved, total.rejected) == (3, 1, 1, 1)
    assert total.withdrawn == 1
