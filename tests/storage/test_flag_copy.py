"""A process's copy of the flags on a real Valkey: emptied, paused, corrupt, older, or with lost pushes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from activities.relay import OutboxRelay
from rules.flag import (
    AUTOMATED_REVIEW,
    FLAGS,
    KEPT_FOR,
    REVIEW_STRICTNESS,
    Flag,
    Kind,
    Level,
    Setting,
    Source,
)
from storage import flag, flag_spread, flag_use
from storage.audit import SYSTEM
from storage.flag import Change, Snapshot
from storage.flag_copy import Event, FlagCopy, connect
from storage.flag_spread import KEY, LARGEST_SNAPSHOT_BYTES, dump, parse, publish, spread

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ON = {("automated-review", Level.EVERYONE, ""): Setting(True)}
OFF = {("automated-review", Level.EVERYONE, ""): Setting(False)}
HARMLESS = Flag("new-inbox", "The new inbox", Kind.BOOLEAN, default=False)
#: Ends a broken test; asserts nothing.
PATIENCE_SECONDS = 30


class Clock:
    """A steady clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def copy(redis_url: str, clock: Clock) -> Iterator[FlagCopy]:
    """A copy whose threads do not run: it asks when the test says so."""
    copy = FlagCopy(redis_url, clock)
    yield copy
    copy.stop()


def _snapshot(revision: int, overrides: dict[Any, Setting] = ON) -> Snapshot:
    return Snapshot(revision, overrides, NOW)


def _is_on(copy: FlagCopy) -> bool:
    return copy.read(AUTOMATED_REVIEW, "ana", "marketing").on


# The usual day


def test_a_copy_says_what_was_published(copy: FlagCopy, client: Redis) -> None:
    assert publish(client, _snapshot(3)) is None
    assert copy.refresh()
    assert (copy.revision, copy.is_fresh()) == (3, True)
    assert _is_on(copy)
    publish(client, _snapshot(4, OFF))
    assert copy.refresh()
    assert not _is_on(copy)


def test_a_push_reaches_every_copy(redis_url: str, client: Redis) -> None:
    copies = [FlagCopy(redis_url).start() for _ in range(3)]
    try:
        publish(client, _snapshot(1))
        assert all(copy.wait_for_revision(1, PATIENCE_SECONDS) for copy in copies)
        publish(client, _snapshot(2, OFF))
        assert all(copy.wait_for_revision(2, PATIENCE_SECONDS) for copy in copies)
        assert not any(_is_on(copy) for copy in copies)
    finally:
        for copy in copies:
            copy.stop()


def test_a_copy_that_lost_its_pushes_catches_up_by_asking(redis_url: str, client: Redis) -> None:
    copy = FlagCopy(redis_url)
    copy._listen = lambda: None  # type: ignore[method-assign]
    copy._threads = [threading.Thread(target=copy._poll, daemon=True)]
    copy.start()
    try:
        for revision in range(1, 4):
            publish(client, _snapshot(revision))
            assert copy.wait_for_revision(revision, PATIENCE_SECONDS)
    finally:
        copy.stop()


def test_a_listener_whose_line_is_cut_comes_back(redis_url: str, client: Redis) -> None:
    copy = FlagCopy(redis_url).start()
    try:
        publish(client, _snapshot(1))
        assert copy.wait_for_revision(1, PATIENCE_SECONDS)
        client.client_kill_filter(_type="pubsub")
        publish(client, _snapshot(2, OFF))
        assert copy.wait_for_revision(2, PATIENCE_SECONDS)
    finally:
        copy.stop()


# Redis emptied, older, or fed from a database that went back


def test_an_emptied_server_is_filled_again_and_the_revision_never_goes_down(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    publish(client, _snapshot(7))
    copy.refresh()
    client.flushall()
    clock.pass_seconds(1)
    assert not copy.refresh()
    assert (copy.revision, _is_on(copy)) == (7, True)
    publish(client, _snapshot(7))
    assert copy.refresh()
    assert (copy.revision, copy.is_fresh(), _is_on(copy)) == (7, True, True)


def test_each_filling_of_an_empty_server_is_another_epoch(client: Redis) -> None:
    epochs = set()
    for _ in range(3):
        publish(client, _snapshot(1))
        epochs.add(client.hget(KEY, "epoch"))
        client.flushall()
    assert len(epochs) == 3


def test_publishing_again_keeps_the_epoch(client: Redis) -> None:
    publish(client, _snapshot(1))
    epoch = client.hget(KEY, "epoch")
    publish(client, _snapshot(1))
    publish(client, _snapshot(2, OFF))
    assert client.hget(KEY, "epoch") == epoch


def test_an_older_snapshot_never_replaces_a_newer_one(client: Redis, copy: FlagCopy) -> None:
    publish(client, _snapshot(5, OFF))
    standing = publish(client, _snapshot(4))
    assert standing is not None
    assert standing.revision == 5
    copy.refresh()
    assert (copy.revision, _is_on(copy)) == (5, False)


def test_an_older_image_of_the_server_is_not_believed(copy: FlagCopy, client: Redis, clock: Clock) -> None:
    publish(client, _snapshot(4))
    image: dict[Any, Any] = client.hgetall(KEY)
    publish(client, _snapshot(5, OFF))
    copy.refresh()
    client.hset(KEY, mapping=image)
    for _ in range(9):
        clock.pass_seconds(0.4)
        assert not copy.refresh()
        assert not _is_on(copy)
        assert copy.revision == 5
    assert not copy.is_fresh()
    publish(client, _snapshot(5, OFF))
    assert copy.refresh()
    assert copy.is_fresh()


def test_a_lower_revision_of_another_epoch_is_believed_only_after_the_copy_went_stale(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    publish(client, _snapshot(9, OFF))
    copy.refresh()
    client.flushall()
    publish(
        client, _snapshot(2, ON)
    )  # by a relay that was slow, or from a restored database: nobody knows yet
    while copy.revision == 9:
        assert not _is_on(copy)
        clock.pass_seconds(0.4)
        copy.refresh()
    assert clock.seconds - 1000 > 2
    assert (copy.revision, copy.is_fresh(), _is_on(copy)) == (2, True, True)


def test_after_a_restore_of_an_older_database_its_flags_count(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    publish(client, _snapshot(9))
    copy.refresh()
    old = client.hget(KEY, "epoch")
    spread(client, lambda: _snapshot(3, OFF))
    assert client.hget(KEY, "epoch") != old
    for _ in range(8):
        clock.pass_seconds(0.4)
        copy.refresh()
    assert (copy.revision, _is_on(copy)) == (3, False)


def test_a_relay_that_was_only_slow_takes_nothing_back(client: Redis, copy: FlagCopy) -> None:
    publish(client, _snapshot(9, OFF))
    epoch = client.hget(KEY, "epoch")
    reads = iter([_snapshot(8), _snapshot(9, OFF)])
    spread(client, lambda: next(reads))
    assert client.hget(KEY, "epoch") == epoch
    copy.refresh()
    assert (copy.revision, _is_on(copy)) == (9, False)


# Nothing heard


def test_two_seconds_after_the_last_word_a_spending_flag_is_off(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    lenient = {("review-strictness", Level.EVERYONE, ""): Setting("lenient")}
    publish(client, _snapshot(1, ON | lenient))
    copy.refresh()
    client.flushall()
    clock.pass_seconds(2)
    assert not copy.refresh()
    assert _is_on(copy)
    clock.pass_seconds(0.1)
    assert copy.read(AUTOMATED_REVIEW, "ana", "marketing").source is Source.STALE
    assert not _is_on(copy)
    assert copy.read(REVIEW_STRICTNESS, "ana", "marketing").value == "strict"


def test_other_flags_keep_what_was_heard_for_ten_minutes(copy: FlagCopy, client: Redis, clock: Clock) -> None:
    publish(client, _snapshot(1, {("new-inbox", Level.EVERYONE, ""): Setting(True)}))
    copy.refresh()
    client.flushall()
    clock.pass_seconds(KEPT_FOR.total_seconds())
    assert copy.read(HARMLESS, "ana", "marketing").on
    clock.pass_seconds(1)
    assert copy.read(HARMLESS, "ana", "marketing").source is Source.STALE
    assert not copy.read(HARMLESS, "ana", "marketing").on


def test_a_paused_server_holds_no_reader_up(
    redis_url: str, copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    publish(client, _snapshot(1))
    copy.refresh()
    with Redis.from_url(redis_url) as patient:
        patient.execute_command("CLIENT", "PAUSE", "700", "ALL")
        assert not copy.refresh()
        # What is asked now is answered from memory: the server is still silent.
        assert _is_on(copy)
        clock.pass_seconds(2.1)
        assert not _is_on(copy)
        assert patient.ping()
    assert copy.refresh()
    assert _is_on(copy)


def test_without_a_server_a_copy_that_never_heard_anything_spends_nothing() -> None:
    copy = FlagCopy("redis://127.0.0.1:1/0")
    assert not copy.refresh()
    assert copy.age() == timedelta.max
    assert copy.read(AUTOMATED_REVIEW, "ana", "marketing").source is Source.STALE
    assert copy.read(REVIEW_STRICTNESS, "ana", "marketing").value == "strict"
    copy.stop()


def test_a_setting_ends_by_the_servers_clock_also_while_the_server_is_away(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    seconds, _ = client.time()
    ends = datetime.fromtimestamp(seconds, UTC) + timedelta(seconds=100)
    publish(client, _snapshot(1, {("new-inbox", Level.EVERYONE, ""): Setting(True, ends)}))
    copy.refresh()
    client.flushall()
    assert copy.read(HARMLESS, "ana", "marketing").on
    clock.pass_seconds(101)
    assert copy.read(HARMLESS, "ana", "marketing").source is Source.DEFAULT


# Corrupt values


def _as_string(client: Redis) -> None:
    client.delete(KEY)
    client.set(KEY, "on")


def _body(body: bytes | str) -> Callable[[Redis], object]:
    return lambda client: client.hset(KEY, "body", body)


def _content(**changes: Any) -> Callable[[Redis], object]:
    content = json.loads(dump(_snapshot(1))) | changes
    return _body(json.dumps(content))


CORRUPT: dict[str, Callable[[Redis], object]] = {
    "another type of key": _as_string,
    "no JSON": _body(b"\x00\xff garbage"),
    "empty": _body(b""),
    "ten megabytes": _body(b"x" * 10_000_000),
    "nested without end": _body(b"[" * 900_000),
    "a number": _body(b"1"),
    "not a number": _body(b'{"format": 2, "revision": 1, "overrides": [["a", "everyone", "", NaN, null]]}'),
    "an unknown format": _content(format=3),
    "a true for a format": _content(format=True),
    "a revision of another type": _content(revision="1"),
    "a true for a revision": _content(revision=True),
    "another revision than it says": _content(revision=2),
    "overrides of another type": _content(overrides={"automated-review": True}),
    "an override of another shape": _content(overrides=[["automated-review", True]]),
    "an unknown level": _content(overrides=[["automated-review", "planet", "", True, None]]),
    "an end that is no time": _content(overrides=[["automated-review", "everyone", "", True, "soon"]]),
    "an end without a zone": _content(overrides=[["automated-review", "everyone", "", True, "2026-11-21"]]),
    "no epoch": lambda client: client.hdel(KEY, "epoch"),
    "no revision": lambda client: client.hdel(KEY, "revision"),
}


@pytest.mark.parametrize("corrupt", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_snapshot_is_never_on_is_told_and_is_mended(
    corrupt: Callable[[Redis], object],
    copy: FlagCopy,
    client: Redis,
    redis_url: str,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish(client, _snapshot(1))
    copy.refresh()
    corrupt(client)
    assert not copy.refresh()
    assert [record.message for record in caplog.records] == ["flag snapshot not read"]
    clock.pass_seconds(2.1)
    assert not copy.refresh()
    assert not _is_on(copy)
    newcomer = FlagCopy(redis_url)
    assert not newcomer.refresh()
    assert not _is_on(newcomer)
    publish(client, _snapshot(1))
    assert copy.refresh()
    assert newcomer.refresh()
    assert _is_on(copy)
    newcomer.stop()


@pytest.mark.parametrize("revision", ["9999", "1e300", "inf"])
def test_a_revision_from_nowhere_does_not_lock_the_truth_out(
    revision: str, copy: FlagCopy, client: Redis
) -> None:
    publish(client, _snapshot(1))
    client.hset(KEY, "revision", revision)
    spread(client, lambda: _snapshot(2))
    assert copy.refresh()
    assert (copy.revision, _is_on(copy)) == (2, True)


@pytest.mark.parametrize("value", ["true", 1, [True], {"on": True}, None])
def test_a_value_of_another_type_in_a_good_snapshot_is_off_and_told(
    value: Any, copy: FlagCopy, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    publish(client, _snapshot(1, {("automated-review", Level.EVERYONE, ""): Setting(value)}))
    assert copy.refresh()
    assert copy.refresh()
    assert not _is_on(copy)
    assert copy.read(AUTOMATED_REVIEW, "ana", "marketing").source is Source.WRONG_TYPE
    assert [record.message for record in caplog.records] == ["a flag is set to what it cannot be"]


def test_a_flag_that_this_build_does_not_know_disturbs_nothing(copy: FlagCopy, client: Redis) -> None:
    publish(client, _snapshot(1, ON | {("of-tomorrow", Level.EVERYONE, ""): Setting({"x": 1})}))
    assert copy.refresh()
    assert _is_on(copy)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_snapshot_or_a_refusal(body: bytes) -> None:
    try:
        assert isinstance(parse(body, NOW), Snapshot)
    except ValueError:
        assert body != dump(_snapshot(1)).encode()


JSON = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TARGETS = st.tuples(st.sampled_from([*FLAGS, "other"]), st.sampled_from(Level), st.text(max_size=9))
ENDS = st.none() | st.datetimes(timezones=st.just(UTC))
SNAPSHOTS = st.builds(
    Snapshot,
    st.integers(0, 2**62),
    st.dictionaries(TARGETS, st.builds(Setting, JSON, ENDS), max_size=5),
    st.just(NOW),
)


@given(SNAPSHOTS)
def test_what_is_published_arrives_as_it_was(snapshot: Snapshot) -> None:
    assert parse(dump(snapshot).encode(), NOW) == snapshot


def test_a_snapshot_with_thousands_of_settings_still_fits() -> None:
    overrides = {("automated-review", Level.PERSON, f"{n:036}"): Setting(True) for n in range(8000)}
    assert len(dump(_snapshot(1, overrides))) < LARGEST_SNAPSHOT_BYTES


# Those who watch


def test_watchers_hear_of_readiness_of_each_change_and_of_silence(
    copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    heard: list[tuple[Event, Collection[str]]] = []
    copy.watch(lambda event, keys: heard.append((event, list(keys))))
    publish(client, _snapshot(1))
    copy.refresh()
    copy.refresh()
    publish(client, _snapshot(2, ON | {("review-strictness", Level.EVERYONE, ""): Setting("strict")}))
    copy.refresh()
    client.flushall()
    clock.pass_seconds(2.1)
    copy.refresh()
    copy.refresh()
    publish(client, _snapshot(2, ON | {("review-strictness", Level.EVERYONE, ""): Setting("strict")}))
    copy.refresh()
    assert heard == [
        (Event.READY, []),
        (Event.CHANGED, ["automated-review"]),
        (Event.CHANGED, ["review-strictness"]),
        (Event.STALE, []),
        (Event.READY, []),
    ]


# From Postgres to a copy and back


async def _no_temporal() -> Client:
    raise RuntimeError("no message of these tests is for Temporal")


def test_the_relay_spreads_what_postgres_says_and_notes_what_was_read(
    sessions: sessionmaker[Session], client: Redis, copy: FlagCopy
) -> None:
    relay = OutboxRelay(sessions, _no_temporal, client)
    with sessions.begin() as session:
        flag.set_value(session, Change(AUTOMATED_REVIEW, Level.EVERYONE, "", True, "a test"), SYSTEM)
    relay.spread_flags()
    assert copy.refresh()
    assert _is_on(copy)
    copy.tell_what_was_read()
    relay.count_reads()
    with sessions.begin() as session:
        uses = flag_use.uses(session)
        assert copy.revision == flag.read_truth(session).revision
    assert uses["automated-review"].last_read_at is not None
    assert uses["review-strictness"].last_read_at is None


def test_what_was_read_while_the_server_was_away_is_told_later(copy: FlagCopy, client: Redis) -> None:
    client.set(flag_spread.READ_KEY, "not a set")
    copy.note_read(AUTOMATED_REVIEW)
    copy.tell_what_was_read()
    client.delete(flag_spread.READ_KEY)
    copy.tell_what_was_read()
    assert flag_spread.collect_reads(client) == {"automated-review"}
    assert flag_spread.collect_reads(client) == set()
