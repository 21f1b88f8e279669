"""The roll of the flag copies on a real Valkey: who tells, who hears, who is struck off, and what a silence costs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from rules.flag_roll import TELL_EVERY
from storage import flag_roll
from storage.flag import Snapshot
from storage.flag_copy import FlagCopy, connect
from storage.flag_spread import publish

PATIENCE_SECONDS = 30


class Clock:
    """A steady clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def published(client: Redis) -> int:
    """The revision of a snapshot that stands in Redis."""
    publish(client, Snapshot(7, {}, datetime(2026, 11, 21, tzinfo=UTC)))
    return 7


def until(seen: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if seen():
            return
        pause.wait(0.02)
    raise AssertionError("it never came to be")


def revisions(copy: FlagCopy) -> dict[str, int]:
    return {each.process: each.revision for each in copy.roll()}


def test_every_copy_hears_what_all_others_go_by(redis_url: str, published: int) -> None:
    copies = [FlagCopy(redis_url, process=name).start() for name in ("one", "two", "three")]
    try:
        wanted = {"one": published, "two": published, "three": published}
        until(lambda: all(revisions(copy) == wanted for copy in copies))
    finally:
        for copy in copies:
            copy.stop()


def test_a_copy_without_a_name_stays_off_the_roll(redis_url: str, client: Redis, published: int) -> None:
    copy = FlagCopy(redis_url).start()
    assert copy.wait_for_revision(published, PATIENCE_SECONDS)
    copy.stop()
    assert not client.exists(flag_roll.KEY)


def test_who_ends_in_order_is_struck_off_and_who_is_killed_is_told_with_its_age(
    redis_url: str, client: Redis, published: int
) -> None:
    flag_roll.tell(client, "killed", published)
    client.hset(flag_roll.KEY, "killed long ago", f"{published} 1000.000")
    leaver = FlagCopy(redis_url, process="leaver").start()
    until(lambda: "leaver" in revisions(leaver))
    assert set(revisions(leaver)) == {"leaver", "killed"}
    leaver.stop()
    left = flag_roll.tell(client, "watcher", published)
    assert {each.process for each in left} == {"killed", "watcher"}
    assert next(each for each in left if each.process == "killed").ago > timedelta(0)


def test_a_process_tells_at_most_every_two_seconds(redis_url: str, client: Redis, published: int) -> None:
    clock = Clock()
    copy = FlagCopy(redis_url, clock, process="one")
    copy.refresh()
    copy.tell_roll()
    publish(client, Snapshot(8, {}, datetime(2026, 11, 21, tzinfo=UTC)))
    copy.refresh()
    copy.tell_roll()
    assert revisions(copy) == {"one": published}
    clock.seconds += TELL_EVERY.total_seconds()
    copy.tell_roll()
    assert revisions(copy) == {"one": 8}
    copy.stop()


def test_what_is_known_grows_older_while_nobody_answers_and_nobody_complains(
    redis_url: str, published: int, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    copy = FlagCopy(redis_url, clock, process="one")
    copy.refresh()
    copy.tell_roll()
    copy._client = connect("redis://127.0.0.1:1/0")
    clock.seconds += 40
    copy.tell_roll()
    [told] = copy.roll()
    assert timedelta(seconds=40) <= told.ago < timedelta(seconds=41)
    copy.stop()
    assert caplog.records == []


@pytest.mark.parametrize("value", ["", "seven 12.5", "7", "-1 12.500", "\x00"])
def test_a_line_that_nobody_wrote_is_dropped(client: Redis, value: str) -> None:
    client.hset(flag_roll.KEY, "broken", value)
    assert {each.process for each in flag_roll.tell(client, "one", 1)} == {"one"}
    assert not client.hexists(flag_roll.KEY, "broken")


def test_a_roll_of_another_type_is_begun_anew(client: Redis) -> None:
    client.set(flag_roll.KEY, "no roll")
    assert [each.process for each in flag_roll.tell(client, "one", 1)] == ["one"]
