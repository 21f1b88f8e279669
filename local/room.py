"""The room in which one run of several programs keeps its locks and its list of processes. Knows no program.

`owner.lock` is held by whoever asked for the programs, `gate.lock` by the owner until the apps may start,
`apps.lock` is shared by the running apps. `NAME.process` tells which process carries the name NAME.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from local import locks

OPEN = b"open"

#: A killed process is gone at once, unless it waits for a disk.
KILL_PATIENCE_SECONDS = 5


@dataclass(frozen=True)
class Room:
    """The folder of one run."""

    folder: Path

    @property
    def owner(self) -> Path:
        """Held by the process for whom everything runs; free means: end."""
        return self.folder / "owner.lock"

    @property
    def gate(self) -> Path:
        """Held by the owner until the apps may start."""
        return self.folder / "gate.lock"

    @property
    def apps(self) -> Path:
        """Shared by all running apps; free means: the servers may end."""
        return self.folder / "apps.lock"

    def become_owner(self) -> int | None:
        """Hold the room until this process ends or releases the lock that is returned; None where it is held."""
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = locks.try_to_take(self.owner)
        if owner is None:
            return None
        os.ftruncate(owner, 0)
        os.write(owner, str(os.getpid()).encode())
        return owner

    def owner_pid(self) -> str:
        """Who holds the room, as text for a person. Never called by the owner: it would lose its lock."""
        return self.owner.read_text(encoding="ascii") or "unknown"

    def shut_gate(self) -> int:
        """Make the apps wait; returns what `open_gate` needs."""
        gate = locks.take(self.gate)
        os.ftruncate(gate, 0)
        return gate

    def open_gate(self, gate: int) -> None:
        """Let the apps start."""
        os.write(gate, OPEN)
        locks.release(gate)

    def wait_for_gate(self) -> bool:
        """Wait until the gate is opened (True) or its holder is gone (False)."""
        gate = locks.take(self.gate, shared=True)
        opened = os.read(gate, len(OPEN)) == OPEN
        locks.release(gate)
        return opened

    def note_process(self, name: str, pid: int) -> None:
        """Write down that `pid` carries this name, with its start time: process ids are used again."""
        note = {"pid": pid, "started": psutil.Process(pid).create_time()}
        draft = self.folder / f"{name}.draft"
        draft.write_text(json.dumps(note), encoding="ascii")
        draft.replace(self.folder / f"{name}.process")

    def forget_process(self, name: str) -> None:
        """The process of this name has ended and was waited for."""
        (self.folder / f"{name}.process").unlink(missing_ok=True)

    def processes(self) -> dict[str, psutil.Process]:
        """The noted processes that still live, by name: provably ours, by id and start time."""
        living = {}
        for path in sorted(self.folder.glob("*.process")):
            try:
                note = json.loads(path.read_text(encoding="ascii"))
                process = psutil.Process(note["pid"])
                if process.create_time() == note["started"] and process.status() != psutil.STATUS_ZOMBIE:
                    living[path.stem] = process
            except (FileNotFoundError, psutil.NoSuchProcess):  # it ended while we looked
                continue
        return living

    def end_processes(self, patience_seconds: float) -> dict[str, int]:
        """Wait for the noted processes to end by themselves, then kill what is left of them with its group.

        Returns the names and ids of those that had to be killed.
        """
        living = self.processes()
        _, left = psutil.wait_procs(list(living.values()), timeout=patience_seconds)
        killed = {name: process.pid for name, process in living.items() if process in left}
        victims = [each for process in left for each in _with_children(process)]
        for process in victims:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(victims, timeout=KILL_PATIENCE_SECONDS)
        for name in living:
            self.forget_process(name)
        return killed


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
