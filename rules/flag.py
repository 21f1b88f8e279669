"""Feature flags: their types, their defaults and what they say to whom. Knows neither Postgres nor Redis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from rules.strictness import LENIENT, STANDARD, STRICT

#: A process that has not heard from the flag store for this long spends no money by itself.
FRESH_FOR: Final = timedelta(seconds=2)
#: So long other flags keep what was last heard; then the default in the code stands.
KEPT_FOR: Final = timedelta(minutes=10)
#: Longer values do not belong into a flag: every process holds all of them.
LONGEST_VALUE: Final = 4_000
LARGEST_NUMBER: Final = 1e12

#: bool, str, int, float; for JSON a list or a dict of such.
Value = Any


class Level(StrEnum):
    """Whom an override is for; the closest one wins."""

    PERSON = "person"
    DEPARTMENT = "department"
    EVERYONE = "everyone"


Target = tuple[Level, str]


class Kind(StrEnum):
    """The type of a flag's value."""

    BOOLEAN = "boolean"
    STRING = "string"
    NUMBER = "number"
    JSON = "json"


@dataclass(frozen=True)
class Flag:
    """A switch that code asks for.

    Attributes:
        says: what it does, one sentence.
        options: the strings it may be, from the tightest to the loosest; empty where any string may.
        spending: whether it lets the system spend money; it counts as `safe` when knowledge is stale, and a
            change that loosens it needs a second person.
        safe: the value of a spending flag under which the least is spent.
        expires: the day by which the code should ask for it no more.
    """

    key: str
    title: str
    kind: Kind
    default: Value
    says: str = ""
    options: tuple[str, ...] = ()
    spending: bool = False
    safe: Value = None
    expires: date | None = None


AUTOMATED_REVIEW: Final = Flag(
    "automated-review",
    "Automated review of purchase requests",
    Kind.BOOLEAN,
    default=False,
    says="Where it is on, what the rules call harmless is bought without asking a person.",
    spending=True,
    safe=False,
)
REVIEW_STRICTNESS: Final = Flag(
    "review-strictness",
    "How strict the automated review is",
    Kind.STRING,
    default=STANDARD.name,
    says="Standard goes by the rules in force; strict leaves more to people; lenient forgives a thin history,"
    " never an amount.",
    options=(STRICT.name, STANDARD.name, LENIENT.name),
    spending=True,
    safe=STRICT.name,
)

#: Every flag that code asks for, by key; an unknown key is an error, never off or on by accident.
FLAGS: Final[Mapping[str, Flag]] = {flag.key: flag for flag in (AUTOMATED_REVIEW, REVIEW_STRICTNESS)}


@dataclass(frozen=True)
class Setting:
    """What a flag is set to for somebody.

    Attributes:
        until: from then on it counts as not set; None for no end.
    """

    value: Value
    until: datetime | None = None

    def stands_at(self, now: datetime) -> bool:
        """Whether it counts at `now`."""
        return self.until is None or now < self.until


Overrides = Mapping[Target, Setting]


class Source(StrEnum):
    """Which knowledge spoke."""

    PERSON = "person"
    ROLLOUT = "rollout"
    DEPARTMENT = "department"
    EVERYONE = "everyone"
    DEFAULT = "default"
    STALE = "stale"
    WRONG_TYPE = "wrong_type"


_REASONS: Final[Mapping[Source, str]] = {
    Source.PERSON: "set for person",
    Source.ROLLOUT: "rollout: given to some first",
    Source.DEPARTMENT: "set for department",
    Source.EVERYONE: "set for everyone",
    Source.DEFAULT: "nothing is set, so the default stands",
    Source.STALE: "no fresh snapshot of the flags",
    Source.WRONG_TYPE: "what is set has another type, so it does not count",
}


@dataclass(frozen=True)
class Reading:
    """What a flag says and why.

    Attributes:
        revision: the revision of the flag store that was read; 0 where none was.
    """

    value: Value
    source: Source
    revision: int

    @property
    def on(self) -> bool:
        """Whether a boolean flag is on; nothing but true is."""
        return self.value is True

    @property
    def reason(self) -> str:
        """Which override spoke, or why the default or the safe value stands."""
        return _REASONS[self.source]


def chain(level: Level, subject: str, department_id: str) -> Sequence[Target]:
    """Where is looked for a target, the closest first.

    Args:
        department_id: a person's department; for the other levels it does not matter.
    """
    everyone = (Level.EVERYONE, "")
    match level:
        case Level.PERSON:
            return ((Level.PERSON, subject), (Level.DEPARTMENT, department_id), everyone)
        case Level.DEPARTMENT:
            return ((Level.DEPARTMENT, subject), everyone)
        case Level.EVERYONE:
            return (everyone,)


def read_flag(
    flag: Flag,
    overrides: Overrides,
    person_id: str,
    department_id: str,
    *,
    revision: int,
    age: timedelta,
    now: datetime,
    assigned: Value | None = None,
) -> Reading:
    """What `flag` says for a person of a department: person before rollout before department before everyone.

    Args:
        overrides: what is set for whom. An explicit False counts, so presence is asked for, not truth.
        age: how long ago the asking process heard from the flag store.
        now: for settings that end.
        assigned: what a rollout gives the request that is asked about; None where none does.
    """
    if flag.spending and age > FRESH_FOR:
        return Reading(flag.safe, Source.STALE, revision)
    if age > KEPT_FOR:
        return Reading(flag.default, Source.STALE, revision)
    targets = chain(Level.PERSON, person_id, department_id)
    own = overrides.get(targets[0])
    if assigned is not None and (own is None or not own.stands_at(now)):
        return _reading(flag, assigned, Source.ROLLOUT, revision)
    return read_chain(flag, overrides, targets, revision, now)


def read_nothing(flag: Flag) -> Reading:
    """What `flag` says in a process that never heard from the flag store."""
    return Reading(_when_broken(flag), Source.STALE, 0)


def read_chain(
    flag: Flag, overrides: Overrides, targets: Iterable[Target], revision: int, now: datetime
) -> Reading:
    """What the first of `targets` says for which something is set, as it stands at `now`."""
    for target in targets:
        setting = overrides.get(target)
        if setting is None or not setting.stands_at(now):
            continue
        return _reading(flag, setting.value, Source(target[0].value), revision)
    return Reading(flag.default, Source.DEFAULT, revision)


def _reading(flag: Flag, value: Value, source: Source, revision: int) -> Reading:
    if not fits(flag, value):
        # Something else wrote it, or the code was another then; never take it for a yes.
        return Reading(_when_broken(flag), Source.WRONG_TYPE, revision)
    return Reading(value, source, revision)


def _when_broken(flag: Flag) -> Value:
    return flag.safe if flag.spending else flag.default


def fits(flag: Flag, value: Value) -> bool:
    """Whether a value has the flag's type and is one of its options."""
    match flag.kind:
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.STRING:
            return isinstance(value, str) and (value in flag.options if flag.options else _is_short(value))
        case Kind.NUMBER:
            return _is_number(value)
        case Kind.JSON:
            return isinstance(value, list | dict) and _is_plain(value)


def _is_short(text: str) -> bool:
    return len(text) <= LONGEST_VALUE and "\x00" not in text


def _is_plain(value: Value) -> bool:
    try:
        written = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(written) <= LONGEST_VALUE and "\\u0000" not in written


def _is_number(value: Value) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LARGEST_NUMBER <= value <= LARGEST_NUMBER  # which NaN is not
