"""The form of a routing rule: from the stored form to what is typed, and back. What is right is in rules/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from rules.errors import InvalidFields
from rules.routing_content import to_content
from rules.routing_rule import Kind, Rule, Unit
from rules.text import judge_why

#: Longer is no list of addresses or variants any more; nothing behind it is read.
LONGEST_TYPED = 20_000
_WORDS: Final = (
    "name", "kind", "build", "share_percent", "unit", "people", "starts_at", "ends_at", "zone", "from_hour",
    "to_hour", "priority", "variants", "limit", "currency", "enabled", "why", "version",
)  # fmt: skip
_LISTS: Final = ("departments", "roles", "weekdays")

Typed = dict[str, Any]


def typed_of(form: MultiDict[str, str]) -> Typed:
    """What was typed, every field of the form there."""
    words: Typed = {name: form.get(name, "").strip()[:LONGEST_TYPED] for name in _WORDS}
    return words | {name: form.getlist(name) for name in _LISTS}


def blank() -> Typed:
    """The form of a new rule, which takes nobody until somebody says how many."""
    return typed_from(Rule("", ""), {}) | {"share_percent": "0", "version": "0"}


def typed_from(rule: Rule, mails: Mapping[str, str]) -> Typed:
    """A stored rule as the form shows it.

    Args:
        mails: person id -> mail address; who is gone stays named by id.
    """
    content, window = to_content(rule), rule.window
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "build": rule.build or "",
        "share_percent": f"{rule.share_percent.normalize():f}",
        "unit": rule.unit.value,
        "people": "\n".join(mails.get(person, person) for person in rule.people),
        "starts_at": _shown(window.starts_at, window.zone),
        "ends_at": _shown(window.ends_at, window.zone),
        "zone": window.zone,
        "from_hour": content["window"]["from_hour"],
        "to_hour": content["window"]["to_hour"],
        "priority": str(rule.priority),
        "variants": "\n".join(f"{v.name} {v.weight} {v.build or ''}".strip() for v in rule.variants),
        "limit": str(rule.amount_above.amount) if rule.amount_above else "",
        "currency": rule.amount_above.currency if rule.amount_above else "EUR",
        "enabled": "yes" if rule.enabled else "",
        "why": "",
        "departments": list(rule.departments),
        "roles": list(rule.roles),
        "weekdays": [str(day) for day in window.weekdays],
    }


def _shown(moment: datetime | None, zone: str) -> str:
    """A moment as a datetime-local input shows it; where the clock shows it twice, with its offset."""
    if moment is None:
        return ""
    local = moment.astimezone(ZoneInfo(zone))
    return local.isoformat() if local.fold else f"{local:%Y-%m-%dT%H:%M}"


def content_of(typed: Typed, ids: Mapping[str, str], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form that the typed one means; still to be judged by `rules.routing_content.read_rule`.

    Args:
        ids: mail address -> person id.
        kept: entries that the form does not show, such as the salt.

    Raises:
        InvalidFields: what cannot even be brought into the stored form, and a missing reason.
    """
    problems: dict[str, str] = {}
    for read in (lambda: judge_why(typed["why"]), lambda: _priority(typed), lambda: _variants(typed)):
        try:
            read()
        except InvalidFields as refusal:
            problems |= refusal.problems
    people = [ids.get(word.casefold(), word) for word in typed["people"].replace(",", " ").split()]
    strangers = [word for word in people if "@" in word]
    if strangers:
        problems["people"] = str(_("Nobody has the address %(mail)s.", mail=", ".join(strangers)[:200]))
    if problems:
        raise InvalidFields(problems)
    excludes = typed["kind"] == Kind.EXCLUDE
    return {
        **kept,
        "name": typed["name"],
        "kind": typed["kind"],
        "build": typed["build"] or None,
        "share_percent": "100" if excludes else typed["share_percent"],
        "unit": typed["unit"] or Unit.REQUEST.value,
        "departments": typed["departments"],
        "roles": typed["roles"],
        "people": people,
        "window": {name: typed[name] for name in ("starts_at", "ends_at", "zone", "from_hour", "to_hour")}
        | {"weekdays": [int(day) if day in set("0123456") else -1 for day in typed["weekdays"]]},
        "priority": _priority(typed),
        "variants": _variants(typed),
        "amount_above": {"amount": typed["limit"], "currency": typed["currency"]} if typed["limit"] else None,
        "enabled": typed["enabled"] == "yes",
    }


def _priority(typed: Typed) -> int:
    text = typed["priority"]
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise InvalidFields({"priority": str(_("This must be a whole number from 1 to 1000."))})
    return int(text)


def _variants(typed: Typed) -> Sequence[dict[str, Any]]:
    """One variant a line: name, weight, and a build unless it is the current one."""
    found = []
    for line in typed["variants"].splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) > 3 or len(words) < 2 or not (words[1].isascii() and words[1].isdigit()):
            raise InvalidFields({"variants": str(_("Please write a name, a weight and a build: new 1 b2"))})
        found.append(
            {"name": words[0], "weight": int(words[1][:9]), "build": words[2] if len(words) > 2 else None}
        )
    return found
