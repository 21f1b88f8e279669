"""Routing rules as JSON: what a store keeps and an API is sent. Refuses what would mean two things, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from rules.build import check_build_id, check_percent
from rules.errors import Invalid, InvalidFields
from rules.money import Money, parse_amount, parse_currency
from rules.person import Role
from rules.routing_rule import Kind, Rule, Unit, Variant
from rules.routing_window import ALWAYS, Window, read_window
from rules.text import clean_text

LONGEST_NAME: Final = 80
LONGEST_LIST: Final = 200
FEWEST_VARIANTS: Final = 2
MOST_VARIANTS: Final = 10
LARGEST_WEIGHT: Final = 10_000
LARGEST_PRIORITY: Final = 1000

_WINDOW = ("starts_at", "ends_at", "zone", "weekdays", "from_hour", "to_hour")
_T = TypeVar("_T")


def to_content(rule: Rule) -> dict[str, Any]:
    """The JSON form in which a rule is stored; its id stands beside it."""
    window, limit = rule.window, rule.amount_above
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "build": rule.build,
        "share_percent": f"{rule.share_percent:f}",
        "salt": rule.salt,
        "unit": rule.unit.value,
        "departments": list(rule.departments),
        "roles": list(rule.roles),
        "people": list(rule.people),
        "window": {
            "starts_at": window.starts_at.isoformat() if window.starts_at else "",
            "ends_at": window.ends_at.isoformat() if window.ends_at else "",
            "zone": window.zone,
            "weekdays": list(window.weekdays),
            "from_hour": f"{window.from_hour:%H:%M}" if window.from_hour else "",
            "to_hour": f"{window.to_hour:%H:%M}" if window.to_hour else "",
        },
        "priority": rule.priority,
        "variants": [
            {"name": variant.name, "weight": variant.weight, "build": variant.build}
            for variant in rule.variants
        ],
        "amount_above": {"amount": str(limit.amount), "currency": limit.currency} if limit else None,
        "enabled": rule.enabled,
        "rollout_id": rule.rollout_id,
    }


def read_rule(rule_id: str, content: object) -> Rule:
    """The rule that a JSON object means; an entry that is missing has its usual value, a name it must have.

    Raises:
        InvalidFields: one sentence for each entry that is unknown, of another type, out of range, or at odds with
            the others; the entries of the window and of a variant stand by their own names.
    """
    if not isinstance(content, Mapping):
        raise InvalidFields({"rule": "A rule must be an object."})
    known = {field.name for field in fields(Rule)} - {"id"}
    reader = _Reader(content, {str(name): "This entry is unknown." for name in content.keys() - known})
    kind = reader.read("kind", lambda value: _one_of(Kind, value), Kind.ROUTE)
    rule = Rule(
        id=rule_id,
        name=reader.read("name", lambda value: clean_text(_text(value), "name", LONGEST_NAME), ""),
        kind=kind,
        build=reader.read("build", _build, None),
        share_percent=reader.read("share_percent", _share, Decimal(100)),
        salt=reader.read("salt", lambda value: _word(value), "") or rule_id,
        unit=reader.read("unit", lambda value: _one_of(Unit, value), Unit.REQUEST),
        departments=reader.read("departments", _words, ()),
        roles=reader.read("roles", lambda value: tuple(_one_of(Role, v).value for v in _words(value)), ()),
        people=reader.read("people", lambda value: tuple(_person(v) for v in _words(value)), ()),
        window=reader.read("window", _window, ALWAYS),
        priority=reader.read("priority", lambda value: _count(value, LARGEST_PRIORITY), 100),
        variants=reader.read("variants", _variants, ()),
        amount_above=reader.read("amount_above", _amount, None),
        enabled=reader.read("enabled", _flag, True),
        rollout_id=reader.read("rollout_id", lambda value: _word(value), ""),
    )
    if "name" not in content:
        reader.problems["name"] = "Please give the rule a name."
    if not reader.problems.keys() & {"kind", "variants", "build"}:  # what was not understood is not at odds
        for name, problem in _at_odds(rule).items():
            reader.problems.setdefault(name, problem)
    if reader.problems:
        raise InvalidFields(reader.problems)
    return rule


class _Reader:
    """Reads entry by entry and keeps what is wrong with each."""

    def __init__(self, content: Mapping[str, Any], problems: dict[str, str]) -> None:
        self.content = content
        self.problems = problems

    def read(self, name: str, read: Callable[[Any], _T], usual: _T) -> _T:
        if name not in self.content:
            return usual
        try:
            return read(self.content[name])
        except Invalid as refusal:
            # A part of the window or of a variant names itself; everything else is known by its entry.
            inner = refusal.field if name == "window" and refusal.field in _WINDOW else name
            self.problems[inner or name] = refusal.message
            return usual


def _at_odds(rule: Rule) -> dict[str, str]:
    """What the entries of a rule say against each other."""
    problems = {}
    if rule.kind is Kind.EXCLUDE:
        if rule.variants:
            problems["variants"] = "An exclusion has no variants."
        if rule.share_percent != 100:
            problems["share_percent"] = "An exclusion is for all whom it names."
        return problems
    if rule.variants and rule.build is not None:
        problems["build"] = "The variants name the builds; please leave this one empty."
    if not rule.variants and rule.build is None:
        problems["build"] = "Please name the build, or variants."
    if rule.amount_above is not None:
        problems["amount_above"] = "Only an exclusion goes by the amount."
    return problems


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("This must be text.")
    return value


def _word(value: Any) -> str:
    return check_build_id(_text(value)) if value != "" else ""


def _build(value: Any) -> str | None:
    return None if value is None else check_build_id(_text(value))


def _share(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Invalid("The share must be a number from 0 to 100.")
    return check_percent(value)


def _one_of(kind: Callable[[str], _T], value: Any) -> _T:
    try:
        return kind(_text(value))
    except ValueError:
        raise Invalid(f"{value!r} is not known here.") from None


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise Invalid("This must be a list of words.")
    if len(value) > LONGEST_LIST:
        raise Invalid(f"Please name at most {LONGEST_LIST}.")
    return tuple(dict.fromkeys(value))


def _person(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise Invalid(f"{value!r} is not a person's id.") from None


def _count(value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Invalid(f"This must be a whole number from 1 to {most}.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.")
    return value


def _amount(value: Any) -> Money | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or value.keys() != {"amount", "currency"}:
        raise Invalid("This must be an object with an amount and a currency.")
    currency = parse_currency(_text(value["currency"]))
    return Money(parse_amount(_text(value["amount"]), currency), currency)


def _window(value: Any) -> Window:
    if not isinstance(value, Mapping) or value.keys() - set(_WINDOW):
        raise Invalid(f"This must be an object of {', '.join(_WINDOW)}.")
    days = value.get("weekdays", [])
    if not isinstance(days, list | tuple) or not all(type(day) is int for day in days):
        raise Invalid("Weekdays are a list of numbers from 0, Monday, to 6, Sunday.", "weekdays")
    texts = {name: value.get(name, "") for name in _WINDOW if name != "weekdays"}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise Invalid("This must be text.", name)
    return read_window(weekdays=tuple(days), **{**texts, "zone": texts["zone"] or "UTC"})


def _variants(value: Any) -> tuple[Variant, ...]:
    if not isinstance(value, list | tuple):
        raise Invalid("This must be a list of variants.")
    if not value:
        return ()
    if not FEWEST_VARIANTS <= len(value) <= MOST_VARIANTS:
        raise Invalid(f"Please name from {FEWEST_VARIANTS} to {MOST_VARIANTS} variants.")
    variants = tuple(_variant(each) for each in value)
    if len({variant.name for variant in variants}) != len(variants):
        raise Invalid("Two variants have the same name.")
    return variants


def _variant(value: Any) -> Variant:
    if not isinstance(value, Mapping) or value.keys() - {"name", "weight", "build"} or "name" not in value:
        raise Invalid("A variant has a name, a weight and perhaps a build.")
    name = _word(value["name"])
    if not name:
        raise Invalid("Please give each variant a name.")
    return Variant(name, _count(value.get("weight", 1), LARGEST_WEIGHT), _build(value.get("build")))
