"""Rollouts in Postgres: one canary at a time, every move on record, and what two people do at once."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from rules.build_return import NoWayBack
from rules.errors import NotFound
from rules.rollout import Kind, Look, State, Step, judge
from rules.rollout_command import Command, PromotesOwnRollout
from rules.rollout_plan import one_step
from rules.routing import Rule
from rules.routing_content import to_content
from storage import build, build_return, rollout, routing
from storage.audit import SYSTEM, Actor, AuditRow
from storage.database import now
from storage.outbox import OutboxRow
from storage.rollout import AnotherRolloutRuns, RolloutChanged, RolloutRow
from tests.app.people import Company
from tests.company import hire

PLAN = one_step(Decimal("10.0"), ["it"])


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def begin(session: Session, company: Company, target: str = "b2") -> RolloutRow:
    return rollout.begin(session, Kind.BUILD, target, PLAN, Actor.person(company.elena.id), "a release")


def expose(session: Session, row: RolloutRow) -> None:
    """Let it pass the gate, as the workflow does."""
    after = judge(row.progress, row.as_plan, Look(now(session), gate=True))
    rollout.move(session, row, after, SYSTEM, "judged")


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditRow.action).order_by(AuditRow.seq)))


def test_a_rollout_begins_at_its_gate_and_wakes_its_workflow(session: Session, company: Company) -> None:
    row = begin(session, company)
    assert row.progress.state is State.GATE
    assert row.as_plan == PLAN
    assert [each.event for each in rollout.events(session, row.id)] == ["started"]
    assert "rollout.started" in actions(session)
    message = session.scalars(select(OutboxRow).order_by(OutboxRow.id.desc()).limit(1)).one()
    assert (message.kind, message.payload) == ("wake_rollout", {"rollout_id": str(row.id)})


def test_there_is_one_canary_at_a_time(session: Session, company: Company) -> None:
    row = begin(session, company)
    with pytest.raises(AnotherRolloutRuns, match="b2"):
        begin(session, company, "b3")
    rollout.command(session, row.id, Command.ABORT, company.julia.id, "not now")
    assert begin(session, company, "b3").target == "b3"


def test_of_two_people_who_saw_the_same_rollout_the_second_is_told(
    session: Session, company: Company
) -> None:
    row = begin(session, company)
    seen = row.revision
    rollout.command(session, row.id, Command.PAUSE, company.elena.id, "wait", seen)
    with pytest.raises(RolloutChanged, match="paused"):
        rollout.command(session, row.id, Command.ABORT, company.julia.id, "stop", seen)
    assert rollout.by_id(session, row.id).state == State.PAUSED


def test_who_started_it_cannot_promote_it_and_another_person_can(session: Session, company: Company) -> None:
    row = begin(session, company)
    expose(session, row)
    with pytest.raises(PromotesOwnRollout):
        rollout.command(session, row.id, Command.PROMOTE, company.elena.id, "fine")
    assert rollout.command(session, row.id, Command.PROMOTE, company.julia.id, "fine").state == State.BAKE


def test_one_person_aborts_at_any_time(session: Session, company: Company) -> None:
    row = begin(session, company)
    expose(session, row)
    assert rollout.command(session, row.id, Command.ABORT, company.elena.id, "no").state == State.RETURNING
    assert row.ends_as == State.ABORTED


def test_a_share_set_by_hand_becomes_a_step_with_old_and_new_on_record(
    session: Session, company: Company
) -> None:
    row = begin(session, company)
    expose(session, row)
    step = Step(Decimal("50.0"), ("it", "marketing"), manual=True)
    rollout.set_share(session, row.id, step, Actor.person(company.elena.id), "looks fine")
    assert row.as_plan.steps[row.step] == step
    assert row.carried != rollout.carry_mark(row)
    entry = session.scalars(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1)).one()
    assert entry.action == "rollout.share_set"
    assert (entry.detail["old"], entry.detail["new"]) == (
        {"state": "step", "step": 0},
        {"state": "step", "step": 1},
    )


def test_a_resumed_gate_is_tried_again(session: Session, company: Company) -> None:
    row = begin(session, company)
    row.gate = {"passed": False, "detail": "no poller"}
    rollout.command(session, row.id, Command.PAUSE, company.elena.id, "wait")
    rollout.command(session, row.id, Command.RESUME, company.elena.id, "try again")
    assert row.gate is None


def test_no_move_is_ever_rewritten(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        begin(session, hire(session))
    with pytest.raises(DBAPIError, match="permission denied"), sessions.begin() as session:
        session.execute(text("UPDATE rollout_event SET why = 'nothing happened'"))


# The way back


def known_build(session: Session, build_id: str, *, live: bool) -> None:
    build.announce(session, build_id, "", "")
    if live:
        session.execute(
            text("UPDATE build SET live_until = clock_timestamp() + interval '10 s' WHERE build_id = :id"),
            {"id": build_id},
        )


def with_route(session: Session, *, stable_is_live: bool = True) -> None:
    known_build(session, "b1", live=stable_is_live)
    known_build(session, "b2", live=True)
    build.note_route(session, "b1", "b2", Decimal(0), 7)


def test_the_way_back_closes_every_rule_to_the_build_in_the_same_commit(
    session: Session, company: Company
) -> None:
    with_route(session)
    row = begin(session, company)
    expose(session, row)
    rule = Rule(id="", name="IT first", build="b2", departments=("it",), salt="s")
    routing.add_rule(session, to_content(rule), SYSTEM, "for this test")
    asked = build_return.ask(session, "b2", "it eats orders", Actor.person(company.julia.id))
    assert (asked.state, asked.stable, asked.rollout_id) == ("asked", "b1", row.id)
    assert [each.enabled for each in routing.read_rules(session).rules] == [False]
    assert "b2" not in build.live_builds(session)
    assert rollout.by_id(session, row.id).state == State.RETURNING
    assert build_return.claim(session) is asked
    assert {"build.rejected", "build.return_asked", "rollout.sent_back"} <= set(actions(session))


def test_the_way_back_asked_for_twice_is_one(session: Session, company: Company) -> None:
    with_route(session)
    first = build_return.ask(session, "b2", "bad", SYSTEM)
    assert build_return.ask(session, "b2", "very bad", Actor.person(company.elena.id)) is first


def test_no_way_back_to_a_dead_build_changes_nothing_and_offers_a_freeze(
    session: Session, company: Company
) -> None:
    with_route(session, stable_is_live=False)
    with pytest.raises(NoWayBack, match="freeze b2"):
        build_return.ask(session, "b2", "bad", SYSTEM)
    assert build.by_id(session, "b2").rejected_at is None
    frozen = build_return.ask(session, "b2", "bad", SYSTEM, freeze_only=True)
    assert frozen.freeze_only
    assert build.by_id(session, "b2").rejected_at is None


def test_no_way_back_where_the_old_code_cannot_replay(session: Session, company: Company) -> None:
    with_route(session)
    row = build.by_id(session, "b2")
    row.gate = {"back": {"broken": "", "failures": [{"workflow_id": "purchase-1"}]}}
    with pytest.raises(NoWayBack, match="cannot replay"):
        build_return.ask(session, "b2", "bad", SYSTEM)
    assert build_return.ask(session, "b2", "bad", SYSTEM, forced=True, rejects=False).can_replay is False


def test_a_build_that_nobody_knows_cannot_be_returned(session: Session) -> None:
    with pytest.raises(NotFound):
        build_return.ask(session, "nope", "bad", SYSTEM)
    with pytest.raises(NotFound):
        rollout.by_id(session, UUID(int=3))
