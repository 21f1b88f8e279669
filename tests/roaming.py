"""Engines that serve the database of one test after another. What they have compiled of statements stays with them.

Compiling all statements anew for each test took a fifth of what the tests of pages cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, make_url

from storage.database import engine_url


class Roaming:
    """An engine and the database where it is now; it never serves two at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._there: dict[str, Any] = {}
        event.listen(engine, "do_connect", self._connect)

    def _connect(self, *given: Any) -> None:
        *_, parameters = given
        assert self._there, "an engine of the tests is used outside of a test"
        parameters.update(self._there)

    @contextmanager
    def at(self, url: str) -> Iterator[Engine]:
        """The engine, connected to this database while the block runs."""
        assert not self._there, "two tests share an engine at the same time"
        self._there = make_url(engine_url(url)).translate_connect_args(username="user", database="dbname")
        try:
            yield self._engine
        finally:
            self._there = {}
            self._engine.dispose()
