"""Assignments: sticky, raised without dropping anybody, one policy a request, and what they say at the review."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.assignment import RUN, Exposure, assign, assign_run, say_at_review
from rules.evidence import check_split
from rules.policy import DEFAULT
from rules.rollout import ENDED, Kind, Progress, State
from rules.routing import Unit, bucket_of, is_enrolled

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IT = Exposure("r-it", Kind.POLICY, "it", Decimal(50))
EVERYBODY_ELSE = Exposure("r-default", Kind.POLICY, DEFAULT, Decimal(50))
PROCESS = Exposure("r-process", Kind.PROCESS, "travel", Decimal(50))
FLAG = Exposure("r-flag", Kind.FLAG, "review-strictness", Decimal(50))

shares = st.integers(0, 1000).map(lambda tenths: Decimal(tenths) / 10)
requests = st.uuids().map(str)


def ids(*exposures: Exposure, department: str = "it", has_own_rules: bool = False) -> list[str]:
    given_to = assign(exposures, str(UUID(int=7)), department, has_own_rules=has_own_rules)
    return [each.rollout_id for each in given_to]


@given(requests, shares, shares)
def test_raising_the_share_drops_nobody(request_id: str, share: Decimal, other: Decimal) -> None:
    low, high = sorted((share, other))
    (before,) = assign([replace(IT, share=low)], request_id, "it", has_own_rules=True)
    (after,) = assign([replace(IT, share=high)], request_id, "it", has_own_rules=True)
    assert before.bucket == after.bucket
    assert after.chosen or not before.chosen


@given(requests, shares)
def test_the_draw_is_the_one_of_the_routing_rules_and_the_rollout_is_its_salt(
    request_id: str, share: Decimal
) -> None:
    (drawn,) = assign([replace(FLAG, share=share)], request_id, "it", has_own_rules=False)
    assert drawn.bucket == bucket_of("r-flag", Unit.REQUEST, request_id)
    assert drawn.chosen == is_enrolled(drawn.bucket, share)
    assert ("within" if drawn.chosen else "outside of") in drawn.reason


@given(requests, shares, shares)
def test_a_run_draws_once_by_its_own_id_and_raising_the_share_drops_none(
    run_id: str, share: Decimal, other: Decimal
) -> None:
    low, high = sorted((share, other))
    before = assign_run(replace(PROCESS, share=low), run_id, "")
    after = assign_run(replace(PROCESS, share=high), run_id, "")
    assert before is not None
    assert after is not None
    assert before.bucket == after.bucket == bucket_of("r-process", RUN, run_id)
    assert after.chosen or not before.chosen
    assert before.reason.startswith("The run drew")


@pytest.mark.parametrize(("starter", "is_drawn"), [("it", True), ("marketing", False), ("", False)])
def test_a_step_for_some_departments_leaves_the_runs_of_others_and_of_no_person_alone(
    starter: str, is_drawn: bool
) -> None:
    drawn = assign_run(replace(PROCESS, departments=("it",)), str(UUID(int=7)), starter)
    assert (drawn is not None) == is_drawn


def test_two_rollouts_draw_apart_from_each_other() -> None:
    both = [assign([IT, FLAG], str(UUID(int=n)), "it", has_own_rules=True) for n in range(4000)]
    met = [sum((a.chosen, b.chosen) == case for a, b in both) for case in
           ((True, True), (True, False), (False, True), (False, False))]  # fmt: skip
    assert not check_split(met, [1, 1, 1, 1]).is_broken


def test_nobody_is_chosen_at_0_percent_and_everybody_at_100() -> None:
    for share, chosen in ((Decimal(0), False), (Decimal(100), True)):
        drawn = {
            assign([replace(IT, share=share)], str(UUID(int=n)), "it", has_own_rules=True)[0].chosen
            for n in range(200)
        }
        assert drawn == {chosen}


def test_a_policy_concerns_its_department_only() -> None:
    assert ids(IT) == ["r-it"]
    assert ids(IT, department="marketing") == []


def test_the_default_rules_concern_departments_without_their_own() -> None:
    assert ids(EVERYBODY_ELSE, department="marketing") == ["r-default"]
    assert ids(EVERYBODY_ELSE, department="marketing", has_own_rules=True) == []


def test_a_request_is_given_one_policy_at_most_and_its_own_department_is_closer() -> None:
    assert ids(EVERYBODY_ELSE, IT, FLAG) == ["r-it", "r-flag"]


def test_a_rollout_of_some_departments_touches_no_one_else() -> None:
    it_only = replace(FLAG, departments=("it",))
    assert ids(it_only) == ["r-flag"]
    assert ids(it_only, department="marketing") == []


# At the review


def says(
    state: State, *, chosen: bool = True, conflict: str = "", carried: bool = False, **more: State
) -> bool:
    progress = replace(Progress(state, NOON), **more)  # type: ignore[arg-type]
    return say_at_review(chosen, progress, is_carried=carried, conflict=conflict).counts


@pytest.mark.parametrize("state", State)
def test_it_counts_only_while_the_rollout_stands(state: State) -> None:
    assert says(state) == (state in {State.STEP, State.BAKE, State.PROMOTED})


def test_a_pause_takes_nothing_from_those_who_have_it_and_gives_nothing_before_the_gate() -> None:
    assert says(State.PAUSED, resumes=State.STEP)
    assert says(State.PAUSED, resumes=State.BAKE)
    assert not says(State.PAUSED, resumes=State.GATE)


@pytest.mark.parametrize("state", State)
def test_who_was_not_chosen_goes_by_what_is_in_force(state: State) -> None:
    assert not says(state, chosen=False)


@pytest.mark.parametrize("state", sorted(set(State) - ENDED))
def test_what_was_changed_by_hand_meanwhile_goes_before_it_at_once(state: State) -> None:
    assert not says(state, conflict="Version 8 came into force.")


def test_once_everybody_has_it_a_later_change_reaches_those_who_were_chosen_too() -> None:
    assert not says(State.PROMOTED, carried=True)


@given(st.sampled_from(State), st.booleans(), st.booleans(), st.sampled_from(["", "changed."]))
def test_every_say_has_a_reason(state: State, chosen: bool, carried: bool, conflict: str) -> None:
    say = say_at_review(chosen, Progress(state, NOON), is_carried=carried, conflict=conflict)
    assert say.why.endswith(".")
