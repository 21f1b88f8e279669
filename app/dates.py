"""Calendar days as filters give them. Knows no subject."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _

from rules.errors import Invalid

FIRST_YEAR, LAST_YEAR = 2000, 2099


def parse_day(typed: str, field: str) -> date:
    """A calendar day as browsers send it, of this century; raises Invalid naming `field`."""
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid(_("Please give the date as year-month-day, for example 2026-11-24."), field)
    return day
