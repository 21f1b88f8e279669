"""How a rule set reads: titles, cells and the difference between two versions. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext

#: The entries of a rule set in the order of the grid's columns.
TITLES: Final[Mapping[str, Any]] = {
    "max_amount": lazy_gettext("Highest amount"),
    "trusted_categories": lazy_gettext("Trusted categories"),
    "min_previous_purchases": lazy_gettext("Purchases before, at least"),
    "max_rejected_last_30_days": lazy_gettext("Rejected in 30 days, at most"),
    "department_limits": lazy_gettext("Department limits"),
    "vendor_whitelist": lazy_gettext("Vendors"),
    "currency": lazy_gettext("Currency"),
}


@dataclass(frozen=True)
class Difference:
    """One entry that differs between two rule sets, as people read it.

    Attributes:
        added: what stands in the newer list and not in the older one; empty for plain values.
        removed: the other way round.
    """

    name: str
    title: str
    before: str
    after: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()


def cell(name: str, content: Mapping[str, Any], departments: Mapping[str, str]) -> str:
    """One entry of a rule set as text; also of a broken one.

    Args:
        departments: department id -> name.
    """
    value = content.get(name)
    if name == "department_limits" and isinstance(value, dict):
        return ", ".join(entries(name, value, departments)) or _none()
    if isinstance(value, list):
        empty = str(_("any")) if name == "vendor_whitelist" else _none()
        return ", ".join(entries(name, value, departments)) or empty
    return "–" if value is None else str(value)


def differences(
    older: Mapping[str, Any], newer: Mapping[str, Any], departments: Mapping[str, str]
) -> list[Difference]:
    """What differs, in the order of the columns."""
    found = []
    for name, title in TITLES.items():
        if older.get(name) == newer.get(name):
            continue
        before = entries(name, older.get(name), departments)
        after = entries(name, newer.get(name), departments)
        found.append(
            Difference(
                name,
                str(title),
                cell(name, older, departments),
                cell(name, newer, departments),
                [entry for entry in after if entry not in before],
                [entry for entry in before if entry not in after],
            )
        )
    return found


def entries(name: str, value: Any, departments: Mapping[str, str]) -> list[str]:
    """The entries of a list or a mapping as text; empty for plain values."""
    match value:
        case dict():
            return [f"{departments.get(key, key)} {limit}" for key, limit in sorted(value.items())]
        case list() if name == "trusted_categories":
            return [str(entry).replace("_", " ") for entry in value]
        case list():
            return [str(entry) for entry in value]
        case _:
            return []


def _none() -> str:
    return str(_("none"))
