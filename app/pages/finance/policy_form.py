"""The form of one rule set: what was typed, and the stored form that it means. What is valid is in rules/policy.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from rules.errors import Invalid, InvalidFields
from rules.policy import read_rule_set
from rules.text import clean_text

LONGEST_NOTE = 500
LONGEST_TEXT = 4000


@dataclass(frozen=True)
class TypedRules:
    """The form as it stands: text everywhere, nothing judged.

    Attributes:
        limits: department id -> what is typed as its limit; empty text means none.
        vendors: hosts, separated by commas or white space.
    """

    max_amount: str = ""
    currency: str = "EUR"
    categories: tuple[str, ...] = ()
    min_previous_purchases: str = ""
    max_rejected_last_30_days: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    vendors: str = ""
    note: str = ""

    @classmethod
    def of_content(cls, content: Mapping[str, Any]) -> TypedRules:
        """The form filled with a stored rule set."""
        return cls(
            max_amount=str(content.get("max_amount", "")),
            currency=str(content.get("currency", "EUR")),
            categories=tuple(content.get("trusted_categories") or ()),
            min_previous_purchases=str(content.get("min_previous_purchases", "")),
            max_rejected_last_30_days=str(content.get("max_rejected_last_30_days", "")),
            limits=dict(content.get("department_limits") or {}),
            vendors=", ".join(content.get("vendor_whitelist") or ()),
        )

    @classmethod
    def of_form(cls, form: MultiDict[str, str], departments: Iterable[str]) -> TypedRules:
        """What was sent; limits are read for the departments that exist, and no others."""
        return cls(
            max_amount=form.get("max_amount", "").strip(),
            currency=form.get("currency", ""),
            categories=tuple(form.getlist("trusted_categories")),
            min_previous_purchases=form.get("min_previous_purchases", "").strip(),
            max_rejected_last_30_days=form.get("max_rejected_last_30_days", "").strip(),
            limits={one: form.get(f"limit-{one}", "").strip() for one in departments},
            vendors=form.get("vendor_whitelist", "")[:LONGEST_TEXT],
            note=form.get("note", ""),
        )

    def to_content(self) -> dict[str, Any]:
        """The stored form; what is no number stays text, for the rules to refuse."""
        return {
            "currency": self.currency,
            "max_amount": self.max_amount,
            "trusted_categories": list(self.categories),
            "min_previous_purchases": _count(self.min_previous_purchases),
            "max_rejected_last_30_days": _count(self.max_rejected_last_30_days),
            "department_limits": {one: limit for one, limit in self.limits.items() if limit},
            "vendor_whitelist": [host for host in re.split(r"[\s,;]+", self.vendors) if host],
        }


def _count(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else text


def problems_of(typed: TypedRules) -> dict[str, str]:
    """Field -> what is wrong with it, in the words of the rules; empty where all is well."""
    try:
        read_rule_set(typed.to_content())
    except InvalidFields as refusal:
        return refusal.problems
    return {}


def judge_note(note: str) -> str:
    """Why the rules change; raises Invalid: nobody should have to guess later."""
    try:
        return clean_text(note, "note", LONGEST_NOTE)
    except Invalid as refusal:
        if not note.strip():
            raise Invalid("Please say why the rules change.", "note") from None
        raise refusal from None
