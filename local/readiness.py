"""Whether a part answers: one handshake in its own language for each. Knows protocols; starts nothing."""

from __future__ import annotations

import asyncio
import http.client
import smtplib
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import redis
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from gateways.temporal import connect
from rules.messages import APPROVALS_QUEUE
from settings import Settings
from storage.database import psycopg_url

RETRY_SECONDS = 0.05

Handshake = Callable[[], object]

#: What a part that is not up yet may answer with; anything else is an error of ours and is raised.
NOT_YET = (
    OSError,
    psycopg.OperationalError,
    redis.RedisError,
    RuntimeError,
    RPCError,
    smtplib.SMTPException,
    http.client.HTTPException,
)


class NeverReady(Exception):
    """A part did not answer in time; the message holds its last word."""


def wait_until(attempt: Handshake, within_seconds: float, goes_on: Callable[[], bool]) -> None:
    """Try the handshake until it succeeds. Raises NeverReady when time is over or `goes_on` turns false.

    A part that is only just starting cannot tell us when it is up: its first answer is the event.
    """
    pause = threading.Event()
    last: Exception | None = None
    deadline = time.monotonic() + within_seconds
    while goes_on() and time.monotonic() < deadline:
        try:
            attempt()
        except NOT_YET as refused:
            last = refused
        else:
            return
        pause.wait(RETRY_SECONDS)
    raise NeverReady(str(last))


def postgres(url: str) -> None:
    """Postgres lets this role in. Wrong passwords and missing databases count as not ready, too."""
    with psycopg.connect(psycopg_url(url), connect_timeout=2) as connection:
        connection.execute("SELECT 1")


def valkey(url: str) -> None:
    """The flags' messenger answers a ping."""
    with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()


def temporal(settings: Settings) -> None:
    """Temporal's front end is serving and knows the namespace."""
    asyncio.run(_connect(settings))


def temporal_at(address: str) -> None:
    """Temporal's front end is serving its default namespace at host:port."""
    asyncio.run(_count_workflows(address))


def approvals(settings: Settings) -> None:
    """A worker asks the approvals' task queue for work."""
    asyncio.run(_ask_for_pollers(settings, APPROVALS_QUEUE))


def control(settings: Settings) -> None:
    """The control worker is connected to Postgres, under the name that it gives its connections."""
    with psycopg.connect(psycopg_url(settings.database_url), connect_timeout=2) as connection:
        connected = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
        if not connection.execute(connected, [f"control/{settings.build_id}"]).fetchone():
            raise ConnectionError("it has not connected to Postgres")


async def _connect(settings: Settings) -> Client:
    client = await connect(settings)
    await client.count_workflows("")
    return client


async def _count_workflows(address: str) -> None:
    await (await Client.connect(address)).count_workflows("")


async def _ask_for_pollers(settings: Settings, queue: str) -> None:
    client = await _connect(settings)
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=settings.temporal_namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    if not answer.pollers:
        raise ConnectionError(f"no worker asks the task queue {queue} for work")


def smtp(url: str) -> None:
    """The mail server greets us."""
    parts = urlsplit(url)
    connect = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with connect(parts.hostname or "", parts.port or 0, timeout=5) as server:
        server.noop()


def web(url: str) -> None:
    """A web server answers, and not with an error of its own."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 500:
        raise ConnectionError(f"answered {status}")
