"""Cron words and the moments that they mean, in a zone with its summer time. Knows no store, no scheduler, no clock.

Moments are those that Temporal's schedules take for the same calendar, which libraries for cron do not give: a time of
day that a change of the clock skips is left out; of one that comes twice the later counts, west of Greenwich both. A test
asks the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.errors import Invalid

#: Who names the 29th of February waits for up to eight years.
FARTHEST: Final = timedelta(days=8 * 366)
LONGEST_WORDS: Final = 200


@dataclass(frozen=True)
class _Part:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PARTS: Final = (
    _Part("minute", 0, 59),
    _Part("hour", 0, 23),
    _Part("day of the month", 1, 31),
    _Part("month", 1, 12, _MONTHS),
    _Part("day of the week", 0, 7, _WEEKDAYS),
)
_PIECE: Final = re.compile(
    r"(?:\*|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Cron:
    """When something is due: each field in ascending order, weekdays from 0, Sunday."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def is_all_day(self) -> bool:
        """Whether it is due in every hour of every day, so that only minutes matter."""
        fields = (self.hours, self.days, self.months, self.weekdays)
        return [len(each) for each in fields] == [24, 31, 12, 7]

    def is_on(self, day: date) -> bool:
        """Whether anything is due on that day."""
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays


def read_cron(text: str, field: str = "cron") -> Cron:
    """Five cron words: minute, hour, day of the month, month, day of the week.

    Raises:
        Invalid: says which of the words is wrong. Also where both kinds of day are given: some programs take that for
            "or" and others for "and", so whoever reads it would be wrong half of the time.
    """
    words = text[: LONGEST_WORDS + 1].lower().split()
    if len(text) > LONGEST_WORDS or len(words) != len(_PARTS):
        raise Invalid(
            "Please give five words: minute, hour, day of the month, month, day of the week; such as 0 9 * * 1-5.",
            field,
        )
    read = [_values(word, part, field) for word, part in zip(words, _PARTS, strict=True)]
    weekdays = tuple(sorted({each % 7 for each in read[4]}))
    if len(read[2]) < 31 and len(weekdays) < 7:
        raise Invalid("Please give days of the month or days of the week, and * for the other.", field)
    return Cron(read[0], read[1], read[2], read[3], weekdays)


def _values(word: str, part: _Part, field: str) -> tuple[int, ...]:
    found: set[int] = set()
    for piece in word.split(","):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise Invalid(f"{piece!r} cannot be read as a {part.name}.", field)
        first, last = part.first, part.last
        if match["first"]:
            first = last = _number(match["first"], part, field)
        if match["last"]:
            last = _number(match["last"], part, field)
        elif match["first"] and match["step"]:
            last = part.last
        step = int(match["step"] or 1)
        if first > last or not step:
            raise Invalid(f"{piece!r} names no {part.name}.", field)
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _number(text: str, part: _Part, field: str) -> int:
    value = part.words.index(text) + part.first if text in part.words else -1
    if text.isdecimal():
        value = int(text)
    if not part.first <= value <= part.last:
        known = f" or {part.words[0]} to {part.words[-1]}" if part.words else ""
        raise Invalid(f"{text!r} is no {part.name}; it goes from {part.first} to {part.last}{known}.", field)
    return value


def read_zone(name: str, field: str = "zone") -> ZoneInfo:
    """A time zone by its IANA name, such as Europe/Madrid; raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"{name[:60]!r} is no time zone; please name one such as Europe/Madrid or UTC.", field
        ) from None


def counting_zone(cron: Cron, zone: ZoneInfo, at: datetime) -> ZoneInfo:
    """The zone in which a scheduler has to count: UTC for what is due every hour of every day.

    There the zone says nothing, as long as it is whole hours away; and in UTC no hour is skipped or comes twice.
    """
    away = zone.utcoffset(at) or timedelta(0)
    return ZoneInfo("UTC") if cron.is_all_day and not away % timedelta(hours=1) else zone


def moments(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """When it is due after a moment, in that zone; ends after eight years."""
    counted = counting_zone(cron, zone, after.astimezone(zone))
    today = after.astimezone(counted).date()
    for offset in range(-1, FARTHEST.days):
        day = today + timedelta(days=offset)
        if cron.is_on(day):
            yield from (each.astimezone(zone) for each in _on(cron, counted, day) if each > after)


def _on(cron: Cron, zone: ZoneInfo, day: date) -> list[datetime]:
    """The moments of one day, in UTC."""
    found: set[datetime] = set()
    for hour in cron.hours:
        for minute in cron.minutes:
            later = datetime.combine(day, time(hour, minute, fold=1), zone)
            is_west = (later.utcoffset() or timedelta(0)) < timedelta(0)
            for wished in (later.replace(fold=0), later) if is_west else (later,):
                at = wished.astimezone(UTC)
                if at.astimezone(zone).replace(tzinfo=None, fold=0) == wished.replace(tzinfo=None, fold=0):
                    found.add(at)
    return sorted(found)


def next_moments(cron: Cron, zone: ZoneInfo, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` moments; fewer where it is never due again within eight years."""
    return tuple(islice(moments(cron, zone, after), count))
