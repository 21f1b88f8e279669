"""The roll of the processes that hold a copy of the flags, in Redis: each tells its revision and hears all others."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any, Final, cast

import redis

from rules.flag_roll import FORGOTTEN_AFTER, Told

KEY: Final = "vistobueno:flags:roll"

#: Writes one line, drops those of processes that have ended, and gives all back with their ages by the server's clock.
#: ARGV: process, revision, seconds after which one is forgotten
_TELL: Final = """
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'hash' and kind ~= 'none' then
  redis.call('DEL', KEYS[1])
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.3f', now))
redis.call('EXPIRE', KEYS[1], ARGV[3])
local lines, told = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #lines, 2 do
  local revision, at = string.match(lines[i + 1], '^(%d+) (%d+%.%d+)$')
  local ago = at and math.max(0, now - tonumber(at))
  if not ago or ago > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], lines[i])
  else
    table.insert(told, {lines[i], revision, string.format('%.3f', ago)})
  end
end
return told
"""


def process_name(part: str) -> str:
    """The name of this process on the roll: what it is, on which machine, and its id there."""
    return f"{part} {socket.gethostname()}:{os.getpid()}"


def tell(client: redis.Redis, process: str, revision: int) -> tuple[Told, ...]:
    """Tell which revision a process goes by; what every process told last. Raises redis.RedisError."""
    forgotten = str(round(FORGOTTEN_AFTER.total_seconds()))
    lines = cast("list[Any]", client.eval(_TELL, 1, KEY, process, str(revision), forgotten))
    return tuple(
        Told(name.decode("utf-8", "replace"), int(revision), timedelta(seconds=float(ago)))
        for name, revision, ago in lines
    )


def leave(client: redis.Redis, process: str) -> None:
    """Strike a process off that ends in order, so that nobody waits for it. Raises redis.RedisError."""
    client.hdel(KEY, process)
