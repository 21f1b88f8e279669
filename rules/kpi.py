"""KPIs: shares and how sure they are, windows, whose figures a person may see. The counting is in storage/kpi.py."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from rules.errors import InvalidFields, NotAllowed, NotFound
from rules.person import Person, Role

#: Below this a share or a quantile says more about chance than about the company.
SMALLEST_N: Final = 30
#: A 99th percentile of fewer is just the largest value.
SMALLEST_N_FOR_P99: Final = 100
#: The two-sided 95 % point of the normal distribution.
_Z: Final = 1.959963984540054

USUAL_WEEKS: Final = 12
LONGEST_WINDOW: Final = timedelta(days=732)
#: Whoever holds one of these sees the whole company; a manager only the own department.
_SEES_ALL: Final = frozenset({Role.FINANCE, Role.PLATFORM, Role.AUDITOR})


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both from 0 to 1."""

    low: float
    high: float


def wilson(part: int, whole: int, z: float = _Z) -> Interval:
    """The 95 % score interval of Wilson (1927) for a share, without continuity correction.

    Args:
        z: how many standard errors wide to each side, where it is to be another than 95 %.

    Raises:
        ValueError: unless 0 <= part <= whole and whole > 0.
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    share, square = part / whole, z * z
    middle = share + square / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


@dataclass(frozen=True)
class Share:
    """`part` of `whole` cases; `whole` is the n of the figure."""

    part: int
    whole: int

    @property
    def is_small(self) -> bool:
        """Whether n is too small for a percentage."""
        return self.whole < SMALLEST_N

    @property
    def value(self) -> float | None:
        """From 0 to 1; None where n is too small."""
        return None if self.is_small else self.part / self.whole

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval; None where n is too small."""
        return None if self.is_small else wilson(self.part, self.whole)


@dataclass(frozen=True)
class Durations:
    """Quantiles of `n` durations in seconds, by nearest rank; None where n is too small for one."""

    n: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, n: int, p50: float, p90: float, p99: float) -> Durations:
        """The quantiles that n allows."""
        if n < SMALLEST_N:
            return cls(n)
        return cls(n, p50, p90, p99 if n >= SMALLEST_N_FOR_P99 else None)

    @property
    def is_small(self) -> bool:
        """Whether n is too small for quantiles."""
        return self.n < SMALLEST_N


@dataclass(frozen=True)
class Ordered:
    """What was ordered in one currency, and the part of it that was approved automatically."""

    orders: int
    amount: Decimal
    auto_amount: Decimal


@dataclass(frozen=True)
class Tally:
    """What was counted for the company, a department or a week; the shares follow from it."""

    decided: int = 0
    reviewed: int = 0
    auto: int = 0
    approved: int = 0
    rejected: int = 0
    expired: int = 0
    withdrawn: int = 0
    completed: int = 0
    order_refused: int = 0
    auto_time: Durations = Durations(0)
    manual_time: Durations = Durations(0)
    ordered: Mapping[str, Ordered] = field(default_factory=dict)

    @property
    def auto_approval_rate(self) -> Share:
        """Approved by the review alone among those that entered it; all are defined in rules/kpi_figures.py."""
        return Share(self.auto, self.reviewed)

    @property
    def automation_coverage(self) -> Share:
        """Entered the review among decided."""
        return Share(self.reviewed, self.decided)

    @property
    def rejected_rate(self) -> Share:
        """Rejected among approved or rejected by a person."""
        return Share(self.rejected, self.approved + self.rejected)

    @property
    def expired_rate(self) -> Share:
        """Expired among those that a person was asked about."""
        return Share(self.expired, self.approved + self.rejected + self.expired)

    @property
    def withdrawn_rate(self) -> Share:
        """Withdrawn among withdrawn or decided."""
        return Share(self.withdrawn, self.withdrawn + self.decided)

    @property
    def order_refused_rate(self) -> Share:
        """Refused among ordered or refused."""
        return Share(self.order_refused, self.completed + self.order_refused)


@dataclass(frozen=True)
class Scope:
    """What is counted.

    Attributes:
        first, last: the days of the window in UTC, both included.
        department_id: None for the whole company.
        include_demo: whether made-up requests count too.
    """

    first: date
    last: date
    department_id: str | None
    include_demo: bool

    @property
    def start(self) -> datetime:
        """The first moment of the window."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def before(self) -> Scope:
        """The same, in the window of the same length that ends where this one begins."""
        days = (self.last - self.first).days + 1
        return replace(self, first=self.first - timedelta(days=days), last=self.first - timedelta(days=1))

    @property
    def end(self) -> datetime:
        """The first moment after the window."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    def periods(self, grain: Grain) -> list[Period]:
        """Every ISO week or calendar month that the window touches, in their order."""
        periods = []
        begin = begin_of(self.first, grain)
        while begin <= self.last:
            following = begin_of(
                begin + (timedelta(days=7) if grain is Grain.WEEK else timedelta(days=31)), grain
            )
            last = following - timedelta(days=1)
            periods.append(Period(begin, last, grain, is_whole=self.first <= begin and last <= self.last))
            begin = following
        return periods


class Grain(StrEnum):
    """How long the periods are that a chart compares; the words are Postgres's own."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """One ISO week or calendar month.

    Attributes:
        first, last: its days, both included.
        is_whole: whether the window holds all of them.
    """

    first: date
    last: date
    grain: Grain
    is_whole: bool

    @property
    def name(self) -> str:
        """Its ISO name: 2026-W47 or 2026-11."""
        if self.grain is Grain.MONTH:
            return f"{self.first:%Y-%m}"
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02d}"


def begin_of(day: date, grain: Grain) -> date:
    """The first day of the week or month that a day lies in."""
    return day.replace(day=1) if grain is Grain.MONTH else day - timedelta(days=day.weekday())


def judge_window(first: str, last: str, today: date) -> tuple[date, date]:
    """The first and last day that the filter's text means; empty text means up to today, and
    the `USUAL_WEEKS` before that.

    Raises:
        InvalidFields: naming `first` or `last`.
    """
    problems: dict[str, str] = {}
    end = _read_day("last", last, today, problems)
    usual = begin_of(end, Grain.WEEK) - timedelta(weeks=USUAL_WEEKS - 1)
    start = _read_day("first", first, usual, problems)
    if not problems and start > end:
        problems["first"] = "The first day lies after the last one."
    elif not problems and end - start > LONGEST_WINDOW:
        problems["first"] = f"Please choose at most {LONGEST_WINDOW.days} days."
    if problems:
        raise InvalidFields(problems)
    return start, end


def _read_day(name: str, text: str, usual: date, problems: dict[str, str]) -> date:
    if not text.strip():
        return usual
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        problems[name] = "Please give the date as year-month-day, for example 2026-11-21."
        return usual
    if not date(2000, 1, 1) <= day < date(2100, 1, 1):
        problems[name] = "Please give a day of this century."
        return usual
    return day


def own_department_only(person: Person) -> bool:
    """Whether a person sees only the own department's figures; raises NotAllowed who sees none."""
    if person.roles & _SEES_ALL:
        return False
    if Role.MANAGER in person.roles:
        return True
    raise NotAllowed("Your roles do not open the figures.")


def judge_department(person: Person, asked: str, known: Collection[str]) -> str | None:
    """The department whose figures are shown; None for the whole company.

    Args:
        asked: a department's id, or empty for as much as the person may see.

    Raises:
        NotFound, NotAllowed.
    """
    limited = own_department_only(person)
    if asked and asked not in known:
        raise NotFound("There is no such department.")
    if limited and asked not in {"", person.department_id}:
        raise NotAllowed("You see the figures of your own department.")
    return person.department_id if limited else asked or None
