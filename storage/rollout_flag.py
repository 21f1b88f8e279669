"""Rollouts of a flag's value: begins one, knows who has to agree and when it no longer fits, sets it for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from rules.analysis import METRICS
from rules.errors import BusinessError
from rules.flag import Flag, Level, Setting, Target, Value, chain, read_chain
from rules.flag_change import FlagChangedSinceShown, is_outdated, judge_value, loosens
from rules.rollout import Kind, Plan
from rules.rollout_plan import judge_plan
from rules.rollout_target import FlagTarget, say_value
from storage import department, flag, flag_proposal, rollout, rollout_list
from storage.audit import SYSTEM, Actor
from storage.database import now
from storage.flag import Change, FlagChangeRow, FlagProposalRow, Snapshot
from storage.rollout import RolloutRow


class FlagIsSoAlready(BusinessError):
    """Everybody whom the rollout would reach has this value already."""

    status = 409


def begin(session: Session, key: str, value: Value, plan: Plan, person_id: UUID, why: str) -> RolloutRow:
    """Begin the rollout of a value; where it lets the system spend more, its gate waits for a second person.

    Raises:
        NotFound: there is no such flag. Invalid: it cannot take the value. InvalidFields: the plan makes no sense.
        FlagIsSoAlready, AnotherRolloutRuns.
    """
    one = flag.known(key)
    judge_value(one, value)
    judge_plan(
        plan,
        Kind.FLAG,
        known_departments=department.names(session).keys(),
        known_metrics={metric.key for metric in METRICS},
    )
    flag.lock(session)
    truth = flag.read_truth(session)
    reached = _reached(session, plan)
    if all(_stands_so(one, truth, each, value) for each in reached):
        raise FlagIsSoAlready(f"{one.key} is {say_value(value)} for all of them already.")
    target = FlagTarget(value, truth.revision)
    row = rollout.begin(session, Kind.FLAG, key, plan, Actor.person(person_id), why, target.to_content())
    if any(loosens(one, truth.of(one), each, Setting(value), truth.at) for each in reached):
        asked = flag_proposal.propose_rollout(session, one, value, row.id, person_id, why)
        row.content = FlagTarget(value, truth.revision, str(asked.id)).to_content()
    return row


def _reached(session: Session, plan: Plan) -> list[Sequence[Target]]:
    """Where is looked for those whom any step reaches; a step for everyone reaches every department."""
    everyone = any(not step.departments for step in plan.steps)
    named = {each for step in plan.steps for each in step.departments}
    ids = department.names(session).keys() if everyone else named
    return [chain(Level.DEPARTMENT, each, each) for each in sorted(ids)]


def _stands_so(one: Flag, truth: Snapshot, targets: Sequence[Target], value: Value) -> bool:
    return bool(read_chain(one, truth.of(one), targets, truth.revision, truth.at).value == value)


def waits_for(session: Session, row: RolloutRow) -> str:
    """What its gate has to wait for, one sentence; empty where for nothing."""
    asked = _proposal(session, row)
    if asked is None or asked.outcome is not None or is_outdated(asked.proposed_at, now(session)):
        return ""
    return (
        "It lets the system spend more, so a second person of platform or finance has to agree first,"
        " on the page of the flag."
    )


def refusal(session: Session, row: RolloutRow) -> str:
    """Why its gate stays shut, one sentence; empty where it may be passed."""
    asked = _proposal(session, row)
    if asked is not None and asked.outcome != flag_proposal.CONFIRMED:
        said = asked.outcome or "too old"
        return f"The second person's agreement is {said}. Abort this rollout and begin it anew."
    return conflict(session, row)


def _proposal(session: Session, row: RolloutRow) -> FlagProposalRow | None:
    asked = FlagTarget.from_content(row.content).proposal_id
    return session.get_one(FlagProposalRow, UUID(asked), populate_existing=True) if asked else None


def conflict(session: Session, row: RolloutRow) -> str:
    """Why the value no longer counts for anybody; empty where it does.

    Who sets the flag by hand for people whom the rollout reaches means all of them, and at once.
    """
    target, plan = FlagTarget.from_content(row.content), row.as_plan
    change = FlagChangeRow
    reached = change.level == Level.DEPARTMENT.value
    if all(step.departments for step in plan.steps):
        named = {each for step in plan.steps for each in step.departments}
        reached = and_(reached, change.subject.in_(named))
    later = select(change.value, change.subject).where(
        change.key == row.target,
        change.revision > target.revision,
        or_(change.level == Level.EVERYONE.value, reached),
    )
    found = session.execute(later.order_by(change.revision.desc()).limit(1)).first()
    if found is None or "promoted" in row.before:
        return ""
    value = say_value(found.value) if found.value is not None else "as before"
    return (
        f"Somebody set {row.target} to {value} for {found.subject or 'everyone'} after the rollout had begun."
    )


def set_for_all(session: Session, rollout_id: UUID) -> dict[str, Any]:
    """Set the value for all whom the last step reached, wished by who began it and agreed by who promoted it.

    Once, however often it is asked for. Returns what was done.

    Raises:
        FlagChangedSinceShown: somebody set the flag by hand meanwhile.
    """
    flag.lock(session)
    row = rollout.by_id(session, rollout_id, lock=True)
    done: dict[str, Any] | None = row.before.get("promoted")
    if done is not None:
        return done
    against = conflict(session, row)
    if against:
        raise FlagChangedSinceShown(against)
    one, value = flag.known(row.target), FlagTarget.from_content(row.content).value
    actor = Actor.person(row.created_by) if row.created_by is not None else SYSTEM
    by = rollout_list.promoted_by(session, row.id)
    targets = _targets(session, one, row.as_plan.steps[row.step].departments)
    for level, subject in targets:
        flag.set_value(session, Change(one, level, subject, value, row.why), actor, confirmed_by=by)
    done = {"value": value, "set_for": [subject or level.value for level, subject in targets]}
    row.before = {**row.before, "promoted": done}
    return done


def _targets(session: Session, one: Flag, departments: Sequence[str]) -> list[Target]:
    """Those departments; for everyone also the departments with a setting of their own, which would stay closer."""
    if departments:
        return [(Level.DEPARTMENT, each) for each in departments]
    own = [target for target in flag.read_truth(session).of(one) if target[0] is Level.DEPARTMENT]
    return [(Level.EVERYONE, ""), *sorted(own)]
