"""The way back from a bad build, as one act that may be repeated: needs Temporal and neither Postgres nor Redis.

`python -m activities.emergency_return BUILD --reason "…"` does the same by hand when everything else is away.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from gateways import temporal, temporal_builds, temporal_pollers, temporal_runs
from gateways.temporal_builds import Deployment, OtherManager, RouteRefused
from gateways.temporal_pollers import QueueRoute
from settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

#: One call may take so long, and is tried so often: the way back shall take less than five seconds.
CALL: Final = timedelta(seconds=1.5)
TRIES: Final = 3
VERIFY_SECONDS: Final = 5.0
#: After the route is back, runs that were on their way meanwhile are looked for so often, at such distances.
PASSES: Final = 6
PASS_SECONDS: Final = 1.5
#: The last start on the build is looked for among those of so long before the route was changed.
LAST_START_WITHIN: Final = timedelta(minutes=5)


class CannotReturn(Exception):
    """There is no way back; the message says why and what can be done instead. Nothing was changed."""


@dataclass(frozen=True)
class ReturnOrder:
    """What to take back.

    Attributes:
        stable: the build to return to; None lets the server say which was current last.
        stable_is_alive: where the caller knows; None makes us look, which takes up to five seconds.
        can_replay: whether the old build replays the bad one's histories; healthy runs are moved only then.
        freeze_only: no new request goes to the build; what is open on it stays.
    """

    build_id: str
    reason: str
    stable: str | None = None
    stable_is_alive: bool | None = None
    can_replay: bool | None = None
    freeze_only: bool = False


@dataclass
class ReturnReport:
    """What was done, with times in milliseconds from the beginning of the act.

    Attributes:
        changed: what was changed at Temporal: `ramp ended`, `current set`, or nothing where it was so already.
        late_queues: those that did not show the route within `VERIFY_SECONDS`.
        reset: stuck runs that were set back; `waiting` ones go on by themselves at their next attempt.
        route_changed_at, last_start_at: by Temporal's clock, ISO 8601: when its route was changed last, and when the
            last request that ran on the build was started; empty where none was for minutes before.
        last_start_ms: the same start from the beginning of the act, below zero where it was before; None where the
            route stood so already, as nothing ties the two clocks together then (also where Temporal changed it for
            a call that it did not answer in time).
    """

    build_id: str
    stable: str | None = None
    changed: str = ""
    routed_ms: int | None = None
    verified_ms: int | None = None
    freed_ms: int | None = None
    late_queues: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    moved: int = 0
    not_moved: int = 0
    notes: list[str] = field(default_factory=list)
    route_changed_at: str = ""
    last_start_at: str = ""
    last_start_ms: int | None = None

    def to_detail(self) -> dict[str, Any]:
        """The report as it is stored."""
        return asdict(self)

    def keep_route_of(self, earlier: Mapping[str, Any]) -> None:
        """Keep what an earlier attempt stored of the route, where that one changed it and this one found it so."""
        if earlier.get("changed") and not self.changed:
            self.changed, self.routed_ms = earlier["changed"], earlier["routed_ms"]
            self.verified_ms, self.route_changed_at = earlier["verified_ms"], earlier["route_changed_at"]


async def set_route_back(client: Client, order: ReturnOrder) -> ReturnReport:
    """Let no new request reach the build, and verify that on every queue.

    Raises:
        CannotReturn: nothing was changed.
        RPCError: Temporal did not answer; nothing says whether something was changed. Come again.
    """
    began = time.monotonic()
    report = ReturnReport(order.build_id)
    deployment = await _patient(lambda: temporal_builds.describe(client, CALL))
    report.stable = await _judge(client, deployment, order)
    if deployment.route.current == order.build_id:
        stable = report.stable or ""
        await _patient(
            lambda: _as_manager(client, lambda: temporal_builds.set_current(client, stable, timeout=CALL))
        )
        report.changed = "current set"
    if deployment.route.ramping == order.build_id:
        await _patient(lambda: _as_manager(client, lambda: temporal_builds.end_ramp(client, timeout=CALL)))
        report.changed = report.changed or "ramp ended"
    report.routed_ms = _ms(began)
    route = (await _patient(lambda: temporal_builds.describe(client, CALL))).route
    report.route_changed_at = route.changed_at.isoformat() if route.changed_at else ""
    wanted = QueueRoute(route.current, route.ramping, route.percent)
    late = await temporal_pollers.await_route(client, wanted, VERIFY_SECONDS)
    report.late_queues = [f"{queue.name} {queue.kind}" for queue in late]
    report.verified_ms = _ms(began)
    return report


async def _judge(client: Client, deployment: Deployment, order: ReturnOrder) -> str | None:
    """The build to return to; raises CannotReturn."""
    route = deployment.route
    if all(each.build_id != order.build_id for each in deployment.builds):
        raise CannotReturn(f"Temporal knows no build {order.build_id}.")
    if route.current != order.build_id:
        stable = route.current
    else:
        stable = order.stable or deployment.current_before(order.build_id)
        if stable is None:
            raise CannotReturn(
                f"No build was current before {order.build_id}, so there is nothing to return to."
            )
    if order.freeze_only:
        if route.current == order.build_id:
            raise CannotReturn("It is the current build; a freeze would leave new requests nowhere to go.")
        return stable
    if stable is not None and not await _is_alive(client, stable, order):
        raise CannotReturn(
            f"Build {stable} has no live worker, so requests would wait there. Start one, or freeze instead."
        )
    if order.can_replay is False:
        raise CannotReturn(
            f"Build {stable} cannot replay what {order.build_id} has begun, so open requests would be stuck."
            " Freeze instead: nothing new goes there, and what is open ends there."
        )
    return stable


async def _is_alive(client: Client, stable: str, order: ReturnOrder) -> bool:
    if order.stable_is_alive is not None and order.stable in {None, stable}:
        return order.stable_is_alive
    return await temporal_pollers.await_life(client, stable)


async def _as_manager(client: Client, act: Callable[[], Awaitable[T]]) -> T:
    """Do it, taking the routes over from another program where one holds them: this cannot wait for it."""
    try:
        return await act()
    except OtherManager:
        await temporal_builds.take_over(client, CALL)
        return await act()


async def _patient(act: Callable[[], Awaitable[T]]) -> T:
    """Do it, again where Temporal was busy."""
    for _ in range(TRIES - 1):
        try:
            return await act()
        except RPCError as error:
            log.warning("Temporal did not answer in time", extra={"error": str(error)[:200]})
    return await act()


async def free_runs(client: Client, order: ReturnOrder, report: ReturnReport) -> None:
    """Let go of what the build holds: stuck runs are set back, the others moved where the old build can replay them.

    Comes again for a few seconds, because a run is listed a moment after it began. Harmless when repeated.
    """
    began = time.monotonic()
    for number in range(PASSES):
        if number:
            await asyncio.sleep(PASS_SECONDS)
        found = await _free_once(client, order, report)
        if not found and number >= 1:
            break
    report.freed_ms = _ms(began)
    await _find_last_start(client, report)


async def _find_last_start(client: Client, report: ReturnReport) -> None:
    """Which start on the build was the last: found seconds after it, when Temporal's lists have caught up."""
    if not report.route_changed_at:
        return
    changed_at = datetime.fromisoformat(report.route_changed_at)
    last = await temporal_runs.last_start(client, report.build_id, changed_at - LAST_START_WITHIN)
    if last is None:
        return
    report.last_start_at = last.isoformat()
    if report.changed and report.routed_ms is not None:
        report.last_start_ms = report.routed_ms + round((last - changed_at).total_seconds() * 1000)


async def _free_once(client: Client, order: ReturnOrder, report: ReturnReport) -> bool:
    """One pass; whether there was anything to do."""
    if order.can_replay and not order.freeze_only:
        job = await temporal_runs.move_held(client, order.build_id, None, order.reason)
        if job is not None:
            moved, missed = await temporal_runs.await_batch(client, job)
            report.moved, report.not_moved = report.moved + moved, report.not_moved + missed
    stuck = await temporal_runs.stuck_runs(client, order.build_id)
    fresh = [run for run in stuck if run.workflow_id not in report.waiting]
    for run in fresh:
        try:
            await temporal_runs.hold(client, run.workflow_id, None)
        except temporal.NoSuchRun:
            continue
        report.released.append(run.workflow_id)
    done, never = await temporal_runs.reset_stuck(client, fresh, order.reason)
    report.reset += done
    report.waiting += never
    return bool(fresh)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


async def _by_hand(settings: Settings, order: ReturnOrder) -> int:
    client = await temporal.connect(settings)
    try:
        report = await set_route_back(client, order)
    except (CannotReturn, RouteRefused) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    sys.stdout.write(f"New requests go to {report.stable} ({report.changed or 'as before'}), ")
    sys.stdout.write(f"verified after {report.verified_ms} ms.\n")
    await free_runs(client, order, report)
    sys.stdout.write(
        f"Last start on {order.build_id}: {report.last_start_at or 'none for minutes before'}.\n"
    )
    sys.stdout.write(
        f"Set back: {len(report.reset)}, waiting for their next attempt: {len(report.waiting)}.\n"
    )
    return 1 if report.late_queues else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and go back. Exit codes: 0 done, 1 refused or not verified, 2 Temporal is away."""
    parser = argparse.ArgumentParser(prog="python -m activities.emergency_return", description=__doc__)
    parser.add_argument("build", help="the bad build")
    parser.add_argument("--reason", required=True)
    parser.add_argument("--to", help="the build to return to; default: the one that was current before")
    parser.add_argument("--freeze", action="store_true", help="only let nothing new go there")
    given = parser.parse_args(arguments)
    order = ReturnOrder(given.build, given.reason, stable=given.to, freeze_only=given.freeze)
    try:
        return asyncio.run(_by_hand(Settings.or_exit(os.environ), order))
    except (RPCError, RuntimeError) as error:
        sys.stderr.write(f"Temporal does not answer: {error}\n")
        return 2


if __name__ == "__main__":
    temporal.leave(main())
