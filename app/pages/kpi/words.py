"""Figures in words: percentages, spans of time, weeks. Formats only."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

from flask_babel import format_date
from flask_babel import gettext as _

from app.templating import money
from rules.kpi import Grain, Interval, Period, Share

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def percent(value: float) -> str:
    """A share as a percentage with one digit: `47.8 %`, with a space that does not break."""
    return f"{value * 100:.1f}\u00a0%"


def nearly_all(value: float) -> str:
    """A share that never is quite all: `> 99.9 %`."""
    return f"> {percent(0.999)}" if 0.9995 <= value < 1 else percent(value)


def interval(bounds: Interval) -> str:
    """From where to where: `43.7–52.0 %`."""
    return f"{bounds.low * 100:.1f}–{bounds.high * 100:.1f}\u00a0%"


def share(figure: Share) -> str:
    """A share in one line with its interval and n, for a tooltip."""
    if figure.value is None or figure.interval is None:
        return str(_("n too small (%(part)s of %(whole)s)", part=figure.part, whole=figure.whole))
    return str(
        _(
            "%(value)s (%(part)s of %(whole)s), 95%% interval %(interval)s",
            value=percent(figure.value),
            part=figure.part,
            whole=figure.whole,
            interval=interval(figure.interval),
        )
    )


def span(seconds: float | None) -> str:
    """A length of time in the unit that fits it: `0.4 s`, `2 h 07 min`, `2.3 days`."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE:
        return f"{seconds:.1f}\u00a0s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f}\u00a0min"
    if seconds < 2 * _DAY:
        minutes = round(seconds / _MINUTE)
        return f"{minutes // 60}\u00a0h\u00a0{minutes % 60:02d}\u00a0min"
    return str(_("%(days)s days", days=f"{seconds / _DAY:.1f}"))


def days(first: date, last: date) -> str:
    """Two days and what lies between: `31 Aug – 21 Nov 2026`."""
    begin = "d MMM" if first.year == last.year else "d MMM yyyy"
    return f"{format_date(first, begin)} – {format_date(last, 'd MMM yyyy')}"


def period(one: Period) -> str:
    """A week or month by its name and days, saying where only a part of it is counted."""
    name = f"{one.name}, {days(one.first, one.last)}"
    return name if one.is_whole else str(_("%(period)s, in part", period=name))


def tick(one: Period) -> str:
    """A week or month as it stands under a chart: `W47`, `Nov`."""
    return str(format_date(one.first, "MMM")) if one.grain is Grain.MONTH else one.name.split("-")[1]


def amount(value: float, currency: str) -> str:
    """A mean amount with its currency's digits: `86.40 EUR`."""
    return money(Decimal(str(value)), currency)


def points(difference: float) -> str:
    """A difference of two shares: `+3.1 points`."""
    return str(_("%(points)s points", points=f"{difference * 100:+.1f}"))


def plain(value: float) -> str:
    """A number from 0 to 1: `0.78`."""
    return f"{value:.2f}"


def plain_change(difference: float) -> str:
    """A difference of two such numbers: `+0.03`."""
    return f"{difference:+.3f}"


def short_span(seconds: float) -> str:
    """A length of time, in milliseconds where it is short: `8 ms`."""
    return f"{seconds * 1000:.0f}\u00a0ms" if abs(seconds) < 1 else span(seconds)


def short_span_change(seconds: float) -> str:
    """A difference of two such lengths: `+0.3 ms`."""
    return f"{seconds * 1000:+.1f}\u00a0ms" if abs(seconds) < 1 else f"{seconds:+.1f}\u00a0s"


def target(low: float, high: float) -> str:
    """What a share is wished to be: `60–70 %`, `95 % and more`."""
    if high == math.inf:
        return str(_("%(low)s %% and more", low=f"{low * 100:.0f}"))
    return f"{low * 100:.0f}–{high * 100:.0f}\u00a0%"
