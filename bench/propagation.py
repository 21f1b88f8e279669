"""`python -m bench.propagation`: how long a release's changes take to be in force, with all parts as processes.

A build is started, rolled out, given another share and taken back, again and again, through the API and beside a
light load of requests; then edits of the routing rules and of a flag, until each of several processes goes by them.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

import requests
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from bench import stack as stacks
from bench.flags import flip, watchers_of
from bench.product import Product
from bench.report import PATIENCE_SECONDS, head, report, say, until_all
from bench.routing import choosers, edit, edits, fill
from bench.stack import Stack, python
from rules.person import Role
from storage import api_token, build, routing
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions
from storage.person import PersonRow

#: How often it is looked whether something is there; the grain of the figures.
LOOK_SECONDS: Final = 0.02
#: Requests come all the time, from so many employees with so long a rest.
EMPLOYEES, REST_SECONDS = 2, 0.5
#: A busy machine must not send a build back while it is measured.
LOOSE: Final = {"error": 0.9, "slow": 0.9, "not_progressed": 0.9}

T = TypeVar("T")


@dataclass
class Figures:
    """Seconds by what was measured."""

    deploy: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    last_start: list[float] = field(default_factory=list)
    verified: list[float] = field(default_factory=list)
    freed: list[float] = field(default_factory=list)


class Console:
    """Somebody of the platform with a token, and a look into Postgres."""

    def __init__(self, stack: Stack) -> None:
        self.sessions: sessionmaker[Session] = make_sessions(make_engine(stack.settings.database_url, 2))
        self._url = f"{stack.url}/api/v1/deployment"
        with self.sessions.begin() as session:
            person = PersonRow(
                name="Platform", email="platform@bench.example", roles=[Role.PLATFORM.value],
                department_id="it", password_hash="",
            )  # fmt: skip
            session.add(person)
            session.flush()
            token = api_token.add(session, person, "bench", person.roles, 1, SYSTEM)
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the API; raises RuntimeError where it is refused."""
        answer = self._http.request(method, f"{self._url}{path}", json=body, timeout=PATIENCE_SECONDS)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

    def until(self, look: Callable[[Session], T | None]) -> T:
        """What a look into Postgres finds, as soon as it finds anything; raises TimeoutError."""
        ends_at = time.monotonic() + 2 * PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            with self.sessions.begin() as session:
                found = look(session)
            if found:
                return found
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{look.__name__} never found anything")


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.propagation", description=__doc__)
    parser.add_argument("--builds", type=int, default=10, help="builds deployed and taken back (10)")
    parser.add_argument("--shares", type=int, default=3, help="changes of share for each build (3)")
    parser.add_argument("--choosers", type=int, default=4, help="processes that choose routes (4)")
    parser.add_argument("--edits", type=int, default=25, help="edits of each kind of rule (25)")
    parser.add_argument("--copies", type=int, default=50, help="processes with a copy of the flags (50)")
    parser.add_argument("--flips", type=int, default=20, help="changes of the flag (20)")
    given = parser.parse_args()
    with stacks.running() as stack:
        product, console, figures = Product(stack), Console(stack), Figures()
        with choosers(stack.settings.database_url, given.choosers) as lines:
            with _load(product):
                for number in range(given.builds):
                    _release(stack, console, lines, f"b{number}", given.shares, figures)
            head("seconds, beside some three requests a second")
            report("build seen alive, gate, first request on it", figures.deploy)
            report("share changed, all choose by it", figures.share)
            report("return: press to the last start on the build", figures.last_start)
            report("return: press to verified on every queue", figures.verified)
            report("return: press to its runs free", figures.freed)
            head("seconds")
            rule_id = fill(console.sessions)
            for name, content in edits().items():
                took = [edit(console.sessions, lines, rule_id, content(n)) for n in range(given.edits)]
                report(f"{name}, all choose by it", [each for some in took for each in some])
        with watchers_of(stack, given.copies, True) as watchers:
            flip(console.sessions, watchers)  # warm
            took = [flip(console.sessions, watchers) for _ in range(given.flips)]
            report(f"flag, in {given.copies} processes", [each for some in took for each in some])
        product.watcher.close()


@contextmanager
def _load(product: Product) -> Iterator[None]:
    """Requests for as long as the block runs."""
    stop = threading.Event()

    def submit(lane: int) -> None:
        while not stop.wait(REST_SECONDS):
            product.submit_only(lane)

    threads = [threading.Thread(target=submit, args=[lane]) for lane in range(EMPLOYEES)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _release(
    stack: Stack, console: Console, lines: list[Connection], build_id: str, shares: int, figures: Figures
) -> None:
    """One build from its first sign of life to its return."""
    stack.start(build_id, f"{python()} worker.py approvals --build {build_id}")

    def is_alive(session: Session) -> bool:
        return build.is_live(session, build_id)

    def worked(session: Session) -> bool:
        query = text("SELECT EXISTS (SELECT FROM outcome WHERE build_id = :build AND request_id IS NOT NULL)")
        return bool(session.scalar(query, {"build": build_id}))

    console.until(is_alive)
    begun = time.monotonic()
    _give(console, build_id, 50)
    console.until(worked)
    figures.deploy.append(time.monotonic() - begun)
    for turn in range(shares):
        begun = time.monotonic()
        _give(console, build_id, 60 + turn)
        figures.share += until_all(lines, _revision_of_share(console, build_id, 60 + turn), begun)
    _return(console, build_id, figures)
    stack.end(build_id)


def _give(console: Console, build_id: str, percent: int) -> None:
    body = {"build_id": build_id, "percentage": percent, "departments": [], "limits": LOOSE}
    console.call("POST", "/rollout", body)


def _revision_of_share(console: Console, build_id: str, percent: int) -> int:
    """The revision of the rules under which a build has a share, as soon as it has."""

    def carried(session: Session) -> int | None:
        rule_set = routing.read_rules(session)
        found = [each for each in rule_set.rules if each.build == build_id and each.share_percent == percent]
        return rule_set.revision if found else None

    return console.until(carried)


def _return(console: Console, build_id: str, figures: Figures) -> None:
    body = {"current_build_id": build_id, "reason": "measuring"}
    asked = console.call("POST", "/emergency-rollback", body)["return"]

    def is_done(_: Session) -> dict[str, Any] | None:
        seen: dict[str, Any] = console.call("GET", f"/emergency-rollback/{asked['id']}")["return"]
        return seen if seen["state"] == "done" else None

    done = console.until(is_done)
    if done["report"]["late_queues"]:
        say(f"{build_id}: the route was not seen on {done['report']['late_queues']} in time")
    # All servers run on this machine, so their clocks are one.
    figures.last_start.append(max(0.0, _seconds(done["asked_at"], done["report"]["last_start_at"])))
    figures.verified.append(_seconds(done["asked_at"], done["routed_at"]))
    figures.freed.append(_seconds(done["asked_at"], done["ended_at"]))


def _seconds(begun: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


if __name__ == "__main__":
    main()
