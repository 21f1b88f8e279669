"""`python -m bench.routing`: what a route costs a submit, and how long an edit of the rules takes to reach others.

Several processes choose routes as a submit does, again and again; the clock starts before the transaction that edits
the rules and is one for all processes of a machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from bench import stack as stacks
from bench.report import head, report, until_all
from rules.routing import RuleSet, Subject, decide
from storage import build, routing
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions, new_id
from storage.department import Department
from storage.person import PersonRow

#: A process chooses so often; more would only measure how busy the machine is.
REST_SECONDS = 0.05
#: Those whom a rule names in turns.
PEOPLE = (UUID(int=1), UUID(int=2))
_FORK = multiprocessing.get_context("fork")


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--processes", type=int, default=4, help="how many processes choose (default 4)")
    parser.add_argument("--edits", type=int, default=50, help="edits of each kind (default 50)")
    given = parser.parse_args()
    with stacks.running() as stack:
        sessions = make_sessions(make_engine(stack.settings.database_url))
        head("milliseconds that a route costs a submit")
        report("no rule", _costs(sessions, 2000), digits=1)
        rule_id = fill(sessions)
        report("ten rules", _costs(sessions, 2000), digits=1)
        head("milliseconds until another process goes by it")
        with choosers(stack.settings.database_url, given.processes) as lines:
            for name, content in edits().items():
                took = []
                for number in range(given.edits):
                    time.sleep(random.uniform(0.02, 0.06))  # noqa: S311  (at any moment of the others)
                    took += edit(sessions, lines, rule_id, content(number))
                report(name, [1000 * each for each in took], digits=1)


def fill(sessions: sessionmaker[Session]) -> UUID:
    """Ten rules, and those whom they may name; the id of the one that is edited."""
    with sessions.begin() as session:
        for name in ("it", "marketing"):
            session.merge(Department(id=name, name=name))
        for person_id in PEOPLE:
            mail = f"chosen{person_id.int}@bench.example"
            session.add(
                PersonRow(
                    id=person_id,
                    name=mail,
                    email=mail,
                    roles=["employee"],
                    department_id="it",
                    password_hash="",
                )
            )
            session.flush()
        rows = [
            routing.add_rule(
                session, {"name": f"rule {n}", "build": "b2", "roles": ["auditor"]}, SYSTEM, "measuring"
            )
            for n in range(10)
        ]
        return rows[0].id


def edits() -> dict[str, Callable[[int], dict[str, Any]]]:
    """Name of a kind of edit -> the rule's content at its nth turn."""
    arms = [{"name": "control", "weight": 1}, {"name": "new", "weight": 1}]
    return {
        "share": lambda n: {"name": "rule", "build": "b2", "share_percent": str(n % 100 + 1)},
        "department filter": lambda n: {
            "name": "rule",
            "build": "b2",
            "departments": ["it" if n % 2 else "marketing"],
        },
        "person filter": lambda n: {"name": "rule", "build": "b2", "people": [str(PEOPLE[n % 2])]},
        "A/B switch": lambda n: {"name": "rule", "variants": arms, "enabled": bool(n % 2)},
    }


def _costs(sessions: sessionmaker[Session], times: int) -> list[float]:
    """Milliseconds of each choice."""
    took = []
    with sessions.begin() as session:
        routing.read_rules(session)  # warm
        for _ in range(times):
            begun = time.monotonic()
            _choose(session)
            took.append(1000 * (time.monotonic() - begun))
    return took


def _choose(session: Session) -> RuleSet:
    """What a submit does up to the row that it writes."""
    rule_set, now = routing.read_rules_at(session)
    if rule_set.rules:
        subject = Subject("0", "it", frozenset({"employee"}), str(new_id()))
        decide(subject, rule_set, build.live_builds(session), now)
    return rule_set


@contextmanager
def choosers(url: str, count: int) -> Iterator[list[Connection]]:
    """So many processes that choose as a submit does; each tells on its line when it goes by another revision."""
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


def edit(
    sessions: sessionmaker[Session], lines: list[Connection], rule_id: UUID, content: dict[str, Any]
) -> list[float]:
    """Edit a rule; seconds until each process goes by it."""
    begun = time.monotonic()
    with sessions.begin() as session:
        version = routing.by_id(session, rule_id).version
        routing.change_rule(session, rule_id, content, SYSTEM, "measuring", replaces_version=version)
        revision = routing.read_rules(session).revision
    return until_all(lines, revision, begun)


if __name__ == "__main__":
    main()
