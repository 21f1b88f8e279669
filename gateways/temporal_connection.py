"""How a worker comes by its client of Temporal: once, when first needed, and again until the server answers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from temporalio.client import Client

from gateways import temporal
from settings import Settings

log = logging.getLogger("worker")

AGAIN_SECONDS = 1.0


class Connection:
    """Connects to Temporal when first needed, so that a dead server delays only what is for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connecting: asyncio.Task[Client] | None = None

    async def client(self) -> Client:
        """The client; raises RuntimeError or RPCError while nobody answers. All who wait share one attempt."""
        attempt = self._connecting
        if attempt is None or (attempt.done() and (attempt.cancelled() or attempt.exception())):
            attempt = self._connecting = asyncio.create_task(_connect(self._settings))
        return await asyncio.shield(attempt)


async def connected(settings: Settings, stop: asyncio.Event) -> Client | None:
    """The client as soon as the server answers; None where we are told to stop before."""
    while not stop.is_set():
        try:
            return await _connect(settings)
        except (RuntimeError, temporal.RPCError) as error:
            log.warning(
                "Temporal does not answer yet",
                extra={"address": settings.temporal_address, "error": str(error)[:200]},
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)
    return None


async def answers(client: Client) -> bool:
    """Whether Temporal's front end says that it serves."""
    try:
        return await client.service_client.check_health(timeout=temporal.CALL_SECONDS)
    except (RuntimeError, temporal.RPCError):
        return False


async def _connect(settings: Settings) -> Client:
    """A client of a namespace that is ready for us; raises RuntimeError or RPCError while it is not."""
    client = await temporal.connect(settings)
    # Workers refuse workflows whose search attributes the namespace does not know.
    await temporal.ensure_search_attributes(client)
    return client
