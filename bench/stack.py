"""The parts of `make run` on free ports and an empty folder, for as long as a measurement takes."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from honcho.environ import parse_procfile

from local import postgres, readiness
from local.plan import APP_ROLE, OWNER_ROLE, PORTS, Plan
from local.program import free_port
from settings import Settings
from storage.migrate import migrate

ROOT = Path(__file__).resolve().parents[1]
SERVERS = ("postgres", "valkey", "temporal", "vendor", "mailbox")
APPS = ("control", "approvals", "web")
PATIENCE_SECONDS = 60
#: The floor's tables: the same schema on the same server.
FLOOR_DATABASE = "floor"


@dataclass
class Stack:
    """Running parts. `settings` is what the product sees; `commands` how each part is started."""

    plan: Plan
    settings: Settings
    commands: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.settings.web_port}"

    @property
    def floor_url(self) -> str:
        """The floor's database, as the product's role."""
        return self.plan.database_url(APP_ROLE, FLOOR_DATABASE)

    def start(self, name: str, command: str, env: Mapping[str, str] | None = None) -> None:
        """Start one part; its words go to a file beside its data."""
        words = (self.plan.folder("words") / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            env={**self.plan.environment, **(env or {})},
            cwd=ROOT,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End one part and wait for it."""
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def cpu_seconds(self, names: tuple[str, ...]) -> dict[str, float]:
        """Part -> CPU time that it and its children, also those that have ended, have used so far."""
        return {name: _cpu_seconds(psutil.Process(self.processes[name].pid)) for name in names}


def _cpu_seconds(process: psutil.Process) -> float:
    used = 0.0
    for each in [process, *process.children(recursive=True)]:
        # A child that ends while we look: from now on its parent counts it.
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


@contextmanager
def running() -> Iterator[Stack]:
    """All parts, ready; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="vistobueno-bench-"))
    folder.chmod(0o755)
    env = {**os.environ, "VISTOBUENO_STATE": str(folder), "VISTOBUENO_MODE": "local"}
    env |= {variable: str(free_port()) for variable in PORTS}
    for variable in ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "SMTP_URL", "VENDOR_URL"):
        env.pop(variable, None)
    plan = Plan(env)
    commands = parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8")).processes
    stack = Stack(plan, Settings.from_environment(plan.environment), commands)
    try:
        for name in SERVERS:
            stack.start(name, commands[name])
        _make_databases(stack)
        for name in APPS:
            stack.start(name, commands[name])
        wait_for(lambda: readiness.web(f"{stack.url}/"))
        yield stack
    finally:
        for name in reversed(list(stack.processes)):
            stack.end(name)
        shutil.rmtree(folder, ignore_errors=True)


def _make_databases(stack: Stack) -> None:
    plan = stack.plan
    superuser = plan.database_url(postgres.SUPERUSER, "postgres")
    wait_for(lambda: readiness.postgres(superuser))
    postgres.make_roles(superuser, plan.secret)
    wait_for(lambda: readiness.temporal(stack.settings))
    migrate(stack.settings.migration_database_url, stack.settings.database_url)
    psql = shlex.quote(str(postgres.PROGRAMS / "psql"))
    subprocess.run(
        f"{psql} -q -c 'CREATE DATABASE {FLOOR_DATABASE} OWNER {OWNER_ROLE}' {shlex.quote(superuser)}",
        shell=True,
        check=True,
    )
    floor_owner = plan.database_url(OWNER_ROLE, FLOOR_DATABASE)
    migrate(floor_owner, stack.floor_url)


def wait_for(handshake: Callable[[], None]) -> None:
    """Wait until a handshake succeeds; raises what `readiness.wait_until` does."""
    readiness.wait_until(handshake, PATIENCE_SECONDS, lambda: True)


def python() -> str:
    """The interpreter of this run, quoted for a shell."""
    return shlex.quote(sys.executable)
