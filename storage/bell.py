"""Wakes tasks when a commit rings in Postgres (LISTEN/NOTIFY). A lost ring costs one sweep, never a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from storage.database import CONNECT_TIMEOUT_SECONDS, psycopg_url

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0


class Bell:
    """One connection that listens on some channels and wakes whoever waits for them."""

    def __init__(self, database_url: str, channels: Sequence[str]) -> None:
        self._url = psycopg_url(database_url)
        # At most one ring waits for each channel, and wakes one of those who wait: the first that has time.
        self._rung: dict[str, asyncio.Queue[None]] = {channel: asyncio.Queue(1) for channel in channels}

    async def listen(self) -> None:
        """Listen until cancelled; a lost connection is opened again and each channel rung once."""
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
            for channel in self._rung:
                self._ring(channel)
            async for ring in connection.notifies():
                self._ring(ring.channel)

    def _ring(self, channel: str) -> None:
        with suppress(asyncio.QueueFull):
            self._rung[channel].put_nowait(None)

    async def wait(self, channel: str, at_most_seconds: float) -> None:
        """Return when the channel rings, or after the time that a sweep may take."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung[channel].get(), at_most_seconds)
