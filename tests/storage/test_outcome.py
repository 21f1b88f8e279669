"""Outcomes: a retry counts once, a recovery is no failure, and a person who took over hides none."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from activities.outcome import request_of
from rules.analysis import Health, Verdict
from rules.evidence import Counts
from rules.outcome import KEPT_FOR
from rules.rollout import Kind, State
from rules.rollout_plan import one_step
from rules.rollout_watch import metrics_of, watch
from storage import rollout, rollout_figures
from storage.audit import SYSTEM
from storage.database import now
from storage.outcome import FAILED, OK, Outcome, OutcomeRow, sweep, write


def outcome(
    said: str, *, build: str = "b2", request: str | None = None, activity: str = "1", attempt: int = 1,
    run: str | None = None, stage: str = "place_order", ms: int = 20,
) -> Outcome:  # fmt: skip
    request_id = request or str(uuid4())
    return Outcome(build, run or request_id, activity, attempt, stage, request_id, said, None, ms)


def figures(session: Session) -> dict[str, tuple[Counts, Counts]]:
    readings = rollout_figures.read_figures(session, "b2", now(session) - timedelta(hours=1), None)
    return {
        key: (Counts.sum(each.canary.values()), Counts.sum(each.control.values()))
        for key, each in readings.items()
    }


def test_the_same_outcome_twice_is_one_row(session: Session) -> None:
    one = outcome(OK)
    write(session, [one, one])
    write(session, [one])
    assert session.scalar(select(func.count()).select_from(OutcomeRow)) == 1


def test_a_stage_that_worked_at_last_is_no_failure(session: Session) -> None:
    request = str(uuid4())
    write(session, [outcome(FAILED, request=request, attempt=n) for n in (1, 2)])
    assert figures(session)["error"][0] == Counts(1, 1)
    write(session, [outcome(OK, request=request, attempt=3)])
    assert figures(session)["error"][0] == Counts(0, 1)


def test_a_stage_that_failed_for_good_counts_though_a_person_took_over(session: Session) -> None:
    request = str(uuid4())
    write(session, [outcome(FAILED, request=request, activity="2", stage="review_request", attempt=3)])
    write(session, [outcome(OK, request=request, activity="3", stage="ask_approver")])
    assert figures(session)["error"][0] == Counts(1, 1)


def test_what_other_builds_do_is_the_control(session: Session) -> None:
    write(session, [outcome(OK, build="b1") for _ in range(4)] + [outcome(FAILED) for _ in range(2)])
    assert figures(session)["error"] == (Counts(2, 2), Counts(0, 4))


def test_a_request_that_the_old_build_finished_stays_bad_on_the_new_one(session: Session) -> None:
    request = str(uuid4())
    write(session, [outcome(FAILED, request=request), outcome(OK, request=request, build="b1", attempt=2)])
    assert figures(session)["error"] == (Counts(1, 1), Counts(0, 1))


def test_a_stage_is_slow_above_thirty_seconds(session: Session) -> None:
    write(session, [outcome(OK, ms=30_000), outcome(OK, ms=30_001)])
    assert figures(session)["slow"][0] == Counts(1, 2)


def test_three_bad_of_three_lead_back_and_two_of_two_do_not(session: Session) -> None:
    plan = one_step(rollout_figures.WHOLE, ())
    healthy = Health(timedelta(0), timedelta(0), 0)
    for bad, leads_back in ((2, False), (3, True)):
        session.query(OutcomeRow).delete()
        write(session, [outcome(FAILED) for _ in range(bad)])
        at = now(session)
        readings = rollout_figures.read_figures(session, "b2", at - timedelta(hours=1), None)
        seen = watch(metrics_of(plan, 0), readings, healthy, at)
        assert bool(seen.breaches) is leads_back


def test_fifty_two_good_ones_pass_the_error_rate(session: Session) -> None:
    write(session, [outcome(OK) for _ in range(52)])
    at = now(session)
    readings = rollout_figures.read_figures(session, "b2", at - timedelta(hours=1), None)
    seen = watch(metrics_of(one_step(rollout_figures.WHOLE, ()), 0), readings, Health(), at)
    verdicts = {each.metric.key: each.verdict for each in seen.judgements}
    assert verdicts["error"] is Verdict.PASS
    assert verdicts["not_progressed"] is Verdict.INCONCLUSIVE
    assert seen.open_points, "nobody knows whether its workers live"


def test_only_approvals_are_written_down() -> None:
    request = uuid4()
    assert request_of(f"purchase-{request}") == request
    assert [
        request_of(name) for name in ("smoke-b2", "purchase-1", "rollout-x", f"x-purchase-{request}")
    ] == [None] * 4


def kept(session: Session) -> set[str]:
    """The stages of which an outcome is still there."""
    return set(session.scalars(select(OutcomeRow.stage)))


def written(session: Session, stage: str, age: timedelta) -> None:
    write(session, [outcome(OK, stage=stage)])
    made = OutcomeRow.stage == stage
    session.execute(update(OutcomeRow).where(made).values(at=now(session) - age))


def test_old_outcomes_are_forgotten_in_batches_the_oldest_first(session: Session) -> None:
    for days in (1, 2, 3):
        written(session, f"old-{days}", KEPT_FOR + timedelta(days=days))
    written(session, "young", KEPT_FOR - timedelta(days=1))
    assert sweep(session, at_most=2) == 2
    assert kept(session) == {"old-1", "young"}
    assert sweep(session) == 1
    assert sweep(session) == 0
    assert kept(session) == {"young"}


def test_outcomes_since_a_rollout_began_are_kept_until_it_has_ended(session: Session) -> None:
    row = rollout.begin(session, Kind.BUILD, "b2", one_step(Decimal(10), ()), SYSTEM, "a long trial")
    row.created_at = now(session) - KEPT_FOR - timedelta(days=20)
    session.flush()
    written(session, "before", KEPT_FOR + timedelta(days=21))
    written(session, "within", KEPT_FOR + timedelta(days=19))
    assert sweep(session) == 1
    assert kept(session) == {"within"}
    row.state = State.ABORTED.value
    session.flush()
    assert sweep(session) == 1
    assert kept(session) == set()
