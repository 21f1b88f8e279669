"""What `make run` does once the virtual environment is there: start, wait, migrate, fill, tell. Knows the order.

Every step prints one line with its seconds. What stands in the way is one line, too.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil

from local import postgres, readiness
from local.plan import HOST, PARTS, CannotRun, Part, Plan
from settings import Settings, SettingsError

START_PATIENCE_SECONDS = 60
#: The user's own parts should be up before us.
OWN_PATIENCE_SECONDS = 5
END_PATIENCE_SECONDS = 12

ONE_ENDED = "One part has ended, and the others with it; its last words are above"


@contextmanager
def step(title: str) -> Iterator[None]:
    """One line on the screen for one step, with its seconds, when it is done."""
    start = time.monotonic()
    yield
    print(f"[{time.monotonic() - start:5.1f} s] {title}", flush=True)


def run(plan: Plan) -> int:
    """Everything from the first check to the last goodbye. Returns the exit code; raises CannotRun."""
    check_folders(plan)
    settings = Settings.from_environment(plan.environment)
    if plan.room.become_owner() is None:
        raise CannotRun(
            f"It runs already, as process {plan.room.owner_pid()}: end that one first (Ctrl-C there)"
        )
    sweep(plan)
    check_ports(plan)
    gate = plan.room.shut_gate()
    names = [part.name for part in plan.parts]
    # A session of its own: Ctrl-C goes to all in the terminal's foreground, and it is ours to end the others.
    manager = subprocess.Popen(
        [sys.executable, "-m", "local.processes", *names], env=plan.environment, start_new_session=True
    )
    is_asked = False
    try:
        make_ready(plan, settings, lambda: manager.poll() is None, lambda: plan.room.open_gate(gate))
        tell(plan, settings)
        manager.wait()
    except KeyboardInterrupt:
        is_asked = True
        print("\nEnding everything ...", flush=True)
    finally:
        end(plan, manager)
    if not is_asked:
        raise CannotRun(ONE_ENDED)
    print("Stopped", flush=True)
    return 0


def check_folders(plan: Plan) -> None:
    """Whether we may write where the state lies, also where another user's run has left some."""
    try:
        for folder in (plan.state, plan.room.folder, plan.secret_path("any").parent):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(0, "belongs to another user", str(folder))
    except OSError as refused:
        raise CannotRun(f"No permission to write {refused.filename} ({refused.strerror})") from refused


def sweep(plan: Plan) -> None:
    """End what an earlier run left, if that was killed: its processes are known by their ids and start times."""
    left = plan.room.processes()
    if left:
        names = ", ".join(f"{name} (process {process.pid})" for name, process in left.items())
        with step(f"an earlier run had left {names}: ended"):
            plan.room.end_processes(END_PATIENCE_SECONDS)


def check_ports(plan: Plan) -> None:
    """Whether every port that we need is free. Raises CannotRun naming the port, the part and the variable."""
    seen: dict[int, str] = {}
    for part in plan.parts:
        for variable in part.ports:
            port = plan.port(variable)
            if port in seen:
                raise CannotRun(f"{variable} and {seen[port]} are both {port}: they must differ")
            seen[port] = variable
            _check_port(port, part, variable)


def _check_port(port: int, part: Part, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as refused:
            raise CannotRun(
                f"Port {port} for {part.title} is not free: {refused.strerror}{_holder_of(port)}. "
                f"Take another: make run {variable}={port + 1}"
            ) from refused


def _holder_of(port: int) -> str:
    """Who listens on a port, as far as the system tells us."""
    try:
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid:
                return f" by {psutil.Process(each.pid).name()}, process {each.pid}"
    except psutil.Error:
        return ""
    return ""


def make_ready(
    plan: Plan, settings: Settings, alive: Callable[[], bool], open_gate: Callable[[], None]
) -> None:
    """From started to usable: servers answer, tables and demo company are there, then the apps may start."""
    wait = partial(_wait, plan, alive)
    if plan.starts("postgres"):
        superuser = plan.database_url(postgres.SUPERUSER, "postgres")
        wait("postgres", lambda: readiness.postgres(superuser))
        postgres.make_roles(superuser, plan.secret)
    else:
        wait("postgres", lambda: readiness.postgres(settings.database_url))
    wait("valkey", lambda: readiness.valkey(settings.redis_url))
    wait("mailbox", lambda: readiness.smtp(settings.smtp_url))
    wait("vendor", lambda: readiness.web(settings.vendor_url))
    wait("temporal", lambda: readiness.temporal(settings))
    _call(plan, "The tables are up to date", "storage.migrate")
    # The demo company brings rule sets of long ago; what ships fills in only where there are none.
    _call(plan, "The demo company is there", "local.demo")
    _call(plan, "The shipped rule sets are in force", "storage.seed")
    open_gate()
    wait("control", lambda: readiness.control(settings))
    wait("approvals", lambda: readiness.approvals(settings))
    wait("web", lambda: readiness.web(f"http://{HOST}:{settings.web_port}/"))


def _wait(plan: Plan, alive: Callable[[], bool], name: str, handshake: Callable[[], object]) -> None:
    """Wait for one part's handshake. Raises CannotRun."""
    part = next(part for part in PARTS if part.name == name)
    title, patience = part.title[0].upper() + part.title[1:], START_PATIENCE_SECONDS
    if plan.is_own(part):
        title, patience = f"Your {part.own}", OWN_PATIENCE_SECONDS
    with step(f"{title} answers"):
        try:
            readiness.wait_until(handshake, patience, alive)
        except readiness.NeverReady as never:
            raise CannotRun(f"{title} does not answer: {never}" if alive() else ONE_ENDED) from never


def _call(plan: Plan, title: str, module: str) -> None:
    """Run one module to its end; its words are shown only if it fails. Raises CannotRun."""
    with step(title):
        done = subprocess.run(
            [sys.executable, "-m", module],
            env=plan.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout, flush=True)
            raise CannotRun(
                f"python -m {module} failed with exit code {done.returncode}; its words are above"
            )


def tell(plan: Plan, settings: Settings) -> None:
    """Print the addresses and the demo logins."""
    lines = [("Vistobueno", settings.public_url)]
    if plan.starts("vendor"):
        lines.append(("Shop", f"http://localhost:{plan.port('VENDOR_PORT')}/products"))
    if plan.starts("mailbox"):
        lines.append(("Mailbox", f"http://localhost:{plan.port('MAILBOX_PORT')}"))
    if plan.starts("temporal"):
        lines.append(("Temporal", f"http://localhost:{plan.port('TEMPORAL_UI_PORT')}"))
    print()
    for title, address in lines:
        print(f"  {title:<12}{address}")
    print(flush=True)
    subprocess.run([sys.executable, "-m", "local.demo", "--logins"], env=plan.environment, check=True)
    print("\nCtrl-C ends everything; the next `make run` finds its data again.\n", flush=True)


def end(plan: Plan, manager: subprocess.Popen[bytes]) -> None:
    """End all processes, also those that a killed manager has left."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if manager.poll() is None:
        manager.terminate()
    try:
        manager.wait(END_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        manager.kill()
        manager.wait()
    killed = plan.room.end_processes(patience_seconds=0)
    if killed:
        print(f"Had to kill {', '.join(killed)}", flush=True)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """The command; every expected trouble is one line and exit code 1."""
    # SIGINT, too: whoever starts us in the background of a script has it ignored.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    try:
        return run(Plan(os.environ))
    except SettingsError as wrong:
        print("The settings make no sense:", *wrong.problems, sep="\n  ", file=sys.stderr)
    except CannotRun as stopped:
        print(stopped, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
