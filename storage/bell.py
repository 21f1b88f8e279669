"""Wakes tasks when a commit rings in Postgres (LISTEN/NOTIFY). A lost ring costs one sweep, never a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import psycopg
from psycopg import sql

from storage.database import CONNECT_TIMEOUT_SECONDS, psycopg_url

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0


class Bell:
    """One connection that listens on some channels and wakes whoever waits for them."""

    def __init__(self, database_url: str, channels: Sequence[str]) -> None:
        self._url = psycopg_url(database_url)
        self._rung = {channel: asyncio.Event() for channel in channels}

    async def listen(self) -> None:
        """Listen until cancelled; a lost connection is opened again and everybody woken once."""
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError) as error:
                log.warning("not listening to Postgres", extra={"error": type(error).__name__})
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
        async with connection:
            for channel in self._rung:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            for event in self._rung.values():
                event.set()
            async for ring in connection.notifies():
                self._rung[ring.channel].set()

    async def wait(self, channel: str, at_most_seconds: float) -> None:
        """Return when the channel rings, or after the time that a sweep may take."""
        try:
            await asyncio.wait_for(self._rung[channel].wait(), at_most_seconds)
        except TimeoutError:
            return
        finally:
            self._rung[channel].clear()
