"""Limits count in a real Valkey, and hold without it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from limits.storage import RedisStorage
from redis import Redis

from app.limits import PatientStorage
from settings import Settings
from tests.app.browser import Browser, token_on
from tests.app.people import PASSWORD, Company

WRONG = "not the password at all"


def _try(app: Flask, email: str, password: str = WRONG) -> int:
    browser = Browser(app, app.response_class, use_cookies=True)
    form = {"csrf_token": token_on(browser.get("/login").text), "email": email, "password": password}
    return browser.post("/login", data=form).status_code


@pytest.fixture
def paused(redis: Redis) -> Iterator[None]:
    """A Valkey that accepts connections and never answers."""
    process = int(redis.info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


def test_two_processes_count_together(redis_url: str) -> None:
    first, second = (PatientStorage("patient://", redis_url=redis_url) for _ in "ab")
    assert [storage.incr("key", 60) for storage in (first, second, first)] == [1, 2, 3]
    assert second.get("key") == 3


def test_what_is_kept_names_nobody_and_is_forgotten(
    settings: Settings, redis_url: str, redis: Redis, make_app: Callable[..., Flask], company: Company
) -> None:
    assert _try(make_app(replace(settings, redis_url=redis_url)), company.ana.email) == 401
    keys = [str(key) for key in redis.scan_iter("vistobueno:limit*")]
    assert len(keys) == 2
    assert not any(company.ana.email in key for key in keys)
    assert all(0 < redis.ttl(key) <= 900 for key in keys)


@pytest.mark.usefixtures("paused")
def test_with_valkey_silent_tries_are_still_limited(
    settings: Settings, redis_url: str, make_app: Callable[..., Flask], company: Company
) -> None:
    app = make_app(replace(settings, redis_url=redis_url))
    assert [_try(app, company.ana.email) for _ in range(10)] == [401] * 10
    assert _try(app, company.ana.email, PASSWORD) == 429


@pytest.mark.usefixtures("paused")
def test_a_silent_valkey_is_asked_once_and_then_left_alone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really = RedisStorage.incr

    def counting(storage: RedisStorage, key: str, expiry: int, amount: int = 1) -> int:
        asked.append(key)
        return really(storage, key, expiry, amount)

    monkeypatch.setattr(RedisStorage, "incr", counting)
    storage = PatientStorage("patient://", redis_url=redis_url)
    assert [storage.incr("key", 60) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert asked == ["key"]


def test_valkey_counts_again_after_it_was_away(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PatientStorage("patient://", redis_url=redis_url)
    process = int(redis.info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        storage.incr("key", 60)
    finally:
        os.kill(process, signal.SIGCONT)
    assert redis.keys("vistobueno:limit*") == []
    monkeypatch.setattr(storage, "_left_alone_until", 0.0)
    storage.incr("key", 60)
    assert len(redis.keys("vistobueno:limit*")) == 1
