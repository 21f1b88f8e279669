"""Assignments on real Postgres: stored with the submit, never rewritten, and worth only what their rollout is worth."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from rules.errors import InvalidFields, NotAllowed, NotFound
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Level
from rules.flag_change import FlagChangedSinceShown, ProposalIsClosed
from rules.rollout import Plan, State
from rules.rollout_command import Command
from storage import assignment, flag, flag_proposal, policy, rollout, rollout_flag, rollout_policy
from storage.assignment import AssignmentRow
from storage.audit import SYSTEM, Actor, AuditRow
from storage.flag import Change
from storage.policy import DEFAULT, RuleSetChanged
from storage.rollout import AnotherRolloutRuns, RolloutRow
from storage.rollout_flag import FlagIsSoAlready
from storage.rollout_policy import NotACandidate
from tests.app.people import Company
from tests.company import hire
from tests.storage.some_first import (
    TIGHT,
    begin_flag,
    begin_policy,
    candidate,
    expose,
    in_force,
    plan,
    submit,
)

Sessions = sessionmaker[Session]


@pytest.fixture
def company(session: Session) -> Company:
    company = hire(session)
    in_force(session, DEFAULT)
    return company


def rows(session: Session) -> list[AssignmentRow]:
    return list(session.scalars(select(AssignmentRow).order_by(AssignmentRow.at)))


def goes_by(session: Session) -> assignment.Given:
    """What the request of Julia, who buys for IT, would be reviewed by now."""
    (row,) = rows(session)
    return assignment.read(session, row.request_id, "it")


def promote(session: Session, row: RolloutRow, company: Company) -> None:
    """Another person lets it through every step, and the figures are good."""
    by = company.diego.id if row.kind == "policy" else company.julia.id
    while row.state != State.PROMOTED:
        rollout.command(session, row.id, Command.PROMOTE, by, "it is good")


# The submit


def test_a_submit_without_such_a_rollout_stores_nothing_and_asks_no_more(
    session: Session, company: Company
) -> None:
    begin_policy(session, company, candidate(session, company))
    statements: list[str] = []
    listening = session.get_bind()
    record = lambda *args: statements.append(args[2])  # noqa: E731
    event.listen(listening, "before_cursor_execute", record)
    submit(session, company.julia)
    event.remove(listening, "before_cursor_execute", record)
    assert rows(session) == []
    (asked,) = [one for one in statements if "rollout" in one or "assignment" in one]
    assert "FROM routing_state" in asked, "it is folded into the look at the routing rules"


def test_who_is_chosen_and_who_is_not_are_both_stored_with_the_reason(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company)))
    for _ in range(40):
        submit(session, company.julia)
    found = rows(session)
    assert len(found) == 40
    assert {each.chosen for each in found} == {True, False}
    assert {(each.rollout_id, each.share) for each in found} == {(row.id, Decimal("50.0"))}
    assert all((each.bucket < 50_000) == each.chosen for each in found)
    assert {each.reason.split(", ")[1] for each in found} == {
        "within the share of 50 %.",
        "outside of the share of 50 %.",
    }


def test_others_than_whom_it_concerns_have_none(session: Session, company: Company) -> None:
    expose(session, begin_policy(session, company, candidate(session, company), plan("100", "it")))
    submit(session, company.ana)
    assert rows(session) == []


def test_the_default_rules_are_tried_where_there_are_no_others(session: Session, company: Company) -> None:
    in_force(session, "marketing")
    expose(session, begin_policy(session, company, candidate(session, company, DEFAULT), plan("100")))
    submit(session, company.ana)
    assert rows(session) == []
    submit(session, company.julia)
    assert [each.chosen for each in rows(session)] == [True]


def test_raising_the_share_keeps_what_was_stored_and_gives_new_ones_more(
    session: Session, company: Company
) -> None:
    steps = (plan("0").steps[0], plan("100").steps[0])
    row = expose(session, begin_policy(session, company, candidate(session, company), Plan(steps)))
    submit(session, company.julia)
    rollout.command(session, row.id, Command.PROMOTE, company.diego.id, "more")
    submit(session, company.julia)
    assert sorted(each.chosen for each in rows(session)) == [False, True]


@pytest.mark.parametrize("command", [Command.PAUSE, None])
def test_a_pause_before_the_gate_gives_nobody_anything(
    session: Session, company: Company, command: Command | None
) -> None:
    row = begin_policy(session, company, candidate(session, company), plan("100"))
    if command is not None:
        rollout.command(session, row.id, command, company.carla.id, "wait")
    submit(session, company.julia)
    assert rows(session) == []


def test_a_pause_later_keeps_the_share(session: Session, company: Company) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("100")))
    rollout.command(session, row.id, Command.PAUSE, company.carla.id, "wait")
    submit(session, company.julia)
    assert goes_by(session).said[0]["counts"]


def test_no_assignment_is_ever_rewritten(sessions: Sessions) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as session:
        session.execute(text("UPDATE assignment SET chosen = true"))


# The review


def test_a_chosen_request_goes_by_the_candidate(session: Session, company: Company) -> None:
    wanted = candidate(session, company)
    expose(session, begin_policy(session, company, wanted, plan("100")))
    submit(session, company.julia)
    given_by = goes_by(session)
    assert given_by.rule_set == wanted
    assert given_by.said[0]["label"] == f"Policy of IT, version {wanted.version}"
    assert policy.in_force(session, "it") != wanted


def test_from_the_return_on_nobody_goes_by_it(session: Session, company: Company) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("100")))
    submit(session, company.julia)
    rollout.send_back(session, row, SYSTEM, "too many errors")
    given_by = goes_by(session)
    assert given_by.rule_set == policy.in_force(session, "it")
    assert "returning" in given_by.said[0]["why"]


def test_a_version_that_comes_into_force_meanwhile_goes_before_the_candidate_at_once(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("100")))
    submit(session, company.julia)
    newer = in_force(session, "it", max_amount="1.00")
    given_by = goes_by(session)
    assert given_by.rule_set == newer
    assert f"Version {newer.version} came into force" in given_by.said[0]["why"]
    assert "Save the candidate anew" in rollout_policy.conflict(session, row)


def test_a_flag_set_by_hand_meanwhile_goes_before_the_rollout_at_once(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("100")))
    submit(session, company.julia)
    assert goes_by(session).values == {REVIEW_STRICTNESS.key: "strict"}
    for_marketing = Change(REVIEW_STRICTNESS, Level.DEPARTMENT, "marketing", "strict", "for this test")
    flag.set_value(session, for_marketing, SYSTEM)
    given_by = goes_by(session)
    assert given_by.values == {}
    assert "Somebody set review-strictness to strict for marketing" in given_by.said[0]["why"]
    assert rollout_flag.conflict(session, row)


def test_a_flag_set_by_hand_for_others_or_for_a_person_leaves_a_rollout_of_it_alone(
    session: Session, company: Company
) -> None:
    expose(session, begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("100", "it")))
    submit(session, company.julia)
    for level, subject in ((Level.DEPARTMENT, "marketing"), (Level.PERSON, str(company.julia.id))):
        flag.set_value(session, Change(REVIEW_STRICTNESS, level, subject, "strict", "for this test"), SYSTEM)
    assert goes_by(session).values == {REVIEW_STRICTNESS.key: "strict"}


# Beginning


def test_what_is_in_force_cannot_be_given_to_some_first(session: Session, company: Company) -> None:
    with pytest.raises(NotACandidate):
        begin_policy(session, company, in_force(session, "it"))


def test_a_candidate_on_top_of_an_older_version_is_refused(session: Session, company: Company) -> None:
    wanted = candidate(session, company)
    assert [row.id for row in policy.candidates(session)] == [wanted.id]
    in_force(session, "it", max_amount="20.00")
    assert policy.candidates(session) == []
    with pytest.raises(RuleSetChanged, match="Save the candidate anew"):
        begin_policy(session, company, wanted)


def test_there_is_one_policy_rollout_a_department_and_one_rollout_a_flag_beside_each_other(
    session: Session, company: Company
) -> None:
    begin_policy(session, company, candidate(session, company))
    with pytest.raises(AnotherRolloutRuns, match="Policy of IT"):
        begin_policy(session, company, candidate(session, company))
    begin_policy(session, company, candidate(session, company, "marketing"))
    begin_flag(session, company, REVIEW_STRICTNESS.key, "strict")
    with pytest.raises(AnotherRolloutRuns, match="review-strictness = strict"):
        begin_flag(session, company, REVIEW_STRICTNESS.key, "strict")
    begin_flag(session, company, AUTOMATED_REVIEW.key, True)
    assert len(rollout.open_rollouts(session)) == 4


def test_a_plan_names_no_department_that_the_rules_are_not_for(session: Session, company: Company) -> None:
    with pytest.raises(InvalidFields) as refusal:
        begin_policy(session, company, candidate(session, company), plan("50", "marketing"))
    assert "steps.0.departments" in refusal.value.problems


def test_a_value_that_everybody_has_already_is_refused(session: Session, company: Company) -> None:
    with pytest.raises(FlagIsSoAlready):
        begin_flag(session, company, REVIEW_STRICTNESS.key, "standard")
    with pytest.raises(NotFound):
        begin_flag(session, company, "no-such-flag", True)


# The second person


def test_a_value_that_lets_more_be_spent_waits_for_a_second_person(
    session: Session, company: Company
) -> None:
    row = begin_flag(session, company, REVIEW_STRICTNESS.key, "lenient", plan("50", "it"))
    assert "second person" in rollout_flag.waits_for(session, row)
    (asked,) = flag_proposal.open_ones(session, REVIEW_STRICTNESS)
    with pytest.raises(NotAllowed):
        flag_proposal.confirm(session, asked.id, company.elena.id)
    flag_proposal.confirm(session, asked.id, company.carla.id)
    assert (rollout_flag.waits_for(session, row), rollout_flag.refusal(session, row)) == ("", "")
    assert flag.read_truth(session).of(REVIEW_STRICTNESS) == {}, "agreeing to a trial sets nothing for all"
    assert "flag.rollout_agreed" in session.scalars(select(AuditRow.action)).all()


def test_a_value_that_lets_less_be_spent_waits_for_nobody(session: Session, company: Company) -> None:
    row = begin_flag(session, company, REVIEW_STRICTNESS.key, "strict")
    assert (rollout_flag.waits_for(session, row), rollout_flag.refusal(session, row)) == ("", "")


def test_a_department_that_is_stricter_than_everyone_makes_it_a_loosening(
    session: Session, company: Company
) -> None:
    own = Change(REVIEW_STRICTNESS, Level.DEPARTMENT, "it", "strict", "for this test")
    flag.set_value(session, own, SYSTEM)
    row = begin_flag(session, company, REVIEW_STRICTNESS.key, "standard", plan("50"))
    assert "second person" in rollout_flag.waits_for(session, row)


def test_a_refused_agreement_keeps_the_gate_shut(session: Session, company: Company) -> None:
    row = begin_flag(session, company, REVIEW_STRICTNESS.key, "lenient")
    (asked,) = flag_proposal.open_ones(session, REVIEW_STRICTNESS)
    flag_proposal.refuse(session, asked.id, company.carla.id)
    assert rollout_flag.waits_for(session, row) == ""
    assert "refused" in rollout_flag.refusal(session, row)


def test_nobody_is_asked_about_a_rollout_that_has_ended(session: Session, company: Company) -> None:
    row = begin_flag(session, company, REVIEW_STRICTNESS.key, "lenient")
    (asked,) = flag_proposal.open_ones(session, REVIEW_STRICTNESS)
    rollout.command(session, row.id, Command.ABORT, company.elena.id, "not now")
    assert flag_proposal.open_ones(session, REVIEW_STRICTNESS) == []
    with pytest.raises(ProposalIsClosed, match="has ended"):
        flag_proposal.confirm(session, asked.id, company.carla.id)


# Promoting


def test_a_promoted_candidate_comes_into_force_once_by_the_one_who_promoted_it(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("100")))
    submit(session, company.julia)
    promote(session, row, company)
    done = rollout_policy.put_in_force(session, row.id)
    assert rollout_policy.put_in_force(session, row.id) == done
    standing = policy.in_force(session, "it")
    assert standing is not None
    assert (standing.content, standing.is_candidate, standing.created_by) == (TIGHT, False, company.diego.id)
    assert len(policy.versions(session, "it")) == 2
    assert goes_by(session).rule_set == standing
    entry = session.scalars(select(AuditRow).where(AuditRow.action == "policy.saved")).all()[-1]
    assert entry.actor_id == company.diego.id


def test_a_candidate_does_not_overwrite_what_came_into_force_meanwhile(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("100")))
    newer = in_force(session, "it", max_amount="1.00")
    promote(session, row, company)
    with pytest.raises(RuleSetChanged, match="came into force after"):
        rollout_policy.put_in_force(session, row.id)
    assert policy.in_force(session, "it") == newer


def test_a_promoted_value_is_set_for_all_whom_the_last_step_reached(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("50", "it")))
    promote(session, row, company)
    done = rollout_flag.set_for_all(session, row.id)
    assert rollout_flag.set_for_all(session, row.id) == done
    truth = flag.read_truth(session).of(REVIEW_STRICTNESS)
    assert {target: setting.value for target, setting in truth.items()} == {
        (Level.DEPARTMENT, "it"): "strict"
    }
    change = flag.changes(session, REVIEW_STRICTNESS)[0]
    assert (change.changed_by, change.confirmed_by) == (company.elena.id, company.julia.id)


def test_a_value_promoted_for_everyone_reaches_departments_with_a_setting_of_their_own(
    session: Session, company: Company
) -> None:
    own = Change(REVIEW_STRICTNESS, Level.DEPARTMENT, "it", "lenient", "for this test")
    flag.set_value(session, own, SYSTEM)
    row = expose(session, begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("50")))
    promote(session, row, company)
    rollout_flag.set_for_all(session, row.id)
    truth = flag.read_truth(session)
    for person in (company.julia, company.ana):
        assert truth.read(REVIEW_STRICTNESS, str(person.id), person.department_id).value == "strict"


def test_a_value_does_not_overwrite_what_was_set_by_hand_meanwhile(
    session: Session, company: Company
) -> None:
    row = expose(session, begin_flag(session, company, REVIEW_STRICTNESS.key, "strict", plan("50")))
    by_hand = Change(REVIEW_STRICTNESS, Level.EVERYONE, "", "standard", "for this test")
    flag.set_value(session, by_hand, Actor.person(company.elena.id))
    promote(session, row, company)
    with pytest.raises(FlagChangedSinceShown):
        rollout_flag.set_for_all(session, row.id)
