"""A policy and a flag's value given to some first, on the real server and the real control worker: back, and for all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from rules.flag import REVIEW_STRICTNESS
from rules.request import Status
from rules.rollout import Plan, State, Step
from rules.rollout_command import Command
from storage import flag_proposal, policy, review, rollout_flag, rollout_policy
from storage.assignment import AssignmentRow
from storage.policy import RuleSetRow
from storage.request import RequestRow
from storage.review import ReviewRow
from storage.rollout import RolloutRow
from tests.builds.test_rollout import LOOSE, events, look, tell, until
from tests.builds.yard import Yard
from tests.storage.some_first import candidate
from tests.workflows.desk import RULES

pytestmark = pytest.mark.whole

#: Nothing passes it, so whoever is chosen is left to a person.
NOTHING: Mapping[str, Any] = {**RULES, "max_amount": "1.00"}
#: As good as what is in force, for what is bought here.
LOWER: Mapping[str, Any] = {**RULES, "max_amount": "400.00"}
HALF_OF_IT = Step(Decimal(50), ("it",), min_seconds=0, min_samples=3, max_seconds=600)


def begin(yard: Yard, content: Mapping[str, Any], plan: Plan) -> tuple[RolloutRow, RuleSetRow]:
    """Carla saves a candidate for IT and begins its rollout."""
    with yard.desk.sessions.begin() as session:
        company = yard.desk.company
        row = candidate(session, company, "it", content)
        return rollout_policy.begin(session, row.id, plan, company.carla.id, "try it on some"), row


def submit_until_chosen(yard: Yard, row: RolloutRow, count: int) -> tuple[list[RequestRow], list[RequestRow]]:
    """Julia buys for IT until so many of her requests are chosen and as many are not: (chosen, the others)."""
    chosen: list[RequestRow] = []
    others: list[RequestRow] = []
    while min(len(chosen), len(others)) < count:
        request = yard.submit(by=yard.desk.company.julia)
        with yard.desk.sessions.begin() as session:
            drawn = session.get(AssignmentRow, (request.id, row.id))
        if drawn is None:  # those who were chosen were evidence enough: it has returned meanwhile
            assert len(chosen) >= count
            break
        (chosen if drawn.chosen else others).append(request)
    return chosen, others


def review_of(yard: Yard, request: RequestRow) -> ReviewRow:
    with yard.desk.sessions.begin() as session:
        found = review.of_request(session, request.id)
    assert found is not None
    return found


def test_a_candidate_that_leaves_too_much_to_people_returns_by_itself(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    limits = {**LOOSE, "not_auto_approved": Decimal("0.05")}
    row, wanted = begin(yard, NOTHING, Plan((HALF_OF_IT,), bake_seconds=600, check_seconds=1, limits=limits))
    until(yard, row, State.STEP)
    chosen, others = submit_until_chosen(yard, row, 3)
    for request in chosen:
        yard.await_status(request, Status.AWAITING_DECISION)
        assert review_of(yard, request).rule_set_id == wanted.id
    for request in others:
        yard.await_status(request, Status.COMPLETED)
        assert review_of(yard, request).rule_set_id != wanted.id
    returned = until(yard, row, State.RETURNED)
    assert "left to a person" in returned.why
    moved = next(each for each in events(yard, row) if each.to_state == State.RETURNING)
    assert moved.actor_kind == "system"
    assert {each["metric"]: each["verdict"] for each in moved.detail["metrics"]}[
        "not_auto_approved"
    ] == "fail"
    later = yard.submit(by=yard.desk.company.julia)
    yard.await_status(later, Status.COMPLETED)
    for request in chosen:
        yard.desk.answer(request, "approve", by=yard.desk.company.ivan)
        yard.await_status(request, Status.COMPLETED)
        assert len(yard.desk.ledger(request)) == 1


def test_a_good_candidate_is_promoted_by_another_person_and_is_in_force_for_all(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    row, wanted = begin(yard, LOWER, Plan((HALF_OF_IT,), bake_seconds=0, check_seconds=1, limits=LOOSE))
    until(yard, row, State.STEP)
    gate = look(yard, row).gate
    assert gate is not None
    assert gate["trial"]["total"] == 0
    for request in itertools.chain(*submit_until_chosen(yard, row, 3)):
        yard.await_status(request, Status.COMPLETED)
    yard.until(lambda: look(yard, row), lambda seen: seen.state == State.BAKE and seen.ready)
    tell(yard, row, Command.PROMOTE, yard.desk.company.diego.id)
    yard.until(lambda: look(yard, row).carried, lambda mark: mark == "promoted")
    later = yard.submit(by=yard.desk.company.julia)
    yard.await_status(later, Status.COMPLETED)
    with yard.desk.sessions.begin() as session:
        standing = policy.in_force(session, "it")
        marketing = policy.in_force(session, "marketing")
    assert standing is not None
    assert marketing is not None
    assert (standing.content, standing.is_candidate) == (wanted.content, False)
    assert marketing.department_id == policy.DEFAULT
    assert (review_of(yard, later).rule_set_id, review_of(yard, later).rollouts) == (standing.id, [])


def test_a_value_that_spends_more_waits_for_a_second_person_and_one_person_takes_it_back(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    company = yard.desk.company
    plan = Plan((Step(Decimal(100), ("it",), manual=True),), check_seconds=1)
    with yard.desk.sessions.begin() as session:
        row = rollout_flag.begin(session, REVIEW_STRICTNESS.key, "lenient", plan, company.elena.id, "a trial")
    yard.until(lambda: look(yard, row), lambda seen: seen.state == State.GATE and "second person" in seen.why)
    with yard.desk.sessions.begin() as session:
        (asked,) = flag_proposal.open_ones(session, REVIEW_STRICTNESS)
        flag_proposal.confirm(session, asked.id, company.carla.id)
    until(yard, row, State.STEP)
    request = yard.submit(by=company.julia)
    yard.await_status(request, Status.COMPLETED)
    assert review_of(yard, request).input["strictness"]["name"] == "lenient"
    tell(yard, row, Command.ABORT, company.elena.id)
    until(yard, row, State.ABORTED)
    after = yard.submit(by=company.julia)
    yard.await_status(after, Status.COMPLETED)
    assert review_of(yard, after).input["strictness"]["name"] == "standard"
    elsewhere = yard.submit()
    yard.await_status(elsewhere, Status.COMPLETED)
    assert review_of(yard, elsewhere).rollouts == []
