"""An event loop for a test, on a thread of its own: the test's thread may have one already, a browser's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class ThreadRunner(asyncio.Runner):
    """Runs coroutines one after the other in one loop, as its parent does, but always on the same other thread."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loop")

    def run(self, coro: Coroutine[Any, Any, T], *, context: Context | None = None) -> T:
        """The coroutine's result; what it raises is raised here."""
        return self._thread.submit(super().run, coro, context=context).result()

    def close(self) -> None:
        """End what still runs in the loop, then the loop and its thread."""
        self._thread.submit(super().close).result()
        self._thread.shutdown()
