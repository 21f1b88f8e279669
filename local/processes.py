"""The process manager of `make run`: honcho with our Procfile, one keeper around each program. Knows no order.

Run as a process of its own by `local.run`, in the environment of the plan and with the names of its parts;
ends when the first program ends or when told to, and takes all others along.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import honcho.manager
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from local.plan import APPS, Plan

#: After the first program has ended, the others have this long; our keepers end theirs within 9 s.
PATIENCE_SECONDS = 10

#: What healthy servers say and nobody needs: a banner, advice about a laptop's kernel, a farewell.
CHATTER = re.compile(
    r"^\s*$|^Temporal (CLI|Server|Persistence|UI|Metrics)\b"
    r"|the database system is starting up|Memory overcommit must be enabled"
    r"|Received SIGTERM scheduling shutdown|ready to exit, bye bye"
)


#: Temporal tells every call that its own ending cuts off, which hides why the end began.
SILENT_AT_THE_END = frozenset({"temporal"})


class QuietPrinter(Printer):  # type: ignore[misc]
    """Prints what the programs say but chatter, and of honcho's own lines only that a program has failed."""

    ending = False

    def write(self, message: Message) -> None:
        """Print one message, or keep it back."""
        line = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        if message.name == honcho.manager.SYSTEM_PRINTER_NAME:
            self.ending = self.ending or " stopped (rc=" in line or line.startswith("sending ")
            wanted = " stopped (rc=" in line and "(rc=0)" not in line
        else:
            wanted = not CHATTER.search(line) and not (self.ending and message.name in SILENT_AT_THE_END)
        if wanted:
            super().write(message)


def main(names: list[str]) -> int:
    """Run these programs of the Procfile until one of them ends; returns its exit code."""
    plan = Plan(os.environ)
    commands = parse_procfile(Path("Procfile").read_text(encoding="utf-8")).processes
    honcho.manager.KILL_WAIT = PATIENCE_SECONDS
    manager = honcho.manager.Manager(QuietPrinter(sys.stdout))
    for name in names:
        kind = "app" if name in APPS else "server"
        keeper = shlex.join([sys.executable, "-m", "local.keeper", kind, name, str(plan.room.folder)])
        manager.add_process(name, f"exec {keeper} -- {commands[name]}")
    manager.loop()
    return int(manager.returncode or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
