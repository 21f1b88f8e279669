"""What the routing pages show: rules in words, their history, and what becomes of somebody's next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flask_babel import gettext as _

from app import database
from app.pages.rollout.names import Names
from rules.errors import InvalidFields
from rules.evidence import Split, check_split
from rules.money import Money
from rules.request import workflow_id
from rules.routing import Kind, Mode, Rule, RuleSet, Trial, Verdict, in_order, predict_native, trials
from rules.routing_content import read_rule
from storage import build, route, route_list, routing
from storage.build import BuildRouteRow
from storage.person import PersonRow
from storage.request import RequestRow
from storage.route import RouteRow
from storage.routing import RoutingChangeRow, RoutingRuleRow

#: So many changes and earlier requests are shown; older ones stand in the audit trail.
STORY = 50
EARLIER = 10


@dataclass(frozen=True)
class Line:
    """One rule as the list shows it.

    Attributes:
        rule: None where the stored one cannot be read any more.
        dead: builds it names that have no live worker.
        split: whether its variants got the requests that their weights say; None without variants.
    """

    row: RoutingRuleRow
    rule: Rule | None
    whom: str
    dead: Sequence[str]
    sent: int
    split: Split | None


@dataclass(frozen=True)
class Way:
    """Where a part of somebody's next requests goes; `build` None is the current one."""

    build: str | None
    variant: str | None
    rule: Rule | None
    percent: Decimal


@dataclass(frozen=True)
class Earlier:
    """A request that was submitted before; `on_ramp` is what the server's own ramp says of it."""

    request: RequestRow
    route: RouteRow | None
    on_ramp: bool


@dataclass(frozen=True)
class Outlook:
    """Where somebody's next request would go, and why."""

    person: PersonRow
    rule_set: RuleSet
    ways: Sequence[Way]
    trials: Sequence[Trial]
    server: BuildRouteRow | None
    earlier: Sequence[Earlier]


def lines() -> list[Line]:
    """Every rule in the order in which they are asked, exclusions first; before them those that cannot be read."""
    session = database.session()
    rows = {str(row.id): row for row in routing.all_rules(session)}
    readable: dict[str, Rule] = {}
    broken: list[Line] = []
    for rule_id, row in rows.items():
        try:
            readable[rule_id] = read_rule(rule_id, row.content)
        except InvalidFields:
            broken.append(Line(row, None, "", (), 0, None))
    live, names = build.live_builds(session), Names()
    return broken + [
        _line(rows[rule.id], rule, names, [one for one in rule.builds if one not in live])
        for rule in sorted(in_order(readable.values()), key=lambda rule: rule.kind is not Kind.EXCLUDE)
    ]


def _line(row: RoutingRuleRow, rule: Rule, names: Names, dead: Sequence[str]) -> Line:
    assigned = route.assigned(database.session(), row.id)
    split = None
    if rule.variants:
        by_name = [
            sum(count for (_b, name), count in assigned.items() if name == variant.name)
            for variant in rule.variants
        ]
        split = check_split(by_name, [variant.weight for variant in rule.variants])
    return Line(row, rule, names.whom(rule), dead, sum(assigned.values()), split)


def outlook(person: PersonRow, amount: Money) -> Outlook:
    """What would become of a request over `amount` that this person submitted now."""
    session = database.session()
    rule_set, now = routing.read_rules_at(session)
    subject = route.subject_of(person, amount)
    asked = list(trials(subject, rule_set, build.live_builds(session), now))
    server = build.route(session)
    return Outlook(person, rule_set, ways(asked, rule_set, server), asked, server, _earlier(person, server))


def ways(asked: Sequence[Trial], rule_set: RuleSet, server: BuildRouteRow | None) -> list[Way]:
    """What the rules said as parts of the subject's requests that go somewhere; together 100 %."""
    found: list[tuple[Rule | None, str | None, str | None, Fraction]] = []
    rest = Fraction(1)
    for trial in asked:
        for arm in trial.arms:
            rest -= arm.chance
            target = (arm.build, arm.variant) if arm.is_live else (None, None)
            found.append((trial.rule, *target, arm.chance))
    if rule_set.mode is Mode.NATIVE and server is not None and server.ramping and not rule_set.frozen:
        ramp = rest * Fraction(server.percent) / 100
        found.append((None, server.ramping, None, ramp))
        rest -= ramp
    found.append((None, None, None, rest))
    return [Way(to, variant, rule, _percent(chance)) for rule, to, variant, chance in found if chance]


def _percent(chance: Fraction) -> Decimal:
    return (Decimal(chance.numerator) * 100 / Decimal(chance.denominator)).quantize(Decimal("0.001"))


def _earlier(person: PersonRow, server: BuildRouteRow | None) -> list[Earlier]:
    found = route_list.latest_of(database.session(), person.id, EARLIER)
    percent = server.percent if server is not None and server.ramping else Decimal(0)
    return [
        Earlier(request, given, bool(percent) and predict_native(workflow_id(request.id), percent))
        for request, given in found
    ]


def changed_words(change: RoutingChangeRow) -> list[tuple[str, str, str]]:
    """What a change changed, as (entry, before, after); all entries for a rule that came or went."""
    before, after = change.before or {}, change.after or {}
    if not before or not after:
        content = before or after
        return [(str(_("rule")), *_sides(content.get("name", ""), came=not before))]
    return differences(before, after)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Where two states of a rule differ, as (entry, before, after)."""
    return [
        (name, _plain(before.get(name)), _plain(after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _sides(name: str, *, came: bool) -> tuple[str, str]:
    return ("", name) if came else (name, "")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_plain(each)}" for name, each in value.items() if each not in ("", [], None)
        )
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value) or "–"
    return "–" if value in (None, "") else str(value)


#: What a verdict is called, and the tone of its badge.
VERDICTS = {
    Verdict.TAKES: ("takes", "ok"),
    Verdict.OFF: ("off", ""),
    Verdict.NATIVE: ("rests", ""),
    Verdict.CLOSED: ("not now", ""),
    Verdict.OTHERS: ("for others", ""),
    Verdict.EXCLUDED: ("excluded", "no"),
    Verdict.NOT_DRAWN: ("not drawn", ""),
}
