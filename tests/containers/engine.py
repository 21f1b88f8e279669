"""Runs containers as plain processes: same command, same environment, addresses and paths mapped to this machine.

What stands in for an engine: the image is a folder, each port is a free one of 127.0.0.1, a secret's path is a
file elsewhere. A container gets the environment that its file names and nothing of ours but a PATH.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from local.plan import HOST
from local.program import PATIENCE_SECONDS, Program, free_port
from local.room import Room
from tests.containers.container import Container, Probe, waves

#: Where the programs of the image are: ours in place of /opt/venv, and those of any small Linux.
PROGRAMS = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
#: How a container names itself when it listens or is asked from inside.
OWN_NAMES = ("0.0.0.0", "127.0.0.1", "localhost")  # noqa: S104 (read in a file, never bound)
ASK_EVERY_SECONDS = 0.3
#: How long a job may take; it ends one that hangs.
JOB_SECONDS = 2 * PATIENCE_SECONDS


@dataclass
class Engine:
    """Starts containers of one image and knows where each of their ports is on this machine.

    Attributes:
        image: the folder that holds what the image holds; the working directory of every process.
        room: keeps the processes, so that none outlives the test.
        addresses: `host:port` as the files name it -> where it is on this machine, for what is not ours.
        files: a path as seen inside -> the path on this machine, for secrets and writable folders.
    """

    image: Path
    room: Room
    addresses: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    _ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def run_in_order(self, containers: Sequence[Container]) -> None:
        """Start all, each when those before it are ready; jobs run to their end. Raises AssertionError."""
        for container in containers:
            for port in container.ports:
                self._ports[container.name, port] = free_port()
        for wave in waves(containers):
            serving = [container for container in wave if not container.is_job]
            for container in serving:
                self.start(container)
            for container in wave:
                if container.is_job:
                    self.run(container)
            for container in serving:
                self.wait_until_ready(container)

    def run(self, container: Container) -> str:
        """Run a job to its end; what it said. Raises AssertionError where it fails."""
        done = self._call(container, container.command)
        assert done.returncode == 0, f"{container.name} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def start(self, container: Container) -> Program:
        """Start what serves; returns before it is ready."""
        here = self.mapped(container)
        name = f"{container.name}-{uuid4().hex}"
        # The keeper between us needs our own code; the program gets the image's folder.
        command = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.image), *here.command]
        program = Program(name, command, here.env, self.room)
        self.programs[container.name] = program
        program.start()
        return program

    def wait_until_ready(self, container: Container) -> None:
        """Return when its probe says yes. Raises AssertionError with its words where that never comes."""
        program, probe = self.programs[container.name], container.probe
        assert probe is not None, f"{container.name} is a job"
        answered = until(lambda: self.says_yes(container, probe), lambda: program.runs)
        assert answered, f"{container.name} is not ready; it said: {program.words}"

    def says_yes(self, container: Container, probe: Probe) -> bool:
        """Ask one probe once."""
        if probe.command:
            return self._call(container, probe.command).returncode == 0
        connection = http.client.HTTPConnection(self.address(container.name, probe.port), timeout=5)
        try:
            connection.request("GET", probe.path, headers=dict(probe.headers))
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def address(self, name: str, port: int) -> str:
        """`host:port` on this machine of a container's port."""
        return f"{HOST}:{self._ports[name, port]}"

    def end(self) -> None:
        """End all, the last started first."""
        for program in reversed(self.programs.values()):
            program.end()

    def mapped(self, container: Container) -> Container:
        """The container with every address and path in its command and environment as it is on this machine."""
        env = {name: self._here(container, value) for name, value in container.env.items()}
        env |= {"PATH": PROGRAMS, "HOME": "/nonexistent"}
        command = tuple(self._here(container, part) for part in container.command)
        return replace(container, command=command, env=env)

    def _call(self, container: Container, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        here = self.mapped(replace(container, command=tuple(command)))
        return subprocess.run(
            here.command, cwd=self.image, env=dict(here.env), timeout=JOB_SECONDS, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _here(self, container: Container, text: str) -> str:
        """One word of a command, or one value, as it is on this machine."""
        if text.isdigit() and (container.name, int(text)) in self._ports:
            return str(self._ports[container.name, int(text)])
        if text in OWN_NAMES:
            return HOST
        known = {f"{name}:{port}": f"{HOST}:{here}" for (name, port), here in self._ports.items()}
        known |= self.addresses
        for port in container.ports:
            for own in OWN_NAMES:
                known[f"{own}:{port}"] = self.address(container.name, port)
        known |= {inside: str(here) for inside, here in self.files.items()}
        if not known:
            return text
        longest_first = "|".join(re.escape(given) for given in sorted(known, key=len, reverse=True))
        return re.sub(rf"(?<![\w.-])({longest_first})(?![\w.-])", lambda found: known[found[0]], text)


def until(holds: Callable[[], bool], goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Ask again and again; False where it does not hold in time or `goes_on` turns false."""
    pause = threading.Event()
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at and goes_on():
        if holds():
            return True
        pause.wait(ASK_EVERY_SECONDS)
    return False
