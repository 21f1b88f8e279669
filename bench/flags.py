"""`python -m bench.flags`: how long a flag takes to reach fifty processes, pushed, polled, and after Redis was away.

Each process holds the product's own copy; the way is the product's own: a transaction in Postgres, its outbox row,
the control worker, Redis. The clock starts before the transaction and is one for all processes of a machine.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import random
import signal
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from sqlalchemy.orm import Session, sessionmaker

from bench import stack as stacks
from bench.report import head, report, say, until_all
from bench.stack import Stack
from local import readiness
from rules.flag import AUTOMATED_REVIEW, Level
from storage import flag
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions
from storage.flag_copy import Event, FlagCopy

#: Threads do not live through a fork, so each process makes its own copy after it.
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Watcher:
    """A process with a copy, and the line on which it tells when it went by which revision."""

    process: multiprocessing.process.BaseProcess
    line: Connection


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.flags", description=__doc__)
    parser.add_argument("--processes", type=int, default=50, help="how many copies (default 50)")
    parser.add_argument("--flips", type=int, default=40, help="changes of each kind (default 40)")
    parser.add_argument(
        "--outages", type=int, default=5, help="how often Redis dies and comes back empty (5)"
    )
    given = parser.parse_args()
    with stacks.running() as stack:
        sessions = make_sessions(make_engine(stack.settings.database_url))
        say(f"{given.processes} processes; seconds from the change to the process that goes by it")
        head("")
        for name, listens in (("pushed", True), ("polled, every push lost", False)):
            with watchers_of(stack, given.processes, listens) as watchers:
                flip(sessions, watchers)  # warm
                report(name, [took for _ in range(given.flips) for took in flip(sessions, watchers)])
        with watchers_of(stack, given.processes, True) as watchers:
            flip(sessions, watchers)
            back = [took for _ in range(given.outages) for took in _outage(stack, sessions, watchers)]
        report("changed while Redis was away, from its return", back)


@contextmanager
def watchers_of(stack: Stack, count: int, listens: bool) -> Iterator[list[Watcher]]:
    """So many processes with a copy each; `listens` says whether they hear pushes or only poll."""
    watchers = []
    for _ in range(count):
        here, there = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_watch, args=(stack.settings.redis_url, there, listens), daemon=True)
        process.start()
        there.close()
        watchers.append(Watcher(process, here))
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.process.terminate()
            watcher.process.join(5)


def _watch(redis_url: str, line: Connection, listens: bool) -> None:
    """What each process does: hold a copy and tell of every change, until it is ended."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.getLogger("storage.flag_copy").setLevel(logging.ERROR)  # Redis goes away on purpose
    copy = FlagCopy(redis_url)

    def tell(event: Event, keys: Collection[str]) -> None:
        if event is Event.CHANGED:
            line.send((copy.revision, time.monotonic()))

    copy.watch(tell)
    if not listens:
        copy._threads = [thread for thread in copy._threads if thread.name == "flag-poll"]  # noqa: SLF001
    copy.start()
    threading.Event().wait()


def flip(sessions: sessionmaker[Session], watchers: list[Watcher]) -> list[float]:
    """Change the flag; seconds until each process goes by it."""
    # At any moment between two polls.
    time.sleep(random.uniform(0.1, 0.6))  # noqa: S311
    begun = time.monotonic()
    return until_all(_lines(watchers), _change(sessions), begun)


def _outage(stack: Stack, sessions: sessionmaker[Session], watchers: list[Watcher]) -> list[float]:
    stack.end("valkey", signal.SIGKILL)
    revision = _change(sessions)
    time.sleep(random.uniform(2.5, 4))  # noqa: S311  (long enough for every copy to be stale)
    stack.start("valkey", stack.commands["valkey"])
    stacks.wait_for(lambda: readiness.valkey(stack.settings.redis_url))
    return until_all(_lines(watchers), revision, time.monotonic())


def _lines(watchers: list[Watcher]) -> list[Connection]:
    return [watcher.line for watcher in watchers]


def _change(sessions: sessionmaker[Session]) -> int:
    with sessions.begin() as session:
        on = flag.read_truth(session).read(AUTOMATED_REVIEW, "", "").on
        wish = flag.Change(AUTOMATED_REVIEW, Level.EVERYONE, "", not on, "measuring")
        flag.set_value(session, wish, SYSTEM)
        return flag.read_truth(session).revision


if __name__ == "__main__":
    main()
