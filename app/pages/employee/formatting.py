"""Filters of these pages: short times, days, shares, names. Formats only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from flask_babel import format_date, format_datetime
from flask_babel import gettext as _

from app.pages.employee.routes import pages


@pages.app_template_filter()
def short_time(when: datetime) -> str:
    """A moment in little space: `21 Nov, 08:40`; the page names the zone elsewhere."""
    return str(format_datetime(when.astimezone(UTC), "d MMM, HH:mm", rebase=False))


@pages.app_template_filter()
def day(when: date) -> str:
    """A calendar day: `21 Nov 2026`."""
    return str(format_date(when, "d MMM yyyy"))


@pages.app_template_filter()
def share(value: Decimal) -> str:
    """A number from 0 to 1 without idle zeros: `0.9`, `1.0`."""
    text = f"{value.normalize():f}"
    return text if "." in text else f"{text}.0"


@pages.app_template_filter()
def person_name(person_id: UUID, names: Mapping[UUID, str]) -> str:
    """The name behind an id."""
    return names.get(person_id) or str(_("somebody"))
