"""Rollouts of a version of a process: begins one, knows when it no longer fits, deploys it for all. Draws nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.errors import BusinessError
from rules.rollout import Kind, Plan
from rules.rollout_plan import judge_plan
from rules.rollout_target import ProcessTarget
from rules.rollout_watch import known_metrics
from storage import department, process, rollout, rollout_list
from storage.audit import Actor
from storage.process import CHECKED, RETIRED, NotDeployable, ProcessRow, ProcessVersionRow, SecondPersonNeeded
from storage.rollout import RolloutRow


class NothingDeployed(BusinessError):
    """Nothing of the process is deployed, so those who are not chosen would have nothing to follow."""

    status = 409


class ProcessDeployed(BusinessError):
    """Another version was deployed since the rollout began."""

    status = 409


def begin(session: Session, key: str, number: int, plan: Plan, person_id: UUID, why: str) -> RolloutRow:
    """Begin the rollout of a version; its gate comes next. From now on nobody can change what it says.

    Raises:
        NotFound: there is no such process or version. NothingDeployed.
        NotDeployable: it is deployed, or was not checked as it stands.
        SecondPersonNeeded: whoever wrote it gives it to nobody.
        InvalidFields: the plan makes no sense.
        AnotherRolloutRuns: a version of the same process is being rolled out.
    """
    standing = process.by_key(session, key, lock=True)
    row = process.version(session, key, number, lock=True)
    if standing.deployed_version is None:
        raise NothingDeployed(
            "Nothing of this process is deployed that the others could follow. Deploy it for all."
        )
    if row.state not in (CHECKED, RETIRED):
        raise NotDeployable(
            f"Version {number} is {row.state}; only one that was checked can be given to some."
        )
    if person_id in row.editor_ids:
        raise SecondPersonNeeded("You wrote this version, so somebody else has to give it to others.")
    judge_plan(
        plan,
        Kind.PROCESS,
        known_departments=department.names(session).keys(),
        known_metrics=known_metrics(Kind.PROCESS),
    )
    target = ProcessTarget(number, row.sha256, standing.deployed_version)
    return rollout.begin(session, Kind.PROCESS, key, plan, Actor.person(person_id), why, target.to_content())


def offered(session: Session) -> Sequence[ProcessVersionRow]:
    """The checked versions that may be given to some: of processes of which another version is deployed."""
    return session.scalars(
        select(ProcessVersionRow)
        .join(ProcessRow, ProcessRow.key == ProcessVersionRow.process_key)
        .where(ProcessVersionRow.state == CHECKED, ProcessRow.deployed_version.is_not(None))
        .order_by(ProcessVersionRow.process_key)
    ).all()


def conflict(session: Session, row: RolloutRow) -> str:
    """Why the version can no longer be deployed for all; empty where it can."""
    deployed = session.scalar(select(ProcessRow.deployed_version).where(ProcessRow.key == row.target))
    return ProcessTarget.from_content(row.content).conflict(deployed)


def deploy_for_all(session: Session, rollout_id: UUID) -> dict[str, Any]:
    """Deploy the version, as whoever promoted it; once, however often it is asked for.

    Returns:
        What was done.

    Raises:
        ProcessDeployed: another version was deployed meanwhile.
        SecondPersonNeeded: whoever promoted it wrote it.
        ProcessHasErrors: what it names outside of itself has changed since it was checked.
    """
    # The process first, as whoever begins a rollout or deploys by hand locks it first.
    process.by_key(session, rollout.by_id(session, rollout_id).target, lock=True)
    row = rollout.by_id(session, rollout_id, lock=True)
    done: dict[str, Any] | None = row.before.get("promoted")
    if done is not None:
        return done
    against = conflict(session, row)
    if against:
        raise ProcessDeployed(against)
    by = rollout_list.promoted_by(session, row.id)
    if by is None:
        raise SecondPersonNeeded("Nobody has promoted this rollout.")
    target = ProcessTarget.from_content(row.content)
    saved = process.deploy(
        session, row.target, target.version, by, f"Tried on some first and promoted: {row.why}"
    )
    done = {"version": saved.version, "sha256": saved.sha256, "replaces": target.replaces}
    row.before = {**row.before, "promoted": done}
    return done
