"""Programs of this code as forks of one process that has imported it all: real processes without seconds of imports.

Knows how keeper and program are forked and run; knows no program but what to import for it. Whatever cannot be
had this way is started plainly: other code, other commands, an environment that Python or the loader reads at start.

    python -m tests.preloaded SOCKET    answers each connection with one keeper and its program
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil

from local import keeper
from local.program import ROOT, Program
from local.room import Room

#: What the programs import, and what of a fork could not be undone: threads, which no import of these starts.
IMPORTED: Final = ("worker", "app", "gunicorn.app.wsgiapp", "local.vendor.__main__")
#: What takes this long has failed.
PATIENCE_SECONDS: Final = 60.0


class Preloaded(Program):
    """A program that is forked where it may be, else started as any other."""

    def _start_keeper(self, command: list[str], env: dict[str, str]) -> Any:
        if self._code != ROOT or not _is_python(self._command) or _of_start(env) != _of_start(os.environ):
            return super()._start_keeper(command, env)
        from tests.conftest import FOLDER
        from tests.servers import Servers

        return Fork(Servers(Path(os.environ[FOLDER])).preloaded(), self.name, self._room, self._command, env)


class Fork:
    """A keeper that was forked elsewhere; as much of a Popen as `Program` needs."""

    def __init__(self, door: Path, name: str, room: Room, command: list[str], env: Mapping[str, str]) -> None:
        self._said = threading.Event()
        self._code: int | None = None
        ours, theirs = os.pipe()
        self.stdout = os.fdopen(ours, encoding="utf-8", errors="replace")
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(door))
        wish = {"name": name, "room": str(room.folder), "command": command, "env": dict(env)}
        socket.send_fds(connection, [b"+"], [theirs])
        os.close(theirs)
        connection.sendall(json.dumps(wish).encode() + b"\n")
        connection.settimeout(None)
        self._news = connection.makefile("r")
        connection.close()
        self.pid = int(self._news.readline())
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self._news:
            self._code = int(self._news.readline() or -signal.SIGKILL)
        self._said.set()

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code when it has ended; raises TimeoutExpired."""
        if not self._said.wait(timeout) or self._code is None:
            raise subprocess.TimeoutExpired("a forked keeper", timeout or 0.0)
        return self._code

    def terminate(self) -> None:
        """Ask it to end."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def _is_python(command: list[str]) -> bool:
    return command[:2] == [sys.executable, "worker.py"] or (
        command[:2] == [sys.executable, "-m"] and command[2] in ("gunicorn", "local.vendor")
    )


def _of_start(env: Mapping[str, str]) -> dict[str, str]:
    """What is read while a process starts, so that a fork would not heed it."""
    names = ("PYTHON", "LD_", "DYLD_", "TZ", "LANG", "LC_", "MALLOC")
    return {key: value for key, value in env.items() if key.startswith(names) and key != "PYTHONUNBUFFERED"}


# The other side: the process that forks


class _Program(subprocess.Popen[bytes]):
    """A program that is forked already and waits to be let go; all but its start is Popen's own."""

    def __init__(self, command: list[str], pid: int, gate: int) -> None:
        self._forked, self._gate = pid, gate
        super().__init__(command)

    def _execute_child(self, *_: object) -> None:
        self.pid = self._forked
        self._child_created = True
        os.write(self._gate, b"+")
        os.close(self._gate)


def serve(door: Path) -> None:
    """Fork a keeper with its program for each connection, for ever; returns, in each program, to run it."""
    signal.signal(signal.SIGCHLD, _reap)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(door))
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _answer(connection)
            return
        connection.close()


def _reap(*_: object) -> None:
    with suppress(ChildProcessError):  # our keepers tell of their ends themselves
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(connection: socket.socket) -> None:
    """In a fork: become the keeper that is asked for, and end with it; returns in its program only."""
    sent, fds, _, _ = socket.recv_fds(connection, 1, 1)
    if not sent:  # somebody only wanted to know whether we are there
        os._exit(0)
    os.setsid()
    with connection.makefile("rb") as lines:
        wish = json.loads(lines.readline())
    for own, standards in ((os.open(os.devnull, os.O_RDONLY), (0,)), (fds[0], (1, 2))):
        for standard in standards:
            os.dup2(own, standard)
        os.close(own)
    os.environ.clear()
    os.environ.update(wish["env"])
    let_go, gate = os.pipe()
    program = os.fork()
    if program == 0:
        connection.close()
        os.close(gate)
        os.setsid()
        if not os.read(let_go, 1):  # the keeper was told to end before it began, or was killed
            os._exit(0)
        os.close(let_go)
        sys.argv = wish["command"][1:]
        return
    os.close(let_go)
    connection.sendall(b"%d\n" % os.getpid())
    kept = keeper.Kept("server", wish["name"], Room(Path(wish["room"])), tuple(wish["command"]))
    _end_as_keeper(connection, kept, program, gate)


def _end_as_keeper(connection: socket.socket, kept: keeper.Kept, program: int, gate: int) -> NoReturn:
    code = 1
    try:
        code = keeper.keep(kept, lambda command: _Program(list(command), program, gate))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(b"%d\n" % code)
        os._exit(code)


def main() -> None:
    """Import, fork for ever, and in each fork run the program as its command line says."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    assert psutil.Process().num_threads() == 1, "a fork would lose threads"
    serve(Path(sys.argv[1]))
    if sys.argv[0] == "-m":
        sys.argv.pop(0)
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
