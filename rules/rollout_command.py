"""What people may tell a rollout, where each command leads, and who may not. Knows no clock and no Temporal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.errors import BusinessError, NotAllowed
from rules.person import Act, Role, may
from rules.rollout import ENDED, EXPOSED, Kind, Plan, Progress, State, Step, moved_to, raised


class Command(StrEnum):
    """What people may tell a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"


class NotNow(BusinessError):
    """The rollout does not stand where this could be done."""

    status = 409


class RolloutHasEnded(BusinessError):
    """The rollout has ended; nothing moves it any more."""

    status = 409


class PromotesOwnRollout(BusinessError):
    """Who started a rollout does not let it through: another person has to."""

    status = 403


def obey(
    progress: Progress,
    plan: Plan,
    command: Command,
    *,
    by: UUID,
    started_by: UUID | None,
    why: str,
    now: datetime,
) -> Progress:
    """Where the rollout stands after a person's command.

    Raises:
        RolloutHasEnded, NotNow: the message says where it stands.
        PromotesOwnRollout: promoting is for another person than the one who started it.
    """
    if progress.state in ENDED:
        raise RolloutHasEnded(f"This rollout has ended: it is {progress.state}.")
    match command:
        case Command.ABORT:
            return _aborted(progress, why, now)
        case Command.PROMOTE:
            return _promoted(progress, plan, by, started_by, why, now)
        case Command.PAUSE if progress.state in {State.GATE, *EXPOSED}:
            return moved_to(State.PAUSED, now, progress, resumes=progress.state, why=why)
        case Command.RESUME if progress.state is State.PAUSED and progress.resumes is not None:
            return moved_to(progress.resumes, now, progress, why=why)
        case _:
            raise NotNow(f"This rollout is {progress.state}, so it cannot {command} now.")


def commands_for(
    progress: Progress, plan: Plan, *, by: UUID, started_by: UUID | None
) -> tuple[tuple[Command, ...], str]:
    """What a person may tell a rollout now, and why they may not promote it where another person may; else empty."""
    found, refusal = [], ""
    for command in (Command.PROMOTE, Command.RESUME, Command.PAUSE, Command.ABORT):
        try:
            after = obey(progress, plan, command, by=by, started_by=started_by, why="", now=progress.since)
        except PromotesOwnRollout as refused:
            refusal = refused.message
        except (NotNow, RolloutHasEnded):
            continue
        else:
            if after is not progress:
                found.append(command)
    return tuple(found), refusal


#: What each kind is steered under: finance tries its own rules, a process is whose who may deploy one, and everything
#: else is the platform's.
_STEERED_UNDER: Final[Mapping[Kind, Act]] = {
    Kind.BUILD: Act.WRITE_ROUTING,
    Kind.FLAG: Act.WRITE_FLAG,
    Kind.POLICY: Act.STEER_ROLLOUT,
    Kind.PROCESS: Act.DEPLOY_PROCESS,
}


def may_steer(roles: Collection[Role], kind: Kind) -> bool:
    """Whether somebody with these roles may begin, pause, resume, promote and abort rollouts of a kind."""
    return may(roles, _STEERED_UNDER[kind])


def check_may_steer(roles: Collection[Role], kind: Kind) -> None:
    """Refuse where the roles do not let somebody steer rollouts of a kind; raises NotAllowed."""
    if not may_steer(roles, kind):
        raise NotAllowed(f"Your roles do not let you steer the rollout of a {kind}.")


def _aborted(progress: Progress, why: str, now: datetime) -> Progress:
    if progress.state is State.RETURNING:
        return progress
    if progress.is_exposed:
        return moved_to(State.RETURNING, now, progress, ends_as=State.ABORTED, why=why)
    return moved_to(State.ABORTED, now, progress, why=why)


def _promoted(
    progress: Progress, plan: Plan, by: UUID, started_by: UUID | None, why: str, now: datetime
) -> Progress:
    if not progress.is_exposed:
        raise NotNow(f"This rollout is {progress.state}, so there is nothing to promote yet.")
    if by == started_by:
        raise PromotesOwnRollout("You started this rollout, so another person has to promote it.")
    stands = progress.resumes if progress.state is State.PAUSED else progress.state
    if stands is State.BAKE:
        return moved_to(State.PROMOTED, now, progress, why=why)
    return raised(progress, plan, now, why)


def sent_back(progress: Progress, why: str, now: datetime) -> Progress:
    """Where the rollout stands when a person or a guard has called what it rolls out bad."""
    if progress.state in ENDED:
        raise RolloutHasEnded(f"This rollout has ended: it is {progress.state}.")
    return moved_to(State.RETURNING, now, progress, ends_as=State.RETURNED, why=why)


def changed_by_hand(
    progress: Progress, plan: Plan, step: Step, why: str, now: datetime
) -> tuple[Progress, Plan]:
    """The rollout and its plan after a person set another share: one more step, entered at once.

    Raises RolloutHasEnded, or NotNow where nobody is on the new one yet or the way back has begun.
    """
    if progress.state in ENDED:
        raise RolloutHasEnded(f"This rollout has ended: it is {progress.state}.")
    if not progress.is_exposed:
        raise NotNow(f"This rollout is {progress.state}, so its share cannot be changed now.")
    steps = (*plan.steps[: progress.step + 1], step)
    return moved_to(State.STEP, now, progress, step=len(steps) - 1, why=why), replace(plan, steps=steps)
