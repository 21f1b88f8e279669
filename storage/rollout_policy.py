"""Rollouts of a policy: begins with a candidate, knows when it no longer fits, puts it in force. Draws nobody."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from rules.analysis import METRICS
from rules.errors import BusinessError, InvalidFields
from rules.rollout import Kind, Plan
from rules.rollout_plan import judge_plan
from rules.rollout_target import PolicyTarget
from storage import department, policy, rollout, rollout_list
from storage.audit import Actor
from storage.policy import RuleSetChanged, RuleSetRow
from storage.rollout import RolloutRow


class NotACandidate(BusinessError):
    """The version is or was in force, so nobody can be given it first."""

    status = 409


def begin(session: Session, rule_set_id: UUID, plan: Plan, person_id: UUID, why: str) -> RolloutRow:
    """Begin the rollout of a candidate; its gate comes next.

    Raises:
        NotFound: there is no such version. NotACandidate: it was not saved as one.
        RuleSetChanged: another version is in force than the one that it was written on top of.
        InvalidFields: the plan makes no sense, or names departments that the rules are not for.
        AnotherRolloutRuns: a candidate of the same department is being rolled out.
    """
    row = policy.by_id(session, rule_set_id)
    names = department.names(session)
    whose = names.get(row.department_id, "departments without their own")
    if not row.is_candidate:
        raise NotACandidate(
            f"Version {row.version} of {whose} was put in force when it was saved. Save what you want to try as a candidate."
        )
    target = PolicyTarget(
        str(row.id), row.version, whose, str(row.replaces_id) if row.replaces_id is not None else ""
    )
    against = _conflict(target, policy.in_force(session, row.department_id))
    if against:
        raise RuleSetChanged(against)
    judge_plan(
        plan, Kind.POLICY, known_departments=names.keys(), known_metrics={metric.key for metric in METRICS}
    )
    _judge_departments(plan, concerned(session, row.department_id))
    actor = Actor.person(person_id)
    return rollout.begin(session, Kind.POLICY, row.department_id, plan, actor, why, target.to_content())


def concerned(session: Session, department_id: str) -> frozenset[str]:
    """The departments that the rules kept under an id are for: its own, or those without rules of their own."""
    if department_id != policy.DEFAULT:
        return frozenset({department_id})
    own = {row.department_id for row in policy.newest(session)}
    return frozenset(department.names(session).keys() - own)


def _judge_departments(plan: Plan, fitting: Collection[str]) -> None:
    problems = {
        f"steps.{position}.departments": "These rules are not for " + ", ".join(sorted(strangers)) + "."
        for position, step in enumerate(plan.steps)
        if (strangers := set(step.departments) - set(fitting))
    }
    if problems:
        raise InvalidFields(problems)


def conflict(session: Session, row: RolloutRow) -> str:
    """Why the candidate can no longer come into force; empty where it can."""
    return conflict_with(row, policy.in_force(session, row.target))


def conflict_with(row: RolloutRow, in_force: RuleSetRow | None) -> str:
    """As `conflict`, for rules in force that are known already."""
    return _conflict(PolicyTarget.from_content(row.content), in_force)


def _conflict(target: PolicyTarget, in_force: RuleSetRow | None) -> str:
    if (str(in_force.id) if in_force is not None else "") == target.replaces_id:
        return ""
    stands = f"Version {in_force.version} came into force" if in_force is not None else "The rules changed"
    return f"{stands} after version {target.version} was written. Save the candidate anew on top of it."


def put_in_force(session: Session, rollout_id: UUID) -> dict[str, Any]:
    """Put the candidate in force, as whoever promoted it; once, however often it is asked for.

    Returns:
        What was done.

    Raises:
        RuleSetChanged: another version came into force meanwhile.
    """
    row = rollout.by_id(session, rollout_id, lock=True)
    done: dict[str, Any] | None = row.before.get("promoted")
    if done is not None:
        return done
    target = PolicyTarget.from_content(row.content)
    against = conflict(session, row)
    if against:
        raise RuleSetChanged(against)
    candidate, standing = policy.by_id(session, target.id), policy.in_force(session, row.target)
    own = standing is not None and standing.department_id == row.target
    by = rollout_list.promoted_by(session, row.id)
    saved = policy.save_version(
        session,
        row.target,
        candidate.content,
        Actor.person(by) if by is not None else Actor("system"),
        replaces_version=standing.version if standing is not None and own else 0,
        note=f"Version {candidate.version}, tried on some first and promoted: {row.why}",
    )
    done = {"rule_set_id": str(saved.id), "version": saved.version, "candidate": candidate.version}
    row.before = {**row.before, "promoted": done}
    return done
