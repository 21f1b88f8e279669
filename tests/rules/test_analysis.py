"""PASS, FAIL or INCONCLUSIVE: what counts, what holds, what returns at once, and 4,000 healthy rollouts."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rules.analysis import (
    FRESH_FOR,
    METRICS,
    Health,
    Judgement,
    Metric,
    Reading,
    Verdict,
    allowed_share,
    hard_stops,
    judge,
)
from rules.evidence import Counts
from rules.rollout import Kind
from rules.rollout_plan import one_step
from rules.rollout_watch import Watch, known_metrics, metrics_of, read_health, to_figures, verdict_of, watch

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HEALTHY = Health(timedelta(0), timedelta(0), 0)
ERROR = Metric("error", "Errors", 0.05)
AUTO = Metric("auto", "Left to a person", None)
By = dict[str, tuple[int, int]]


def reading(canary: By, control: By | None = None, *, age: timedelta = timedelta(0)) -> Reading:
    return Reading(
        {name: Counts(*counted) for name, counted in canary.items()},
        {name: Counts(*counted) for name, counted in (control or {}).items()},
        NOW - age,
    )


def judged(canary: By, control: By | None = None, metric: Metric = ERROR) -> Judgement:
    return judge(metric, reading(canary, control), NOW)


def looked(readings: dict[str, Reading], health: Health | None = HEALTHY, *metrics: Metric) -> Watch:
    return watch(metrics or (ERROR,), readings, health, NOW)


@pytest.mark.parametrize(
    ("bad", "total", "verdict"),
    [
        (0, 0, Verdict.INCONCLUSIVE),
        (0, 51, Verdict.INCONCLUSIVE),
        (0, 52, Verdict.PASS),
        (2, 2, Verdict.INCONCLUSIVE),
        (3, 3, Verdict.FAIL),
        (1, 100, Verdict.PASS),
        (4, 100, Verdict.INCONCLUSIVE),
        (20, 100, Verdict.FAIL),
        (45, 1000, Verdict.INCONCLUSIVE),
        (30, 1000, Verdict.PASS),
    ],
)
def test_enough_bad_ones_fail_enough_good_ones_pass_and_the_rest_waits(
    bad: int, total: int, verdict: Verdict
) -> None:
    assert judged({"it": (bad, total)}).verdict is verdict


def test_no_reading_and_no_case_are_inconclusive_never_a_pass() -> None:
    assert judge(ERROR, None, NOW).verdict is Verdict.INCONCLUSIVE
    assert verdict_of(looked({})) is Verdict.INCONCLUSIVE
    assert verdict_of(looked({"error": reading({})})) is Verdict.INCONCLUSIVE
    assert verdict_of(watch((), {}, HEALTHY, NOW)) is Verdict.INCONCLUSIVE


def test_figures_that_are_too_old_hold_even_where_they_were_bad_or_good() -> None:
    for counted in ((0, 500), (50, 50)):
        old = reading({"it": counted}, age=FRESH_FOR + timedelta(seconds=1))
        assert judge(ERROR, old, NOW).verdict is Verdict.INCONCLUSIVE
        fresh = reading({"it": counted}, age=FRESH_FOR)
        assert judge(ERROR, fresh, NOW).verdict is not Verdict.INCONCLUSIVE


def test_a_small_good_control_does_not_loosen_the_limit() -> None:
    for control in ({}, {"it": (0, 3)}, {"it": (0, 30)}, {"it": (1, 30)}):
        assert judged({"it": (3, 3)}, control).verdict is Verdict.FAIL


def test_what_is_as_bad_without_the_new_build_is_not_its_fault() -> None:
    vendor_is_down = {"it": (30, 60)}
    assert judged({"it": (30, 60)}, vendor_is_down).verdict is Verdict.INCONCLUSIVE
    assert judged({"it": (30, 60)}, {"it": (1, 60)}).verdict is Verdict.FAIL
    assert judged({"it": (60, 60)}, vendor_is_down).verdict is Verdict.FAIL


def test_a_control_in_another_department_excuses_nothing() -> None:
    assert judged({"it": (10, 20)}, {"marketing": (50, 100)}).verdict is Verdict.FAIL


def test_another_mix_of_departments_is_not_taken_for_a_difference() -> None:
    """Simpson's trap: in each department alike, though in sum the new build leaves far more to people."""
    control = {"it": (100, 1000), "finance": (900, 1000)}
    alike = judged({"it": (2, 20), "finance": (180, 200)}, control, AUTO)
    assert alike.verdict is not Verdict.FAIL
    assert alike.canary == Counts(182, 220)
    assert alike.control == pytest.approx(182 / 220)
    unlike = judged({"it": (180, 200), "finance": (18, 20)}, control, AUTO)
    assert unlike.verdict is Verdict.FAIL


def test_a_metric_without_a_limit_needs_a_control() -> None:
    assert judged({"it": (20, 20)}, {}, AUTO).verdict is Verdict.INCONCLUSIVE
    assert judged({"it": (20, 20)}, {"it": (2, 29)}, AUTO).verdict is Verdict.INCONCLUSIVE
    assert judged({"it": (20, 20)}, {"it": (3, 60)}, AUTO).verdict is Verdict.FAIL
    assert judged({"it": (5, 200)}, {"it": (20, 200)}, AUTO).verdict is Verdict.PASS


def test_where_all_of_the_control_is_bad_nothing_is_worse() -> None:
    assert judged({"it": (50, 50)}, {"it": (50, 50)}).verdict is not Verdict.FAIL
    assert judged({"it": (50, 50)}, {"it": (50, 50)}, AUTO).verdict is not Verdict.FAIL


def test_the_limit_stands_until_the_control_breaks_it_beyond_chance() -> None:
    assert allowed_share(0.05, Counts(0, 0)) == 0.05
    assert allowed_share(0.05, Counts(2, 30)) == 0.05
    loosened = allowed_share(0.05, Counts(15, 100))
    assert loosened is not None
    assert 0.3 < loosened < 0.35  # 1.5 times the odds of the upper bound, 23 %
    assert allowed_share(None, Counts(2, 29)) is None


def test_one_failing_metric_fails_all_and_one_open_metric_holds_all() -> None:
    slow = Metric("slow", "Slow", 0.05)
    good, bad, few = reading({"it": (0, 100)}), reading({"it": (50, 100)}), reading({"it": (0, 5)})
    assert verdict_of(looked({"error": good, "slow": good}, HEALTHY, ERROR, slow)) is Verdict.PASS
    assert verdict_of(looked({"error": good, "slow": bad}, HEALTHY, ERROR, slow)) is Verdict.FAIL
    assert verdict_of(looked({"error": few, "slow": bad}, HEALTHY, ERROR, slow)) is Verdict.FAIL
    assert verdict_of(looked({"error": good, "slow": few}, HEALTHY, ERROR, slow)) is Verdict.INCONCLUSIVE
    assert verdict_of(looked({"error": good}, HEALTHY, ERROR, slow)) is Verdict.INCONCLUSIVE


def test_a_dry_run_metric_is_measured_and_never_acted_upon() -> None:
    dry = Metric("slow", "Slow", 0.05, dry_run=True)
    seen = looked(
        {"error": reading({"it": (0, 100)}), "slow": reading({"it": (90, 100)})}, HEALTHY, ERROR, dry
    )
    assert verdict_of(seen) is Verdict.PASS
    assert seen.judgements[1].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "sick",
    [
        replace(HEALTHY, without_poller=timedelta(seconds=21)),
        replace(HEALTHY, oldest_in_backlog=timedelta(seconds=31)),
        replace(HEALTHY, nondeterminism_errors=1),
        replace(HEALTHY, kill_switch=True),
    ],
)
def test_a_hard_stop_fails_whatever_the_figures_say(sick: Health) -> None:
    assert len(hard_stops(sick)) == 1
    seen = looked({"error": reading({"it": (0, 500)})}, sick)
    assert (verdict_of(seen), seen.hard_stops) == (Verdict.FAIL, hard_stops(sick))


@pytest.mark.parametrize(
    "dim",
    [
        replace(HEALTHY, without_poller=None),
        replace(HEALTHY, oldest_in_backlog=None),
        replace(HEALTHY, nondeterminism_errors=None),
    ],
)
def test_what_is_not_known_of_the_workers_holds_and_does_not_return(dim: Health) -> None:
    seen = looked({"error": reading({"it": (0, 500)})}, dim)
    assert verdict_of(seen) is Verdict.INCONCLUSIVE


def test_at_the_edge_of_a_hard_stop_nothing_stops() -> None:
    assert hard_stops(Health(timedelta(seconds=20), timedelta(seconds=30), 0)) == ()


def test_a_judgement_says_how_far_it_is_from_failing_and_from_passing() -> None:
    seen = judged({"it": (0, 40)})
    assert seen.bad_left is not None
    assert seen.good_needed == 12
    assert judged({"it": (seen.bad_left, 40 + seen.bad_left)}).verdict is Verdict.FAIL
    assert judged({"it": (0, 52)}).verdict is Verdict.PASS
    assert judged({"it": (3, 3)}).bad_left == 0
    unknown = judge(ERROR, None, NOW)
    assert (unknown.bad_left, unknown.good_needed) == (None, 52)


@pytest.mark.parametrize("limit", [0.0, 1.0, -1.0, float("nan")])
def test_a_limit_that_nothing_can_break_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="no limit"):
        Metric("error", "Errors", limit)


def test_every_reason_is_a_sentence_with_its_figures() -> None:
    seen = looked({"error": reading({"it": (50, 100)})})
    assert seen.breaches == (seen.judgements[0].why,)
    assert "50 of 100" in seen.breaches[0]


#: The departments of a healthy rollout: how many of their requests are on the new build in a check, and how many of
#: them go wrong anyway, on the new build and on the others alike.
_DEPARTMENTS = {"it": (6, 0.02), "marketing": (3, 0.035), "finance": (2, 0.045)}
_CHECKS = 30


def _returns(chance: random.Random, worse: float) -> int | None:
    """At which check a rollout returns; None where it never does. `worse` multiplies what goes wrong on it."""
    totals = {name: [0, 0, 0, 0] for name in _DEPARTMENTS}
    for check in range(_CHECKS):
        for name, (arriving, share) in _DEPARTMENTS.items():
            seen = totals[name]
            seen[0] += sum(chance.random() < share * worse for _ in range(arriving))
            seen[1] += arriving
            seen[2] += sum(chance.random() < share for _ in range(2 * arriving))
            seen[3] += 2 * arriving
        found = Reading(
            {name: Counts(seen[0], seen[1]) for name, seen in totals.items()},
            {name: Counts(seen[2], seen[3]) for name, seen in totals.items()},
            NOW,
        )
        if verdict_of(watch((ERROR,), {"error": found}, HEALTHY, NOW)) is Verdict.FAIL:
            return check
    return None


@pytest.mark.whole
def test_of_4000_healthy_rollouts_at_most_one_percent_returns() -> None:
    chance = random.Random(20260601)  # noqa: S311 (a simulation, and to be run again)
    returned = sum(_returns(chance, worse=1.0) is not None for _ in range(4000))
    assert returned <= 40


def test_a_rollout_in_which_everything_fails_returns_at_the_first_check() -> None:
    chance = random.Random(1)  # noqa: S311
    assert {_returns(chance, worse=50.0) for _ in range(50)} == {0}


def test_a_build_that_breaks_every_third_request_returns_soon() -> None:
    chance = random.Random(2)  # noqa: S311
    checks = sorted(at for at in (_returns(chance, worse=10.0) for _ in range(200)) if at is not None)
    assert len(checks) >= 198
    assert checks[len(checks) // 2] <= 5


def test_the_shipped_metrics_are_named_once() -> None:
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    assert next(metric for metric in METRICS if metric.key == "error").limit == 0.05


def test_what_is_not_required_holds_nothing_up_and_leads_back_all_the_same() -> None:
    seldom = Metric("overturned", "Overturned", 0.05, required=False)
    good = reading({"it": (0, 100)})
    assert verdict_of(looked({"error": good}, HEALTHY, ERROR, seldom)) is Verdict.PASS
    bad = reading({"it": (3, 3)})
    assert verdict_of(looked({"error": good, "overturned": bad}, HEALTHY, ERROR, seldom)) is Verdict.FAIL


def test_what_has_no_workers_of_its_own_needs_no_health() -> None:
    assert verdict_of(looked({"error": reading({"it": (0, 100)})}, None)) is Verdict.PASS


def test_what_a_policy_is_there_to_change_is_acted_upon_only_where_the_plan_sets_a_limit() -> None:
    plan = one_step(Decimal(50), ("it",))
    far_more = {"auto_approved": reading({"it": (95, 100)}, {"it": (5, 100)})}
    for kind, breaches in ((Kind.POLICY, 0), (Kind.FLAG, 0), (Kind.BUILD, 1)):
        seen = watch(metrics_of(plan, 0, kind), far_more, None, NOW)
        assert len(seen.breaches) == breaches, kind
    limited = replace(plan, limits={"auto_approved": Decimal("0.5")})
    assert watch(metrics_of(limited, 0, Kind.POLICY), far_more, None, NOW).breaches


def test_a_process_is_judged_by_what_its_runs_tell_and_by_nothing_of_reviews() -> None:
    plan = one_step(Decimal(50), ())
    assert {metric.key for metric in metrics_of(plan, 0, Kind.PROCESS)} == known_metrics(Kind.PROCESS)
    assert known_metrics(Kind.PROCESS) == {"error", "not_progressed", "slow"}
    assert known_metrics(Kind.FLAG) == {metric.key for metric in METRICS}


def test_a_process_that_asks_nothing_but_people_is_not_held_because_no_machine_was_slow() -> None:
    good = {"error": reading({"it": (0, 100)}), "not_progressed": reading({"it": (0, 100)})}
    metrics = metrics_of(one_step(Decimal(50), ()), 0, Kind.PROCESS)
    assert verdict_of(watch(metrics, good, None, NOW)) is Verdict.PASS
    slow = {**good, "slow": reading({"it": (9, 9)})}
    assert verdict_of(watch(metrics, slow, None, NOW)) is Verdict.FAIL


@pytest.mark.parametrize(
    "health", [HEALTHY, Health(), Health(timedelta(seconds=21), None, 3, kill_switch=True)]
)
def test_the_health_that_was_stored_is_read_back(health: Health) -> None:
    assert read_health(to_figures(looked({}, health))) == health


def test_where_no_health_was_stored_nothing_is_known_of_it() -> None:
    assert read_health({}) == read_health(to_figures(looked({}, None))) == Health()
