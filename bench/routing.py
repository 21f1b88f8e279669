"""`python -m bench.routing`: what a route costs a submit, and how long an edit of the rules takes to reach others.

Several processes choose routes as a submit does, again and again; the clock starts before the transaction that edits
the rules and is one for all processes of a machine.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from bench import stack as stacks
from rules.routing import RuleSet, Subject, decide
from storage import build, routing
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions, new_id

PATIENCE_SECONDS = 30
#: A process chooses so often; more would only measure how busy the machine is.
REST_SECONDS = 0.05
_FORK = multiprocessing.get_context("fork")


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--processes", type=int, default=4, help="how many processes choose (default 4)")
    parser.add_argument("--edits", type=int, default=50, help="edits of each kind (default 50)")
    given = parser.parse_args()
    with stacks.running() as stack:
        sessions = make_sessions(make_engine(stack.settings.database_url))
        _say(f"{'milliseconds that a route costs a submit':44}{'n':>7}{'p50':>8}{'p99':>8}{'max':>8}")
        _report("no rule", _costs(sessions, 2000))
        rule_id = _fill(sessions)
        _report("ten rules", _costs(sessions, 2000))
        _say(f"{'milliseconds until another process goes by it':44}{'n':>7}{'p50':>8}{'p99':>8}{'max':>8}")
        with _choosers(stack.settings.database_url, given.processes) as lines:
            for name, content in _edits().items():
                took = []
                for number in range(given.edits):
                    time.sleep(random.uniform(0.02, 0.06))  # noqa: S311  (at any moment of the others)
                    took += _edit(sessions, lines, rule_id, content(number))
                _report(name, took)


def _fill(sessions: sessionmaker[Session]) -> UUID:
    """Ten rules for one department each; the id of the one that is edited."""
    with sessions.begin() as session:
        rows = [
            routing.add_rule(
                session, {"name": f"rule {n}", "build": "b2", "roles": ["auditor"]}, SYSTEM, "measuring"
            )
            for n in range(10)
        ]
        return rows[0].id


def _edits() -> dict[str, Callable[[int], dict[str, Any]]]:
    arms = [{"name": "control", "weight": 1}, {"name": "new", "weight": 1}]
    return {
        "share": lambda n: {"name": "rule", "build": "b2", "share_percent": str(n % 100 + 1)},
        "role filter": lambda n: {
            "name": "rule",
            "build": "b2",
            "roles": ["manager" if n % 2 else "finance"],
        },
        "A/B switch": lambda n: {"name": "rule", "variants": arms, "enabled": bool(n % 2)},
    }


def _costs(sessions: sessionmaker[Session], times: int) -> list[float]:
    took = []
    with sessions.begin() as session:
        routing.read_rules(session)  # warm
        for _ in range(times):
            begun = time.monotonic()
            _choose(session)
            took.append(time.monotonic() - begun)
    return took


def _choose(session: Session) -> RuleSet:
    """What a submit does up to the row that it writes."""
    rule_set, now = routing.read_rules_at(session)
    if rule_set.rules:
        subject = Subject("0", "it", frozenset({"employee"}), str(new_id()))
        decide(subject, rule_set, build.live_builds(session), now)
    return rule_set


@contextmanager
def _choosers(url: str, count: int) -> Iterator[list[Connection]]:
    lines, processes = [], []
    for _ in range(count):
        here, there = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_choose_on, args=(url, there), daemon=True)
        process.start()
        there.close()
        lines.append(here)
        processes.append(process)
    try:
        yield lines
    finally:
        for process in processes:
            process.terminate()
            process.join(5)


def _choose_on(url: str, line: Connection) -> None:
    """What each process does: choose as a submit does, and tell of every new revision, until it is ended."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sessions, last = make_sessions(make_engine(url, 1)), -1
    while True:
        with sessions.begin() as session:
            revision = _choose(session).revision
        if revision != last:
            line.send((revision, time.monotonic()))
            last = revision
        time.sleep(REST_SECONDS)


def _edit(
    sessions: sessionmaker[Session], lines: list[Connection], rule_id: UUID, content: dict[str, Any]
) -> list[float]:
    begun = time.monotonic()
    with sessions.begin() as session:
        version = routing.by_id(session, rule_id).version
        routing.change_rule(session, rule_id, content, SYSTEM, "measuring", replaces_version=version)
        revision = routing.read_rules(session).revision
    took: dict[Connection, float] = {}
    while len(took) < len(lines):
        ready = wait(set(lines) - took.keys(), PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"{len(lines) - len(took)} processes never went by revision {revision}")
        for line in ready:
            assert isinstance(line, Connection)
            seen, at = line.recv()
            if seen >= revision:
                took[line] = at - begun
    return list(took.values())


def _report(name: str, seconds: list[float]) -> None:
    ordered = sorted(each * 1000 for each in seconds)

    def rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    _say(f"{name:44}{len(ordered):7}{rank(0.5):8.1f}{rank(0.99):8.1f}{ordered[-1]:8.1f}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
