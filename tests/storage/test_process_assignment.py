"""A version of a process given to some, on real Postgres: drawn as a run begins, kept, and what stays as it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from rules.assignment import RUN
from rules.errors import InvalidFields, NotFound
from rules.rollout import State, returned
from rules.rollout_command import Command
from rules.routing import bucket_of
from storage import process, process_assignment, process_run, rollout, rollout_process
from storage.audit import SYSTEM, Actor
from storage.database import now
from storage.process import IsRolledOut, NotDeployable, ProcessVersionRow, SecondPersonNeeded
from storage.process_assignment import ProcessAssignmentRow
from storage.process_run import KeyReusedForAnotherRun, ProcessRunRow
from storage.rollout import AnotherRolloutRuns, RolloutRow
from storage.rollout_process import NothingDeployed, ProcessDeployed
from tests.app.people import Company
from tests.company import hire
from tests.process_samples import content, deployed, travel
from tests.storage.some_first import begin_process, checked, expose, plan

Sessions = sessionmaker[Session]


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


@pytest.fixture
def second(session: Session, company: Company) -> ProcessVersionRow:
    """Version 1 of a trip is deployed, version 2 is checked."""
    deployed(session, company, travel())
    return checked(session, company, travel(policy="all"))


def trip(session: Session, company: Company, by: Actor | None = None, **more: Any) -> ProcessRunRow:
    given = {"amount": "12.00", "requester": str(company.julia.id)}
    return process_run.begin(session, "travel", given, by or Actor.person(company.julia.id), **more)


def rows(session: Session) -> list[ProcessAssignmentRow]:
    return list(session.scalars(select(ProcessAssignmentRow).order_by(ProcessAssignmentRow.at)))


def promote(session: Session, row: RolloutRow, company: Company) -> None:
    while row.state != State.PROMOTED:
        rollout.command(session, row.id, Command.PROMOTE, company.diego.id, "it is good")


# The draw


def test_a_run_without_such_a_rollout_asks_in_the_statement_that_it_sends_anyway(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    begin_process(session, company, second, plan("100"))
    statements: list[str] = []
    record = lambda *args: statements.append(args[2])  # noqa: E731
    event.listen(session.get_bind(), "before_cursor_execute", record)
    assert trip(session, company).version == 1
    event.remove(session.get_bind(), "before_cursor_execute", record)
    (asked,) = [one for one in statements if "rollout" in one or "assignment" in one]
    assert "process.deployed_version" in asked
    assert rows(session) == []


def test_some_runs_follow_the_new_version_and_which_and_why_is_kept(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second))
    runs = {run.id: run for run in (trip(session, company) for _ in range(40))}
    found = rows(session)
    assert {each.run_id for each in found} == runs.keys()
    assert {each.chosen for each in found} == {True, False}
    for each in found:
        assert each.rollout_id == row.id
        assert each.bucket == bucket_of(str(row.id), RUN, str(each.run_id))
        assert each.chosen == (each.bucket < 50_000)
        run = runs[each.run_id]
        assert (run.version, run.sha256 == second.sha256) == (2 if each.chosen else 1, each.chosen)
        assert "the share of 50 %" in each.reason
    assert process.deployed(session, "travel").version == 1, "the name has not moved"


@pytest.mark.parametrize(("starter", "version"), [("julia", 2), ("ana", 1), (None, 1)])
def test_a_step_for_some_departments_is_for_who_starts_a_run(
    session: Session, company: Company, second: ProcessVersionRow, starter: str | None, version: int
) -> None:
    expose(session, begin_process(session, company, second, plan("100", "it")))
    by = Actor.person(getattr(company, starter).id) if starter else SYSTEM
    assert trip(session, company, by).version == version
    assert len(rows(session)) == version - 1


def test_a_part_of_a_run_goes_by_the_rollout_of_its_own_process(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    part = {
        "type": "sub_process",
        "config": {"process": "travel", "input": {"amount": "1", "requester": str(company.ana.id)}},
    }
    deployed(session, company, content("fair", {"go": part, "end": {"type": "end"}}, ">go, go>end"))
    expose(session, begin_process(session, company, second, plan("100")))
    whole = process_run.begin(session, "fair", {}, Actor.person(company.julia.id))
    given = {"amount": "1", "requester": str(company.ana.id)}
    begun = process_run.begin_part(session, whole, "go", 1, "travel", given)
    assert (whole.version, begun.version) == (1, 2)
    assert [each.run_id for each in rows(session)] == [begun.id]
    assert process_run.begin_part(session, whole, "go", 1, "travel", given).id == begun.id


def test_a_wish_that_comes_again_gets_the_run_that_it_got_whatever_would_be_drawn_now(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second, plan("100")))
    first = trip(session, company, start_key="one wish")
    rollout.send_back(session, row, SYSTEM, "too many errors")
    assert trip(session, company, start_key="one wish").id == first.id
    with pytest.raises(KeyReusedForAnotherRun):
        process_run.begin(
            session, "travel", {"amount": "13.00", "requester": "x"}, SYSTEM, start_key="one wish"
        )
    assert len(rows(session)) == 1


@pytest.mark.parametrize("command", [None, Command.PAUSE])
def test_before_its_gate_nobody_is_given_anything_and_a_pause_later_keeps_the_share(
    session: Session, company: Company, second: ProcessVersionRow, command: Command | None
) -> None:
    row = begin_process(session, company, second, plan("100"))
    assert trip(session, company).version == 1
    expose(session, row)
    if command is not None:
        rollout.command(session, row.id, command, company.diego.id, "wait")
    assert trip(session, company).version == 2


def test_from_the_return_on_new_runs_follow_the_name_and_those_that_run_stay(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second, plan("100")))
    chosen = trip(session, company)
    rollout.send_back(session, row, SYSTEM, "too many errors")
    assert trip(session, company).version == 1
    session.refresh(chosen)
    assert (chosen.version, chosen.status) == (2, "open")
    assert process_run.plan_of(session, chosen).process == second.process


def test_what_was_drawn_is_never_rewritten(sessions: Sessions) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as session:
        session.execute(text("UPDATE process_assignment SET chosen = true"))


# Another version is deployed meanwhile


def test_a_version_deployed_by_hand_goes_before_the_rollout_at_once(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    deployed_once = checked_and_retired(session, company, second)
    row = expose(session, begin_process(session, company, deployed_once, plan("100")))
    assert trip(session, company).version == deployed_once.version
    third = deployed(session, company, travel(policy="first"))
    assert "was deployed after" in rollout_process.conflict(session, row)
    assert trip(session, company).version == third.version
    promote(session, row, company)
    with pytest.raises(ProcessDeployed):
        rollout_process.deploy_for_all(session, row.id)
    assert process.deployed(session, "travel").version == third.version


def checked_and_retired(session: Session, company: Company, row: ProcessVersionRow) -> ProcessVersionRow:
    """The version, deployed and replaced by the one before it: no draft is open then."""
    process.deploy(session, "travel", row.version, company.carla.id, "to be tried")
    process.deploy(session, "travel", 1, company.carla.id, "the old one again")
    return process.version(session, "travel", row.version)


# What stays as it is


@pytest.mark.parametrize("is_exposed", [False, True])
def test_a_version_that_is_rolled_out_is_no_draft(
    session: Session, company: Company, second: ProcessVersionRow, is_exposed: bool
) -> None:
    row = begin_process(session, company, second)
    if is_exposed:
        expose(session, row)
    with pytest.raises(IsRolledOut, match="Version 2 is being rolled out") as refused:
        process.save_draft(session, "travel", travel(), company.elena.id, second.revision)
    assert refused.value.status == 409


def take_back(session: Session, row: RolloutRow) -> None:
    """Let it go all the way back, as the workflow does."""
    rollout.send_back(session, row, SYSTEM, "too many errors")
    rollout.move(session, row, returned(row.progress, now(session)), SYSTEM, "taken_back")
    assert row.state == State.RETURNED


FORGED = [
    "UPDATE process_version SET sha256 = 'x' WHERE version = 2",
    "UPDATE process_version SET content = '{}', state = 'draft' WHERE version = 2",
    "UPDATE process_version SET state = 'draft' WHERE version = 2",
    "UPDATE process_version SET editor_ids = '{}' WHERE version = 2",
    "DELETE FROM process_version WHERE version = 2",
]


@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize("statement", FORGED)
def test_postgres_refuses_to_change_what_is_or_was_given_to_some(
    session: Session, company: Company, second: ProcessVersionRow, statement: str, has_ended: bool
) -> None:
    row = begin_process(session, company, second)
    if has_ended:
        take_back(session, expose(session, row))
    with pytest.raises(DBAPIError, match="given to some and stays"), session.begin_nested():
        session.execute(text(statement))


def test_what_nobody_was_given_can_be_edited_again(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = begin_process(session, company, second)
    rollout.command(session, row.id, Command.ABORT, company.carla.id, "not now")
    saved = process.save_draft(session, "travel", travel(), company.elena.id, second.revision)
    assert (saved.version, saved.state) == (2, "draft")


def test_what_was_given_to_some_and_taken_back_is_followed_by_the_next_version(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second, plan("100")))
    chosen = trip(session, company)
    take_back(session, row)
    saved = process.save_draft(session, "travel", travel(), company.elena.id, second.revision)
    assert (saved.version, saved.state, saved.editor_ids) == (3, "draft", [company.elena.id])
    assert process.version(session, "travel", 2).state == "retired"
    assert process_run.plan_of(session, chosen).process.name == "Travel"


# Beginning


def begin(session: Session, company: Company, number: int = 2, by: str = "carla", **more: Any) -> RolloutRow:
    person = getattr(company, by).id
    return rollout_process.begin(session, "travel", number, more.get("plan", plan()), person, "a trial")


Refused = Callable[[Session, Company], object]


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (lambda s, c: begin(s, c, 3), NotFound),
        (lambda s, c: begin(s, c, 1), NotDeployable),
        (lambda s, c: begin(s, c, by="elena"), SecondPersonNeeded),
        (lambda s, c: begin(s, c, plan=plan("50", "no-such")), InvalidFields),
        (lambda s, c: (begin(s, c), begin(s, c)), AnotherRolloutRuns),
    ],
)
def test_what_cannot_be_given_to_some_is_refused(
    session: Session, company: Company, second: ProcessVersionRow, refused: Refused, why: type[Exception]
) -> None:
    with pytest.raises(why):
        refused(session, company)


def test_where_nothing_is_deployed_there_is_nobody_to_compare_with(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    process.retire(session, "travel", company.carla.id, "nobody travels any more")
    with pytest.raises(NothingDeployed):
        begin(session, company)


def test_a_draft_that_was_not_checked_is_given_to_nobody(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    process.save_draft(session, "travel", travel(), company.elena.id, second.revision)
    with pytest.raises(NotDeployable, match="Version 2 is draft"):
        begin(session, company)


# Promoting


def test_a_promoted_version_is_deployed_once_by_who_promoted_it(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second))
    promote(session, row, company)
    done = rollout_process.deploy_for_all(session, row.id)
    assert rollout_process.deploy_for_all(session, row.id) == done
    assert (done["version"], done["replaces"]) == (2, 1)
    standing = process.deployed(session, "travel")
    assert (standing.version, standing.deployed_by) == (2, company.diego.id)
    assert row.is_promoted_for_all
    assert trip(session, company).version == 2


def test_who_wrote_a_version_promotes_it_for_nobody(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    row = expose(session, begin_process(session, company, second))
    while row.state != State.PROMOTED:
        rollout.command(session, row.id, Command.PROMOTE, company.elena.id, "mine is good")
    with pytest.raises(SecondPersonNeeded):
        rollout_process.deploy_for_all(session, row.id)
    assert process.deployed(session, "travel").version == 1


def test_the_rows_of_a_run_say_what_was_drawn(
    session: Session, company: Company, second: ProcessVersionRow
) -> None:
    before = trip(session, company)
    expose(session, begin_process(session, company, second, plan("100")))
    drawn = process_assignment.of_run(session, trip(session, company).id)
    assert drawn is not None
    assert drawn.chosen
    assert process_assignment.of_run(session, before.id) is None
