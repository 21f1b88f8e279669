"""The last finished runs of a process under a version that they did not follow: who would have gone another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.process import Outcome
from rules.process_impact import Parting, Recorded, RecordedRun, would_part
from rules.process_plan import make_plan
from rules.process_state import NodeStatus, Result, Turn
from storage import process, process_value
from storage.process import ProcessVersionRow
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow

#: How many runs are looked at; a few hundred take well under a second.
LAST_RUNS: Final = 200
#: What a node that the run has not told of yet stands behind.
_LATE: Final = 1 << 30


@dataclass(frozen=True)
class Tried:
    """A finished run, and where it would have parted; None where it would have gone the same way."""

    run: ProcessRunRow
    parting: Parting | None


@dataclass(frozen=True)
class Impact:
    """What a version would have meant for the runs before it, the newest first."""

    version: ProcessVersionRow
    tried: Sequence[Tried]

    @property
    def parted(self) -> Sequence[Tried]:
        """Those that would have gone another way."""
        return [each for each in self.tried if each.parting is not None]

    @property
    def places(self) -> Mapping[str, int]:
        """Node id -> how many would have parted there, most first; empty id: only their end is another one."""
        counted: dict[str, int] = {}
        for each in self.parted:
            node = each.parting.node if each.parting else ""
            counted[node] = counted.get(node, 0) + 1
        return dict(sorted(counted.items(), key=lambda one: -one[1]))


def look(session: Session, key: str, number: int, last: int = LAST_RUNS) -> Impact:
    """Take the last finished runs of a process through a version.

    Raises:
        NotFound. ProcessCannotRun: the version has no plan.
    """
    version = process.version(session, key, number)
    plan = make_plan(version.process)
    runs = session.scalars(
        select(ProcessRunRow)
        .where(
            ProcessRunRow.process_key == key,
            ProcessRunRow.status.in_([Result.COMPLETED.value, Result.FAILED.value]),
        )
        .order_by(ProcessRunRow.started_at.desc(), ProcessRunRow.id.desc())
        .limit(last)
    ).all()
    steps = _steps(session, [run.id for run in runs])
    return Impact(
        version,
        [Tried(run, would_part(plan, _recorded(session, run, steps.get(run.id, [])))) for run in runs],
    )


def _steps(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, list[ProcessStepRow]]:
    found: dict[UUID, list[ProcessStepRow]] = {}
    for row in session.scalars(select(ProcessStepRow).where(ProcessStepRow.run_id.in_(run_ids))):
        found.setdefault(row.run_id, []).append(row)
    return found


def _recorded(session: Session, run: ProcessRunRow, steps: Sequence[ProcessStepRow]) -> RecordedRun:
    return RecordedRun(
        _whole(session, run.given), [_node(session, step) for step in steps], run.status, run.outcome
    )


def _node(session: Session, step: ProcessStepRow) -> Recorded:
    return Recorded(
        Turn(step.node, step.iteration),
        step.seq if step.seq is not None else _LATE,
        NodeStatus(step.status),
        Outcome(step.outcome) if step.outcome else None,
        _whole(session, step.output),
        step.error,
        step.operated_by is not None,
    )


def _whole(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: process_value.whole(session, value) for name, value in values.items()}
