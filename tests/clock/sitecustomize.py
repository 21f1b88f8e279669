"""Shifts the clock of one test process by SHIFT_SECONDS: Python runs this before anything else, from its PYTHONPATH.

Only what asks Python for the time is shifted. Steady clocks are not: no machine's monotonic clock is another's.
"""

from __future__ import annotations

import datetime as module
import os
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

SHIFT = timedelta(seconds=int(os.environ["SHIFT_SECONDS"]))
_time, _time_ns = time.time, time.time_ns


class _AnyMoment(type):
    """Lets moments that were made before, or by C code, count as moments."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, datetime)


class Shifted(datetime, metaclass=_AnyMoment):
    """`datetime` with another now. Everything else is as it was: whatever it makes is a plain datetime."""

    def __new__(cls, *given: Any, **named: Any) -> datetime:  # type: ignore[misc]
        return datetime(*given, **named)  # noqa: DTZ001  (as it was asked for)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + SHIFT

    @classmethod
    def utcnow(cls) -> datetime:  # type: ignore[override]
        return datetime.now(module.UTC).replace(tzinfo=None) + SHIFT

    @classmethod
    def today(cls) -> datetime:  # type: ignore[override]
        return cls.now()


def _shifted_time() -> float:
    return _time() + SHIFT.total_seconds()


def _shifted_time_ns() -> int:
    return _time_ns() + int(SHIFT.total_seconds()) * 1_000_000_000


module.datetime = Shifted  # type: ignore[misc]
time.time, time.time_ns = _shifted_time, _shifted_time_ns
