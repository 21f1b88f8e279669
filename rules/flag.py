"""Feature flags: their names, defaults and who they are on for. Knows neither Postgres nor Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

#: A process that has not heard from the flag store for this long spends no money by itself.
FRESH_FOR: Final = timedelta(seconds=2)


class Level(StrEnum):
    """Whom an override is for; the closest one wins."""

    PERSON = "person"
    DEPARTMENT = "department"
    EVERYONE = "everyone"


@dataclass(frozen=True)
class Flag:
    """A switch that code asks for.

    Attributes:
        spending: whether it lets the system spend money; such a flag counts as off when knowledge is stale.
    """

    key: str
    title: str
    default: bool
    spending: bool


AUTOMATED_REVIEW: Final = Flag(
    "automated-review", "Automated review of purchase requests", default=False, spending=True
)

#: Every flag that code asks for, by key; an unknown key is an error, never off or on by accident.
FLAGS: Final[Mapping[str, Flag]] = {flag.key: flag for flag in (AUTOMATED_REVIEW,)}


@dataclass(frozen=True)
class Reading:
    """What a flag says and why.

    Attributes:
        reason: which override spoke, or why the default or the safe value stands.
        revision: the revision of the flag store that was read; 0 where none was.
    """

    on: bool
    reason: str
    revision: int


def read_flag(
    flag: Flag,
    overrides: Mapping[tuple[Level, str], bool],
    person_id: str,
    department_id: str,
    *,
    revision: int,
    fresh: bool,
) -> Reading:
    """What `flag` says for a person of a department: person before department before everyone.

    Args:
        overrides: (level, subject) -> value; the subject of EVERYONE is the empty string. An explicit
            False counts, so presence is asked for, not truth.
        fresh: whether the asking process heard from the flag store within `FRESH_FOR`.
    """
    if flag.spending and not fresh:
        return Reading(False, "no fresh snapshot of the flags, so a spending flag is off", revision)
    for key in ((Level.PERSON, person_id), (Level.DEPARTMENT, department_id), (Level.EVERYONE, "")):
        if key in overrides:
            return Reading(overrides[key], f"set for {key[0]}", revision)
    return Reading(flag.default, "nothing is set, so the default stands", revision)
