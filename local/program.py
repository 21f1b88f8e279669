"""Programs that a test or a drill starts, freezes and kills by their own id. Knows keepers and signals; knows no program.

A keeper stands between us and the program, so that nothing outlives its owner, whatever becomes of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Protocol

import psutil

from local.plan import HOST
from local.room import Room

ROOT: Final = Path(__file__).parents[1]
#: How long a program may take to say or do what is expected; it ends what is broken, it asserts nothing.
PATIENCE_SECONDS: Final = 60.0


class ProgramFailed(Exception):
    """A program did not do what is expected of it; the message holds what it said."""


def free_port() -> int:
    """A port of the loopback address on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Keeper(Protocol):
    """The keeper of a program, as much of a Popen as is needed of it."""

    pid: int
    stdout: IO[str] | None

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code when it has ended; raises TimeoutExpired."""

    def terminate(self) -> None:
        """Ask it to end."""


class Program:
    """One program under a name; it can be started again after its end, on the same command and environment."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], room: Room, code: Path = ROOT
    ) -> None:
        self.name = name
        self._code = code
        self._command = list(command)
        self._env = dict(env)
        self._room = room
        self._keeper: Keeper | None = None
        self._said: list[str] = []
        self._news = threading.Condition()

    def start(self) -> None:
        """Start it; returns at once, before it is ready for anything. Raises ProgramFailed where it runs already."""
        if self.runs:
            raise ProgramFailed(f"{self.name} runs already")
        command = [sys.executable, "-m", "local.keeper", "server", self.name, str(self._room.folder), "--"]
        with self._news:
            self._said.clear()
        self._keeper = self._start_keeper([*command, *self._command], {**self._env, "PYTHONUNBUFFERED": "1"})
        threading.Thread(target=self._listen, args=[self._keeper], daemon=True).start()

    def _start_keeper(self, command: list[str], env: dict[str, str]) -> Keeper:
        return subprocess.Popen(
            command,
            cwd=self._code,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    @property
    def runs(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def process(self) -> psutil.Process:
        """The program itself, not its keeper; waits until the keeper has started it. Raises ProgramFailed."""
        pause = threading.Event()
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while self.runs and time.monotonic() < ends_at:
            for child in self._children():
                return child
            pause.wait(0.01)
        raise ProgramFailed(f"{self.name} does not run: {self.words}")

    @property
    def words(self) -> str:
        """What it has said since it was started last."""
        with self._news:
            return "".join(self._said)

    def wait_for_words(self, wanted: str) -> None:
        """Return when it has said this since it was started last. Raises ProgramFailed where it never does."""
        with self._news:
            heard = self._news.wait_for(
                lambda: wanted in "".join(self._said) or not self.runs, PATIENCE_SECONDS
            )
            if not heard or wanted not in "".join(self._said):
                raise ProgramFailed(f"{self.name} did not say {wanted!r}, but: {''.join(self._said)}")

    def send(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self.process.pid, number)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it at once and wait until it is gone."""
        self.send(number)
        self._wait()

    def ask_to_end(self) -> None:
        """Ask it to end, as a supervisor would; a program that is frozen is woken first."""
        if self._keeper is not None and self.runs:
            for child in self._children():
                child.resume()
            self._keeper.terminate()

    def end(self) -> None:
        """Ask it to end and wait until it is gone."""
        if self.runs:
            self.ask_to_end()
            self._wait()

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._keeper.pid).children() if self._keeper else []
        except psutil.NoSuchProcess:
            return []

    def _wait(self) -> None:
        if self._keeper is not None:
            self._keeper.wait(PATIENCE_SECONDS)

    def _listen(self, keeper: Keeper) -> None:
        for line in keeper.stdout or ():
            with self._news:
                self._said.append(line)
                self._news.notify_all()
        if keeper.stdout is not None:
            keeper.stdout.close()
        keeper.wait()
        with self._news:
            self._news.notify_all()
