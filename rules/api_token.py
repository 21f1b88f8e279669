"""Tokens of programs: which roles one may carry and how long one may live. Knows no store and no secret."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from rules.errors import Invalid

LONGEST_LIFE: Final = timedelta(days=365)


def check_may_make(held: Collection[str], roles: Collection[str], days: int) -> None:
    """Refuse a token that would open more than its person may, or open it for too long.

    Args:
        held: the roles of the person in whose name it acts.
        roles: the roles it shall carry.
        days: how long it shall live.

    Raises:
        Invalid: names the field.
    """
    if not roles or set(roles) - set(held):
        raise Invalid(f"A token carries roles that its person holds: {', '.join(sorted(held))}.", "roles")
    if not 1 <= days <= LONGEST_LIFE.days:
        raise Invalid(f"A token lives between 1 and {LONGEST_LIFE.days} days.", "days")
