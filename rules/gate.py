"""The gate before a build gets traffic: what was tried, what failed, and whether it is open. Tries nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

#: How many histories are replayed each way: so many that run, and so many that have ended.
OPEN_SAMPLE: Final = 200
CLOSED_SAMPLE: Final = 200
#: One run on the build has to come through within this.
SMOKE_WITHIN: Final = timedelta(seconds=30)
#: A gate that has said nothing for so long has died.
GATE_WITHIN: Final = timedelta(minutes=15)
#: A failure's reason is kept as long as a person reads.
LONGEST_REASON: Final = 600
MOST_FAILURES: Final = 20


@dataclass(frozen=True)
class ReplayFailure:
    """A history that does not replay.

    Attributes:
        event: the number of the event at which it went apart, 0 where the error names none.
        reason: the error in its own words.
    """

    workflow_id: str
    event: int
    reason: str
    run_id: str = ""


@dataclass(frozen=True)
class Replayed:
    """One direction of the replay gate.

    Attributes:
        code: the build whose code replayed.
        histories: where the histories came from, in words.
        count: how many were replayed.
        broken: why nothing could be replayed at all, empty where it could.
    """

    code: str
    histories: str
    count: int
    failures: tuple[ReplayFailure, ...] = ()
    broken: str = ""


@dataclass(frozen=True)
class Smoke:
    """One run on the build.

    Attributes:
        seconds: how long it took, None where it did not come through.
        reason: why not.
    """

    seconds: float | None
    reason: str = ""


@dataclass(frozen=True)
class Gate:
    """Everything that a gate found.

    Attributes:
        unserved: the queues that no living worker of the build asks.
        forward: the new code on histories that exist; None where it was not tried.
        back: the current code on histories of the new build, so that the way back is known to be safe.
        current: the build that was current then; empty where there was none.
    """

    build_id: str
    current: str = ""
    unserved: tuple[str, ...] = ()
    forward: Replayed | None = None
    back: Replayed | None = None
    smoke: Smoke | None = None
    reasons: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", tuple(_reasons(self)))

    @property
    def passed(self) -> bool:
        """Whether the build may have traffic. What was not tried is not passed."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """The gate as it is kept and shown."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Gate:
        """The gate that `as_json` wrote."""
        return cls(
            build_id=kept["build_id"],
            current=kept["current"],
            unserved=tuple(kept["unserved"]),
            forward=_replayed(kept["forward"]),
            back=_replayed(kept["back"]),
            smoke=Smoke(**kept["smoke"]) if kept["smoke"] else None,
        )


def _replayed(kept: Mapping[str, Any] | None) -> Replayed | None:
    if kept is None:
        return None
    failures: Sequence[Mapping[str, Any]] = kept["failures"]
    return Replayed(**{**kept, "failures": tuple(ReplayFailure(**each) for each in failures)})


def _reasons(gate: Gate) -> list[str]:
    """Why the gate stays shut, one sentence each, the first cause first."""
    reasons = [f"No living worker of {gate.build_id} asks the queue {queue}." for queue in gate.unserved]
    if gate.unserved:
        return reasons  # nothing else can be tried
    reasons += _replay_reasons(gate.forward, "The new code was not tried on the histories that exist.")
    if gate.current and gate.current != gate.build_id:
        reasons += _replay_reasons(gate.back, "The current code was not tried on the new build's histories.")
    if gate.smoke is None:
        reasons.append("No run was tried on the build.")
    elif gate.smoke.seconds is None:
        reasons.append(f"The run that was tried on the build did not come through: {gate.smoke.reason}")
    elif gate.smoke.seconds > SMOKE_WITHIN.total_seconds():
        limit = f"{SMOKE_WITHIN.total_seconds():g}"
        reasons.append(f"The run that was tried took {gate.smoke.seconds:.1f} s; {limit} s is the limit.")
    return reasons


def _replay_reasons(replayed: Replayed | None, untried: str) -> list[str]:
    if replayed is None:
        return [untried]
    if replayed.broken:
        return [f"The code of {replayed.code} could not replay {replayed.histories}: {replayed.broken}"]
    return [
        f"The code of {replayed.code} does not replay {each.workflow_id}"
        f"{f' at event {each.event}' if each.event else ''}: {each.reason}"
        for each in replayed.failures
    ]
