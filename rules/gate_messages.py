"""What the gate before a build and the workers of the builds say to each other: names, inputs and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rules.gate import Replayed, Smoke

BUILD_GATE: Final = "BuildGate"
SMOKE_RUN: Final = "SmokeRun"
#: Request ids that begin like this belong to no request: they are tried on a queue of their own.
REHEARSAL: Final = "rehearsal"


def gate_queue(build_id: str) -> str:
    """The queue on which the workers of a build replay histories and rehearse; the same for all of a build."""
    return f"approvals-gate-{build_id}"


def gate_workflow_id(build_id: str) -> str:
    """One gate at a time for each build."""
    return f"gate-{build_id}"


@dataclass(frozen=True)
class GateInput:
    """The build that wants traffic."""

    build_id: str


@dataclass(frozen=True)
class RunRef:
    """One run whose history can be fetched."""

    workflow_id: str
    run_id: str


@dataclass(frozen=True)
class Survey:
    """What there is to try.

    Attributes:
        current: the build that is current now, empty where there is none.
        unserved: the queues that no living worker of the new build asks.
        existing: a sample of runs that were not on the new build, open and ended, of every stage.
        its_own: a sample of runs that were on the new build.
    """

    current: str
    unserved: list[str] = field(default_factory=list)
    existing: list[RunRef] = field(default_factory=list)
    its_own: list[RunRef] = field(default_factory=list)


@dataclass(frozen=True)
class ReplayStep:
    """The input of replaying.

    Attributes:
        build_id: whose code replays.
        histories: where they came from, in words.
    """

    build_id: str
    histories: str
    runs: list[RunRef]


@dataclass(frozen=True)
class NoteGate:
    """Everything that a gate found, to be kept; see `rules.gate.Gate`."""

    build_id: str
    current: str
    unserved: list[str]
    forward: Replayed | None
    back: Replayed | None
    smoke: Smoke | None


@dataclass(frozen=True)
class GateResult:
    """Whether the build may have traffic, and if not, why not, the first cause first."""

    build_id: str
    passed: bool
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SmokeCheck:
    """What a build says of itself when it is tried.

    Attributes:
        schema: the newest step of the database's schema that it finds.
    """

    build_id: str
    schema: str = ""
