"""Temporal for a laptop and for the tests: the real server on one file. Knows its flags, not our workflows."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.plan import HOST, Plan

#: Without the first flag every task waits for a tick of 50 ms. The second lets a client skip a workflow's timers.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=1000",
    "frontend.WorkflowTimeSkippingEnabled=true",
    # A timer may fire this much late; the stock second is felt at each timer when time is skipped.
    'history.timerProcessorMaxTimeShift="20ms"',
    # A worker that ends has its polls answered. Else it more often hangs up just as it is given a step, which is missed
    # only when its time is over: under full load at 5 ends of 40, with this at 2 of 60.
    "frontend.enableCancelWorkerPollsOnShutdown=true",
)
#: As durable as the stock journal, with a quarter of its writes.
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=full")


def server_command(port: int, options: Sequence[str] = ()) -> list[str]:
    """The command that serves on 127.0.0.1:port in the foreground; without a file among the options, in memory."""
    return [
        str(Path(sys.executable).parent / "temporal"),
        *("server", "start-dev", "--ip", HOST, "--port", str(port), "--log-level", "error"),
        *(part for each in DYNAMIC_CONFIG for part in ("--dynamic-config-value", each)),
        *options,
    ]


def main() -> None:
    """Become the server, with the Web UI and the state in a file."""
    plan = Plan(os.environ)
    command = server_command(
        plan.port("TEMPORAL_PORT"),
        (
            *("--db-filename", str(plan.folder("temporal") / "temporal.db")),
            *(part for each in SQLITE_PRAGMAS for part in ("--sqlite-pragma", each)),
            *("--ui-port", str(plan.port("TEMPORAL_UI_PORT")), "--ui-disable-news-fetch"),
            *("--namespace", plan.given.get("TEMPORAL_NAMESPACE") or "default"),
        ),
    )
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
