"""Rollouts on the real server with two builds as processes: the story of a release, and of a bad one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from rules.request import ENDED, Status
from rules.rollout import Kind, Plan, State, Step
from rules.rollout_command import Command, PromotesOwnRollout
from storage import build, build_return, rollout, route
from storage.audit import Actor
from storage.notification import NotificationRow
from storage.outcome import OutcomeRow
from storage.rollout import RolloutEventRow, RolloutRow
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

#: Marketing is Ana's department; everybody in these tests buys for it.
MARKETING = Step(Decimal(100), ("marketing",), min_seconds=0, min_samples=3, max_seconds=600)
#: Loose enough for a handful of requests to be enough.
LOOSE = {"error": Decimal("0.6"), "slow": Decimal("0.6"), "not_progressed": Decimal("0.6")}
PLAN = Plan((MARKETING,), bake_seconds=0, check_seconds=1, limits=LOOSE)


def open_two(yard: Yard, *changes: tuple[str, str], path: str = "activities/product.py") -> None:
    """Build `one` is current; build `two` is there, with these changes of one file."""
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two", yard.changed_code("two", path, *changes)) if changes else yard.start_build("two")

    def live() -> frozenset[str]:
        with yard.desk.sessions.begin() as session:
            return build.live_builds(session)

    yard.until(live, lambda found: found >= {"one", "two"})


def begin(yard: Yard, plan: Plan = PLAN) -> RolloutRow:
    with yard.desk.sessions.begin() as session:
        elena = Actor.person(yard.desk.company.elena.id)
        return rollout.begin(session, Kind.BUILD, "two", plan, elena, "a release")


def tell(yard: Yard, row: RolloutRow, command: Command, by: UUID) -> None:
    with yard.desk.sessions.begin() as session:
        rollout.command(session, row.id, command, by, "for this test")


def look(yard: Yard, row: RolloutRow) -> RolloutRow:
    with yard.desk.sessions.begin() as session:
        return rollout.by_id(session, row.id)


def until(yard: Yard, row: RolloutRow, *states: State) -> RolloutRow:
    def seen() -> tuple[str, str, str]:
        now = look(yard, row)
        return now.state, now.carried, now.why

    yard.until(seen, lambda found: found[0] in states)
    return look(yard, row)


def until_carried(yard: Yard, row: RolloutRow) -> None:
    def seen() -> tuple[str, str, str]:
        now = look(yard, row)
        return now.state, now.carried, now.why

    yard.until(seen, lambda found: bool(found[1]))


def events(yard: Yard, row: RolloutRow) -> list[RolloutEventRow]:
    with yard.desk.sessions.begin() as session:
        return list(rollout.events(session, row.id))


def builds_of(yard: Yard, stage: str) -> Counter[str]:
    with yard.desk.sessions.begin() as session:
        query = select(OutcomeRow.build_id).where(OutcomeRow.stage == stage, OutcomeRow.outcome == "ok")
        return Counter(session.scalars(query))


def test_a_good_build_goes_to_a_department_and_another_person_promotes_it(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    deployment = yard.deployment()
    assert (deployment.route.current, deployment.route.ramping) == ("one", "two")
    assert deployment.route.percent == 0, "the server's own ramp chooses nobody"
    requests = [yard.submit() for _ in range(6)]
    for request in requests:
        yard.await_status(request, Status.COMPLETED)
    with yard.desk.sessions.begin() as session:
        chosen = [route.of(session, request.id) for request in requests]
    assert {each.build for each in chosen if each} == {"two"}
    yard.until(lambda: look(yard, row), lambda seen: seen.state == State.BAKE and seen.ready)
    assert builds_of(yard, "place_order")["two"] == 6
    with pytest.raises(PromotesOwnRollout):
        tell(yard, row, Command.PROMOTE, yard.desk.company.elena.id)
    tell(yard, row, Command.PROMOTE, yard.desk.company.julia.id)
    yard.await_current("two")
    yard.until(lambda: look(yard, row).carried, lambda mark: mark == "promoted")
    assert [each.to_state for each in events(yard, row)][-1] == State.PROMOTED
    after = yard.submit()
    yard.await_status(after, Status.COMPLETED)
    yard.until(lambda: builds_of(yard, "place_order")["two"], lambda count: count == 7)


def test_a_bad_build_returns_by_itself_and_no_request_is_lost(yard: Yard) -> None:
    broken = "raise RuntimeError('this build cannot place an order')"
    open_two(
        yard, ("def place_order(self, given: OrderStep) -> OrderStepResult:",
               f"def place_order(self, given: OrderStep) -> OrderStepResult:\n        {broken}"),
        path="activities/order.py",
    )  # fmt: skip
    row = begin(yard, replace(PLAN, limits={}))
    until_carried(yard, row)
    requests = [yard.submit() for _ in range(6)]
    returned = until(yard, row, State.RETURNED)
    assert "Ended with an error" in returned.why
    moved = next(each for each in events(yard, row) if each.to_state == State.RETURNING)
    assert moved.actor_kind == "system"
    metrics = {each["metric"]: each for each in moved.detail["metrics"]}
    assert metrics["error"]["verdict"] == "fail"
    assert metrics["error"]["bad"] >= 3
    for request in requests:
        yard.await_status(request, Status.COMPLETED)
        assert len(yard.desk.ledger(request)) == 1
    deployment = yard.deployment()
    assert (deployment.route.current, deployment.route.ramping) == ("one", None)
    with yard.desk.sessions.begin() as session:
        assert build.by_id(session, "two").rejected_at is not None
        asked = build_return.of_rollout(session, row.id)
        assert asked is not None
        assert asked.state == build_return.DONE
        told = session.scalars(select(NotificationRow).where(NotificationRow.kind == "rollout")).all()
    elena = yard.desk.company.elena.id
    assert {"page", "mail"} <= {each.channel for each in told if each.recipient_id == elena}
    assert any("returning" in each.subject for each in told)
    later = yard.submit()
    yard.await_status(later, Status.COMPLETED)
    with yard.desk.sessions.begin() as session:
        chosen = route.of(session, later.id)
        assert chosen is None or chosen.build is None


def test_a_build_whose_workers_die_is_returned_without_statistics(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    yard.programs["two"].kill()
    waiting = yard.submit()
    returned = until(yard, row, State.RETURNED)
    assert "No live worker" in returned.why or "oldest task" in returned.why
    yard.await_status(waiting, Status.COMPLETED)


def test_one_person_aborts_and_nothing_is_said_against_the_build(yard: Yard) -> None:
    open_two(yard)
    row = begin(yard)
    until_carried(yard, row)
    waiting = yard.submit(dear=True)
    yard.await_status(waiting, Status.AWAITING_DECISION)
    tell(yard, row, Command.ABORT, yard.desk.company.elena.id)
    until(yard, row, State.ABORTED)
    assert yard.deployment().route.ramping is None
    with yard.desk.sessions.begin() as session:
        assert build.by_id(session, "two").rejected_at is None
    yard.desk.answer(waiting, "approve")
    assert yard.await_status(waiting, *ENDED).status == Status.COMPLETED
