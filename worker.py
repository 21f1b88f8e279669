"""Temporal's door: `python worker.py approvals` carries requests, `python worker.py control` carries messages out."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import redis
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities import registry as activity_registry
from activities.build import BuildWatch
from activities.build_return import ReturnDesk
from activities.outcome import OutcomeBook, OutcomeInterceptor, TaskFailures, forget_outcomes
from activities.patch import PatchSwitch
from activities.process_callback import CallbackDesk
from activities.process_timetable import TimetableDesk
from activities.registry import Means
from activities.relay import BATCH, NotificationRelay, OutboxRelay
from gateways import temporal, temporal_builds
from gateways.broker import Broker
from gateways.chat import Chat
from gateways.health import CannotListen, Door, open_door
from gateways.mail import Mailer
from gateways.temporal_connection import Connection, answers, connected
from rules import messages
from rules.build import HEARTBEAT, check_build_id
from rules.errors import Invalid
from rules.gate_messages import gate_queue
from settings import Settings
from storage import build as builds
from storage import build_return, flag_copy, notification, outbox
from storage.bell import Bell
from storage.database import lets_in, make_engine, make_sessions
from storage.flag_copy import FlagCopy
from storage.flag_roll import process_name
from workflows import registry as workflow_registry

log = logging.getLogger("worker")

#: So many plain steps at once, and as many local ones: orders at a slow vendor keep no review waiting.
THREADS = 16
#: How much an approvals worker does at once; whom `bench/` compares with it is given the same.
CAPACITY: Final[Mapping[str, Any]] = {
    "max_cached_workflows": 1500,  # 62 KiB each; replaying these short histories is cheap (docs/performance.md)
    "max_concurrent_activities": THREADS,
    "max_concurrent_local_activities": THREADS,
    "max_concurrent_workflow_task_polls": 16,
    # Half of them ask for runs that this worker does not hold yet. With the SDK's fifth a run that begins waits behind
    # all that began after it: the slowest of a hundred took twice as long.
    "nonsticky_to_sticky_poll_ratio": 0.5,
    "max_concurrent_activity_task_polls": 8,
}
UNVERSIONED = "unversioned"  # what stands for a build where a worker serves without versions
SWEEP_SECONDS = 1.0  # a message that no ring announced waits at most this long
CONTROL_THREADS = 8
BUILDS_SECONDS = 2.0  # how often the builds are looked after
SCHEDULES_SECONDS = 30.0  # how often all schedules are; a change of a timetable is carried at once
AN_HOUR = 3600.0  # how often old outcomes are forgotten
RELAYS = 2  # side by side, so that a slow start of one batch holds no other message up
GRACE = timedelta(seconds=45)  # longer than one vendor call may take


async def run_approvals(settings: Settings, stop: asyncio.Event, door: Door) -> None:
    """Serve approvals until told to stop; then finish what has begun."""
    name = f"approvals/{settings.build_id or UNVERSIONED}"
    engine = make_engine(settings.database_url, 2 * THREADS, name)
    flags = FlagCopy(settings.redis_url, process=process_name(name)).start()
    means = Means.of(settings, make_sessions(engine), flags)
    client = await connected(settings, stop)
    if client is None:
        return
    book = OutcomeBook(means.sessions, settings.build_id or UNVERSIONED).start()
    logging.getLogger("temporalio.worker").addHandler(TaskFailures(book))
    with ThreadPoolExecutor(2 * THREADS, thread_name_prefix="activity") as threads:
        worker = Worker(
            client,
            task_queue=messages.APPROVALS_QUEUE,
            workflows=[*workflow_registry.APPROVALS, *workflow_registry.TRIALS],
            activities=[
                *activity_registry.approvals(means),
                *activity_registry.trials(means.sessions, settings.build_id),
            ],
            activity_executor=threads,
            workflow_runner=workflow_registry.fast(),
            interceptors=[OutcomeInterceptor(book)],
            deployment_config=_version(settings.build_id),
            patch_activation_callback=PatchSwitch.of(flags),
            graceful_shutdown_timeout=GRACE,
            **CAPACITY,
        )
        announcing = asyncio.create_task(_announce(means.sessions, settings))
        async with worker, _gate_worker(client, settings.build_id, flags, threads):
            log.info("approvals worker is ready", extra={"build": settings.build_id})
            with door.serving(partial(_needs, settings, client)):
                await stop.wait()
        announcing.cancel()
    flags.stop()
    engine.dispose()


def _gate_worker(
    client: Client, build_id: str, flags: FlagCopy, threads: ThreadPoolExecutor
) -> AbstractAsyncContextManager[object]:
    """Serves the gate of this build, beside the approvals and never in their way."""
    if not build_id:
        return nullcontext()
    return Worker(
        client,
        task_queue=gate_queue(build_id),
        workflows=list(workflow_registry.APPROVALS),
        activities=activity_registry.gate(client, build_id),
        activity_executor=threads,
        workflow_runner=workflow_registry.fast(),
        patch_activation_callback=PatchSwitch.of(flags),
        max_cached_workflows=50,
        max_concurrent_activities=2,
        max_concurrent_local_activities=4,
        max_concurrent_workflow_task_polls=2,
        max_concurrent_activity_task_polls=1,
    )


def _version(build_id: str) -> WorkerDeploymentConfig | None:
    """What makes this worker one build of the deployment; None serves without versions.

    The behaviour stands here and not on the workflow's class: a class that names one hangs for ever on a worker
    without versions.
    """
    if not build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(messages.APPROVALS_DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def _announce(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Write down what code this build is: the server keeps no such note. Tried until Postgres is there."""

    def write() -> None:
        with sessions.begin() as session:
            builds.announce(session, settings.build_id, settings.build_commit, settings.build_note)

    written = not settings.build_id
    while not written:
        try:
            await asyncio.to_thread(write)
            written = True
        except SQLAlchemyError as error:
            log.warning("a store is away", extra={"error": type(error).__name__})
            await asyncio.sleep(SWEEP_SECONDS)
            continue  # not another rest on top: who waits for the flags counts on a second


async def run_control(settings: Settings, stop: asyncio.Event, door: Door) -> None:
    """Carry messages out until told to stop."""
    engine = make_engine(settings.database_url, 8, f"control/{settings.build_id}")
    sessions = make_sessions(engine)
    bell = Bell(settings.database_url, [outbox.CHANNEL, notification.CHANNEL, build_return.CHANNEL])
    connect = Connection(settings).client
    desk = ReturnDesk(sessions, connect)
    relay = OutboxRelay(sessions, connect, flag_copy.connect(settings.redis_url))
    delivery = NotificationRelay(
        sessions,
        Mailer(settings.smtp_url, settings.mail_from),
        Chat(settings.slack_webhook_url) if settings.slack_webhook_url else None,
    )
    tasks = [
        asyncio.create_task(task)
        for task in (
            bell.listen(),
            *(
                _sweep(relay.carry_over, partial(bell.wait, outbox.CHANNEL, SWEEP_SECONDS), BATCH)
                for _ in range(RELAYS)
            ),
            _sweep(delivery.carry_over, partial(bell.wait, notification.CHANNEL, SWEEP_SECONDS), BATCH),
            # Redis may come back empty at any time; whoever reads it must not wait for the next change.
            _sweep(partial(_seed_flags, relay), partial(asyncio.sleep, SWEEP_SECONDS)),
            # A desk of its own: the way back must not queue behind anything.
            _sweep(desk.carry_over, partial(bell.wait, build_return.CHANNEL, SWEEP_SECONDS)),
            _sweep(partial(asyncio.to_thread, forget_outcomes, sessions), partial(asyncio.sleep, AN_HOUR)),
            *_taking(settings, sessions),
            _sweep(TimetableDesk(sessions, connect).look, partial(asyncio.sleep, SCHEDULES_SECONDS)),
            _watch_builds(BuildWatch(sessions, connect, settings.build_id)),
            _serve_control(settings, sessions, stop, door),
        )
    ]
    log.info("control worker is ready", extra={"build": settings.build_id})
    tasks.append(asyncio.create_task(_until(stop)))
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    engine.dispose()
    for task in ended:
        task.result()


async def _sweep(
    carry_over: Callable[[], Awaitable[int]], rest: Callable[[], Awaitable[object]], full: int = 1
) -> None:
    """Carry over, at once again after a batch as `full` as this, else after a rest."""
    while True:
        try:
            while await carry_over() >= full:
                pass
        except (SQLAlchemyError, redis.RedisError) as error:
            log.warning("a store is away", extra={"error": type(error).__name__})
            await asyncio.sleep(SWEEP_SECONDS)
        await rest()


def _taking(settings: Settings, sessions: sessionmaker[Session]) -> list[Coroutine[object, object, None]]:
    """What takes the answers that come through the message broker, where there is one."""
    desk = CallbackDesk(sessions, Broker(settings.broker_url))
    rest = partial(asyncio.sleep, SWEEP_SECONDS)
    return [_sweep(partial(asyncio.to_thread, desk.take), rest)] if settings.broker_url else []


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _seed_flags(relay: OutboxRelay) -> int:
    await asyncio.to_thread(relay.spread_flags)
    return 0


async def _needs(settings: Settings, client: Client) -> bool:
    """Whether what a worker cannot work without answers."""
    return await answers(client) and await lets_in(settings.database_url)


async def _serve_control(
    settings: Settings, sessions: sessionmaker[Session], stop: asyncio.Event, door: Door
) -> None:
    """Serve the control queue until told to stop; messages are carried also while nobody answers there."""
    client = await connected(settings, stop)
    if client is None:
        return
    with ThreadPoolExecutor(CONTROL_THREADS, thread_name_prefix="control") as threads:
        async with Worker(
            client,
            task_queue=messages.CONTROL_QUEUE,
            workflows=list(workflow_registry.CONTROL),
            activities=[
                *activity_registry.control(sessions, client),
                *activity_registry.rollouts(sessions, client, settings),
            ],
            activity_executor=threads,
            workflow_runner=workflow_registry.fast(),
            max_concurrent_activities=CONTROL_THREADS,
        ):
            log.info("control queue is served", extra={"build": settings.build_id})
            with door.serving(partial(_needs, settings, client)):
                await stop.wait()


async def _watch_builds(watch: BuildWatch) -> None:
    """Keep Postgres told of the builds; in a hurry before the first is current, as nothing runs till then."""
    while True:
        pause = BUILDS_SECONDS
        try:
            deployment = await watch.look()
            pause = BUILDS_SECONDS if deployment.route.had_current else BUILDS_SECONDS / 10
        except (RuntimeError, TimeoutError, temporal.RPCError, temporal_builds.RouteRefused) as error:
            log.warning("the builds cannot be looked at", extra={"error": str(error)[:200]})
        except SQLAlchemyError as error:
            log.warning("a store is away", extra={"error": type(error).__name__})
        await asyncio.sleep(pause)


ROLES = {"approvals": run_approvals, "control": run_control}


async def _main(role: str, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_door(settings.health_address) as door:
        await ROLES[role](settings, stop, door)


def main() -> None:
    """Read the command line and the settings, then serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=sorted(ROLES))
    parser.add_argument("--build", help="which build of the code this is; empty: without versions")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    Runtime.set_default(
        Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"))
            ),
            worker_heartbeat_interval=HEARTBEAT,
        )
    )
    settings = Settings.or_exit(os.environ)
    if given.build is not None:
        settings = replace(settings, build_id=_build_id(given.build, parser))
    try:
        asyncio.run(_main(given.role, settings))
    except CannotListen as refused:
        parser.error(f"HEALTH_ADDRESS: {refused}")


def _build_id(text: str, parser: argparse.ArgumentParser) -> str:
    try:
        return check_build_id(text) if text else ""
    except Invalid as refusal:
        parser.error(f"--build: {refusal.message}")


if __name__ == "__main__":
    main()
