"""Rollouts through the API: begin, change the share, pause, resume, promote, abort, look."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import url_for

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.schemas import CommandSchema, RolloutSchema
from app.api.setup import PREFIX, Subject
from rules.errors import Invalid, NotFound
from rules.person import Act
from rules.rollout import Kind, Plan, Step
from rules.rollout_command import Command, check_may_steer
from rules.rollout_plan import one_step
from rules.rollout_target import parse_process
from storage import rollout, rollout_flag, rollout_policy, rollout_process
from storage.database import now
from storage.rollout import RolloutRow
from storage.rollout_begin import begin_or_change

api = Subject("api_rollout", __name__, url_prefix=f"{PREFIX}/deployment", description="Rollouts")


def plan_of(given: dict[str, Any]) -> Plan:
    """The plan that a body means; raises Invalid where it names neither a share nor steps, or both."""
    share: Decimal | None = given.get("percentage")
    typed = given.get("steps")
    if (share is None) == (typed is None):
        raise Invalid("Please give either a percentage or steps.", "percentage")
    if share is not None:
        steps = one_step(share, given["departments"]).steps
    else:
        steps = tuple(
            Step(
                share=each["percentage"],
                departments=tuple(each["departments"]),
                min_seconds=each["min_seconds"],
                min_samples=each["min_samples"],
                max_seconds=each["max_seconds"],
                manual=each["manual"],
            )
            for each in typed or ()
        )
    return Plan(steps, given["bake_seconds"], given["check_seconds"], given["limits"], given["native"])


@api.at("/rollout", "POST")
@api.reads(RolloutSchema)
@opens(Act.STEER_ROLLOUT)
def begin(given: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Begin a rollout; of a build that is being rolled out, set its share."""
    session, kind = database.session(), Kind(given["kind"])
    check_may_steer(current_person().roles, kind)
    running = rollout.open_in(session, Kind.BUILD.value) if kind is Kind.BUILD else None
    old = shown.rollout(running) if running is not None else None
    row, is_new = _begun(kind, given)
    new = shown.rollout(row)
    at = now(session)
    database.commit()
    what = "rollout begun" if is_new else "share set"
    before = None if is_new or old is None else _share(old)
    answer = {"changed": shown.changed(what, before, _share(new), at), "rollout": new}
    return answer, 202, {"Location": url_for("api_rollout.one", rollout_id=row.id)}


def _begun(kind: Kind, given: dict[str, Any]) -> tuple[RolloutRow, bool]:
    """The rollout, and whether it has just begun."""
    session, plan, by, why = database.session(), plan_of(given), current_person().id, given["why"]
    target = given["build_id"] or given["target"]
    if not target:
        raise Invalid("Please say what is to be rolled out.", "build_id" if kind is Kind.BUILD else "target")
    match kind:
        case Kind.POLICY:
            return rollout_policy.begin(session, _candidate_id(target), plan, by, why), True
        case Kind.FLAG:
            if given["value"] is None:
                raise Invalid("Please give the value that some get first.", "value")
            return rollout_flag.begin(session, target, given["value"], plan, by, why), True
        case Kind.PROCESS:
            return rollout_process.begin(session, *parse_process(target), plan, by, why), True
        case _:
            return begin_or_change(session, target, plan, by, why, given["revision"])


def _candidate_id(target: str) -> UUID:
    try:
        return UUID(target)
    except ValueError:
        raise Invalid("Please give the id of a candidate.", "target") from None


def _share(of: dict[str, Any]) -> dict[str, Any]:
    return {"state": of["state"], "percentage": of["percentage"], "departments": of["departments"]}


@api.at("/rollouts", "GET")
@opens(Act.READ_ROUTING)
def many() -> dict[str, Any]:
    """The latest rollouts, the newest first."""
    return {"rollouts": [shown.rollout(row) for row in rollout.newest(database.session())]}


@api.at("/rollouts/<uuid:rollout_id>", "GET")
@opens(Act.READ_ROUTING)
def one(rollout_id: UUID) -> dict[str, Any]:
    """One rollout with all its moves."""
    session = database.session()
    row = rollout.by_id(session, rollout_id)
    moves = [shown.event(each) for each in rollout.events(session, rollout_id)]
    return {"rollout": shown.rollout(row), "events": moves}


@api.at("/rollouts/<uuid:rollout_id>/<command>", "POST")
@api.reads(CommandSchema)
@opens(Act.STEER_ROLLOUT)
def tell(given: dict[str, Any], rollout_id: UUID, command: str) -> tuple[dict[str, Any], int]:
    """Pause, resume, promote or abort; promoting is for another person than the one who started it."""
    if command not in set(Command):
        raise NotFound("There is no such command.")
    session = database.session()
    standing = rollout.by_id(session, rollout_id)
    check_may_steer(current_person().roles, Kind(standing.kind))
    old = _share(shown.rollout(standing))
    row = rollout.command(
        session, rollout_id, Command(command), current_person().id, given["why"], given["revision"]
    )
    new, at = shown.rollout(row), now(session)
    database.commit()
    return {"changed": shown.changed(command, old, _share(new), at), "rollout": new}, 202
