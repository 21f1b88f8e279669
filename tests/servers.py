"""The real servers that one test session shares: each started when a test first needs it, all ended with it.

Knows how to start and to share; the fixtures in `conftest.py` know what a test gets. Whoever comes first, of
however many test processes, starts a server and notes its port; a keeper ends it when the session's process
does, even if that was killed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from local import postgres, readiness, temporal, valkey
from local.plan import APP_ROLE, DATABASE, HOST, OWNER_ROLE, Plan
from local.program import free_port
from local.room import Room
from storage.database import make_engine, make_sessions
from storage.migrate import migrate
from tests.company import hire
from tests.loop import elsewhere

PATIENCE_SECONDS = 30

#: Nothing of a test outlives its session: no need to reach the disk, nor to make passwords hard to guess.
FORGETFUL = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "scram_iterations=1",
)

#: The migrated database in which the people of tests/app/people.py work already.
HIRED = "hired"

#: A drained worker version is told within 2 s, not after minutes, and its pollers are forgotten in 5 s.
QUICK_DRAIN = (
    'matching.wv.VersionDrainageStatusRefreshInterval="2s"',
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"',
    'matching.PollerHistoryTTL="5s"',
)


@dataclass(frozen=True)
class Database:
    """One database of a test: the product's role may only what it needs, the owner's may change tables."""

    name: str
    url: str
    owner_url: str


@dataclass(frozen=True)
class Servers:
    """The servers of a session; `folder` is the room of their keepers and holds their data and notes."""

    folder: Path

    def postgres(self) -> Plan:
        """The plan of a Postgres that is up, with both roles and two databases to clone: migrated, and `HIRED`."""
        with self._first("postgres") as port:
            plan = Plan({"VISTOBUENO_STATE": str(self.folder), "POSTGRES_PORT": str(port.number)})
            if port.is_new:
                command = [sys.executable, "-m", "local.postgres", *FORGETFUL]
                self._start("postgres", command, plan.given)
                superuser = plan.database_url(postgres.SUPERUSER, "postgres")
                self._await("postgres", lambda: readiness.postgres(superuser))
                postgres.make_roles(superuser, plan.secret)
                migrate(plan.database_url(OWNER_ROLE), plan.database_url(APP_ROLE))
                _copy(plan, HIRED, DATABASE)
                _hire_people(plan.database_url(APP_ROLE, HIRED))
        return plan

    def valkey(self, name: str) -> str:
        """The URL of a Valkey that is up, of this name: messages reach all of a server, so share with care."""
        with self._first(name) as port:
            url = f"redis://{HOST}:{port.number}/0"
            if port.is_new:
                data = self.folder / name
                data.mkdir()
                self._start(name, valkey.server_command(data, port.number), {})
                self._await(name, lambda: readiness.valkey(url))
        return url

    def temporal(self) -> str:
        """The address of a Temporal that is up, in memory, with time skipping and quick draining."""
        with self._first("temporal") as port:
            address = f"{HOST}:{port.number}"
            if port.is_new:
                options = [part for each in QUICK_DRAIN for part in ("--dynamic-config-value", each)]
                self._start("temporal", temporal.server_command(port.number, ["--headless", *options]), {})
                self._await("temporal", lambda: readiness.temporal_at(address))
        return address

    def preloaded(self) -> Path:
        """The door of a process that forks programs; see `tests.preloaded`."""
        door = self.folder / "preloaded.door"
        with self._first("preloaded") as port:
            if port.is_new:
                self._start(
                    "preloaded",
                    [sys.executable, "-m", "tests.preloaded", str(door)],
                    {"PYTHONUNBUFFERED": "1"},
                )
                self._await("preloaded", lambda: knock(door))
        return door

    @contextmanager
    def _first(self, name: str) -> Iterator[Port]:
        """The port of the server of this name; the first to ask gets a new one and must start the server."""
        with (self.folder / f"{name}.starting").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            note = self.folder / f"{name}.port"
            if note.exists():
                yield Port(int(note.read_text()), is_new=False)
                return
            port = Port(free_port(), is_new=True)
            yield port
            note.write_text(str(port.number))

    def _start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        keeper = [sys.executable, "-m", "local.keeper", "server", name, str(self.folder), "--", *command]
        with (self.folder / f"{name}.log").open("wb") as log:
            _keepers[self.folder, name] = subprocess.Popen(
                keeper,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )

    def _await(self, name: str, handshake: readiness.Handshake) -> None:
        keeper = _keepers[self.folder, name]
        try:
            alive = partial(_is_alive, keeper)
            elsewhere(lambda: readiness.wait_until(handshake, PATIENCE_SECONDS, alive))
        except readiness.NeverReady as never:
            words = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the {name} of the tests does not answer: {never}\n{words}") from never


def _is_alive(keeper: subprocess.Popen[bytes]) -> bool:
    return keeper.poll() is None


@dataclass(frozen=True)
class Port:
    """A port, and whether its server is still to be started."""

    number: int
    is_new: bool


#: The keepers that this process has started; they live as long as the session, not as we do.
_keepers: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}
#: This process's connection to each Postgres for making databases: opening one costs a third of a copy.
_makers: dict[str, psycopg.Connection] = {}


def knock(door: Path) -> None:
    """Raises OSError where nobody listens behind a door."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(door))


def leave_servers() -> None:
    """Let go of the keepers that this process started, in the processes that others outlive."""
    _close_makers()
    for keeper in _keepers.values():
        keeper.returncode = 0  # nobody here sees its end; without this, Popen complains of that
    _keepers.clear()


def end_servers(room: Room) -> None:
    """Wait until the keepers have ended their servers; called when the session has let go of the room."""
    _close_makers()
    room.end_processes(patience_seconds=10)
    for keeper in _keepers.values():
        keeper.wait()
    _keepers.clear()


@contextmanager
def clone(plan: Plan, name: str, template: str = DATABASE) -> Iterator[Database]:
    """A fresh copy of the migrated database; 0.02 s in memory, 0.2 s on a disk, against seconds for the migrations."""
    connection = _copy(plan, name, template)
    try:
        yield Database(name, plan.database_url(APP_ROLE, name), plan.database_url(OWNER_ROLE, name))
    finally:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(plan: Plan, name: str, template: str) -> psycopg.Connection:
    connection = _maker(plan.database_url(postgres.SUPERUSER, "postgres"))
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER_ROLE)
        )
    )
    return connection


def _hire_people(url: str) -> None:
    engine = make_engine(url)
    with make_sessions(engine).begin() as session:
        hire(session)
    engine.dispose()


def _maker(superuser_url: str) -> psycopg.Connection:
    if superuser_url not in _makers:
        _makers[superuser_url] = psycopg.connect(superuser_url, autocommit=True)
    return _makers[superuser_url]


def _close_makers() -> None:
    for connection in _makers.values():
        connection.close()
    _makers.clear()


def empty_valkey(url: str) -> None:
    """Forget everything that a test has left."""
    with redis.Redis.from_url(url) as client:
        client.flushall()


def host_and_port(url: str) -> tuple[str, int]:
    """The two in a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0
