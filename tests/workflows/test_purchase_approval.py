"""Every way a request can go, on the real server: what stands in the books at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from rules.decision import NO_DECISION
from rules.flag import REVIEW_STRICTNESS
from rules.request import Status
from rules.review import ReviewInput, review_content
from rules.strictness import STRICTNESS
from storage import policy
from storage import review as reviews
from storage.request import RequestRow
from tests.workflows import journeys
from tests.workflows.desk import Desk

Play = Callable[[Callable[[Desk], Awaitable[RequestRow]]], RequestRow]


def test_a_harmless_request_is_approved_and_ordered_without_anybody(desk: Desk, play: Play) -> None:
    row = play(journeys.approved_automatically)
    assert (row.status, row.auto_approved) == (Status.COMPLETED, True)
    assert len(desk.ledger(row)) == 1
    assert desk.decisions(row) == []
    assert desk.told(row, desk.company.ana) == ["completed"]
    assert desk.audit(row) == [
        "request.submitted",
        "request.in_review",
        "request.ordering",
        "order.sent",
        "request.completed",
    ]


def test_what_the_manager_approves_is_ordered(desk: Desk, play: Play) -> None:
    row = play(journeys.approved_by_the_manager)
    [question] = desk.decisions(row)
    assert (row.status, row.auto_approved) == (Status.COMPLETED, False)
    assert (question.outcome, question.decided_by) == ("approved", desk.company.bruno.id)
    assert desk.told(row, desk.company.bruno) == ["asked"]
    assert len(desk.ledger(row)) == 1


def test_what_the_manager_rejects_is_never_ordered(desk: Desk, play: Play) -> None:
    row = play(journeys.rejected_by_the_manager)
    assert (row.status, row.closed_reason) == (Status.REJECTED, "We own two already.")
    assert desk.orders(row) == []
    assert desk.ledger(row) == []


def test_after_seven_days_without_an_answer_the_system_rejects(desk: Desk, play: Play) -> None:
    row = play(journeys.expired_after_seven_days)
    [question] = desk.decisions(row)
    assert (row.status, row.closed_reason) == (Status.EXPIRED, NO_DECISION)
    assert (question.outcome, question.decided_by) == ("expired", None)
    assert question.asked_ids == [desk.company.bruno.id, desk.company.hugo.id]
    assert desk.told(row, desk.company.bruno) == ["asked", "reminded", "reminded", "expired"]
    assert desk.told(row, desk.company.hugo) == ["escalated", "reminded", "expired"]
    assert desk.told(row, desk.company.ana) == ["expired"]
    assert desk.ledger(row) == []


def test_after_five_days_the_next_level_may_answer_too(desk: Desk, play: Play) -> None:
    row = play(journeys.approved_one_level_up_after_the_escalation)
    [question] = desk.decisions(row)
    assert (row.status, question.decided_by) == (Status.COMPLETED, desk.company.hugo.id)


def test_a_request_withdrawn_while_waiting_ends_and_the_manager_is_told(desk: Desk, play: Play) -> None:
    row = play(journeys.withdrawn_while_waiting)
    [question] = desk.decisions(row)
    assert (row.status, question.outcome) == (Status.WITHDRAWN, "withdrawn")
    assert desk.told(row, desk.company.bruno) == ["asked", "withdrawn"]
    assert desk.ledger(row) == []


def test_a_request_withdrawn_at_once_bothers_nobody(desk: Desk, play: Play) -> None:
    row = play(journeys.withdrawn_before_anybody_looked)
    assert row.status == Status.WITHDRAWN
    assert desk.decisions(row) == []


def test_with_the_review_switched_off_a_person_decides(desk: Desk, play: Play) -> None:
    row = play(journeys.left_to_a_person_because_the_review_is_off)
    [question] = desk.decisions(row)
    assert (row.status, question.why) == (Status.COMPLETED, "review_is_off")
    assert "review.skipped" in desk.audit(row)


@pytest.mark.parametrize(
    ("strictness", "status"),
    [("strict", "awaiting_decision"), ("standard", "completed"), ("lenient", "completed")],
)
def test_how_strict_the_review_was_is_kept_with_it_and_can_be_run_again(
    strictness: str, status: str, desk: Desk, play: Play
) -> None:
    async def journey(desk: Desk) -> RequestRow:
        desk.set_rules(max_amount="250.00")
        desk.switch_flag(REVIEW_STRICTNESS, strictness)
        row = desk.submit(desk.article(dearer_than=126, cheaper_than=249))
        async with desk.worker():
            await desk.carry()
            return await desk.until(row, Status(status))

    row = play(journey)
    with desk.sessions.begin() as session:
        review = reviews.of_request(session, row.id)
        assert review is not None
        rule_set = policy.in_force(session, row.department_id)
    assert rule_set is not None
    assert review.input["strictness"] == STRICTNESS[strictness].to_content()
    again = review_content(ReviewInput.from_content(review.input), rule_set.content)
    assert (again.auto_approved, again.reason) == (review.auto_approved, review.reason)
    assert ("strict at the moment" in review.reason) is (strictness == "strict")


def test_when_the_review_breaks_three_times_a_person_decides(desk: Desk, play: Play) -> None:
    row = play(journeys.left_to_a_person_because_the_review_broke)
    [question] = desk.decisions(row)
    assert (row.status, question.why) == (Status.COMPLETED, "review_failed")


def test_when_the_check_of_the_product_breaks_three_times_a_person_decides(desk: Desk, play: Play) -> None:
    row = play(journeys.left_to_a_person_because_the_product_could_not_be_checked)
    [question] = desk.decisions(row)
    assert (row.status, question.why) == (Status.COMPLETED, "product_unclear")
    assert desk.audit(row)[:3] == ["request.submitted", "request.in_review", "request.awaiting_decision"]


def test_a_product_that_became_dearer_is_shown_to_a_person(desk: Desk, play: Play) -> None:
    row = play(journeys.left_to_a_person_because_the_product_rose)
    [question] = desk.decisions(row)
    assert (row.status, question.why) == (Status.REJECTED, "product_unclear")
    assert "The vendor asks" in question.detail


def test_an_order_that_the_vendor_refuses_is_told_to_requester_and_manager(desk: Desk, play: Play) -> None:
    row = play(journeys.refused_by_the_vendor)
    assert row.status == Status.ORDER_REFUSED
    assert row.closed_reason is not None
    assert "ITEM_NOT_ELIGIBLE" in row.closed_reason
    assert desk.told(row, desk.company.ana) == ["order_refused"]
    assert desk.told(row, desk.company.bruno) == ["order_refused"]


def test_a_part_accepted_order_is_recorded_as_such(desk: Desk, play: Play) -> None:
    row = play(journeys.part_accepted_by_the_vendor)
    [order] = desk.orders(row)
    assert (row.status, order.state, order.accepted_quantity) == (Status.COMPLETED, "part_placed", 1)


def test_a_price_above_the_tolerance_goes_back_to_the_approver_with_both_prices(
    desk: Desk, play: Play
) -> None:
    row = play(journeys.approved_again_after_the_price_rose)
    first, second = desk.orders(row)
    [question] = desk.decisions(row)
    assert (row.status, first.state, second.state) == (Status.COMPLETED, "price_changed", "placed")
    assert question.why == "price_rose"
    assert str(first.actual_unit_price)[:4] in question.detail
    assert row.amount == question.amount > row.unit_price
    assert len(desk.ledger(row)) == 1


def test_a_price_above_the_tolerance_can_be_rejected(desk: Desk, play: Play) -> None:
    row = play(journeys.rejected_after_the_price_rose)
    assert (row.status, row.auto_approved) == (Status.REJECTED, None)
    assert desk.ledger(row) == []


def test_a_lost_answer_is_read_back_and_never_bought_again(desk: Desk, play: Play) -> None:
    row = play(journeys.ordered_although_the_answer_was_lost)
    [order] = desk.orders(row)
    assert (row.status, order.sends) == (Status.COMPLETED, 1)
    assert "request.order_unknown" in desk.audit(row)
    assert len(desk.ledger(row)) == 1


def test_an_order_that_the_vendor_never_had_is_sent_again_under_the_same_key(desk: Desk, play: Play) -> None:
    row = play(journeys.ordered_again_after_the_vendor_never_had_it)
    [order] = desk.orders(row)
    assert (row.status, order.sends) == (Status.COMPLETED, 2)
    assert [entry["external_id"] for entry in desk.ledger(row)] == [order.external_id]


def test_an_order_unknown_for_a_day_is_settled_by_finance(desk: Desk, play: Play) -> None:
    row = play(journeys.settled_by_finance_after_a_day)
    [order] = desk.orders(row)
    assert (row.status, order.settled_by) == (Status.COMPLETED, desk.company.carla.id)
    assert desk.told(row, desk.company.carla) == desk.told(row, desk.company.diego) == ["order_unknown"]
    assert len(desk.ledger(row)) == 1


def test_stray_duplicate_and_forged_signals_change_nothing_and_are_audited(desk: Desk, play: Play) -> None:
    row = play(journeys.stray_signals_change_nothing)
    [question] = desk.decisions(row)
    assert (row.status, question.outcome) == (Status.COMPLETED, "approved")
    assert desk.audit(row).count("signal.stray") >= 3


@pytest.mark.parametrize(
    ("journey", "end"),
    [
        (journeys.before_the_review_approved, Status.COMPLETED),
        (journeys.before_the_review_expired, Status.EXPIRED),
        (journeys.begun_before_the_review_and_finished_after, Status.COMPLETED),
    ],
)
def test_requests_begun_before_the_review_existed_go_to_a_person(
    desk: Desk, play: Play, journey: journeys.Journey, end: Status
) -> None:
    row = play(journey)
    [question] = desk.decisions(row)
    assert (row.status, question.why) == (end, "review_is_off")
    assert row.auto_approved is not True
