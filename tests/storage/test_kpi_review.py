"""The figures of the automated review, against requests that are counted by hand."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from rules.kpi import Durations, Scope, Share
from rules.kpi_estimate import Estimate
from rules.kpi_review import Grouping, ReviewTally
from rules.recheck import draw_of, is_drawn
from storage.audit import SYSTEM
from storage.database import new_id
from storage.kpi_review import count, count_whole
from storage.policy import save_version
from storage.recheck import RecheckRow, RecheckShareRow
from storage.request import RequestRow
from storage.route import RouteRow
from storage.seed import shipped_rule_sets
from tests.storage.ledger import Ledger

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 15)
AT = datetime(2026, 11, 4, 10, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def _scope(department_id: str | None = None, *, include_demo: bool = False) -> Scope:
    return Scope(FIRST, LAST, department_id, include_demo)


@pytest.fixture
def ledger(session: Session) -> Ledger:
    return Ledger(session)


def _id(*, is_in: bool, share: str = "5") -> UUID:
    while True:
        request_id = new_id()
        if is_drawn(draw_of(request_id), Decimal(share)) is is_in:
            return request_id


def _approve(
    ledger: Ledger,
    *,
    drawn: bool = True,
    verdict: str = "",
    after: timedelta = SECOND,
    build: str = "dev",
    department_id: str = "it",
    amount: str = "60.00",
    confidence: str = "0.8",
    rule_set_id: UUID | None = None,
) -> RequestRow:
    row = ledger.request(
        AT, "completed", closed_at=AT, auto_approved=True, request_id=_id(is_in=drawn),
        department_id=department_id, amount=amount,
    )  # fmt: skip
    ledger.review(row, AT + after, approved=True, build=build, confidence=confidence, rule_set_id=rule_set_id)
    if verdict:
        ledger.session.add(RecheckRow(request_id=row.id, verdict=verdict, why="", judged_by=ledger.ana.id))
    ledger.session.flush()
    return row


def _ask(ledger: Ledger, outcome: str, after: timedelta = HOUR, build: str = "dev") -> RequestRow:
    row = ledger.request(AT, "completed", closed_at=AT + after, auto_approved=False)
    ledger.review(row, AT, approved=False, build=build)
    ledger.question(row, outcome, AT + after)
    ledger.session.flush()
    return row


def test_precision_is_counted_as_by_hand(ledger: Ledger) -> None:
    for verdict in ("right", "right", "wrong", ""):
        _approve(ledger, verdict=verdict)
    _approve(ledger, drawn=False)
    # Judged although it was not drawn: a find, but no part of the sample.
    _approve(ledger, drawn=False, verdict="wrong")
    for drawn in (True, False):
        taken_back = _approve(ledger, drawn=drawn)
        ledger.question(taken_back, "rejected", AT + HOUR, round_number=2)
    dearer = _approve(ledger)
    ledger.question(dearer, "approved", AT + HOUR, round_number=2)
    ledger.session.flush()
    whole = count_whole(ledger.session, _scope())
    assert (whole.given, whole.drawn, whole.right, whole.wrong) == (9, 6, 2, 2)
    assert whole.precision == Share(2, 4)
    assert (whole.waiting, whole.judged_wrong, whole.reversed_since, whole.false_positives) == (2, 2, 2, 4)
    assert whole.auto_approval_rate == Share(6, 9)


def test_the_share_that_stood_when_a_review_ended_says_what_was_drawn(ledger: Ledger) -> None:
    ledger.session.add(RecheckShareRow(share=Decimal(100), at=AT - HOUR, why=""))
    ledger.session.add(RecheckShareRow(share=Decimal(0), at=AT + HOUR, why=""))
    ledger.session.flush()
    for after in (SECOND, 2 * HOUR):
        _approve(ledger, drawn=False, after=after)
    assert count_whole(ledger.session, _scope()).drawn == 1


def test_confidence_and_review_time_leave_out_reviews_that_could_not_judge(ledger: Ledger) -> None:
    for index in range(30):
        row = ledger.request(AT, "awaiting_decision")
        began = AT - SECOND * (index + 1)
        confidence = "0.6" if index % 2 else "0.8"
        ledger.review(row, AT, approved=False, confidence=confidence, started_at=began)
    blind = ledger.request(AT, "awaiting_decision")
    ledger.review(blind, AT, approved=False, confidence="0")
    ledger.session.flush()
    whole = count_whole(ledger.session, _scope())
    assert (whole.blind, whole.confidence.n) == (1, 30)
    assert whole.confidence.value == pytest.approx(0.7)
    assert whole.confidence.low == pytest.approx(0.7 - 1.959964 * 0.101710 / 30**0.5, abs=1e-4)
    assert whole.review_time == Durations(30, 15.0, 27.0, None)
    assert whole.review_time_mean.value == pytest.approx(15.5)


def test_the_time_saved_compares_the_medians_of_what_was_approved(ledger: Ledger) -> None:
    for step in range(1, 41):
        _approve(ledger, drawn=False, after=SECOND * step)
        _ask(ledger, "approved", after=SECOND * step * 10)
        _ask(ledger, "rejected", after=HOUR * 50)  # no approval
    whole = count_whole(ledger.session, _scope())
    # Of 40 the 20th is the median; floor(20 - 2.2414 * sqrt(40) / 2) = 12th and ceil(21 + 7.09) = 29th are its bounds.
    assert whole.quick == Estimate(40, 20.0, 12.0, 29.0)
    assert whole.slow == Estimate(40, 200.0, 120.0, 290.0)
    assert astuple(whole.time_saved) == pytest.approx((40, 0.9, 1 - 29 / 120, 1 - 12 / 290))


def test_builds_variants_and_policy_versions_stand_side_by_side(ledger: Ledger) -> None:
    content = shipped_rule_sets()["it"]
    versions = [
        save_version(
            ledger.session, "it", content | {"max_amount": most}, SYSTEM, replaces_version=index, note=""
        )
        for index, most in enumerate(("400.00", "500.00"))
    ]
    ledger.session.flush()
    for build, version, variant in (
        ("b1", 0, None),
        ("b1", 1, "control"),
        ("b2", 1, "bold"),
        ("b2", 1, "bold"),
    ):
        row = _approve(ledger, build=build, rule_set_id=versions[version].id)
        if variant:
            ledger.session.add(
                RouteRow(
                    request_id=row.id, build=build, variant=variant, reason="matched", why="", revision=1
                )
            )
    ledger.session.flush()
    _ask(ledger, "approved", build="b2")
    slices = count(ledger.session, _scope())
    assert slices[Grouping.BUILD, "b1"].auto_approval_rate == Share(2, 2)
    assert slices[Grouping.BUILD, "b2"].auto_approval_rate == Share(2, 3)
    assert slices[Grouping.VARIANT, "bold"].given == 2
    assert slices[Grouping.VARIANT, "control"].given == 1
    assert [slices[Grouping.POLICY, f"it {version}"].given for version in (1, 2)] == [1, 3]
    assert slices[Grouping.WEEK, "2026-11-02"].given == slices[Grouping.MONTH, "2026-11-01"].given == 4


def test_average_amounts_are_told_by_department_and_currency(ledger: Ledger) -> None:
    for index in range(30):
        _approve(ledger, drawn=False, department_id="marketing", amount=f"{10 + index % 2 * 20}.00")
    row = _ask(ledger, "approved")
    row.currency = "USD"
    ledger.session.flush()
    slices = count(ledger.session, _scope())
    marketing = slices[Grouping.DEPARTMENT, "marketing"].amounts["EUR"]
    assert marketing.decided.n == 30
    assert marketing.decided.value == pytest.approx(20.0)
    assert marketing.auto == marketing.decided
    assert slices[Grouping.ALL, ""].amounts["USD"].decided == Estimate(1)


def test_errors_are_requests_of_which_a_stage_failed_for_good(ledger: Ledger) -> None:
    def stage(row: RequestRow, run: str, attempt: int, outcome: str, build: str = "b1") -> None:
        ledger.session.execute(
            text(
                "INSERT INTO outcome (at, build_id, run_id, activity_id, attempt, stage, request_id,"
                " department_id, outcome, ms)"
                " VALUES (:at, :build, :run, '1', :attempt, 'order', :id, 'it', :outcome, 5)"
            ),
            {"at": AT, "build": build, "run": run, "attempt": attempt, "id": row.id, "outcome": outcome},
        )

    healed, broken = _approve(ledger), _approve(ledger)
    stage(healed, "r1", 1, "failed")
    stage(healed, "r1", 2, "ok")
    stage(broken, "r2", 1, "failed")
    stage(broken, "r3", 1, "ok", build="b2")
    slices = count(ledger.session, _scope())
    assert slices[Grouping.BUILD, "b1"].errors == Share(1, 2)
    assert slices[Grouping.BUILD, "b2"].errors == Share(0, 1)


@pytest.mark.parametrize(("include_demo", "given"), [(True, 1), (False, 0)])
def test_made_up_requests_and_other_departments_count_only_when_asked_for(
    ledger: Ledger, include_demo: bool, given: int
) -> None:
    row = _approve(ledger)
    row.is_demo = True
    ledger.session.flush()
    assert count_whole(ledger.session, _scope(include_demo=include_demo)).given == given
    assert count_whole(ledger.session, _scope("marketing", include_demo=include_demo)) == ReviewTally()


def test_what_lies_outside_the_window_is_not_counted(ledger: Ledger) -> None:
    for after in (timedelta(days=-3), timedelta(days=12)):
        row = _approve(ledger, after=after)
        assert row.auto_approved
    assert count_whole(ledger.session, _scope()) == ReviewTally()
