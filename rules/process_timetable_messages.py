"""What the workflow of a planned time and its step say to each other. Holds facts only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PLANNED_START: Final = "PlannedStart"


def schedule_id(timetable_id: str) -> str:
    """The id of a timetable's schedule, and the beginning of the ids of its workflows."""
    return f"timetable-{timetable_id}"


@dataclass(frozen=True)
class PlannedStartInput:
    """What the scheduler hands out at each planned time.

    Attributes:
        revision: of the timetable, as the scheduler knew it.
    """

    timetable_id: str
    revision: int


@dataclass(frozen=True)
class PlannedStep:
    """One planned time; `planned_at` in ISO 8601 with its zone."""

    timetable_id: str
    revision: int
    planned_at: str


@dataclass(frozen=True)
class PlannedResult:
    """What became of it: a `rules.process_timetable.Planned`, the sentence why, and the run where one started."""

    outcome: str
    note: str = ""
    run_id: str = ""
