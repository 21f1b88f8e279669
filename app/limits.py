"""How often something may be tried. Counts in Redis; while Redis is away each process counts for itself."""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from redis.backoff import NoBackoff
from redis.retry import Retry

from storage.person import fold_email

#: Redis gets this long to answer before we go on without it.
REDIS_TIMEOUT_SECONDS = 0.2

limiter = Limiter(get_remote_address, in_memory_fallback_enabled=True, headers_enabled=True)


def set_up_limits(app: Flask, redis_url: str) -> None:
    """Count in the Redis at `redis_url`. A dead or silent one costs a request 0.2 s, then is left alone a while."""
    app.config.update(
        RATELIMIT_STORAGE_URI=redis_url,
        RATELIMIT_STORAGE_OPTIONS={
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),  # built-in retries would multiply the timeout
        },
        RATELIMIT_STRATEGY="fixed-window",
        RATELIMIT_KEY_PREFIX="vistobueno",
    )
    limiter.init_app(app)


def typed_address() -> str:
    """Key of a limit: the mail address that was typed, from where it was typed."""
    return f"{get_remote_address()} {fold_email(request.form.get('email', ''))[:200]}"
