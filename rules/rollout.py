"""A rollout as a machine of states: what comes next, when it is raised, when it goes back. Knows no clock, no Temporal.

What people may tell it is in rules/rollout_command.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final


class State(StrEnum):
    """Where a rollout stands. BAKE: whoever was chosen has it and it is watched before it becomes the stable one."""

    GATE = "gate"
    STEP = "step"
    BAKE = "bake"
    PAUSED = "paused"
    RETURNING = "returning"
    PROMOTED = "promoted"
    RETURNED = "returned"
    ABORTED = "aborted"


ENDED: Final = frozenset({State.PROMOTED, State.RETURNED, State.ABORTED})
#: Here somebody may be on the new one: what breaks a limit leads back at once.
EXPOSED: Final = frozenset({State.STEP, State.BAKE})


class Act(StrEnum):
    """What has to be done next; see `next_act`."""

    GATE = "gate"
    CARRY = "carry"
    WATCH = "watch"
    RETURN = "return"
    PROMOTE = "promote"
    END = "end"


class Kind(StrEnum):
    """What is rolled out."""

    BUILD = "build"
    FLAG = "flag"
    POLICY = "policy"
    PROCESS = "process"


#: What the review looks up for each request by itself; see rules/assignment.py.
BY_ASSIGNMENT: Final = frozenset({Kind.FLAG, Kind.POLICY})


@dataclass(frozen=True)
class Step:
    """One raise.

    Attributes:
        share: percent of the chosen ones, 0 to 100 in steps of 0.1.
        departments: ids; empty means everyone.
        min_seconds, max_seconds: stays at least this long; pauses and asks a person after so long without a verdict.
        min_samples: requests that the new one has to have served in this step before the next raise.
        manual: whether it waits for another person even when every figure is good.
    """

    share: Decimal
    departments: tuple[str, ...] = ()
    min_seconds: int = 300
    min_samples: int = 52
    max_seconds: int = 86_400
    manual: bool = False


@dataclass(frozen=True)
class Plan:
    """How a rollout is to go.

    Attributes:
        check_seconds: how often figures are looked at; also what "fresh" is measured by.
        limits: metric -> the limit that replaces the shipped one, as a share from 0 to 1.
        native: whether the server's own ramp chooses, by workflow id, instead of the routing rules.
    """

    steps: tuple[Step, ...]
    bake_seconds: int = 600
    check_seconds: int = 30
    limits: Mapping[str, Decimal] = field(default_factory=dict)
    native: bool = False


#: Figures that are older than so many checks are stale, but none that is younger than two minutes.
FRESH_CHECKS: Final = 10
FRESH_AT_LEAST: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Progress:
    """Where a rollout stands and since when.

    Attributes:
        resumes, ends_as: what a paused rollout goes back to, and what RETURNING ends in.
        ready: every condition of this step or of the bake holds; it waits for another person.
        why: one sentence on why it stands here.
    """

    state: State
    since: datetime
    step: int = 0
    resumes: State | None = None
    ends_as: State | None = None
    ready: bool = False
    why: str = ""

    @property
    def is_exposed(self) -> bool:
        """Whether somebody may be on the new one."""
        return self.state in EXPOSED or (self.state is State.PAUSED and self.resumes in EXPOSED)


@dataclass(frozen=True)
class Look:
    """What was seen at one check.

    Attributes:
        gate: how the gate ended; None while it runs.
        waits: what the gate has to wait for before it is tried, one sentence; empty where for nothing.
        conflict: why what is rolled out can no longer become the stable one; empty where it can.
        breaches, hard_stops, open_points: one sentence for each metric that failed, for each reason that needs no
            statistics, for each metric that has not passed yet.
        samples: requests that the new one has served in this step.
        newest_at: when the newest figure of the new one was written; None without any.
    """

    now: datetime
    gate: bool | None = None
    gate_detail: str = ""
    waits: str = ""
    conflict: str = ""
    breaches: tuple[str, ...] = ()
    hard_stops: tuple[str, ...] = ()
    open_points: tuple[str, ...] = ()
    samples: int = 0
    newest_at: datetime | None = None


def judge(progress: Progress, plan: Plan, look: Look) -> Progress:
    """Where the rollout stands after a look; the same object where nothing changes."""
    if progress.is_exposed and (look.hard_stops or look.breaches):
        why = " ".join((*look.hard_stops, *look.breaches))
        return moved_to(State.RETURNING, look.now, progress, ends_as=State.RETURNED, why=why)
    match progress.state:
        case State.GATE if look.gate is True:
            return moved_to(State.STEP, look.now, progress, why="The gate was passed.")
        case State.GATE if look.gate is False:
            why = f"The gate was not passed: {look.gate_detail}"
            return moved_to(State.PAUSED, look.now, progress, resumes=State.GATE, why=why)
        case State.GATE if look.waits:
            return replace(progress, why=look.waits)
        case State.STEP | State.BAKE if look.conflict:
            return moved_to(State.PAUSED, look.now, progress, resumes=progress.state, why=look.conflict)
        case State.STEP | State.BAKE:
            return _hold_or_raise(progress, plan, look)
        case _:
            return progress


def _hold_or_raise(progress: Progress, plan: Plan, look: Look) -> Progress:
    lacking = what_is_lacking(progress, plan, look)
    if lacking:
        step = plan.steps[progress.step]
        if look.now - progress.since >= timedelta(seconds=step.max_seconds) and not progress.ready:
            why = f"No verdict after {step.max_seconds} s: {' '.join(lacking)}"
            return moved_to(State.PAUSED, look.now, progress, resumes=progress.state, why=why)
        return replace(progress, why=" ".join(lacking))
    if progress.state is State.BAKE:
        return replace(progress, ready=True, why="Everything holds; another person has to promote it.")
    if plan.steps[progress.step].manual:
        return replace(progress, ready=True, why="Everything holds; another person has to let it go on.")
    return raised(progress, plan, look.now, "Every figure is good.")


def what_is_lacking(progress: Progress, plan: Plan, look: Look) -> tuple[str, ...]:
    """Why a step cannot be left yet, one sentence each. No data is never good data."""
    step = plan.steps[progress.step]
    least = plan.bake_seconds if progress.state is State.BAKE else step.min_seconds
    lacking = []
    remaining = least - (look.now - progress.since).total_seconds()
    if remaining > 0:
        lacking.append(f"It stays here for {remaining:.0f} s more.")
    if look.samples < step.min_samples:
        lacking.append(f"{look.samples} of {step.min_samples} requests have been through it.")
    oldest = max(FRESH_AT_LEAST, timedelta(seconds=plan.check_seconds * FRESH_CHECKS))
    if look.newest_at is None:
        lacking.append("There are no figures yet.")
    elif look.now - look.newest_at > oldest:
        age = (look.now - look.newest_at).total_seconds()
        lacking.append(f"The newest figure is {age:.0f} s old.")
    return (*lacking, *look.open_points)


def raised(progress: Progress, plan: Plan, now: datetime, why: str) -> Progress:
    """Where the rollout stands one step further: the next share, or the bake behind the last one."""
    if progress.step + 1 < len(plan.steps):
        return moved_to(State.STEP, now, progress, step=progress.step + 1, why=why)
    return moved_to(State.BAKE, now, progress, why=why)


def moved_to(state: State, now: datetime, progress: Progress, **changes: Any) -> Progress:
    """Where the rollout stands in another state from `now` on; what is not named in `changes` is blank."""
    blank: dict[str, Any] = {"resumes": None, "ready": False, "why": ""}
    return replace(progress, state=state, since=now, **(blank | changes))


def paused_by(progress: Progress, why: str, now: datetime) -> Progress:
    """Where the rollout stands when something could not be carried out; a promotion goes back to baking."""
    if progress.state is State.PROMOTED:
        return moved_to(State.PAUSED, now, progress, resumes=State.BAKE, why=why)
    if progress.state in EXPOSED:
        return moved_to(State.PAUSED, now, progress, resumes=progress.state, why=why)
    return progress


def returned(progress: Progress, now: datetime) -> Progress:
    """Where the rollout stands when the way back has been carried out."""
    return moved_to(progress.ends_as or State.RETURNED, now, progress, why=progress.why)


def next_act(progress: Progress, *, is_carried: bool, waits: bool = False) -> Act:
    """What has to be done where a rollout stands.

    Args:
        is_carried: whether the share that it should have now has been carried out.
        waits: whether its gate has to wait for something before it is tried.
    """
    match progress.state:
        case State.GATE if waits:
            return Act.WATCH
        case State.GATE:
            return Act.GATE
        case State.RETURNING:
            return Act.RETURN
        case State.PROMOTED if not is_carried:
            return Act.PROMOTE
        case state if state in ENDED:
            return Act.END
        case state if state in EXPOSED and not is_carried:
            return Act.CARRY
        case _:
            return Act.WATCH


def share_at(progress: Progress, plan: Plan) -> tuple[Decimal, tuple[str, ...]]:
    """The share in percent and the departments that should have the new one now; empty departments: everyone."""
    if not progress.is_exposed:
        return Decimal(100 if progress.state is State.PROMOTED else 0), ()
    step = plan.steps[progress.step]
    return step.share, step.departments
