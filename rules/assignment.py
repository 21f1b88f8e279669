"""Assignments: which requests a rollout gives a policy or a flag value, and which runs a version of their process.

Chosen once, when a request is submitted or a run begins; who is not chosen is the control. Asks no clock, draws no lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rules.policy import DEFAULT
from rules.rollout import Kind, Progress, State
from rules.routing import Unit, bucket_of, is_enrolled, say_drawn

#: What is drawn where a version of a process is given to some.
RUN: Final = "run"


@dataclass(frozen=True)
class Exposure:
    """A rollout while it gives something to some.

    Attributes:
        target: the department whose policy it is, or the key of the flag or process.
        share: percent of the requests or runs that it concerns.
        departments: ids; empty means everyone whom the target concerns.
    """

    rollout_id: str
    kind: Kind
    target: str
    share: Decimal
    departments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """What one rollout means for one request or run; stored with it and never computed again.

    Attributes:
        bucket: what it drew, from 0 to 99,999.
        reason: as people read it.
    """

    rollout_id: str
    chosen: bool
    bucket: int
    share: Decimal
    reason: str


def assign(
    exposures: Sequence[Exposure], request_id: str, department_id: str, *, has_own_rules: bool
) -> tuple[Assignment, ...]:
    """The assignments of a request that is being submitted: one for each exposure that concerns it.

    Args:
        has_own_rules: whether the department has rules of its own in force, so that the default ones do not concern it.
    """
    concerned = [each for each in exposures if _concerns(each, department_id, has_own_rules)]
    own = any(each.kind is Kind.POLICY and each.target != DEFAULT for each in concerned)
    return tuple(
        _draw(each, Unit.REQUEST, request_id)
        for each in concerned
        if not (own and each.kind is Kind.POLICY and each.target == DEFAULT)
    )


def assign_run(exposure: Exposure, run_id: str, department_id: str) -> Assignment | None:
    """The assignment of a run that begins; None where the rollout does not concern it.

    Args:
        department_id: of whoever starts it; empty where no person does, so that only a step for everyone reaches it.
    """
    if exposure.departments and department_id not in exposure.departments:
        return None
    return _draw(exposure, RUN, run_id)


def _concerns(exposure: Exposure, department_id: str, has_own_rules: bool) -> bool:
    if exposure.departments and department_id not in exposure.departments:
        return False
    if exposure.kind is not Kind.POLICY:
        return True
    return exposure.target == department_id or (exposure.target == DEFAULT and not has_own_rules)


def _draw(exposure: Exposure, unit: str, unit_id: str) -> Assignment:
    bucket = bucket_of(exposure.rollout_id, unit, unit_id)
    chosen = is_enrolled(bucket, exposure.share)
    reason = say_drawn(unit, bucket, exposure.share, chosen)
    return Assignment(exposure.rollout_id, chosen, bucket, exposure.share, reason)


@dataclass(frozen=True)
class Say:
    """Whether a review goes by what an assignment gave the request.

    Attributes:
        counts: False means that it goes by what everybody else goes by.
    """

    counts: bool
    why: str


def say_at_review(chosen: bool, progress: Progress, *, is_carried: bool, conflict: str) -> Say:
    """Whether an assignment counts for a review that happens now: only while its rollout still stands.

    So a return reaches every request that has not been reviewed, in the same second.

    Args:
        is_carried: whether a promotion has been carried out, so that what is in force says the same for everybody.
        conflict: why what is rolled out can no longer become the stable one; empty where it can.
    """
    if not chosen:
        return Say(False, "It was not chosen, so it went by what is in force.")
    if progress.state is State.PROMOTED and is_carried:
        return Say(False, "It was chosen; by now everybody goes by what is in force.")
    if conflict:
        return Say(False, f"It was chosen, but this no longer counts: {conflict}")
    if progress.is_exposed or progress.state is State.PROMOTED:
        return Say(True, "It was chosen when it was submitted.")
    return Say(False, f"It was chosen, but the rollout is {progress.state} by now.")
