"""Looks at Temporal's builds and writes down what it sees; lets go of runs that need not be held any more.

Decides no route. A heartbeat or a poll counts when it has changed since the last look: no clock but Postgres's is asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from gateways import temporal_builds, temporal_pollers, temporal_runs
from gateways.temporal_builds import Deployment, Route
from gateways.temporal_pollers import Queue
from rules.build import ALIVE_FOR, polled_until
from storage import build as builds
from storage.build import Sighting
from storage.database import now

log = logging.getLogger(__name__)

#: Counting runs costs the server a query each; every so many looks is often enough for people.
COUNT_EVERY: Final = 5
#: Nobody's heartbeat for so long, and polls have to do.
SILENT_SECONDS: Final = 30.0


@dataclass
class PollBook:
    """When each queue was last seen to be asked, by Postgres's clock: the server's own times only tell polls apart."""

    _seen: dict[tuple[str, Queue], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    _has_looked: bool = False

    def note(
        self, build_ids: Collection[str], polls: tuple[temporal_pollers.Poller, ...], at: datetime
    ) -> dict[str, list[datetime | None]]:
        """Build -> when each of its queues was seen to be asked anew; a first look can tell of none.

        Args:
            at: the moment of this look.
        """
        found: dict[str, list[datetime | None]] = {}
        for build_id in build_ids:
            for queue, polled_at in temporal_pollers.last_polls(polls, build_id).items():
                before, seen_at = self._seen.get((build_id, queue), (None, None))
                if polled_at is not None and polled_at != before:
                    seen_at = at if self._has_looked else None
                self._seen[build_id, queue] = (polled_at, seen_at)
                found.setdefault(build_id, []).append(seen_at)
        self._has_looked = True
        return found


@dataclass
class BuildWatch:
    """Looks again and again, from one process; several may look, each writes what it sees.

    Attributes:
        preferred: the build that becomes current if it is among the first that come.
    """

    sessions: sessionmaker[Session]
    connect: Callable[[], Awaitable[Client]]
    preferred: str
    _beats: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    _polls: PollBook = field(default_factory=PollBook)
    _looks: int = 0
    _silent_since: float | None = None

    async def look(self) -> Deployment:
        """One look. Raises RPCError, RuntimeError or RouteRefused where Temporal does not answer as it should."""
        client = await self.connect()
        await temporal_builds.ensure_first_current(client, self.preferred)
        deployment, beats, polls = await asyncio.gather(
            temporal_builds.describe(client),
            temporal_pollers.heartbeats(client),
            temporal_pollers.pollers(client),
        )
        counts = await self._count(client, deployment)
        alive = self._new_beats(beats)
        await asyncio.to_thread(self._write, deployment, beats, alive, polls, counts)
        if counts:
            await self._release(client, deployment.route)
        return deployment

    def _new_beats(self, beats: Mapping[str, Mapping[str, datetime]]) -> dict[str, int]:
        """Build -> how many of its workers have beaten since the last look; a first look sees none."""
        before, self._beats = self._beats, beats
        return {
            build_id: sum(
                1 for worker, at in workers.items() if before.get(build_id, {}).get(worker, at) != at
            )
            for build_id, workers in beats.items()
        }

    def _keeps_no_heartbeats(self, beats: Mapping[str, Mapping[str, datetime]]) -> bool:
        """Whether polls are all that is known: a server that keeps heartbeats shows the first within seconds."""
        if any(beats.values()):
            self._silent_since = None
            return False
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        return time.monotonic() - self._silent_since > SILENT_SECONDS

    async def _count(self, client: Client, deployment: Deployment) -> dict[str, temporal_runs.Runs]:
        self._looks += 1
        if self._looks % COUNT_EVERY != 1:
            return {}
        ids = [each.build_id for each in deployment.builds]
        counted = await asyncio.gather(*(temporal_runs.count_runs(client, each) for each in ids))
        return dict(zip(ids, counted, strict=True))

    async def _release(self, client: Client, route: Route) -> None:
        """Requests that were held on the current build go on where all go, once nothing else is tried beside it."""
        if route.current is None or route.ramping is not None:
            return
        job = await temporal_runs.move_held(client, route.current, None, f"{route.current} is for everybody")
        if job is not None:
            moved, failed = await temporal_runs.await_batch(client, job)
            log.info("released runs", extra={"build": route.current, "released": moved, "failed": failed})

    def _write(
        self,
        deployment: Deployment,
        beats: Mapping[str, Mapping[str, datetime]],
        alive: Mapping[str, int],
        polls: tuple[temporal_pollers.Poller, ...],
        counts: Mapping[str, temporal_runs.Runs],
    ) -> None:
        route = deployment.route
        with self.sessions.begin() as session:
            database_now = now(session)
            asked = self._polls.note([each.build_id for each in deployment.builds], polls, database_now)
            sightings = []
            for each in deployment.builds:
                alive_for = ALIVE_FOR if alive.get(each.build_id) else None
                if self._keeps_no_heartbeats(beats):
                    until = polled_until(asked[each.build_id])
                    alive_for = until - database_now if until else None
                runs = counts.get(each.build_id)
                sightings.append(
                    Sighting(
                        build_id=each.build_id,
                        state=each.state,
                        percent=route.percent if each.build_id == route.ramping else Decimal(0),
                        first_seen_at=each.first_seen_at,
                        alive_for=_ahead(alive_for),
                        workers=alive.get(each.build_id, 0),
                        runs=(runs.open, runs.finished) if runs else None,
                    )
                )
            builds.note_sightings(session, sightings)
            builds.note_route(session, route.current, route.ramping, route.percent, route.revision)


def _ahead(duration: timedelta | None) -> timedelta | None:
    return duration if duration is not None and duration > timedelta(0) else None
