"""Keepers: nothing outlives its owner, apps wait for the gate, servers end after the apps. On real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local import locks
from local.room import Room

ROOT = Path(__file__).parents[2]

#: Says when it runs and when it ends, then ends.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("ending", flush=True)))
print("running", flush=True)
signal.pause()
"""
#: Runs and does not listen; has a child that does not listen either.
DEAF = """
import os, signal, subprocess, sys
for each in (signal.SIGTERM, signal.SIGINT): signal.signal(each, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(os.getpid(), child.pid, flush=True)
signal.pause()
"""
#: Owns the room with the gate open, until it is killed.
OWNER = """
import sys, signal
from pathlib import Path
from local.room import Room
room = Room(Path(sys.argv[1]))
assert room.become_owner() is not None
room.open_gate(room.shut_gate())
print("owning", flush=True)
signal.pause()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Python program, under a keeper if it gets a name; ends what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str, name: str = "", kind: str = "server") -> subprocess.Popen[str]:
        keeper = ["-m", "local.keeper", kind, name, str(tmp_path), "--", sys.executable] if name else []
        command = [sys.executable, *keeper, "-c", program, *arguments]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        # Also a program that its keeper has not noted yet: it would hold the pipe open.
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate(timeout=30)
    Room(tmp_path).end_processes(patience_seconds=0)


@pytest.fixture
def owner(tmp_path: Path, start: Start) -> subprocess.Popen[str]:
    owner = start(OWNER, str(tmp_path))
    assert heard(owner) == "owning"
    return owner


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that a process says; empty when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_program_ends_when_its_owner_is_killed(owner: subprocess.Popen[str], start: Start) -> None:
    keeper = start(PROGRAM, name="web", kind="app")
    assert heard(keeper) == "running"
    owner.send_signal(signal.SIGKILL)
    assert heard(keeper) == "ending"
    assert keeper.wait(timeout=30) == 0


@pytest.mark.usefixtures("owner")
def test_a_program_that_does_not_listen_is_killed_with_its_children(start: Start) -> None:
    keeper = start(DEAF, name="deaf", kind="app")
    pids = [int(pid) for pid in heard(keeper).split()]
    keeper.send_signal(signal.SIGTERM)
    assert "killed" in heard(keeper)
    keeper.wait(timeout=30)
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=30)
    assert alive == []


@pytest.mark.usefixtures("owner")
def test_a_server_ends_after_the_apps(start: Start) -> None:
    server, app = start(PROGRAM, name="valkey"), start(PROGRAM, name="web", kind="app")
    assert (heard(server), heard(app)) == ("running", "running")
    server.send_signal(signal.SIGTERM)
    app.send_signal(signal.SIGTERM)
    assert heard(app) == "ending"
    assert heard(server) == "ending"


@pytest.mark.usefixtures("owner")
def test_the_exit_code_of_a_failed_program_is_passed_on(start: Start) -> None:
    assert start("raise SystemExit(7)", name="web", kind="app").wait(timeout=30) == 7


def test_an_app_waits_for_the_gate(tmp_path: Path, start: Start) -> None:
    room = Room(tmp_path)
    owner = room.become_owner()
    assert owner is not None
    gate = room.shut_gate()
    app = start("print('running')", name="web", kind="app")
    server = start("print('running')", name="valkey")
    assert heard(server) == "running"
    assert not room.processes().keys() & {"web"}
    room.open_gate(gate)
    assert heard(app) == "running"
    locks.release(owner)


def test_an_app_behind_the_gate_never_starts_when_the_owner_is_gone(tmp_path: Path, start: Start) -> None:
    room = Room(tmp_path)
    owner = room.become_owner()
    assert owner is not None
    gate = room.shut_gate()
    app = start("print('running')", name="web", kind="app")
    locks.release(gate)
    locks.release(owner)
    assert app.wait(timeout=30) == 0
    assert heard(app) == ""


def test_a_room_has_one_owner_at_a_time(tmp_path: Path, owner: subprocess.Popen[str]) -> None:
    assert Room(tmp_path).become_owner() is None
    assert Room(tmp_path).owner_pid() == str(owner.pid)


@pytest.mark.usefixtures("owner")
def test_what_a_killed_keeper_left_is_found_and_ended(tmp_path: Path, start: Start) -> None:
    keeper = start(DEAF, name="deaf")
    pid, child = (int(each) for each in heard(keeper).split())
    while "deaf" not in Room(tmp_path).processes():  # its keeper notes it when it has begun
        time.sleep(0.01)
    keeper.kill()
    assert Room(tmp_path).processes()["deaf"].pid == pid
    assert Room(tmp_path).end_processes(patience_seconds=0) == {"deaf": pid}
    assert Room(tmp_path).processes() == {}
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_another_process_under_a_noted_id_is_left_alone(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.note_process("postgres", os.getpid())
    note = tmp_path / "postgres.process"
    note.write_text(note.read_text().replace('"started": ', '"started": 1'))
    assert room.processes() == {}
    assert room.end_processes(patience_seconds=0) == {}
