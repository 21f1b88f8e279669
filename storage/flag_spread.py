"""The flags' way over Redis: one snapshot with an epoch and a revision, and what was read. Postgres is the truth."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, cast

import redis

from rules.flag import Level, Setting
from storage.flag import Snapshot

log = logging.getLogger(__name__)

#: A hash: epoch, revision, body. Another form of the body gets another key, so that old builds read theirs.
KEY: Final = "vistobueno:flags:2"
CHANNEL: Final = "vistobueno:flags:2:changed"
READ_KEY: Final = "vistobueno:flags:read"
FORMAT: Final = 2
#: A corrupt value of any size must not be read into memory.
LARGEST_SNAPSHOT_BYTES: Final = 1_000_000

#: Writes a snapshot unless a newer one stands there, and tells everybody. Atomic in the server. What is empty or
#: broken gets a new epoch: revisions are compared within one epoch only.
#: ARGV: body, revision, fresh epoch, channel, largest size, epoch that may be overwritten whatever its revision
_PUBLISH: Final = """
local size = redis.pcall('HSTRLEN', KEYS[1], 'body')
if type(size) == 'table' then
  redis.call('DEL', KEYS[1])
  size = 0
end
local epoch = ARGV[3]
if size > 0 and size <= tonumber(ARGV[5]) then
  local standing = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'body')
  local revision = tonumber(standing[2])
  if standing[1] and revision and standing[1] ~= ARGV[6] then
    if revision > tonumber(ARGV[2]) then
      return {standing[1], standing[2]}
    end
    if standing[2] == ARGV[2] and standing[3] == ARGV[1] then
      return false
    end
    epoch = standing[1]
  end
end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'revision', ARGV[2], 'body', ARGV[1])
redis.call('PUBLISH', ARGV[4], epoch .. ':' .. ARGV[2])
return false
"""

#: One trip: the server's clock, and the snapshot unless it is missing or too large.
_ASK: Final = """
local time = redis.call('TIME')
local size = redis.call('HSTRLEN', KEYS[1], 'body')
if size == 0 or size > tonumber(ARGV[1]) then
  return {time[1], time[2], size}
end
local standing = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'body')
return {time[1], time[2], size, standing[1], standing[2], standing[3]}
"""


@dataclass(frozen=True)
class Standing:
    """What a server holds that is newer than what was to be written."""

    epoch: str
    revision: float


def publish(client: redis.Redis, snapshot: Snapshot, *, over: str = "") -> Standing | None:
    """Spread a snapshot to every process.

    Args:
        over: an epoch that is replaced even where its revision is higher.

    Returns:
        What stands there, where it is newer; nothing is written then.

    Raises:
        redis.RedisError: the server does not answer.
    """
    newer = client.eval(
        _PUBLISH,
        1,
        KEY,
        dump(snapshot),
        str(snapshot.revision),
        secrets.token_hex(8),
        CHANNEL,
        str(LARGEST_SNAPSHOT_BYTES),
        over,
    )
    if not newer:
        return None
    epoch, revision = cast("list[bytes]", newer)
    return Standing(_text(epoch), float(revision))


def spread(client: redis.Redis, read: Callable[[], Snapshot]) -> None:
    """Read the truth and publish it; raises redis.RedisError.

    A server that still holds a newer revision than the truth was fed from a database that went back to a backup:
    what it holds is replaced under a new epoch, so that every process believes the truth again.
    """
    newer = publish(client, read())
    if newer is None:
        return
    truth = read()  # somebody may only have been faster: what they published is committed, so we see it now
    over = newer.epoch if truth.revision < newer.revision else ""
    if over:
        log.warning("the flags went back", extra={"published": newer.revision, "in_postgres": truth.revision})
    publish(client, truth, over=over)


def ask(client: redis.Redis) -> tuple[str, Snapshot]:
    """The epoch and the snapshot that stand in Redis, dated by the server's clock.

    Raises:
        redis.RedisError: the server does not answer.
        ValueError: there is no snapshot, or one that `publish` did not write.
    """
    answer = cast("list[Any]", client.eval(_ASK, 1, KEY, str(LARGEST_SNAPSHOT_BYTES)))
    seconds, microseconds, size, *standing = answer
    at = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(microseconds))
    if not standing:
        raise ValueError("there is no snapshot" if size == 0 else "the snapshot is too large")
    epoch, revision, body = standing
    if epoch is None or revision is None:
        raise ValueError("the snapshot lacks its epoch or revision")
    snapshot = parse(body, at)
    if _text(revision) != str(snapshot.revision):
        raise ValueError("the snapshot has another revision than it says")
    return _text(epoch), snapshot


def dump(snapshot: Snapshot) -> str:
    """The form in which a snapshot travels; the same snapshot always has the same."""
    overrides = [
        [key, level.value, subject, setting.value, setting.until.isoformat() if setting.until else None]
        for (key, level, subject), setting in sorted(snapshot.overrides.items(), key=lambda item: item[0])
    ]
    content = {"format": FORMAT, "revision": snapshot.revision, "overrides": overrides}
    return json.dumps(content, sort_keys=True, allow_nan=False)


def parse(body: bytes, at: datetime) -> Snapshot:
    """The snapshot that `dump` wrote; raises ValueError for anything else."""
    try:
        content: Any = json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the snapshot is nested too deeply") from None
    match content:
        case {"format": int(form), "revision": int(revision), "overrides": list(overrides)}:
            if form is True or form != FORMAT or isinstance(revision, bool):
                raise ValueError("the snapshot has another format")
        case _:
            raise ValueError("the snapshot lacks its format, revision or overrides")
    return Snapshot(revision, dict(_parse_override(entry) for entry in overrides), at)


def _parse_override(entry: Any) -> tuple[tuple[str, Level, str], Setting]:
    match entry:
        case [str(key), str(level), str(subject), value, None]:
            return (key, Level(level), subject), Setting(value)
        case [str(key), str(level), str(subject), value, str(until)]:
            ends = datetime.fromisoformat(until)
            if ends.tzinfo is None:
                raise ValueError("an end without a time zone")
            return (key, Level(level), subject), Setting(value, ends)
        case _:
            raise ValueError("an override has another shape")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value")


def _text(answer: bytes | str) -> str:
    return answer if isinstance(answer, str) else answer.decode("utf-8", "replace")


def tell_reads(client: redis.Redis, keys: Collection[str]) -> None:
    """Tell that these flags were read of late; raises redis.RedisError."""
    client.sadd(READ_KEY, *sorted(keys))


def collect_reads(client: redis.Redis) -> set[str]:
    """The flags that any process read since the last time; raises redis.RedisError."""
    with client.pipeline(transaction=True) as together:
        together.smembers(READ_KEY)
        together.delete(READ_KEY)
        keys, _ = together.execute()
    return {_text(key) for key in keys}
