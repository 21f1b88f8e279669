"""What a rollout gives to some, at the steps themselves: what the review goes by, and what the levers try and set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.review import ReviewActivities
from activities.rollout_lever import GateResult, NotCarried
from activities.rollout_of_flag import FlagLever
from activities.rollout_of_policy import PolicyLever
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Level, Value
from rules.messages import RequestStep, ReviewStepResult
from rules.request import Status
from rules.review import ReviewInput, review_content
from rules.rollout import State
from rules.rollout_command import Command
from storage import flag, flag_proposal, policy, rollout
from storage import request as requests
from storage import review as reviews
from storage.audit import SYSTEM, AuditRow
from storage.flag import Change
from storage.policy import DEFAULT, RuleSetRow
from storage.request import RequestRow
from storage.review import ReviewRow
from storage.rollout import RolloutRow
from tests.checking.loading import read_database
from tests.invariants import breaches
from tests.loop import ThreadRunner
from tests.storage.some_first import begin_flag, begin_policy, candidate, expose, in_force, plan
from tests.workflows.desk import RULES, Desk

#: Nothing passes it.
NOTHING: Mapping[str, Any] = {**RULES, "max_amount": "1.00"}


def within(desk: Desk, work: Callable[[Session], Any]) -> Any:
    with desk.sessions.begin() as session:
        return work(session)


def trying_policy(desk: Desk, share: str = "100") -> RolloutRow:
    """A rollout that gives a share of IT rules under which nothing passes."""

    def given(session: Session) -> RolloutRow:
        row = candidate(session, desk.company, "it", NOTHING)
        return expose(session, begin_policy(session, desk.company, row, plan(share)))

    found: RolloutRow = within(desk, given)
    return found


def trying_flag(desk: Desk, key: str, value: Value) -> RolloutRow:
    def given(session: Session) -> RolloutRow:
        return expose(session, begin_flag(session, desk.company, key, value, plan("100", "it")))

    found: RolloutRow = within(desk, given)
    return found


def submitted(desk: Desk) -> RequestRow:
    """A request of Julia, who buys for IT, as it stands before its review."""
    row = desk.submit(by=desk.company.julia)
    within(desk, lambda session: requests.move(session, row.id, Status.IN_REVIEW, SYSTEM))
    return row


def review(desk: Desk, row: RequestRow) -> ReviewStepResult:
    return ReviewActivities(desk.sessions, desk.flags).review_request(RequestStep(str(row.id)))


def kept(desk: Desk, row: RequestRow) -> ReviewRow:
    found: ReviewRow = within(desk, lambda session: reviews.of_request(session, row.id))
    return found


def test_a_chosen_request_is_reviewed_by_the_candidate_and_its_review_says_so(desk: Desk) -> None:
    running = trying_policy(desk)
    row = submitted(desk)
    assert review(desk, row).status == Status.IN_REVIEW
    found = kept(desk, row)
    assert found.rule_set_id is not None
    rule_set: RuleSetRow = within(desk, lambda session: session.get_one(RuleSetRow, found.rule_set_id))
    assert (rule_set.is_candidate, found.rule_set_hash) == (True, rule_set.content_hash)
    (said,) = found.rollouts
    assert (said["rollout_id"], said["counts"]) == (str(running.id), True)
    again = review_content(ReviewInput.from_content(found.input), rule_set.content)
    assert (again.auto_approved, again.reason) == (found.auto_approved, found.reason)
    assert breaches(replace(within(desk, read_database), is_quiet=False)) == []


def test_a_return_reaches_a_request_that_was_chosen_and_is_reviewed_a_moment_later(desk: Desk) -> None:
    running = trying_policy(desk)
    row = submitted(desk)
    within(
        desk, lambda session: rollout.send_back(session, rollout.by_id(session, running.id), SYSTEM, "bad")
    )
    assert review(desk, row).status == Status.ORDERING
    (said,) = kept(desk, row).rollouts
    assert (said["chosen"], said["counts"]) == (True, False)
    assert "returning" in said["why"]


def test_who_was_not_chosen_is_reviewed_as_ever(desk: Desk) -> None:
    trying_policy(desk, "0")
    row = submitted(desk)
    assert review(desk, row).status == Status.ORDERING
    assert [said["chosen"] for said in kept(desk, row).rollouts] == [False]


def test_a_request_that_no_rollout_concerns_says_nothing_of_one(desk: Desk) -> None:
    row = submitted(desk)
    review(desk, row)
    assert kept(desk, row).rollouts == []


def test_a_strictness_given_to_some_is_what_their_review_goes_by(desk: Desk) -> None:
    trying_flag(desk, REVIEW_STRICTNESS.key, "strict")
    row = submitted(desk)
    review(desk, row)
    found = kept(desk, row)
    assert found.input["strictness"]["name"] == "strict"
    assert found.rollouts[0]["label"] == "Flag review-strictness = strict"


def test_an_automated_review_that_is_off_for_some_leaves_them_to_a_person(desk: Desk) -> None:
    trying_flag(desk, AUTOMATED_REVIEW.key, False)
    row = submitted(desk)
    assert review(desk, row).status == Status.IN_REVIEW
    query = select(AuditRow).where(AuditRow.action == "review.skipped", AuditRow.request_id == row.id)
    entry: AuditRow = within(desk, lambda session: session.scalars(query).one())
    assert entry.detail["flag"].startswith("rollout")
    assert entry.detail["rollouts"][0]["counts"]


def test_what_is_set_for_the_person_is_closer_than_a_rollout(desk: Desk) -> None:
    trying_flag(desk, REVIEW_STRICTNESS.key, "strict")
    own = Change(REVIEW_STRICTNESS, Level.PERSON, str(desk.company.julia.id), "lenient", "for this test")
    within(desk, lambda session: flag.set_value(session, own, SYSTEM))
    row = submitted(desk)
    review(desk, row)
    found = kept(desk, row)
    assert found.input["strictness"]["name"] == "lenient"
    assert (found.rollouts[0]["counts"], "set for person" in found.rollouts[0]["why"]) == (False, True)


# The levers


def gate_of(desk: Desk, runner: ThreadRunner, row: RolloutRow) -> GateResult:
    lever = PolicyLever(desk.sessions) if row.kind == "policy" else FlagLever(desk.sessions)

    async def passing() -> GateResult:
        return await lever.pass_gate(row)

    return runner.run(passing())


def test_the_gate_tries_a_candidate_on_what_was_reviewed(desk: Desk, runner: ThreadRunner) -> None:
    for _ in range(3):
        review(desk, submitted(desk))
    found = gate_of(desk, runner, trying_policy(desk))
    assert found.passed
    assert "Of 3 reviews of the last 90 days 3 would be decided otherwise" in found.detail
    assert found.found == {"trial": {"total": 3, "approved_anew": 0, "left_anew": 3}}


def test_the_gate_is_shut_to_a_candidate_that_no_longer_fits(desk: Desk, runner: ThreadRunner) -> None:
    row = trying_policy(desk)
    within(desk, lambda session: in_force(session, "it"))
    found = gate_of(desk, runner, row)
    assert not found.passed
    assert "came into force" in found.detail


@pytest.mark.parametrize(("answer", "passed"), [("confirm", True), ("refuse", False)])
def test_the_gate_of_a_loosening_value_goes_by_the_second_person(
    desk: Desk, runner: ThreadRunner, answer: str, passed: bool
) -> None:
    row: RolloutRow = within(
        desk, lambda session: begin_flag(session, desk.company, REVIEW_STRICTNESS.key, "lenient")
    )
    lever = FlagLever(desk.sessions)
    assert "second person" in within(desk, lambda session: lever.waits_for(session, row))

    def answered(session: Session) -> None:
        (asked,) = flag_proposal.open_ones(session, REVIEW_STRICTNESS)
        getattr(flag_proposal, answer)(session, asked.id, desk.company.carla.id)

    within(desk, answered)
    assert within(desk, lambda session: lever.waits_for(session, row)) == ""
    assert gate_of(desk, runner, row).passed is passed


def promoted(desk: Desk, row: RolloutRow) -> RolloutRow:
    """Another person lets it through to the end."""

    def through(session: Session) -> RolloutRow:
        now = rollout.by_id(session, row.id)
        while now.state != State.PROMOTED:
            rollout.command(session, row.id, Command.PROMOTE, desk.company.diego.id, "it is good")
        return now

    found: RolloutRow = within(desk, through)
    return found


def test_a_promotion_that_no_longer_fits_is_not_carried_and_says_why(
    desk: Desk, runner: ThreadRunner
) -> None:
    row = promoted(desk, trying_policy(desk))
    within(desk, lambda session: in_force(session, "it"))
    lever = PolicyLever(desk.sessions)

    async def promoting() -> Mapping[str, Any]:
        return await lever.promote(row)

    with pytest.raises(NotCarried, match="came into force"):
        runner.run(promoting())


def test_a_promoted_default_candidate_is_what_everybody_without_own_rules_goes_by(
    desk: Desk, runner: ThreadRunner
) -> None:
    def given(session: Session) -> RolloutRow:
        row = candidate(session, desk.company, DEFAULT, NOTHING)
        return expose(session, begin_policy(session, desk.company, row, plan("50")))

    row = promoted(desk, within(desk, given))
    lever = PolicyLever(desk.sessions)

    async def promoting() -> Mapping[str, Any]:
        return await lever.promote(row)

    done = runner.run(promoting())
    standing: RuleSetRow = within(desk, lambda session: policy.in_force(session, "marketing"))
    assert (str(standing.id), standing.content["max_amount"]) == (done["rule_set_id"], "1.00")
