"""The figures of a rollout of a process: chosen runs beside the others, by what became of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from rules.evidence import Counts
from rules.process_state import NodeStatus, Result
from storage import process_assignment, process_figures, process_run, process_step
from storage.audit import SYSTEM, Actor
from storage.database import now
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow
from storage.rollout import RolloutRow
from tests.app.people import Company
from tests.company import hire
from tests.process_samples import content, deployed
from tests.storage.some_first import begin_process, checked, expose, plan

HOUR = timedelta(hours=1)
#: What it does: a note is carried by a machine, a person is asked, the end takes no time.
TOLD = content(
    "told",
    {
        "note": {"type": "notify", "config": {"to": [{"role": "finance"}], "subject": "A", "text": "B"}},
        "ask": {
            "type": "approval",
            "config": {"who": [{"role": "finance"}], "question": "Well?", "deadline": "7 d"},
        },
        "end": {"type": "end"},
    },
    ">note, note>ask, ask true>end, ask false>end",
)


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


@pytest.fixture
def running(session: Session, company: Company) -> RolloutRow:
    deployed(session, company, TOLD)
    version = checked(session, company, {**TOLD, "name": "Told anew"})
    return expose(session, begin_process(session, company, version))


def of_arm(
    session: Session, company: Company, chosen: bool, count: int, by: str | None = "julia"
) -> list[ProcessRunRow]:
    """So many runs that the rollout chose, or did not."""
    found: list[ProcessRunRow] = []
    actor = Actor.person(getattr(company, by).id) if by else SYSTEM
    while len(found) < count:
        run = process_run.begin(session, "told", {}, actor)
        drawn = process_assignment.of_run(session, run.id)
        assert drawn is not None
        if drawn.chosen == chosen:
            found.append(run)
        else:  # it is called off, so that nothing counts it
            run.status = Result.CANCELLED.value
            session.flush()
    return found


def stands(
    session: Session,
    run: ProcessRunRow,
    node: str,
    status: NodeStatus = NodeStatus.COMPLETED,
    seconds: int = 1,
    **more: object,
) -> None:
    """A node that began so long ago; what has not been left running ended just now."""
    process_step.begin(session, run.id, node, 1, {})
    ended = None if status in (NodeStatus.RUNNING, NodeStatus.INCIDENT) else now(session)
    session.execute(
        update(ProcessStepRow)
        .where(ProcessStepRow.run_id == run.id, ProcessStepRow.node == node)
        .values(
            status=status.value, ended_at=ended, began_at=now(session) - timedelta(seconds=seconds), **more
        )
    )


def read(session: Session, row: RolloutRow, metric: str) -> tuple[dict[str, Counts], dict[str, Counts]]:
    reading = process_figures.read_assigned(session, row.id, now(session) - HOUR)[metric]
    return dict(reading.canary), dict(reading.control)


def test_the_chosen_runs_are_told_from_the_others_by_department_and_how_they_ended(
    session: Session, company: Company, running: RolloutRow
) -> None:
    first, second, third = of_arm(session, company, True, 3)
    (other,) = of_arm(session, company, False, 1, by="ana")
    (nobodys,) = of_arm(session, company, True, 1, by=None)
    for run in (first, second, other, nobodys):
        stands(session, run, "note")
    first.status, nobodys.status = Result.FAILED.value, Result.COMPLETED.value
    third.status = Result.CANCELLED.value
    session.flush()
    assert read(session, running, "error") == (
        {"it": Counts(1, 2), "": Counts(0, 1)},
        {"marketing": Counts(0, 1)},
    )


@pytest.mark.parametrize(
    ("status", "seconds", "counted"),
    [
        (NodeStatus.INCIDENT, 31, Counts(1, 1)),
        (NodeStatus.INCIDENT, 5, Counts(0, 0)),
        (NodeStatus.RUNNING, 9_000, Counts(0, 1)),
        (NodeStatus.COMPLETED, 31, Counts(0, 1)),
    ],
)
def test_a_run_with_a_node_parked_for_long_has_not_progressed_and_one_parked_just_now_may_still(
    session: Session, company: Company, running: RolloutRow, status: NodeStatus, seconds: int, counted: Counts
) -> None:
    (run,) = of_arm(session, company, True, 1)
    stands(session, run, "ask", status, seconds)
    assert read(session, running, "not_progressed") == ({"it": counted}, {})


@pytest.mark.parametrize(("seconds", "counted"), [(31, Counts(1, 1)), (1, Counts(0, 0))])
def test_a_run_in_which_nothing_began_has_not_progressed_and_tells_nothing_of_errors(
    session: Session, company: Company, running: RolloutRow, seconds: int, counted: Counts
) -> None:
    (run,) = of_arm(session, company, True, 1)
    run.started_at = now(session) - timedelta(seconds=seconds)
    session.flush()
    assert read(session, running, "not_progressed") == ({"it": counted}, {})
    assert read(session, running, "error") == ({"it": Counts(0, 0)}, {})


@pytest.mark.parametrize(
    ("node", "status", "seconds", "more", "counted"),
    [
        ("note", NodeStatus.COMPLETED, 31, {}, Counts(1, 1)),
        ("note", NodeStatus.COMPLETED, 29, {}, Counts(0, 1)),
        ("note", NodeStatus.RUNNING, 31, {}, Counts(1, 1)),
        ("note", NodeStatus.RUNNING, 5, {}, None),
        ("note", NodeStatus.INCIDENT, 99, {}, None),
        ("note", NodeStatus.COMPLETED, 99, {"attempt": 2}, None),
        ("ask", NodeStatus.COMPLETED, 99, {}, None),
        ("end", NodeStatus.COMPLETED, 99, {}, None),
    ],
)
def test_what_a_machine_does_is_slow_after_30_seconds_and_people_are_not(
    session: Session,
    company: Company,
    running: RolloutRow,
    node: str,
    status: NodeStatus,
    seconds: int,
    more: dict[str, object],
    counted: Counts | None,
) -> None:
    (run,) = of_arm(session, company, True, 1)
    stands(session, run, node, status, seconds, **more)
    assert read(session, running, "slow") == ({"it": counted} if counted is not None else {}, {})


def test_a_sample_is_a_chosen_run_of_this_step_that_moves(
    session: Session, company: Company, running: RolloutRow
) -> None:
    one, two, _still = of_arm(session, company, True, 3)
    (other,) = of_arm(session, company, False, 1)
    for run in (one, two, other):
        stands(session, run, "note")
    at = now(session)
    samples = process_figures.count_assigned(session, running.id, at - HOUR, at - HOUR)
    assert samples == (2, at)
    assert process_figures.count_assigned(session, running.id, at - HOUR, at + HOUR) == (0, at)
    assert process_figures.count_assigned(session, running.id, at + HOUR, at) == (0, None)


def test_a_run_of_another_rollout_counts_in_none_of_it(
    session: Session, company: Company, running: RolloutRow
) -> None:
    other = content("other", {"end": {"type": "end"}}, ">end")
    deployed(session, company, other)
    version = checked(session, company, {**other, "name": "Another"})
    expose(session, begin_process(session, company, version, plan("100")))
    run = process_run.begin(session, "other", {}, SYSTEM)
    stands(session, run, "end")
    assert read(session, running, "error") == ({}, {})
