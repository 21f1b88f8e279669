"""How amounts, ages and names read on a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import Babel

from app.templating import age, device_name, exact_time, initials, money, time_left
from rules.money import Money

NOW = datetime(2026, 11, 21, 8, 40, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1299.9", "EUR", "1,299.90 EUR"),
        ("1299", "JPY", "1,299 JPY"),
        ("0.5", "KWD", "0.500 KWD"),
        ("9999999.99", "EUR", "9,999,999.99 EUR"),
    ],
)
def test_money_shows_the_digits_of_its_currency(amount: str, currency: str, shown: str) -> None:
    assert money(Decimal(amount), currency).replace("\u00a0", " ") == shown
    assert money(Money(Decimal(amount), currency)).replace("\u00a0", " ") == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_age_is_told_in_one_unit(passed: timedelta, shown: str) -> None:
    assert age(NOW - passed, NOW) == shown


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(days=6, hours=23), "6 days left"),
        (timedelta(hours=47), "47 hours left"),
        (timedelta(hours=1), "1 hour left"),
        (timedelta(seconds=20), "1 minute left"),
        (timedelta(0), "time is up"),
        (timedelta(days=-1), "time is up"),
    ],
)
def test_time_left_is_never_promised_too_long(left: timedelta, shown: str) -> None:
    assert time_left(NOW + left, NOW) == shown


def test_the_exact_moment_is_in_utc_whatever_zone_it_came_in() -> None:
    assert exact_time(NOW) == "21 Nov 2026, 08:40 UTC"
    madrid = NOW.astimezone(tz=None)
    assert exact_time(madrid) == "21 Nov 2026, 08:40 UTC"


@pytest.mark.parametrize(
    ("name", "letters"), [("Ana Alonso", "AA"), ("Bruno", "B"), ("maría del mar ruiz", "MR"), ("", "?")]
)
def test_initials_are_the_first_and_last_word(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19 like Mac OS X) Version/19 Safari/604.1", "Safari on iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_named_in_two_words(user_agent: str, shown: str) -> None:
    assert device_name(user_agent) == shown
