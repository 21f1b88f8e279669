"""Keeps one program: starts it in its turn, ends it in its turn, never outlives its owner. Knows no program.

Servers start at once and end last: asked to end, they wait until the apps are gone, so that no app loses its
database in the middle of its own ending. Apps start when the owner opens the gate. All end when the owner
does, even if that was killed, because each keeper waits for the owner's lock.

    python -m local.keeper server|app NAME ROOM -- COMMAND...
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from local import locks
from local.room import Room

News = Literal["go", "stop", "ended"]

#: How long the servers wait for the apps, and how long each program may take to end, in seconds.
APPS_PATIENCE_SECONDS = 5.0
PROGRAM_PATIENCE_SECONDS = 4.0

#: Postgres ends at once on SIGINT; on SIGTERM it waits for its clients, also for idle ones.
STOP_SIGNAL = {"postgres": signal.SIGINT}


@dataclass(frozen=True)
class Kept:
    """One program to keep: an `app` waits for the gate, a `server` for the end of the apps."""

    kind: Literal["server", "app"]
    name: str
    room: Room
    command: tuple[str, ...]


def _start(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def keep(kept: Kept, start: Callable[[tuple[str, ...]], subprocess.Popen[bytes]] = _start) -> int:
    """Run the program until it ends or we are told to end it; returns its exit code, 0 if we ended it."""
    news: SimpleQueue[News] = SimpleQueue()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: news.put("stop"))
    _report(news, lambda: _when_owner_is_gone(kept.room))
    if kept.kind == "app":
        locks.take(kept.room.apps, shared=True)
        _report(news, lambda: "go" if kept.room.wait_for_gate() else "stop")
    else:
        news.put("go")
    if news.get() == "stop":
        return 0
    program = start(kept.command)
    # In this order: until somebody waits for it, a program that has ended already can still be looked at.
    kept.room.note_process(kept.name, program.pid)
    _report(news, lambda: _when_ended(program))
    asked = news.get() == "stop"
    in_time = _ends(kept, program) if asked else True
    _kill_group(program.pid)
    code = program.wait()
    kept.room.forget_process(kept.name)
    if not in_time:  # said last: nobody may listen any more
        print(f"{kept.name} did not end within {PROGRAM_PATIENCE_SECONDS:g} s: killed", flush=True)
    return 0 if asked else code


def _report(news: SimpleQueue[News], wait: Callable[[], News]) -> None:
    threading.Thread(target=lambda: news.put(wait()), daemon=True).start()


def _when_owner_is_gone(room: Room) -> News:
    locks.wait_until_free(room.owner)
    return "stop"


def _when_ended(program: subprocess.Popen[bytes]) -> News:
    program.wait()
    return "ended"


def _ends(kept: Kept, program: subprocess.Popen[bytes]) -> bool:
    """Ask the program to end, in its turn, and wait for it as long as is fair; whether it did."""
    if kept.kind == "server":
        gone = threading.Thread(
            target=locks.wait_until_free, args=(kept.room.apps,), kwargs={"of_sharers": True}, daemon=True
        )
        gone.start()
        gone.join(APPS_PATIENCE_SECONDS)
    program.send_signal(STOP_SIGNAL.get(kept.name, signal.SIGTERM))
    try:
        program.wait(PROGRAM_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill_group(group: int) -> None:
    """Whatever the program started and left behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def main(arguments: list[str]) -> int:
    """The command line: see the top of this file."""
    kind, name, room, dashes, *command = arguments
    if kind not in ("server", "app") or dashes != "--":
        raise SystemExit(__doc__)
    return keep(Kept("app" if kind == "app" else "server", name, Room(Path(room)), tuple(command)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
