"""When the people of the demo company ask and answer: office hours, thin weekends. Knows nobody's name."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, time, timedelta
from typing import Final

DAYS: Final = 120
OPENS_AT: Final = 8
CLOSES_AT: Final = 18
#: How many requests a day sees beside the others, Monday first.
_WEEKDAYS: Final = (10, 11, 11, 10, 8, 0.6, 0.4)
#: The same for the hours from 7 to 20 UTC: a morning, a lunch, an afternoon, a late one now and then.
_HOURS: Final = {7: 1, 8: 6, 9: 10, 10: 11, 11: 8, 12: 5, 13: 4, 14: 8, 15: 9, 16: 7, 17: 4, 18: 1, 20: 0.4}
#: The company grew a little: the last day sees this much more than the first.
_GROWTH: Final = 0.35
#: The natural logarithm of the median answer, in office hours, and its spread: most within hours, some in days.
_MEDIAN_ANSWER_HOURS: Final = 1.7
_SPREAD: Final = 1.3


def submit_times(chance: random.Random, now: datetime, count: int) -> list[datetime]:
    """`count` moments of the last `DAYS` days at which somebody asked for something, the oldest first."""
    today = now.astimezone(UTC).date()
    days = [today - timedelta(days=ago) for ago in range(DAYS, -1, -1)]
    weights = [_WEEKDAYS[day.weekday()] * (1 + _GROWTH * n / DAYS) for n, day in enumerate(days)]
    hours = chance.choices(list(_HOURS), list(_HOURS.values()), k=count)
    times = [
        datetime.combine(day, time(hour), UTC) + timedelta(seconds=chance.uniform(0, 3600))
        for day, hour in zip(chance.choices(days, weights, k=count), hours, strict=True)
    ]
    return sorted(at for at in times if at < now)


def answer_hours(chance: random.Random, pace: float) -> float:
    """How many office hours somebody takes to decide."""
    return chance.lognormvariate(math.log(_MEDIAN_ANSWER_HOURS * pace), _SPREAD)


def after_office_hours(start: datetime, hours: float) -> datetime:
    """The moment at which so many office hours have passed since `start`."""
    at, left = _into_office(start), timedelta(hours=hours)
    while True:
        closing = at.replace(hour=CLOSES_AT, minute=0, second=0, microsecond=0)
        if at + left <= closing:
            return at + left
        left -= closing - at
        at = _into_office(closing)


def _into_office(at: datetime) -> datetime:
    """`at`, or the next opening where the office is closed then."""
    opening = at.replace(hour=OPENS_AT, minute=0, second=0, microsecond=0)
    if at < opening:
        at = opening
    elif at.hour >= CLOSES_AT:
        at = opening + timedelta(days=1)
    while at.weekday() >= 5:
        at = at.replace(hour=OPENS_AT, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return at
