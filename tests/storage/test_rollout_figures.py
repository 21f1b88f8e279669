"""The figures of a rollout: chosen beside not chosen, overturned approvals, all builds at once, nobody starved."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from rules.evidence import Counts
from rules.flag import Reading, Source
from rules.request import workflow_id
from rules.review import History, ReviewInput, review_content
from storage import policy, review, rollout_figures
from storage.assignment import AssignmentRow
from storage.database import now
from storage.outcome import FAILED, OK, Outcome, write
from storage.policy import DEFAULT
from storage.recheck import RecheckRow
from storage.request import RequestRow
from storage.rollout import RolloutRow
from tests.app.people import Company
from tests.company import hire
from tests.storage.some_first import begin_policy, candidate, expose, in_force, plan, submit

HOUR = timedelta(hours=1)


@pytest.fixture
def company(session: Session) -> Company:
    company = hire(session)
    in_force(session, DEFAULT)
    return company


@pytest.fixture
def running(session: Session, company: Company) -> RolloutRow:
    return expose(session, begin_policy(session, company, candidate(session, company)))


def chosen_of(session: Session, row: RolloutRow, request: RequestRow) -> bool:
    return session.get_one(AssignmentRow, (request.id, row.id)).chosen


def reviewed(
    session: Session, request: RequestRow, said: str = OK, *, build: str = "b1", ms: int = 20
) -> None:
    """What a worker writes down of a review."""
    write(
        session, [Outcome(build, str(request.id), "1", 1, "review_request", str(request.id), said, None, ms)]
    )


def approved(session: Session, request: RequestRow) -> None:
    """Keep an automatic approval of a request."""
    rule_set = policy.in_force(session, "it")
    subject = ReviewInput(request.total, request.category, request.vendor, "it", History(9, 0))
    result = review_content(subject, rule_set.content if rule_set else None)
    assert result.auto_approved
    review.store(session, request.id, subject, rule_set, result, Reading(True, Source.EVERYONE, 1))


def judged(session: Session, request: RequestRow, verdict: str, by: UUID) -> None:
    session.add(RecheckRow(request_id=request.id, verdict=verdict, why="looked", judged_by=by))
    session.flush()


def of(session: Session, row: RolloutRow, metric: str) -> tuple[Counts, Counts]:
    reading = rollout_figures.read_assigned(session, row.id, now(session) - HOUR)[metric]
    return Counts.sum(reading.canary.values()), Counts.sum(reading.control.values())


def test_those_who_were_not_chosen_are_the_control_on_whatever_build(
    session: Session, company: Company, running: RolloutRow
) -> None:
    requests = [submit(session, company.julia) for _ in range(30)]
    chosen = [each for each in requests if chosen_of(session, running, each)]
    others = [each for each in requests if each not in chosen]
    for number, each in enumerate(requests):
        reviewed(session, each, FAILED if each in chosen else OK, build=f"b{number % 2}")
    assert of(session, running, "error") == (Counts(len(chosen), len(chosen)), Counts(0, len(others)))
    assert of(session, running, "slow")[0] == Counts(0, len(chosen))
    assert rollout_figures.count_assigned(session, running.id, now(session) - HOUR, running.since)[0] == len(
        chosen
    )


def test_what_others_do_whom_the_rollout_does_not_concern_is_no_control(
    session: Session, company: Company, running: RolloutRow
) -> None:
    reviewed(session, submit(session, company.ana), FAILED)
    assert of(session, running, "error") == (Counts(0, 0), Counts(0, 0))


def test_an_attempt_that_worked_on_another_build_is_no_failure_of_the_policy(
    session: Session, company: Company, running: RolloutRow
) -> None:
    request = submit(session, company.julia)
    for attempt, (build, said) in enumerate((("b1", FAILED), ("b2", OK)), 1):
        write(
            session, [Outcome(build, "run", "1", attempt, "review_request", str(request.id), said, None, 9)]
        )
    assert sum((each.bad for each in of(session, running, "error")), 0) == 0


def test_an_automatic_approval_that_was_judged_wrong_counts_as_overturned(
    session: Session, company: Company, running: RolloutRow
) -> None:
    requests = [submit(session, company.julia) for _ in range(20)]
    chosen = [each for each in requests if chosen_of(session, running, each)]
    for each in requests:
        approved(session, each)
        reviewed(session, each)
    judged(session, chosen[0], "wrong", company.carla.id)
    judged(session, chosen[1], "right", company.carla.id)
    assert of(session, running, "overturned") == (Counts(1, 2), Counts(0, 0))
    assert of(session, running, "auto_approved")[0] == Counts(len(chosen), len(chosen))
    on_build = rollout_figures.read_figures(session, "b1", now(session) - HOUR, None)["overturned"]
    assert Counts.sum(on_build.canary.values()) == Counts(1, 2)


def test_all_builds_are_counted_by_as_many_statements_as_one(session: Session, company: Company) -> None:
    for number in range(8):
        reviewed(session, submit(session, company.julia), build=f"b{number}")
    statements: list[str] = []
    bind, since = session.get_bind(), now(session) - HOUR

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    event.listen(bind, "before_cursor_execute", note)
    tally = rollout_figures.by_build(session, since)
    event.remove(bind, "before_cursor_execute", note)
    assert len(statements) <= 5
    assert {tally.of("error", f"b{number}") for number in range(8)} == {Counts(0, 1)}
    for number in range(8):
        alone = rollout_figures.read_figures(session, f"b{number}", now(session) - HOUR, None)["error"]
        assert (alone.canary, alone.control) == ({"it": Counts(0, 1)}, {"it": Counts(0, 7)})


def test_a_request_without_a_route_counts_for_the_build_that_is_current(
    session: Session, company: Company
) -> None:
    submit(session, company.julia)
    session.execute(text("UPDATE request SET submitted_at = now() - interval '5 min'"))
    tally = rollout_figures.by_build(session, now(session) - HOUR, current="b1")
    assert tally.of("not_progressed", "b1") == Counts(1, 1)


def test_many_that_wait_to_be_looked_at_keep_no_answered_one_from_being_asked_about(
    session: Session, company: Company
) -> None:
    waiting = [submit(session, company.julia) for _ in range(rollout_figures.MOST_SUSPECTS + 5)]
    answered = submit(session, company.julia)
    session.execute(text("UPDATE request SET submitted_at = now() - interval '2 h'"))
    session.execute(
        text(
            "UPDATE request SET status = 'rejected', status_since = now() - interval '1 min' WHERE id = :id"
        ),
        {"id": answered.id},
    )
    asked = rollout_figures.suspects(session, now(session) - 3 * HOUR)
    assert len(asked) == rollout_figures.MOST_SUSPECTS
    assert workflow_id(answered.id) in asked
    assert len({workflow_id(each.id) for each in waiting} & set(asked)) == rollout_figures.MOST_SUSPECTS - 1


def test_a_plan_of_0_percent_has_a_control_and_no_canary(session: Session, company: Company) -> None:
    row = expose(session, begin_policy(session, company, candidate(session, company), plan("0")))
    reviewed(session, submit(session, company.julia))
    assert of(session, row, "error") == (Counts(0, 0), Counts(0, 1))
