"""When a routing rule applies: between two moments, on weekdays, at hours of a named place. Knows no clock, no rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from rules.errors import Invalid

#: Beyond, a time is a slip of the keyboard.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2200
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Window:
    """A stretch of time; whatever is not given does not limit.

    Hours and weekdays are those that a clock on the wall of `zone` shows, so on the day on which the clock is put
    forward an hour that is left out never opens, and on the day on which it is put back a repeated hour opens twice.

    Attributes:
        starts_at, ends_at: moments in UTC; the second no longer belongs to the window.
        zone: a name of the IANA time zone database, such as Europe/Madrid.
        weekdays: 0 is Monday; empty for every day. Hours past midnight belong to the day on which they began.
        from_hour, to_hour: both or neither; to the minute, the second no longer belongs to it. 22:00 to 06:00
            goes over midnight.
    """

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "UTC"
    weekdays: tuple[int, ...] = ()
    from_hour: time | None = None
    to_hour: time | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether `now`, a moment with a zone, lies in the window."""
        if self.starts_at is not None and now < self.starts_at:
            return False
        if self.ends_at is not None and now >= self.ends_at:
            return False
        local = now.astimezone(ZoneInfo(self.zone))
        day = self._day_of(local)
        return day is not None and (not self.weekdays or day in self.weekdays)

    def _day_of(self, local: datetime) -> int | None:
        """The weekday that this hour belongs to; None where the hours are closed."""
        if self.from_hour is None or self.to_hour is None:
            return local.weekday()
        clock = local.time().replace(fold=0)
        if self.from_hour < self.to_hour:
            return local.weekday() if self.from_hour <= clock < self.to_hour else None
        if clock >= self.from_hour:
            return local.weekday()
        return (local.weekday() - 1) % 7 if clock < self.to_hour else None

    @property
    def limits(self) -> bool:
        """Whether it is anything else than always open."""
        return self != Window(zone=self.zone)

    def say(self) -> str:
        """The window in words, in its own zone."""
        zone = ZoneInfo(self.zone)
        parts = [
            f"{word} {moment.astimezone(zone):%Y-%m-%d %H:%M}"
            for word, moment in (("from", self.starts_at), ("until", self.ends_at))
            if moment is not None
        ]
        if self.weekdays:
            parts.append(_say_days(sorted(self.weekdays)))
        if self.from_hour is not None and self.to_hour is not None:
            parts.append(f"{self.from_hour:%H:%M} to {self.to_hour:%H:%M}")
        return f"{', '.join(parts)} ({self.zone})" if parts else "always"


def _say_days(days: list[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"
    return ", ".join(WEEKDAYS[day] for day in days)


ALWAYS: Final = Window()


def check_zone(name: str) -> None:
    """Refuse what the time zone database does not have; raises Invalid."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path out of the database, a folder of it
        raise Invalid(f"{name!r} is not a time zone such as Europe/Madrid.", "zone") from None


def read_moment(typed: str, zone: str, field: str) -> datetime:
    """The moment in UTC at which a clock in `zone` shows `typed`, such as 2026-03-29T01:30.

    Where it is shown twice, the first time is meant. With an offset, as in 2026-03-29T01:30+00:00, it is exact.

    Raises:
        Invalid: it is no date with a time, or the clock never shows it, as it is put forward over it.
    """
    try:
        local = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid("Please write a day and a time, such as 2026-03-29T09:00.", field) from None
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise Invalid(f"Please give a year from {FIRST_YEAR} to {LAST_YEAR}.", field)
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if shown != local:
        raise Invalid(f"No clock in {zone} shows this time: it is put forward over it.", field)
    return moment


def read_window(
    starts_at: str, ends_at: str, zone: str, weekdays: tuple[int, ...], from_hour: str, to_hour: str
) -> Window:
    """The window that typed words mean; empty words do not limit.

    Args:
        starts_at, ends_at: as `read_moment` reads them.
        from_hour, to_hour: such as 09:00.

    Raises:
        Invalid: for the first that cannot be understood, and for a window that never opens.
    """
    check_zone(zone)
    start = read_moment(starts_at, zone, "starts_at") if starts_at else None
    end = read_moment(ends_at, zone, "ends_at") if ends_at else None
    if start is not None and end is not None and start >= end:
        raise Invalid("The window must end after it begins.", "ends_at")
    if any(not 0 <= day <= 6 for day in weekdays):
        raise Invalid("A weekday is a number from 0, Monday, to 6, Sunday.", "weekdays")
    if bool(from_hour) != bool(to_hour):
        raise Invalid("Please give both hours or neither.", "to_hour" if from_hour else "from_hour")
    first, last = _hour(from_hour, "from_hour"), _hour(to_hour, "to_hour")
    if first is not None and first == last:
        raise Invalid("Both hours are the same; leave both empty for the whole day.", "to_hour")
    return Window(start, end, zone, tuple(sorted(set(weekdays))), first, last)


def _hour(typed: str, field: str) -> time | None:
    if not typed:
        return None
    try:
        hour = time.fromisoformat(typed)
    except ValueError:
        hour = None
    if hour is None or hour.tzinfo is not None or hour.second or hour.microsecond:
        raise Invalid("Please write an hour to the minute, such as 09:00.", field)
    return hour
