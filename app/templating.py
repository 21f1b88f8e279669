"""What every template may call: money, ages, times, the menu. Formats only; looks nothing up by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from flask import Flask
from flask_babel import format_datetime, format_timedelta, gettext
from flask_babel import ngettext as _n

from app import database, navigation
from app.access import current_account, may_here
from app.log import request_id
from rules.money import MINOR_DIGITS, Money
from rules.person import Act
from storage.notification import count_unread


def set_up_templating(app: Flask) -> None:
    """Give the templates their filters and names. Functions, not values: a page that asks nothing costs nothing."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        money=money,
        age=age,
        exact_time=exact_time,
        time_left=time_left,
        initials=initials,
        device_name=device_name,
    )
    app.jinja_env.globals.update(
        Act=Act,
        account=current_account,
        home_of=navigation.home_of,
        is_here=navigation.is_here,
        is_there=navigation.is_there,
        may_here=may_here,
        menu=navigation.menu,
        tabs=navigation.tabs,
        now=lambda: datetime.now(UTC),
        request_id=request_id,
        unread_count=unread_count,
        waiting_at=navigation.waiting,
    )


def money(amount: Decimal | Money, currency: str | None = None) -> str:
    """An amount with its currency's digits and its code: `1,299.90 EUR`; a space that does not break."""
    whole = amount if isinstance(amount, Money) else Money(amount, str(currency))
    return f"{whole.amount:,.{MINOR_DIGITS[whole.currency]}f}\u00a0{whole.currency}"


def age(when: datetime, now: datetime | None = None) -> str:
    """How long ago `when` was, in one unit: `3 days ago`, `just now`."""
    passed = (now or datetime.now(UTC)) - when
    if passed.total_seconds() < 60:
        return str(gettext("just now"))
    return str(gettext("%(time)s ago", time=format_timedelta(passed, threshold=0.95)))


def time_left(until: datetime, now: datetime | None = None) -> str:
    """How long until `until`, in one unit: `2 days left`, or that it has passed."""
    left = until - (now or datetime.now(UTC))
    if left.total_seconds() <= 0:
        return str(gettext("time is up"))
    if left.days >= 2:
        return str(_n("%(num)s day left", "%(num)s days left", left.days))
    hours = int(left.total_seconds() // 3600)
    if hours >= 1:
        return str(_n("%(num)s hour left", "%(num)s hours left", hours))
    return str(_n("%(num)s minute left", "%(num)s minutes left", max(1, int(left.total_seconds() // 60))))


def exact_time(when: datetime) -> str:
    """The moment itself, in UTC: `21 Nov 2026, 08:40 UTC`."""
    return f"{format_datetime(when.astimezone(UTC), 'd MMM yyyy, HH:mm', rebase=False)} UTC"


def initials(name: str) -> str:
    """Two letters for a round picture: first and last word of a name."""
    words = name.split()
    letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else "") if words else "?"
    return letters.upper()


def unread_count() -> int:
    """How many messages whoever is logged in has not read: one cheap query, asked by the bell alone."""
    here = current_account()
    return count_unread(database.session(), here.person.id) if here is not None else 0


#: What browsers and systems call themselves inside a User-Agent, the telling ones first.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


def device_name(user_agent: str) -> str:
    """A browser's own name for itself, in two words: `Firefox on Linux`."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    if browser and system:
        return str(gettext("%(browser)s on %(system)s", browser=browser, system=system))
    return user_agent[:40] or str(gettext("Unknown device"))
