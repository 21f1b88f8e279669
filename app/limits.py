"""How often something may be tried. Counts in Redis; while Redis is away each process counts for itself."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.access import current_person
from storage.person import fold_email

#: Redis gets this long to answer before we go on without it.
REDIS_TIMEOUT_SECONDS = 0.2
#: After Redis did not answer it is left alone this long, so that few requests pay for its silence.
LEFT_ALONE_SECONDS = 5.0

T = TypeVar("T")
_log = logging.getLogger("vistobueno.limits")

limiter = Limiter(get_remote_address, headers_enabled=True)


class PatientStorage(Storage):
    """Counts in Redis, and in the process while Redis is dead or silent.

    Flask-Limiter's own fallback asks a silent Redis again from any page, and answers 500 where Redis falls
    silent between a test and its hit; this one is asked only where a limit is, and never raises.
    """

    STORAGE_SCHEME = ["patient"]  # noqa: RUF012  (how the library finds a storage)

    def __init__(self, uri: str, wrap_exceptions: bool = False, *, redis_url: str, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        patience: dict[str, Any] = {
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),  # built-in retries would multiply the timeout
        }
        self._redis = RedisStorage(redis_url, key_prefix="vistobueno:limit", **patience)
        self._here = MemoryStorage()
        self._left_alone_until = 0.0

    def _ask(self, question: Callable[[Storage], T]) -> T:
        if time.monotonic() < self._left_alone_until:
            return question(self._here)
        try:
            answer = question(self._redis)
        except RedisError as error:
            self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
            _log.warning("redis away, limits count in this process", extra={"why": type(error).__name__})
            return question(self._here)
        return answer

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What may still be raised: nothing of Redis."""
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and begin a window of `expiry` seconds with the first."""
        return self._ask(lambda storage: storage.incr(key, expiry, amount))

    def get(self, key: str) -> int:
        """How many were counted in the present window."""
        return self._ask(lambda storage: storage.get(key))

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970."""
        return self._ask(lambda storage: storage.get_expiry(key))

    def check(self) -> bool:
        """Always able to count, somewhere."""
        return True

    def reset(self) -> int | None:
        """Forget what this process counted."""
        return self._here.reset()

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._ask(lambda storage: storage.clear(key))


def set_up_limits(app: Flask, redis_url: str) -> None:
    """Count in the Redis at `redis_url`."""
    app.config.update(
        RATELIMIT_STORAGE_URI="patient://",
        RATELIMIT_STORAGE_OPTIONS={"redis_url": redis_url},
        RATELIMIT_STRATEGY="fixed-window",
    )
    limiter.init_app(app)


def typed_address() -> str:
    """Key of a limit: the mail address that was typed, from where it was typed; not to be read back."""
    typed = f"{get_remote_address()} {fold_email(request.form.get('email', ''))}"
    return hashlib.sha256(typed.encode(errors="replace")).hexdigest()


def by_person() -> str:
    """Key of a limit: who is logged in, wherever they sit."""
    return str(current_person().id)


def did_not_open(response: Response) -> bool:
    """Whether a try counts: one that logged in does not."""
    return response.status_code != 303
