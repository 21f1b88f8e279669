"""Policy: the rule set of a department, read from its stored form. Knows what a valid rule set is, not where it lies."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from rules.errors import Invalid, InvalidFields
from rules.money import Money, parse_amount, parse_currency

#: Product categories that the vendor's taxonomy is mapped to.
CATEGORIES: Final = (
    "electronics", "books", "office_supplies", "software", "furniture", "tools", "breakroom", "other",
)  # fmt: skip
LARGEST_COUNT: Final = 1000
#: The department id under which the rules for departments without their own are kept.
DEFAULT: Final = "default"
#: A department's id; a limit for "IT" would never be found, and what it should limit would be bought.
_DEPARTMENT_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True)
class RuleSet:
    """What the automated review may approve for one department. Immutable; a change is a new version."""

    currency: str
    max_amount: Decimal
    trusted_categories: tuple[str, ...]
    min_previous_purchases: int
    max_rejected_last_30_days: int
    department_limits: tuple[tuple[str, Decimal], ...]
    vendor_whitelist: tuple[str, ...]

    def department_limit(self, department_id: str) -> Money | None:
        """The extra limit of a department, None where none is set."""
        for department, limit in self.department_limits:
            if department == department_id:
                return Money(limit, self.currency)
        return None

    def to_content(self) -> dict[str, Any]:
        """The JSON form in which a rule set is stored; amounts are strings."""
        return {
            "currency": self.currency,
            "max_amount": str(self.max_amount),
            "trusted_categories": list(self.trusted_categories),
            "min_previous_purchases": self.min_previous_purchases,
            "max_rejected_last_30_days": self.max_rejected_last_30_days,
            "department_limits": {department: str(limit) for department, limit in self.department_limits},
            "vendor_whitelist": list(self.vendor_whitelist),
        }


def read_rule_set(content: object) -> RuleSet:
    """The rule set that a stored JSON object means.

    Raises:
        InvalidFields: for anything missing, unknown, of another type or out of range; never a guess.
    """
    problems: dict[str, str] = {}
    if not isinstance(content, Mapping):
        raise InvalidFields({"rule_set": "This must be an object with one entry for each rule."})
    names = {field.name for field in fields(RuleSet)}
    for name in sorted(names - content.keys()):
        problems[name] = "This entry is missing."
    for name in sorted(content.keys() - names):
        problems[name] = "This entry is unknown."
    if problems:
        raise InvalidFields(problems)
    currency = _read(problems, "currency", lambda v: parse_currency(_text(v)), content["currency"])
    in_currency = currency or "EUR"
    max_amount = _read(
        problems,
        "max_amount",
        lambda v: parse_amount(_text(v), in_currency, "max_amount"),
        content["max_amount"],
    )
    categories = _read(problems, "trusted_categories", _read_categories, content["trusted_categories"])
    previous = _read(problems, "min_previous_purchases", _read_count, content["min_previous_purchases"])
    rejected = _read(problems, "max_rejected_last_30_days", _read_count, content["max_rejected_last_30_days"])
    limits = _read(
        problems, "department_limits", lambda v: _read_limits(v, in_currency), content["department_limits"]
    )
    vendors = _read(problems, "vendor_whitelist", _read_vendors, content["vendor_whitelist"])
    if problems:
        raise InvalidFields(problems)
    return RuleSet(in_currency, max_amount, categories, previous, rejected, limits, vendors)


def _read(problems: dict[str, str], name: str, read: Any, value: Any) -> Any:
    try:
        return read(value)
    except Invalid as refusal:
        problems[name] = refusal.message
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid('This must be written as text, such as "500.00" or "EUR".')
    return value


def _read_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        raise Invalid(f"This must be a whole number from 0 to {LARGEST_COUNT}.")
    return value


def _read_list(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Invalid("This must be a list of words.")
    if len(set(value)) != len(value):
        raise Invalid("An entry stands here twice.")
    return value


def _read_categories(value: Any) -> tuple[str, ...]:
    for category in _read_list(value):
        if category not in CATEGORIES:
            raise Invalid(f"{category!r} is not a category; known are {', '.join(CATEGORIES)}.")
    return tuple(value)


def _read_vendors(value: Any) -> tuple[str, ...]:
    for host in _read_list(value):
        labels = host.split(".")
        plain = all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels)
        if host.startswith("www."):
            raise Invalid(f"Please write {host!r} without www., as products name their vendor.")
        if host != host.lower() or len(labels) < 2 or not plain or len(host) > 253:
            raise Invalid(f"{host!r} is not a vendor host such as amazon.es.")
    return tuple(value)


def _read_limits(value: Any, currency: str) -> tuple[tuple[str, Decimal], ...]:
    if not isinstance(value, dict):
        raise Invalid("This must map departments to amounts.")
    limits: list[tuple[str, Decimal]] = []
    for department, limit in sorted(value.items()):
        if not _DEPARTMENT_ID.fullmatch(department):
            raise Invalid(f"{department!r} is not a department's id such as it or marketing.")
        try:
            limits.append((department, parse_amount(_text(limit), currency)))
        except Invalid as refusal:
            raise Invalid(f"{department}: {refusal.message}") from None
    return tuple(limits)


def content_hash(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a rule set's stored form, in hex; the same content has the same hash everywhere."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
