"""An event loop for a test, on a thread of its own: the test's thread may have one already, a browser's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def elsewhere(act: Callable[[], T]) -> T:
    """What an act that begins a loop of its own gives or raises, done on another thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="loop") as thread:
        return thread.submit(act).result()


class ThreadRunner:
    """Runs coroutines one after the other in one loop, as asyncio.Runner does, but always on the same other thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loop")

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; what it raises is raised here."""
        return self._thread.submit(self._runner.run, coroutine).result()

    def close(self) -> None:
        """End what still runs in the loop, then the loop and its thread."""
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
