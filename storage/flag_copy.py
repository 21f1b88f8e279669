"""The copy of the flag store that each process holds, kept fresh over Redis. The truth is in storage/flag.py."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any, Final, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rules.flag import FRESH_FOR, Flag, Level, Reading, read_flag
from storage.flag import Snapshot

log = logging.getLogger(__name__)

KEY: Final = "vistobueno:flags:snapshot"
CHANNEL: Final = "vistobueno:flags:changed"
POLL_SECONDS: Final = 0.4
#: A corrupt value of any size must not be read into memory.
LARGEST_SNAPSHOT_BYTES: Final = 1_000_000

#: Writes a snapshot unless the same or a newer one stands there, and tells everybody. Atomic in the server.
_PUBLISH = """
local standing = redis.call('GET', KEYS[1])
if standing == ARGV[1] then
  return 0
end
if standing then
  local ok, old = pcall(cjson.decode, standing)
  if ok and type(old) == 'table' and type(old.revision) == 'number' and old.revision > tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return 1
"""


def connect(redis_url: str) -> redis.Redis:
    """A client that gives up after 0.2 s and never retries by itself; a paused server must not hold us up."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=0.2,
        socket_connect_timeout=0.2,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


def publish(client: redis.Redis, snapshot: Snapshot) -> None:
    """Spread a snapshot to every process; raises redis.RedisError when the server does not answer."""
    body = json.dumps(
        {
            "revision": snapshot.revision,
            "overrides": [
                [key, level.value, subject, value]
                for (key, level, subject), value in sorted(snapshot.overrides.items())
            ],
        }
    )
    client.eval(_PUBLISH, 1, KEY, body, str(snapshot.revision), CHANNEL)


def parse_snapshot(body: bytes) -> Snapshot:
    """The snapshot that `publish` wrote; raises ValueError for anything else."""
    if len(body) > LARGEST_SNAPSHOT_BYTES:
        raise ValueError("the snapshot is too large")
    content: Any = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("the snapshot is no object")  # noqa: TRY004  (one kind of error for all bad bytes)
    revision, overrides = content.get("revision"), content.get("overrides")
    if isinstance(revision, bool) or not isinstance(revision, int) or not isinstance(overrides, list):
        raise ValueError("the snapshot lacks its revision or overrides")  # noqa: TRY004
    read: dict[tuple[str, Level, str], bool] = {}
    for entry in overrides:
        match entry:
            case [str(key), str(level), str(subject), bool(value)]:
                read[(key, Level(level), subject)] = value
            case _:
                raise ValueError("an override has another shape")
    return Snapshot(revision, read)


class FlagCopy:
    """A process's own copy of the flags: pushed on change, polled against lost pushes, honest about its age."""

    def __init__(self, redis_url: str) -> None:
        self._client = connect(redis_url)
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._heard_at = float("-inf")
        self._stop = threading.Event()
        self._changed = threading.Condition(self._lock)
        self._threads = [
            threading.Thread(target=self._poll, name="flag-poll", daemon=True),
            threading.Thread(target=self._listen, name="flag-listen", daemon=True),
        ]

    def start(self) -> FlagCopy:
        """Begin to keep the copy fresh; call `stop` at the end."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End both threads; the last copy goes stale."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2)
        self._client.close()

    def is_fresh(self) -> bool:
        """Whether a valid snapshot was read within `FRESH_FOR`."""
        return time.monotonic() - self._heard_at <= FRESH_FOR.total_seconds()

    @property
    def revision(self) -> int:
        """The revision of the copy, 0 before the first."""
        snapshot = self._snapshot
        return snapshot.revision if snapshot else 0

    def read(self, flag: Flag, person_id: str, department_id: str) -> Reading:
        """What the copy says about a flag; see rules/flag.py. Costs no network."""
        snapshot = self._snapshot
        overrides = snapshot.of(flag) if snapshot else {}
        return read_flag(
            flag, overrides, person_id, department_id, revision=self.revision, fresh=self.is_fresh()
        )

    def wait_for_revision(self, revision: int, timeout_seconds: float) -> bool:
        """Wait until the copy has reached a revision and is fresh; False after the timeout."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.revision >= revision and self.is_fresh(), timeout_seconds
            )

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._refresh()
            self._stop.wait(POLL_SECONDS)

    def _refresh(self) -> None:
        asked_at = time.monotonic()
        try:
            size = self._client.strlen(KEY)
            if size == 0 or size > LARGEST_SNAPSHOT_BYTES:
                return
            snapshot = parse_snapshot(cast("bytes", self._client.get(KEY)))
        except (redis.RedisError, ValueError, TypeError, RecursionError) as error:
            # Not swallowed: the copy goes stale, and a stale copy reads as off. Said once a while.
            log.warning("flag snapshot not read", extra={"error": type(error).__name__})
            return
        with self._changed:
            if self._snapshot is not None and snapshot.revision < self._snapshot.revision:
                return  # an older server image came back; the publisher will mend it, until then we age
            self._snapshot, self._heard_at = snapshot, asked_at
            self._changed.notify_all()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(CHANNEL)
                    while not self._stop.is_set():
                        if subscription.get_message(timeout=0.15) is not None:
                            self._refresh()
            except redis.RedisError:
                self._stop.wait(POLL_SECONDS)  # the poll tells of the fault and covers for lost pushes
