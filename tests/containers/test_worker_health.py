"""A worker as its engine sees it: alive though what is around it is away, ready only when it can work."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack

import psycopg
import pytest
from psycopg import sql

from gateways.health import ask
from local import postgres as cluster
from local.plan import HOST, Plan
from local.program import Program, free_port
from local.room import Room
from tests.containers.engine import until
from tests.servers import Database

pytestmark = pytest.mark.whole


class Worker:
    """One worker with a door."""

    def __init__(self, role: str, env: dict[str, str], room: Room, port: int | None = None) -> None:
        address = f"{HOST}:{port or free_port()}"
        self.url = f"http://{address}"
        command = [sys.executable, "worker.py", role]
        self.program = Program(f"{role}-{address}", command, {**env, "HEALTH_ADDRESS": address}, room)
        self.program.start()

    def is_alive(self) -> bool:
        return ask(f"{self.url}/healthz") == ""

    def is_ready(self) -> bool:
        return ask(f"{self.url}/readyz") == ""

    def becomes(self, *, ready: bool) -> bool:
        """Whether it turns ready, or unready, and lives through it."""
        turned = until(lambda: self.is_ready() is ready, lambda: self.program.runs)
        return turned and self.is_alive()


@pytest.mark.parametrize("role", ["approvals", "control"])
def test_a_worker_is_ready_when_it_serves_and_unready_while_postgres_lets_nobody_in(
    role: str, environment: dict[str, str], postgres: Plan, database: Database, room: Room, closing: ExitStack
) -> None:
    worker = Worker(role, environment, room)
    closing.callback(worker.program.end)
    assert worker.becomes(ready=True), worker.program.words
    superuser = postgres.database_url(cluster.SUPERUSER, "postgres")
    name = sql.Identifier(database.name)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        assert worker.becomes(ready=False), worker.program.words
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    assert worker.becomes(ready=True), worker.program.words


@pytest.mark.parametrize("role", ["approvals", "control"])
def test_a_worker_without_temporal_lives_and_waits_for_it(
    role: str, environment: dict[str, str], room: Room, closing: ExitStack
) -> None:
    worker = Worker(role, {**environment, "TEMPORAL_ADDRESS": f"{HOST}:{free_port()}"}, room)
    closing.callback(worker.program.end)
    worker.program.wait_for_words("Temporal does not answer yet")
    assert worker.is_alive()
    assert not worker.is_ready()
    assert worker.program.runs


def test_a_worker_whose_address_is_taken_says_so_in_one_line(environment: dict[str, str], room: Room) -> None:
    with socket.create_server((HOST, 0)) as taken:
        worker = Worker("control", environment, room, taken.getsockname()[1])
        assert until(lambda: not worker.program.runs)
    assert f"HEALTH_ADDRESS: cannot listen on {HOST}:" in worker.program.words
    assert "Traceback" not in worker.program.words
