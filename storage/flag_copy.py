"""The copy of the flag store that each process holds, kept fresh over Redis. The truth is in storage/flag.py."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rules.flag import FLAGS, FRESH_FOR, Flag, Reading, fits, read_nothing
from rules.flag_roll import TELL_EVERY, Told
from storage import flag_roll
from storage.flag import Snapshot
from storage.flag_spread import CHANNEL, ask, tell_reads

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.4
#: How often a copy tells which flags were read, and how often it repeats the same complaint.
TELL_SECONDS: Final = 30.0


class Event(StrEnum):
    """What a copy tells those who watch it."""

    READY = "ready"  # it is fresh, for the first time or again
    CHANGED = "changed"
    STALE = "stale"


#: Called from the copy's own threads with the event and, for CHANGED, the keys of the flags concerned.
Watcher = Callable[[Event, Collection[str]], None]


def connect(redis_url: str) -> redis.Redis:
    """A client that gives up after 0.2 s and never retries by itself; a paused server must not hold us up."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=0.2,
        socket_connect_timeout=0.2,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


@dataclass(frozen=True)
class _Held:
    """A snapshot that was heard, and when by our own steady clock."""

    epoch: str
    snapshot: Snapshot
    heard_at: float


class FlagCopy:
    """A process's own copy of the flags: pushed on change, polled against lost pushes, honest about its age.

    Its revision never goes down, except when the database itself went back: a lower revision under another epoch
    is believed only after it has stood for 2 s, in which the copy goes stale and spends nothing.
    """

    def __init__(
        self, redis_url: str, clock: Callable[[], float] = time.monotonic, *, process: str = ""
    ) -> None:
        """A copy that is asked for nothing yet.

        Args:
            clock: seconds, steady.
            process: under what name it stands on the roll (storage/flag_roll.py); empty keeps it off.
        """
        self._client = connect(redis_url)
        self._clock = clock
        self._process = process
        self._roll: tuple[tuple[Told, ...], float] = ((), clock())
        self._told_roll_at = float("-inf")
        self._held: _Held | None = None
        self._doubted: tuple[str, float] | None = None
        self._was_fresh = False
        self._asked_for: set[str] = set()
        self._complained: tuple[str, float] = ("", float("-inf"))
        self._watchers: list[Watcher] = []
        self._stop = threading.Event()
        self._changed = threading.Condition()
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
            if thread.ident is not None:
                thread.join(timeout=2)
        self._leave_roll()
        self._client.close()

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every event from now on."""
        self._watchers.append(watcher)

    def age(self) -> timedelta:
        """How long ago a valid snapshot was heard; `timedelta.max` where none ever was."""
        held = self._held
        return timedelta.max if held is None else timedelta(seconds=self._clock() - held.heard_at)

    def is_fresh(self) -> bool:
        """Whether a valid snapshot was heard within `FRESH_FOR`."""
        return self.age() <= FRESH_FOR

    @property
    def revision(self) -> int:
        """The revision of the copy, 0 before the first."""
        held = self._held
        return held.snapshot.revision if held else 0

    def read(self, flag: Flag, person_id: str, department_id: str) -> Reading:
        """What the copy says about a flag; see rules/flag.py. Costs no network."""
        self.note_read(flag)
        held = self._held
        if held is None:
            return read_nothing(flag)
        # Settings end by the server's clock: ours may be wrong, theirs is the same for everybody.
        age = timedelta(seconds=self._clock() - held.heard_at)
        snapshot = replace(held.snapshot, at=held.snapshot.at + age)
        return snapshot.read(flag, person_id, department_id, age=age)

    def roll(self) -> tuple[Told, ...]:
        """What every process last told of its copy, as this one last heard it. Costs no network."""
        told, heard_at = self._roll
        since = timedelta(seconds=self._clock() - heard_at)
        return tuple(replace(each, ago=each.ago + since) for each in told)

    def note_read(self, flag: Flag) -> None:
        """Count as read what was read from Postgres."""
        self._asked_for.add(flag.key)

    def wait_for_revision(self, revision: int, timeout_seconds: float) -> bool:
        """Wait until the copy has reached a revision and is fresh; False after the timeout."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.revision >= revision and self.is_fresh(), timeout_seconds
            )

    def refresh(self) -> bool:
        """Ask the server once; whether the copy is as fresh as this moment now. Raises nothing of the server's."""
        asked_at = self._clock()
        try:
            epoch, snapshot = ask(self._client)
        except (redis.RedisError, ValueError) as error:
            # Not swallowed: the copy goes stale, and a stale copy spends nothing.
            self._complain(f"{type(error).__name__}: {error}"[:200])
            self._watch_age()
            return False
        with self._changed:
            held = self._held
            if held is not None and not self._believes(held, epoch, snapshot, asked_at):
                return False
            self._doubted = None
            self._held = _Held(epoch, snapshot, asked_at)
            self._changed.notify_all()
        self._watch_age()
        if held is None or held.snapshot != snapshot:
            self._tell_change(held.snapshot if held else None, snapshot)
        return True

    def _believes(self, held: _Held, epoch: str, snapshot: Snapshot, asked_at: float) -> bool:
        if asked_at < held.heard_at:
            return False  # our other thread asked later and was faster
        if snapshot.revision >= held.snapshot.revision:
            return True
        if epoch == held.epoch:
            return (
                False  # an older image of the server came back; the publisher will mend it, until then we age
            )
        if self._doubted is None or self._doubted[0] != epoch:
            self._doubted = (epoch, asked_at)
        return asked_at - self._doubted[1] > FRESH_FOR.total_seconds()

    def _complain(self, error: str) -> None:
        last, at = self._complained
        if error != last or self._clock() - at > TELL_SECONDS:
            self._complained = (error, self._clock())
            log.warning("flag snapshot not read", extra={"error": error})

    def _watch_age(self) -> None:
        fresh = self.is_fresh()
        with self._changed:
            turned, self._was_fresh = fresh != self._was_fresh, fresh
        if turned:
            self._tell(Event.READY if fresh else Event.STALE, ())

    def _tell_change(self, before: Snapshot | None, after: Snapshot) -> None:
        old = before.overrides if before else {}
        touched = {
            target[0] for target in old.keys() | after.overrides.keys()
            if old.get(target) != after.overrides.get(target)
        }  # fmt: skip
        for key, level, subject in after.overrides:
            flag = FLAGS.get(key)
            if flag and key in touched and not fits(flag, after.overrides[key, level, subject].value):
                log.error("a flag is set to what it cannot be", extra={"flag": key, "level": level.value})
        if touched & FLAGS.keys():
            self._tell(Event.CHANGED, sorted(touched & FLAGS.keys()))

    def _tell(self, event: Event, keys: Collection[str]) -> None:
        for watcher in self._watchers:
            watcher(event, keys)

    def _poll(self) -> None:
        told_at = self._clock()
        while not self._stop.is_set():
            if self.refresh():
                self.tell_roll()
            if self._clock() - told_at > TELL_SECONDS:
                told_at = self._clock()
                self.tell_what_was_read()
            # Not all processes at the same moment.
            self._stop.wait(POLL_SECONDS * random.uniform(0.75, 1))  # noqa: S311

    def tell_roll(self) -> None:
        """Tell which revision this process goes by, if it is its turn again, and hear of the others."""
        asked_at = self._clock()
        if not self._process or asked_at - self._told_roll_at < TELL_EVERY.total_seconds():
            return
        self._told_roll_at = asked_at
        # The poll itself tells of a server that is away; what is known of the others only grows older.
        with contextlib.suppress(redis.RedisError):
            self._roll = flag_roll.tell(self._client, self._process, self.revision), asked_at

    def _leave_roll(self) -> None:
        if self._told_roll_at > float("-inf"):
            with contextlib.suppress(redis.RedisError):  # then it is forgotten after a while
                flag_roll.leave(self._client, self._process)

    def tell_what_was_read(self) -> None:
        """Let the control worker know which flags are in use; kept for the next time where Redis is away."""
        keys, self._asked_for = self._asked_for, set()
        if not keys:
            return
        try:
            tell_reads(self._client, keys)
        except redis.RedisError as error:
            self._asked_for |= keys
            self._complain(type(error).__name__)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(CHANNEL)
                    while not self._stop.is_set():
                        if subscription.get_message(timeout=0.15) is not None:
                            self.refresh()
            except redis.RedisError:
                self._stop.wait(POLL_SECONDS)  # the poll tells of the fault and covers for lost pushes
