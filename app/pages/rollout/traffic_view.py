"""Where requests go and went, as pictures: a bar for each department, charts over time with every change marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from flask_babel import gettext as _

from app import database
from app.pages.auditor.wording import ACTIONS, title
from app.pages.rollout.routing_view import ways
from rules.person import Role
from rules.routing import RuleSet, Subject, trials
from rules.routing_rule import Unit
from storage import audit_list, build, department, routing
from storage.audit_list import AuditEntry, AuditFilter
from storage.build import BuildRouteRow
from storage.rollout_traffic import Beat

#: Windows to choose from, in hours, and into how many slots a chart cuts one.
HOURS: Final = (1, 6, 24)
SLOTS: Final = 60
#: So many changes are told; older ones stand in the audit trail.
MOST_CHANGES: Final = 60
#: What changes who gets what; that a gate begins or a request is redirected changes nothing for anybody.
_SUBJECTS: Final = ("rollout.", "build.", "routing.", "flag.set", "policy.saved")
_LEFT_OUT: Final = ("build.gate_begun", "build.forget_asked", "routing.build_not_live", "routing.redirected")
CHANGES: Final = tuple(
    action for action in ACTIONS if action.startswith(_SUBJECTS) and action not in _LEFT_OUT
)
#: Each build keeps its pattern on the whole page; of more builds than patterns the last ones share one.
PATTERNS: Final = 4


@dataclass(frozen=True)
class Part:
    """A stretch of a bar, in percent of its width; `tone` numbers its pattern."""

    build_id: str
    percent: Decimal
    begin: Decimal
    tone: int
    count: int | None = None

    @property
    def middle(self) -> Decimal:
        """Where its words stand."""
        return self.begin + self.percent / 2

    @property
    def words(self) -> str:
        """Its share, without digits that say nothing."""
        return f"{self.percent.quantize(Decimal('0.1')).normalize():f}\u00a0%"


@dataclass(frozen=True)
class Lane:
    """A department: how its next requests are set to go, and where those of the window went."""

    name: str
    set_to: Sequence[Part]
    went: Sequence[Part]

    @property
    def requests(self) -> int:
        """How many went anywhere."""
        return sum(part.count or 0 for part in self.went)


@dataclass(frozen=True)
class Window:
    """What the charts show: whole slots up to the present one, so that a slot stays where it is while time goes on."""

    since: datetime
    slot_seconds: int
    hours: int

    @classmethod
    def of(cls, hours: int, at: datetime) -> Window:
        """The last `hours` up to `at`."""
        seconds = hours * 3600 // SLOTS
        last = int(at.timestamp()) // seconds * seconds
        return cls(datetime.fromtimestamp(last - (SLOTS - 1) * seconds, UTC), seconds, hours)

    def slot_of(self, at: datetime) -> int:
        """The slot of a moment; below 0 for one before the window."""
        return int((at - self.since).total_seconds() // self.slot_seconds)

    @property
    def labels(self) -> list[str]:
        """The beginning of each slot, as the axis names it."""
        return [
            f"{self.since + timedelta(seconds=self.slot_seconds * number):%H:%M}" for number in range(SLOTS)
        ]


@dataclass(frozen=True)
class Change:
    """A change as the timeline tells it and the charts mark it: both by its number, the newest has the greatest."""

    number: int
    entry: AuditEntry
    what: str
    target: str
    why: str


def tones(route: BuildRouteRow | None, target: str | None, others: Iterable[str]) -> dict[str, int]:
    """Which pattern each build has: the current one the first, the new one the second."""
    wanted = [route.current if route else None, target, route.ramping if route else None, *sorted(others)]
    order = dict.fromkeys(one for one in wanted if one)
    return {build_id: min(number, PATTERNS - 1) for number, build_id in enumerate(order)}


def lanes(
    route: BuildRouteRow | None, seen: Mapping[str, Mapping[str, int]], tone_of: Mapping[str, int]
) -> list[Lane]:
    """A lane for each department."""
    session = database.session()
    rule_set, at = routing.read_rules_at(session)
    live = build.live_builds(session)
    # Over all people a draw by person comes to the same share as one by request.
    drawn = replace(rule_set, rules=tuple(replace(rule, unit=Unit.REQUEST) for rule in rule_set.rules))
    found = []
    for department_id, name in department.names(session).items():
        went = seen.get(department_id, {})
        set_to = _set_to(department_id, drawn, live, at, route)
        found.append(Lane(name, _parts(set_to, tone_of), _counted(went, tone_of)))
    return found


def _set_to(
    department_id: str, rule_set: RuleSet, live: frozenset[str], at: datetime, route: BuildRouteRow | None
) -> dict[str, Decimal]:
    """Build -> percent of the department's next requests; rules for single people and roles are left out."""
    subject = Subject("", department_id, frozenset({Role.EMPLOYEE.value}))
    current = route.current if route is not None and route.current else str(_("no build"))
    shares: dict[str, Decimal] = {}
    for way in ways(list(trials(subject, rule_set, live, at)), rule_set, route):
        shares[way.build or current] = shares.get(way.build or current, Decimal(0)) + way.percent
    return shares


def _counted(went: Mapping[str, int], tone_of: Mapping[str, int]) -> list[Part]:
    whole = sum(went.values())
    shares = {build_id: Decimal(100 * count) / whole for build_id, count in went.items()}
    return [replace(part, count=went[part.build_id]) for part in _parts(shares, tone_of)]


def _parts(shares: Mapping[str, Decimal], tone_of: Mapping[str, int]) -> list[Part]:
    parts, begin = [], Decimal(0)
    for build_id in sorted(shares, key=lambda one: (tone_of.get(one, PATTERNS), one)):
        tone = tone_of.get(build_id, PATTERNS - 1)
        percent = shares[build_id].quantize(Decimal("0.001"))
        parts.append(Part(build_id, percent, begin.quantize(Decimal("0.001")), tone))
        begin += shares[build_id]
    return parts


def changes(window: Window) -> list[Change]:
    """What was changed within the window, the newest first."""
    wanted = AuditFilter(actions=CHANGES, first_day=window.since.date())
    entries, _older = audit_list.entries(database.session(), wanted, None, MOST_CHANGES)
    within = [entry for entry in entries if entry.row.at >= window.since]
    return [_change(len(within) - position, entry) for position, entry in enumerate(within)]


def _change(number: int, entry: AuditEntry) -> Change:
    detail = entry.row.detail
    target = next((str(detail[key]) for key in ("target", "build_id", "flag", "name") if detail.get(key)), "")
    what = title(entry.row.action)
    new = detail.get("new") or {}
    if entry.row.action.startswith("rollout.") and "state" in new:
        what = f"{what}: {_stands(new)}"
    return Change(number, entry, what, target, str(detail.get("why") or detail.get("reason") or ""))


def _stands(new: Mapping[str, Any]) -> str:
    if new["state"] == "step":
        return str(_("step %(number)s", number=int(new.get("step", 0)) + 1))
    return str(new["state"])


def requests_chart(
    window: Window, beats: Sequence[Beat], told: Sequence[Change], tone_of: Mapping[str, int]
) -> dict[str, Any]:
    """Requests with a stage on each build, stacked."""
    series = [
        {
            "name": build_id,
            "type": "bar",
            "stack": "requests",
            "data": _per_slot(beats, build_id, lambda beat: beat.requests),
            "itemStyle": {"decal": _DECALS[tone_of.get(build_id, PATTERNS - 1)]},
        }
        for build_id in _builds_in(beats, tone_of)
    ]
    return _option(window, series, told, {"type": "value", "minInterval": 1})


def errors_chart(
    window: Window, beats: Sequence[Beat], told: Sequence[Change], tone_of: Mapping[str, int]
) -> dict[str, Any]:
    """Of the requests on each build, those of which a stage failed there; a gap where there was none."""
    series = [
        {
            "name": build_id,
            "type": "line",
            "connectNulls": False,
            "symbol": _SYMBOLS[tone_of.get(build_id, PATTERNS - 1)],
            "data": _per_slot(
                beats, build_id, lambda beat: round(100 * beat.failed / beat.requests, 1), None
            ),
        }
        for build_id in _builds_in(beats, tone_of)
    ]
    axis = {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}}
    return _option(window, series, told, axis)


_SYMBOLS: Final = ("circle", "triangle", "rect", "diamond")
_DECALS: Final[tuple[dict[str, Any], ...]] = (
    {"symbol": "none"},
    {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 4], "rotation": -0.785, "color": "rgba(0,0,0,.35)"},
    {"symbol": "circle", "symbolSize": 0.6, "color": "rgba(0,0,0,.35)"},
    {"symbol": "rect", "dashArrayX": [4, 4], "dashArrayY": [4, 4], "color": "rgba(0,0,0,.35)"},
)  # fmt: skip


def _builds_in(beats: Sequence[Beat], tone_of: Mapping[str, int]) -> list[str]:
    return sorted({beat.build_id for beat in beats}, key=lambda one: (tone_of.get(one, PATTERNS), one))


def _per_slot(beats: Sequence[Beat], build_id: str, value: Any, empty: int | None = 0) -> list[Any]:
    known = {beat.slot: value(beat) for beat in beats if beat.build_id == build_id}
    return [known.get(slot, empty) for slot in range(SLOTS)]


def _option(
    window: Window, series: list[dict[str, Any]], told: Sequence[Change], axis: dict[str, Any]
) -> dict[str, Any]:
    marks = [
        {"xAxis": slot, "label": {"formatter": numbers}} for slot, numbers in _marks(window, told).items()
    ]
    if not series:  # nothing went anywhere, yet the changes are told
        series = [{"name": "", "type": "line", "data": [None] * SLOTS}]
    series[0]["markLine"] = {
        "symbol": "none",
        "silent": True,
        "animation": False,
        "lineStyle": {"type": "dashed", "color": "#8a7330", "width": 1},
        "label": {"position": "end", "fontSize": 11, "color": "#8a7330"},
        "data": marks,
    }
    return {
        "animation": False,
        "legend": {"itemGap": 16},
        "grid": {"top": 52},
        "xAxis": {"type": "category", "data": window.labels},
        "yAxis": axis,
        "series": series,
    }


def _marks(window: Window, told: Sequence[Change]) -> dict[int, str]:
    """Slot -> the numbers of the changes in it."""
    numbers: dict[int, list[int]] = {}
    for change in reversed(told):
        numbers.setdefault(window.slot_of(change.entry.row.at), []).append(change.number)
    return {
        slot: str(each[0]) if len(each) == 1 else f"{each[0]}–{each[-1]}" for slot, each in numbers.items()
    }
