"""The figures as ECharts options. Every point carries the words that hovering shows, n included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.pages.kpi import words
from app.templating import money
from rules.kpi import Durations, Grain, Ordered, Period, Scope, Share, Tally
from storage.kpi import Report

Option = dict[str, Any]
_NOTHING = Tally()


@dataclass(frozen=True)
class Bucket:
    """One week or month on a chart and in the table beside it."""

    period: Period
    tally: Tally


def buckets(scope: Scope, report: Report, grain: Grain = Grain.WEEK) -> list[Bucket]:
    """Every week or month of the window, also those in which nothing happened."""
    return [
        Bucket(period, report.by_period.get((grain, period.first), _NOTHING))
        for period in scope.periods(grain)
    ]


def enough(scope: Scope, report: Report, figure: str) -> list[Bucket]:
    """Weeks where at least half of them have enough cases for `figure`, a Share or Durations of Tally; else months."""
    weeks = buckets(scope, report)
    drawn = [one for one in weeks if not _figure(one, figure).is_small]
    return weeks if 2 * len(drawn) >= len(weeks) else buckets(scope, report, Grain.MONTH)


def is_drawn(shown: list[Bucket], figure: str) -> bool:
    """Whether anything of `figure` can be drawn."""
    return any(not _figure(one, figure).is_small for one in shown)


def _figure(one: Bucket, name: str) -> Share | Durations:
    figure: Share | Durations = getattr(one.tally, name)
    return figure


def decided(shown: list[Bucket]) -> Option:
    """How requests were decided, stacked."""
    parts: list[tuple[str, Callable[[Tally], int]]] = [
        (_("Automatic"), lambda tally: tally.auto),
        (_("Approved"), lambda tally: tally.approved),
        (_("Rejected"), lambda tally: tally.rejected),
        (_("Timed out"), lambda tally: tally.expired),
    ]
    series = [_bars(name, [part(one.tally) for one in shown]) for name, part in parts]

    def tell(tally: Tally) -> list[str]:
        return [*(f"{name}: {part(tally)}" for name, part in parts), _("Decided: %(n)s", n=tally.decided)]

    return _over_time(shown, series, tell, legend=True)


def auto_approval_rate(shown: list[Bucket]) -> Option:
    """The auto-approval rate, where n allows."""
    series = [_line(_("Auto-approval rate"), [_percent(one.tally.auto_approval_rate) for one in shown])]
    option = _over_time(shown, series, lambda tally: [words.share(tally.auto_approval_rate)])
    option["yAxis"] = _percent_axis()
    return option


def manual_time(shown: list[Bucket]) -> Option:
    """Hours from submit to a person's decision, where n allows."""
    times = [one.tally.manual_time for one in shown]
    series = [
        _line(_("Median"), [_hours(time.p50) for time in times]),
        _line(_("90th percentile"), [_hours(time.p90) for time in times]),
    ]

    def tell(tally: Tally) -> list[str]:
        time = tally.manual_time
        if time.is_small:
            return [_("n too small (n = %(n)s)", n=time.n)]
        return [
            _("Median: %(time)s", time=words.span(time.p50)),
            _("90th percentile: %(time)s", time=words.span(time.p90)),
            f"n = {time.n}",
        ]

    option = _over_time(shown, series, tell, legend=True)
    option["yAxis"] = {"type": "value", "axisLabel": {"formatter": "{value} h"}}
    return option


def ordered(shown: list[Bucket], currency: str) -> Option:
    """What was ordered in one currency: approved automatically and by a person, stacked."""
    found = [one.tally.ordered.get(currency) for one in shown]
    auto = [float(one.auto_amount) if one else 0 for one in found]
    by_person = [float(one.amount - one.auto_amount) if one else 0 for one in found]
    series = [_bars(_("Approved automatically"), auto), _bars(_("Approved by a person"), by_person)]

    def tell(tally: Tally) -> list[str]:
        one = tally.ordered.get(currency)
        return _tell_ordered(one, currency) if one else [_("Nothing was ordered")]

    return _over_time(shown, series, tell, legend=True)


def by_department(report: Report, names: Mapping[str, str]) -> Option | None:
    """The auto-approval rates beside each other; None where there is nothing to compare."""
    rates = [
        (name, report.by_department[key].auto_approval_rate)
        for key, name in names.items()
        if key in report.by_department
    ]
    if len(rates) < 2 or all(rate.is_small for _name, rate in rates):
        return None
    rates.reverse()  # the axis counts from below
    return {
        "xAxis": _percent_axis(),
        "yAxis": {"type": "category", "data": [name for name, _rate in rates]},
        "grid": {"top": 8},
        "series": [_bars(_("Auto-approval rate"), [_percent(rate) for _name, rate in rates])],
        "tooltip": {"texts": [f"{name}\n{words.share(rate)}" for name, rate in rates]},
    }


def _over_time(
    shown: list[Bucket], series: list[Option], tell: Callable[[Tally], Iterable[str]], *, legend: bool = False
) -> Option:
    texts = ["\n".join([words.period(one.period), *tell(one.tally)]) for one in shown]
    option: Option = {
        "xAxis": {"type": "category", "data": [words.tick(one.period) for one in shown]},
        "yAxis": {"type": "value"},
        "series": series,
        "tooltip": {"texts": texts},
    }
    return option | ({"legend": {"itemWidth": 14}} if legend else {"grid": {"top": 12}})


def _bars(name: str, data: list[Any]) -> Option:
    return {"type": "bar", "stack": "all", "name": name, "data": data}


def _line(name: str, data: list[float | None]) -> Option:
    return {"type": "line", "name": name, "data": data}


def _percent_axis() -> Option:
    return {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}}


def _percent(rate: Share) -> float | None:
    return None if rate.value is None else round(rate.value * 100, 1)


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 2)


def _tell_ordered(one: Ordered, currency: str) -> list[str]:
    return [
        _("Approved automatically: %(amount)s", amount=money(one.auto_amount, currency)),
        _("Approved by a person: %(amount)s", amount=money(one.amount - one.auto_amount, currency)),
        _("%(n)s orders, %(amount)s", n=one.orders, amount=money(one.amount, currency)),
    ]
