"""The stage of a drill: real servers on free ports, workers started and killed by name, all gone at the end.

Knows how parts are started, ended and killed; knows no drill. Whatever becomes of the process that plays a drill, the
keepers end what it has started.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
from temporalio.client import Client

from local import locks, postgres, readiness, temporal, valkey
from local.plan import APP_ROLE, HOST, OWNER_ROLE, PORTS, CannotRun, Plan
from local.program import PATIENCE_SECONDS, ROOT, Program, ProgramFailed, free_port
from local.room import Room
from settings import Settings
from storage.migrate import migrate

#: The addresses of a user's own parts: a drill plays on its own.
OWN_PARTS: Final = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "VENDOR_URL", "SMTP_URL")
#: A server of the product that a drill may need, besides Temporal.
SERVERS: Final = ("postgres", "valkey", "vendor", "mailbox")
#: A dead worker is forgotten, and a build without runs is told to be drained, in seconds instead of minutes.
QUICK_TEMPORAL: Final = (
    'matching.wv.VersionDrainageStatusRefreshInterval="2s"',
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"',
    'matching.PollerHistoryTTL="5s"',
)

#: A drill that cuts no power needs nothing on the disk.
FORGETFUL_POSTGRES: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class StageBroke(Exception):
    """A part did not come up or died by itself; the message holds its last words."""


class Stage:
    """Where one drill plays. Parts are called by name; those of a build are called what the drill calls them.

    Attributes:
        plan: ports, secrets and addresses, as `make run` has its own.
        programs: every part that was ever started, by name.
    """

    def __init__(self, folder: Path, room: Room) -> None:
        given = {name: value for name, value in os.environ.items() if name not in OWN_PARTS}
        given |= {variable: str(free_port()) for variable in PORTS}
        given |= {"VISTOBUENO_STATE": str(folder), "VISTOBUENO_MODE": "local"}
        self.folder = folder
        self.plan = Plan(given)
        self.programs: dict[str, Program] = {}
        self._room = room

    @property
    def environment(self) -> dict[str, str]:
        """What every part gets; also for a command that a reader may try while the drill runs."""
        return self.plan.environment

    @property
    def settings(self) -> Settings:
        """What the product's own parts read of it."""
        return Settings.from_environment(self.environment)

    @property
    def address(self) -> str:
        """host:port of this stage's Temporal."""
        return self.environment["TEMPORAL_ADDRESS"]

    # Parts

    async def start(
        self,
        name: str,
        command: Sequence[str],
        ready: str = "",
        *,
        env: Mapping[str, str] | None = None,
        code: Path = ROOT,
    ) -> Program:
        """Start a part and wait until it says that it is ready.

        Args:
            name: unique on the stage; letters, digits, dots and dashes.
            ready: words that it says when it serves; empty: return at once.
            env: besides what every part gets.
            code: the folder in which it runs.

        Raises:
            StageBroke: it ended, or did not say so in time.
        """
        program = Program(name, command, {**self.environment, **(env or {})}, self._room, code)
        self.programs[name] = program
        await self._starting(program, ready)
        return program

    async def start_again(self, name: str, ready: str = "") -> Program:
        """Start a part that has ended, with the command of the first time. Raises StageBroke."""
        await self._starting(self.programs[name], ready)
        return self.programs[name]

    async def _starting(self, program: Program, ready: str) -> None:
        try:
            program.start()
            if ready:
                await asyncio.to_thread(program.wait_for_words, ready)
        except ProgramFailed as failed:
            raise StageBroke(str(failed)) from failed

    async def end(self, *names: str) -> None:
        """Ask parts to end, as a supervisor would, and wait until they have."""
        for name in names:
            self.programs[name].ask_to_end()
        for name in names:
            await asyncio.to_thread(self.programs[name].end)

    async def kill(self, *names: str) -> dict[str, int]:
        """End parts with kill -9 at one moment, with all their processes, and wait until they are gone.

        Returns:
            The ids that they had.
        """
        trees = {name: _tree(self.programs[name].process) for name in names}
        for each in (process for tree in trees.values() for process in tree):
            _send(each, signal.SIGKILL)
        gone = [process for tree in trees.values() for process in tree]
        await asyncio.to_thread(psutil.wait_procs, gone, PATIENCE_SECONDS)
        for name in names:
            await asyncio.to_thread(self.programs[name].end)
        return {name: tree[0].pid for name, tree in trees.items()}

    def pid(self, name: str) -> int:
        """The process id of a part that runs. Raises StageBroke."""
        try:
            return self.programs[name].process.pid
        except ProgramFailed as failed:
            raise StageBroke(str(failed)) from failed

    # Servers

    async def start_temporal(self, *, lasting: bool = False) -> Client:
        """Bring Temporal up and connect.

        Args:
            lasting: keep its state in a file, so that it may be killed and started again.
        """
        options = [part for each in QUICK_TEMPORAL for part in ("--dynamic-config-value", each)]
        if lasting:
            data = self.plan.folder("temporal") / "temporal.db"
            options += ["--db-filename", str(data)]
            options += [part for each in temporal.SQLITE_PRAGMAS for part in ("--sqlite-pragma", each)]
        command = temporal.server_command(self.plan.port("TEMPORAL_PORT"), ["--headless", *options])
        await self.start("temporal", command)
        await self.answers("temporal")
        return await Client.connect(self.address)

    async def start_servers(self, names: Sequence[str] = SERVERS, *, lasting: bool = False) -> None:
        """Bring the product's other servers up, with empty tables; see `SERVERS`.

        Args:
            lasting: Postgres waits for the disk at every commit, as in production.
        """
        for name in names:
            hasty = FORGETFUL_POSTGRES if name == "postgres" and not lasting else ()
            await self.start(name, [*self._command(name), *hasty])
        for name in names:
            await self.answers(name)
        if "postgres" in names:
            await asyncio.to_thread(self._make_database)

    async def answers(self, name: str) -> None:
        """Wait until a server answers in its own language. Raises StageBroke."""
        program = self.programs[name]
        try:
            await asyncio.to_thread(
                readiness.wait_until, self._handshake(name), PATIENCE_SECONDS, lambda: program.runs
            )
        except readiness.NeverReady as never:
            raise StageBroke(f"{name} does not answer: {never}\n{program.words}") from never

    def _handshake(self, name: str) -> readiness.Handshake:
        env = self.environment
        superuser = self.plan.database_url(postgres.SUPERUSER, "postgres")
        handshakes: Mapping[str, readiness.Handshake] = {
            "postgres": partial(readiness.postgres, superuser),
            "valkey": partial(readiness.valkey, env["REDIS_URL"]),
            "temporal": partial(readiness.temporal_at, self.address),
            "vendor": partial(readiness.web, env["VENDOR_URL"]),
            "mailbox": partial(readiness.smtp, env["SMTP_URL"]),
            "web": partial(readiness.web, f"http://{HOST}:{env['WEB_PORT']}/readyz"),
        }
        return handshakes[name]

    def _command(self, name: str) -> list[str]:
        plan = self.plan
        commands = {
            "postgres": [sys.executable, "-m", "local.postgres"],
            "valkey": valkey.server_command(
                plan.folder("valkey"), plan.port("VALKEY_PORT"), ("--appendonly", "yes")
            ),
            "vendor": [
                *(sys.executable, "-m", "local.vendor", "--port", str(plan.port("VENDOR_PORT"))),
                *("--ledger", str(plan.folder("vendor") / "ledger.jsonl")),
            ],
            "mailbox": [sys.executable, "-m", "local.mailbox"],
        }
        return commands[name]

    def _make_database(self) -> None:
        plan = self.plan
        postgres.make_roles(plan.database_url(postgres.SUPERUSER, "postgres"), plan.secret)
        migrate(plan.database_url(OWNER_ROLE), plan.database_url(APP_ROLE))

    # The end

    def close(self) -> None:
        """End every part that still runs."""
        for program in self.programs.values():
            program.ask_to_end()
        for program in self.programs.values():
            program.end()

    def keep_words(self) -> None:
        """Write down what every part has said, for whoever wonders why a drill broke."""
        for name, program in self.programs.items():
            (self.folder / f"{name}.log").write_text(program.words, encoding="utf-8")


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


@contextmanager
def open_stage(key: str) -> Iterator[Stage]:
    """An empty stage in a folder of the drill's own, which is thrown away with its end.

    Where a drill breaks, the folder stays, with the words of all parts, until the same drill is begun again.

    Raises:
        StageBroke: the same drill is under way, or a part broke.
    """
    home = Plan(os.environ).state / "drills" / key
    room = Room(home / "run")
    owner = room.become_owner()
    if owner is None:
        raise StageBroke(f"The drill {key} is under way already, in process {room.owner_pid()}")
    before = [signal.signal(each, _interrupt) for each in (signal.SIGTERM, signal.SIGHUP)]
    stage = None
    try:
        room.end_processes(patience_seconds=10)
        shutil.rmtree(home / "state", ignore_errors=True)
        (home / "state").mkdir()
        for folder in (home, home / "state"):
            folder.chmod(0o711)  # Postgres may run as another user, who must get through
        stage = Stage(home / "state", room)
        yield stage
    except Exception as broke:
        if stage is not None:
            stage.close()
            stage.keep_words()
        if isinstance(broke, CannotRun | ProgramFailed):
            raise StageBroke(str(broke)) from broke
        raise
    except BaseException:  # somebody has seen enough
        if stage is not None:
            stage.close()
        shutil.rmtree(home)
        raise
    else:
        stage.close()
        shutil.rmtree(home)
    finally:
        for each, handler in zip((signal.SIGTERM, signal.SIGHUP), before, strict=True):
            signal.signal(each, handler)
        locks.release(owner)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
