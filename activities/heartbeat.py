"""Tells Temporal that a step which waits for somebody else is alive, so that the death of its process shows soon."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity


@contextmanager
def beating() -> Iterator[None]:
    """Beat three times in each heartbeat timeout of the step, in a thread of its own, while the block runs.

    A block that is over before the first beat is due costs no call. Without a heartbeat timeout nothing beats.
    """
    timeout = activity.info().heartbeat_timeout if activity.in_activity() else None
    if timeout is None:
        yield
        return
    over = threading.Event()
    pause_seconds = timeout.total_seconds() / 3

    def beat() -> None:
        while not over.wait(pause_seconds):
            activity.heartbeat()

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=[beat], name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
