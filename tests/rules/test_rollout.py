"""How a rollout moves: raised only by good and fresh figures, back at once, promoted by another person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import BusinessError, InvalidFields, NotAllowed
from rules.person import Role
from rules.rollout import (
    ENDED,
    EXPOSED,
    Act,
    Kind,
    Look,
    Plan,
    Progress,
    State,
    Step,
    judge,
    next_act,
    returned,
    share_at,
)
from rules.rollout_command import (
    Command,
    NotNow,
    PromotesOwnRollout,
    RolloutHasEnded,
    changed_by_hand,
    check_may_steer,
    commands_for,
    may_steer,
    obey,
    sent_back,
)
from rules.rollout_plan import judge_plan, judge_share, read_plan, to_content

ELENA, EMIL = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TEN_OF_IT = Step(Decimal("10.0"), ("it",), min_seconds=60, min_samples=5, max_seconds=3600)
HALF = Step(Decimal("50.0"), ("it", "marketing"), min_seconds=60, min_samples=5, max_seconds=3600)
ALL = Step(Decimal("100.0"), min_seconds=60, min_samples=5, max_seconds=3600)
PLAN = Plan((TEN_OF_IT, HALF, ALL), bake_seconds=120, check_seconds=30)


def at(state: State, **more: object) -> Progress:
    return replace(Progress(state, NOON), **more)  # type: ignore[arg-type]


def good(minutes: float = 5, **more: object) -> Look:
    now = NOON + timedelta(minutes=minutes)
    look = Look(now, samples=60, newest_at=now - timedelta(seconds=2))
    return replace(look, **more)  # type: ignore[arg-type]


def tell(progress: Progress, command: Command, by: UUID = ELENA, started_by: UUID | None = ELENA) -> Progress:
    return obey(progress, PLAN, command, by=by, started_by=started_by, why="so it is", now=NOON)


def test_a_rollout_goes_through_its_steps_and_waits_for_another_person() -> None:
    progress = at(State.GATE)
    states = []
    for minutes in range(5, 60, 5):
        progress = judge(progress, PLAN, good(minutes, gate=True))
        states.append((progress.state, progress.step))
    assert states[:4] == [(State.STEP, 0), (State.STEP, 1), (State.STEP, 2), (State.BAKE, 2)]
    assert progress.state is State.BAKE
    assert progress.ready
    promoted = tell(progress, Command.PROMOTE, by=EMIL)
    assert promoted.state is State.PROMOTED
    assert share_at(promoted, PLAN) == (Decimal(100), ())


@pytest.mark.parametrize(
    ("look", "word"),
    [
        (good(0.5), "30 s more"),
        (good(samples=4), "4 of 5"),
        (good(newest_at=None), "no figures"),
        (good(newest_at=NOON - timedelta(minutes=5)), "600 s old"),
        (good(open_points=("errors: 1 of 12, not enough.",)), "not enough"),
    ],
    ids=["too early", "too few", "missing", "stale", "inconclusive"],
)
def test_a_step_holds_without_fresh_figures_of_enough_requests(look: Look, word: str) -> None:
    held = judge(at(State.STEP), PLAN, look)
    assert (held.state, held.step, held.ready) == (State.STEP, 0, False)
    assert word in held.why


def test_a_step_without_a_verdict_pauses_and_asks_a_person() -> None:
    held = judge(at(State.STEP), PLAN, good(60, open_points=("errors: not enough.",)))
    assert (held.state, held.resumes) == (State.PAUSED, State.STEP)
    assert "No verdict" in held.why


def test_a_manual_step_waits_for_another_person_however_good_the_figures_are() -> None:
    plan = replace(PLAN, steps=(replace(TEN_OF_IT, manual=True), ALL))
    held = judge(at(State.STEP), plan, good(600))
    assert (held.state, held.ready) == (State.STEP, True)
    went_on = obey(held, plan, Command.PROMOTE, by=EMIL, started_by=ELENA, why="looked", now=NOON)
    assert (went_on.state, went_on.step) == (State.STEP, 1)


@pytest.mark.parametrize("more", [{"breaches": ("errors: 3 of 3.",)}, {"hard_stops": ("No live poller.",)}])
@pytest.mark.parametrize(
    "progress",
    [at(State.STEP), at(State.BAKE, step=2), at(State.PAUSED, resumes=State.STEP)],
    ids=["step", "bake", "paused"],
)
def test_whatever_breaks_a_limit_leads_back_at_once(progress: Progress, more: dict[str, object]) -> None:
    back = judge(progress, PLAN, good(0, **more))
    assert (back.state, back.ends_as) == (State.RETURNING, State.RETURNED)
    assert next(iter(more.values()))[0] in back.why  # type: ignore[index]
    assert returned(back, NOON).state is State.RETURNED


def test_a_gate_that_was_not_passed_stops_promotion() -> None:
    stopped = judge(at(State.GATE), PLAN, good(gate=False, gate_detail="PR-2026-000001 does not replay."))
    assert (stopped.state, stopped.resumes) == (State.PAUSED, State.GATE)
    assert "PR-2026-000001" in stopped.why
    assert share_at(stopped, PLAN) == (Decimal(0), ())
    with pytest.raises(NotNow):
        tell(stopped, Command.PROMOTE, by=EMIL)


@pytest.mark.parametrize("progress", [at(State.STEP), at(State.BAKE), at(State.PAUSED, resumes=State.BAKE)])
def test_who_started_it_does_not_promote_it(progress: Progress) -> None:
    with pytest.raises(PromotesOwnRollout):
        tell(progress, Command.PROMOTE, by=ELENA)
    assert tell(progress, Command.PROMOTE, by=EMIL).state in {State.STEP, State.PROMOTED}


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED])
@pytest.mark.parametrize("by", [ELENA, EMIL])
def test_one_person_may_always_abort(state: State, by: UUID) -> None:
    resumes = State.STEP if state is State.PAUSED else None
    aborted = tell(at(state, resumes=resumes, ends_as=State.RETURNED), Command.ABORT, by=by)
    assert aborted.state in {State.ABORTED, State.RETURNING}
    assert not aborted.is_exposed


def test_an_abort_takes_what_is_out_back_before_it_ends() -> None:
    aborted = tell(at(State.STEP), Command.ABORT)
    assert aborted.state is State.RETURNING
    assert returned(aborted, NOON).state is State.ABORTED


def test_an_abort_does_not_cover_up_a_return() -> None:
    going_back = sent_back(at(State.STEP), "bad", NOON)
    assert returned(tell(going_back, Command.ABORT), NOON).state is State.RETURNED


@pytest.mark.parametrize(("state", "command"), list(product(sorted(ENDED), Command)))
def test_an_ended_rollout_obeys_nobody(state: State, command: Command) -> None:
    with pytest.raises(RolloutHasEnded):
        tell(at(state), command, by=EMIL)


def test_a_paused_rollout_keeps_its_share_and_goes_on_where_it_was() -> None:
    paused = tell(at(State.STEP, step=1), Command.PAUSE)
    assert share_at(paused, PLAN) == (Decimal("50.0"), ("it", "marketing"))
    resumed = tell(paused, Command.RESUME)
    assert (resumed.state, resumed.step) == (State.STEP, 1)


def test_a_share_set_by_hand_is_one_more_step() -> None:
    progress, plan = changed_by_hand(at(State.STEP), PLAN, HALF, "looks fine", NOON)
    assert plan.steps == (TEN_OF_IT, HALF)
    assert share_at(progress, plan) == (HALF.share, HALF.departments)
    for state in (State.GATE, State.RETURNING):
        with pytest.raises(NotNow):
            changed_by_hand(at(state), PLAN, HALF, "", NOON)


_progress = st.builds(
    Progress,
    state=st.sampled_from(State),
    since=st.just(NOON),
    step=st.integers(0, 2),
    resumes=st.sampled_from([State.GATE, State.STEP, State.BAKE]),
    ends_as=st.sampled_from([None, State.ABORTED, State.RETURNED]),
)
_looks = st.builds(
    Look,
    now=st.integers(0, 10_000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    gate=st.sampled_from([None, True, False]),
    breaches=st.sampled_from([(), ("errors",)]),
    hard_stops=st.sampled_from([(), ("dead",)]),
    open_points=st.sampled_from([(), ("few",)]),
    samples=st.integers(0, 10),
    newest_at=st.sampled_from([None, NOON]),
    waits=st.sampled_from(["", "somebody has to agree"]),
    conflict=st.sampled_from(["", "another version"]),
)


@given(_progress, _looks)
def test_no_look_ever_promotes_or_raises_by_more_than_one_step(progress: Progress, look: Look) -> None:
    after = judge(progress, PLAN, look)
    if progress.state is not State.PROMOTED:
        assert after.state is not State.PROMOTED
    assert after.step - progress.step in {0, 1}
    if progress.is_exposed and (look.breaches or look.hard_stops):
        assert after.state is State.RETURNING
    if progress.state in ENDED or progress.state is State.RETURNING:
        assert after == progress


@given(_progress, st.sampled_from(Command), st.sampled_from([ELENA, EMIL]))
def test_only_another_person_ever_lets_it_through(progress: Progress, command: Command, by: UUID) -> None:
    try:
        after = tell(progress, command, by=by)
    except BusinessError:
        return
    if after.state is State.PROMOTED:
        assert (command, by) == (Command.PROMOTE, EMIL)
    if after.state in EXPOSED and not progress.is_exposed and progress.state is not State.PAUSED:
        raise AssertionError("a command alone must not put anybody on the new one")


@pytest.mark.parametrize("share", ["NaN", "Infinity", "-0.1", "100.1", "ten", "", None, True, "12.34", "1e3"])
def test_a_share_that_makes_no_sense_is_refused(share: object) -> None:
    with pytest.raises(InvalidFields):
        judge_share(share)


@pytest.mark.parametrize(("typed", "read"), [("0", "0.0"), ("0.1", "0.1"), (100, "100.0"), (12.5, "12.5")])
def test_a_share_is_read_as_a_number_with_one_digit(typed: object, read: str) -> None:
    assert str(judge_share(typed)) == read


def test_a_plan_comes_back_as_it_was_stored() -> None:
    plan = replace(PLAN, limits={"errors": Decimal("0.02")}, native=True)
    assert read_plan(to_content(plan)) == plan


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (replace(PLAN, steps=()), "steps"),
        (replace(PLAN, steps=(replace(ALL, share=Decimal("NaN")),)), "steps.0.share"),
        (replace(PLAN, steps=(replace(ALL, departments=("nowhere",)),)), "steps.0.departments"),
        (replace(PLAN, steps=(replace(ALL, max_seconds=1),)), "steps.0.max_seconds"),
        (replace(PLAN, native=True), "steps.0.departments"),
        (replace(PLAN, limits={"luck": Decimal("0.1")}), "limits.luck"),
        (replace(PLAN, limits={"errors": Decimal("NaN")}), "limits.errors"),
        (replace(PLAN, check_seconds=0), "check_seconds"),
    ],
)
def test_a_plan_that_makes_no_sense_names_the_field(plan: Plan, field: str) -> None:
    with pytest.raises(InvalidFields) as refusal:
        judge_plan(plan, Kind.BUILD, known_departments={"it", "marketing"}, known_metrics={"errors"})
    assert field in refusal.value.problems


def test_a_gate_that_waits_for_somebody_is_not_tried() -> None:
    waiting = judge(at(State.GATE), PLAN, good(waits="Carla has to agree."))
    assert (waiting.state, waiting.why) == (State.GATE, "Carla has to agree.")
    assert next_act(waiting, is_carried=False, waits=True) is Act.WATCH
    assert next_act(waiting, is_carried=False) is Act.GATE


@pytest.mark.parametrize("state", sorted(EXPOSED))
def test_what_can_no_longer_become_the_stable_one_pauses_and_goes_back_when_it_does_harm(
    state: State,
) -> None:
    stopped = judge(at(state), PLAN, good(conflict="Version 8 is in force."))
    assert (stopped.state, stopped.resumes, stopped.why) == (State.PAUSED, state, "Version 8 is in force.")
    assert judge(stopped, PLAN, good(breaches=("errors",))).state is State.RETURNING


# Who may tell it what


@given(_progress, st.sampled_from([ELENA, EMIL]))
def test_what_is_offered_is_just_what_is_obeyed(progress: Progress, by: UUID) -> None:
    offered, refusal = commands_for(progress, PLAN, by=by, started_by=ELENA)
    for command in Command:
        after, refused = progress, ""
        try:
            after = tell(progress, command, by=by)
        except PromotesOwnRollout as own:
            refused = own.message
        except BusinessError:
            pass
        assert (command in offered) == ((after.state, after.step) != (progress.state, progress.step))
        if command is Command.PROMOTE:
            assert refusal == refused


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("role", Role)
def test_platform_steers_every_rollout_and_finance_those_of_a_policy_or_a_process(
    kind: Kind, role: Role
) -> None:
    opened = role is Role.PLATFORM or (role is Role.FINANCE and kind in {Kind.POLICY, Kind.PROCESS})
    assert may_steer({role}, kind) == opened
    if not opened:
        with pytest.raises(NotAllowed):
            check_may_steer({role}, kind)
