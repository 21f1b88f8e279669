"""The pages and the API say how many processes go by the flags, without waiting for any of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask, Response
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from settings import Settings
from storage import flag, flag_roll, flag_spread
from storage.flag_copy import FlagCopy
from tests.app.browser import Browser
from tests.app.people import Company

PATIENCE_SECONDS = 30
Sessions = sessionmaker[Session]


@pytest.fixture
def app(
    make_app: Callable[..., Flask], settings: Settings, redis_url: str, redis: Redis, sessions: Sessions
) -> Flask:
    """An app beside two other processes: one has the flags as they are, one was killed at another revision."""
    with sessions.begin() as session:
        truth = flag.read_truth(session)
    flag_spread.publish(redis, truth)
    app = make_app(replace(settings, redis_url=redis_url))
    with app.app_context():
        copy: FlagCopy = app.extensions["flags"].copy()
    assert copy.wait_for_revision(truth.revision, PATIENCE_SECONDS)
    redis.hset(flag_roll.KEY, "approvals/b2 host:7", f"{truth.revision} {redis.time()[0]}.000")
    redis.hset(flag_roll.KEY, "approvals/b1 host:9", f"{truth.revision} {redis.time()[0] - 40}.000")
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if len(copy.roll()) == 3:
            break
        pause.wait(0.02)
    return app


def test_the_pages_name_the_process_that_is_missing_and_its_silence(
    app: Flask, company: Company, sessions: Sessions
) -> None:
    elena = Browser(app, Response, use_cookies=True)
    elena.log_in(company.elena, sessions)
    for address in ("/flags", "/flags/automated-review"):
        page = " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", elena.get(address).text, flags=re.S).split())
        assert "Applied by 2 of 3 processes." in page
        assert re.search(r"approvals/b1 host:9 last heard of 4\d s ago", page)


def test_the_api_tells_of_every_process_by_name(app: Flask, company: Company, sessions: Sessions) -> None:
    elena = Browser(app, Response, use_cookies=True)
    elena.log_in(company.elena, sessions)
    applied = elena.get("/api/v1/feature-flags").get_json()["applied"]
    assert (applied["by"], applied["of"]) == (2, 3)
    standing = {each["process"]: each["standing"] for each in applied["processes"]}
    assert standing.pop("approvals/b1 host:9") == "silent"
    assert set(standing.values()) == {"applied"}


def test_without_redis_the_page_says_that_nobody_has_told(
    make_app: Callable[..., Flask], company: Company, sessions: Sessions
) -> None:
    elena = Browser(make_app(), Response, use_cookies=True)
    elena.log_in(company.elena, sessions)
    assert "No process has told yet" in elena.get("/flags").text
