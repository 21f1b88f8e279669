"""The worker of the lifecycle: a build of a deployment, or one without versions. Serves until told to end.

Loads nothing of the product but its settings: it must be up in a second, also in a small container.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from local.drills.lifecycle import (
    DEPLOYMENT,
    FIRST_BUILDS,
    HEARTBEAT_SECONDS,
    PATCH,
    UNVERSIONED_QUEUE,
    VERSIONED_QUEUE,
    Hands,
    Lifecycle,
)
from local.drills.temporal_client import connect

log = logging.getLogger("drills.worker")

#: The words that say that it serves.
READY: Final = "worker is ready"
#: What has begun may end: longer than a step of the drills takes.
GRACE: Final = timedelta(seconds=40)
#: A run whose worker is gone waits so long for it, since it has the run in its memory; then any may take it.
STICKY: Final = timedelta(seconds=5)
AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Post:
    """What one worker is: its name, its build, whether the server routes by it, and what goes wrong there."""

    name: str
    build: str
    versioned: bool
    fails: frozenset[str] = frozenset()
    slots: int = 10
    """How many activities at once."""

    @property
    def identity(self) -> str:
        """What the server writes beside everything that this worker does; `worker_of` reads it."""
        return f"{self.name}@{self.build or '-'}#{os.getpid()}"

    @property
    def config(self) -> WorkerDeploymentConfig | None:
        """What the server is told about the build. A build without a deployment is only a name beside the work."""
        if not self.build:
            return None
        return WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(DEPLOYMENT, self.build),
            use_worker_versioning=self.versioned,
            # Said here and not by the class, which has to be served by workers without versions, too.
            default_versioning_behavior=VersioningBehavior.PINNED
            if self.versioned
            else VersioningBehavior.UNSPECIFIED,
        )


def host_name() -> str:
    """What a worker is called that was given no name: its machine or pod."""
    return socket.gethostname()


async def serve(post: Post, given: Mapping[str, str], stop: asyncio.Event) -> None:
    """Serve until told to stop, then finish what has begun. Raises SettingsError for an address that makes no sense."""
    client = await _connected(given, post, stop)
    if client is None:
        return
    worker = Worker(
        client,
        task_queue=VERSIONED_QUEUE if post.versioned else UNVERSIONED_QUEUE,
        workflows=[Lifecycle],
        activities=Hands(post.name, post.build, post.fails).activities(),
        workflow_runner=UnsandboxedWorkflowRunner(),
        identity=post.identity,
        deployment_config=post.config,
        patch_activation_callback=lambda asked: asked.patch_id == PATCH and post.build not in FIRST_BUILDS,
        max_concurrent_activities=post.slots,
        max_concurrent_workflow_task_polls=2,
        max_concurrent_activity_task_polls=1,
        # So that whoever is free does the next step, not whoever has the run in its memory.
        disable_eager_activity_execution=True,
        max_heartbeat_throttle_interval=timedelta(seconds=HEARTBEAT_SECONDS),
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
    )
    async with worker:
        log.info("%s %s: %s", post.name, _said(post), READY)
        await stop.wait()
        log.info("%s: told to end, finishing what has begun", post.name)
    log.info("%s: ended", post.name)


def _said(post: Post) -> str:
    if post.versioned:
        return f"of build {post.build}"
    return f"without versions, code {post.build}" if post.build else "without versions"


async def _connected(given: Mapping[str, str], post: Post, stop: asyncio.Event) -> Client | None:
    while not stop.is_set():
        try:
            return await connect(given)
        except (RuntimeError, RPCError) as error:
            log.warning("Temporal does not answer yet: %s", str(error)[:200])
            try:
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)
            except TimeoutError:
                continue
    return None


async def _main(post: Post) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(post, os.environ, stop)


def main(post: Post) -> int:
    """Serve until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("temporalio").setLevel(
        logging.ERROR
    )  # a step that fails on purpose is told in our words
    asyncio.run(_main(post))
    return 0
