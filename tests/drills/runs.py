"""Runs of the lifecycle as the drills read them from histories, made by hand: for verdicts on doctored facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.drills.history import Recorded, StepDone, Turn, Who
from local.drills.lifecycle import STEPS

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def worker(name: str, build: str = "") -> Who:
    return Who(name, build, 4000 + sum(name.encode()))


def step(
    name: str, by: Who, began: float, *, attempt: int = 1, trouble: str = "", event: int = 0
) -> StepDone:
    """A step that was offered, begun half a second later and done after one more."""
    return StepDone(
        name,
        event or int(began * 10) + 5,
        at(began),
        by,
        attempt,
        trouble,
        at(began + 0.5),
        at(began + 1.5),
        {"step": name, "number": f"{name}-1", "worker": by.name, "build": by.build},
    )


def turn(by: Who, began: float, *, from_memory: bool = True, pinned: bool = False, trouble: str = "") -> Turn:
    """A turn of the workflow's code that was completed, or met trouble."""
    return Turn(
        int(began * 10) + 2,
        at(began),
        by if from_memory else None,
        by,
        by.build,
        pinned,
        False,
        not trouble,
        trouble,
    )


def run(workflow_id: str, steps: Sequence[StepDone], turns: Sequence[Turn], **more: Any) -> Recorded:
    """A run that came to its end."""
    known: dict[str, Any] = {
        "patches": (),
        "signalled_at": (),
        "held_on": "",
        "completed": True,
        "failed": False,
        "result": {},
    }
    return Recorded(workflow_id, tuple(steps), tuple(turns), **{**known, **more})


def straight(
    workflow_id: str,
    by: Sequence[Who],
    *,
    began: float = 0,
    names: Sequence[str] = STEPS,
    pinned: bool = False,
    **more: Any,
) -> Recorded:
    """A run whose steps were done one after the other, each by the worker at its place in `by`."""
    workers = [*by, *[by[-1]] * (len(names) - len(by))]
    steps = [step(name, workers[n], began + 2 * n + 1) for n, name in enumerate(names)]
    turns = [turn(each, began + 2 * n, from_memory=n > 0, pinned=pinned) for n, each in enumerate(workers)]
    return run(workflow_id, steps, turns, **more)
