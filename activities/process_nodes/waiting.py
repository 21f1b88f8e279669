"""Nodes that wait for time, a named signal or another run. Postgres keeps what came; nobody is polled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.process_work import Work
from rules.errors import Invalid
from rules.process import Outcome
from rules.process_messages import DEADLINE, Due, NodeResult
from rules.process_node import parse_duration
from rules.process_state import Result
from storage import process_message, process_run


def deadline_of(work: Work) -> list[Due]:
    """The deadline of a config, where it has one; raises Invalid for what is no duration."""
    text = work.config.get("deadline")
    return [Due(DEADLINE, seconds(text, "deadline"))] if text else []


def seconds(text: object, field: str) -> int:
    """A duration such as `3 d` in seconds; raises Invalid."""
    duration = parse_duration(text) if isinstance(text, str) else None
    if duration is None:
        raise Invalid(f"{text!r} is no time such as 30 s, 15 min, 12 h or 3 d.", field)
    return int(duration.total_seconds())


@dataclass(frozen=True)
class WaitExecutor:
    """Waits for a while, or until a moment."""

    def begin(self, work: Work) -> NodeResult:
        """Say when it is over."""
        until = work.config.get("until")
        if not until:
            return NodeResult(dues=[Due(DEADLINE, seconds(work.config.get("duration"), "duration"))])
        try:
            check_moment(until)
        except ValueError:
            raise Invalid(f"{until!r} is no moment such as 2026-12-01T09:00:00+01:00.", "until") from None
        return NodeResult(dues=[Due(DEADLINE, at=until)])

    def settle(self, work: Work, why: str) -> NodeResult:
        """Over, once the time has come."""
        return work.end(Outcome.COMPLETED) if why == DEADLINE else NodeResult()


@dataclass(frozen=True)
class SignalExecutor:
    """Waits for a named signal; one that came before is there already."""

    def begin(self, work: Work) -> NodeResult:
        """Take what is there, else wait."""
        return _taken(work) or NodeResult(dues=deadline_of(work))

    def settle(self, work: Work, why: str) -> NodeResult:
        """Whatever came first counts, also at the deadline."""
        taken = _taken(work)
        if taken is None and why == DEADLINE:
            return work.end(Outcome.TIMEOUT)
        return taken or NodeResult()


@dataclass(frozen=True)
class PartExecutor:
    """Lets another process run as a part of this one."""

    def begin(self, work: Work) -> NodeResult:
        """Write the other run down; the workflow carries it through."""
        part = process_run.begin_part(
            work.session,
            work.run,
            work.row.node,
            work.row.iteration,
            work.config["process"],
            work.config.get("input", {}),
        )
        return NodeResult(child=part.as_input)

    def settle(self, work: Work, why: str) -> NodeResult:
        """End as the other run has ended."""
        part = process_run.part_of(work.session, work.run.id, work.row.node, work.row.iteration)
        if part is None or part.status != Result.COMPLETED.value:
            how = f"{part.status}: {part.error}" if part else "not there"
            return work.fail(f"The process {work.config['process']} is {how}".rstrip(": "))
        return work.end(Outcome(part.outcome or Outcome.COMPLETED), {"run": str(part.id), **part.variables})


def check_moment(text: object) -> None:
    """Raises ValueError for what is no moment with its zone."""
    if not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no zone")


def _taken(work: Work) -> NodeResult | None:
    message = process_message.take(work.session, work.run.id, work.row.node, work.row.iteration)
    return work.end(Outcome(message.outcome), message.output) if message else None
