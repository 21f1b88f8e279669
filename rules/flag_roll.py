"""Which processes go by the flags as they are now, judged by what each of them last told. Knows no store and no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

#: A process tells at most this often which revision its copy has.
TELL_EVERY: Final = timedelta(seconds=2)
#: Nothing is known of one that missed three of its turns.
SILENT_AFTER: Final = 3 * TELL_EVERY
#: One that was silent for so long has ended: nobody waits for it any more.
FORGOTTEN_AFTER: Final = timedelta(minutes=2)


class Standing(StrEnum):
    """How a process stands to the flags as they are now."""

    APPLIED = "applied"
    BEHIND = "behind"
    SILENT = "silent"


@dataclass(frozen=True)
class Told:
    """What a process last told: the revision of its copy, and how long ago that was."""

    process: str
    revision: int
    ago: timedelta


@dataclass(frozen=True)
class Answer:
    """A process beside how it stands."""

    told: Told
    standing: Standing


@dataclass(frozen=True)
class RollCall:
    """Every process that was heard of late, by name."""

    revision: int
    answers: tuple[Answer, ...]

    @property
    def applied(self) -> int:
        """How many go by this revision."""
        return len(self.answers) - len(self.missing)

    @property
    def missing(self) -> tuple[Answer, ...]:
        """Those that do not, as far as is known."""
        return tuple(each for each in self.answers if each.standing is not Standing.APPLIED)


def call_roll(told: Iterable[Told], revision: int) -> RollCall:
    """How every process stands to a revision; another revision than it is behind, also a higher one."""
    known = sorted((each for each in told if each.ago <= FORGOTTEN_AFTER), key=lambda each: each.process)
    return RollCall(revision, tuple(Answer(each, _standing(each, revision)) for each in known))


def _standing(told: Told, revision: int) -> Standing:
    if told.ago > SILENT_AFTER:
        return Standing.SILENT
    # A database that went back to a backup has a lower revision than copies that have not noticed yet.
    return Standing.APPLIED if told.revision == revision else Standing.BEHIND
