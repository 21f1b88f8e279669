"""A whole product of its own, as `make run` starts it: every part a process that a test may freeze, kill and start again.

Knows how the parts are started and when all is done; what has to hold afterwards is checked by tests/invariants.py.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import requests as http
from sqlalchemy import ColumnElement, create_engine, func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.service import RPCError, RPCStatusCode

from local import postgres, readiness, temporal, valkey
from local.plan import APP_ROLE, HOST, OWNER_ROLE, PORTS, Plan
from local.program import PATIENCE_SECONDS, Program, free_port
from local.room import Room
from local.vendor.catalogue import Article
from rules.product import link_to
from rules.request import ENDED, Status
from settings import Settings
from storage import flag
from storage import product as products
from storage.audit import AuditRow
from storage.database import engine_options, engine_url, make_sessions
from storage.decision import DecisionRow
from storage.flag_copy import POLL_SECONDS
from storage.migrate import migrate
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.request import RequestRow, SubmissionRow
from tests.app.people import Company
from tests.checking.facts import Run
from tests.company import hire
from tests.faults.pages import Journal, Pages, log_in
from tests.invariants import breaches, gather
from tests.post import catching
from tests.preloaded import Preloaded
from tests.workflows.desk import Desk, open_desk

T = TypeVar("T")

SECRET_KEY: Final = "a key that only these tests use, and long enough"
#: Its files may be lost with the machine, but never with a process: commits reach the kernel at once.
POSTGRES_OPTIONS: Final = ("fsync=off", "full_page_writes=off", "autovacuum=off")
SERVERS: Final = ("postgres", "valkey", "temporal", "vendor")
APPS: Final = ("control", "approvals", "web")
#: What the apps say when they serve.
READY: Final = {
    "control": "control worker is ready",
    "approvals": "approvals worker is ready",
}
#: Nothing at all may happen for this long after a fault: a dead worker's tasks are given away after ten seconds.
STANDSTILL_SECONDS: Final = 45.0
LOOK_SECONDS: Final = 0.1
#: Where a request waits for nobody: it goes on by itself.
GOES_ON: Final = (Status.SUBMITTED, Status.IN_REVIEW, Status.ORDERING)
#: How much slower than before a page may be while a part is away that it does not need.
SLOWER_SECONDS: Final = 0.3


@dataclass
class Plant:
    """The running parts, the people, and a journal of what everybody was told.

    Attributes:
        harmless: an article that is bought without asking; `dear` is one that needs the manager.
    """

    plan: Plan
    settings: Settings
    programs: Mapping[str, Program]
    sessions: sessionmaker[Session]
    company: Company
    desk: Desk
    harmless: Article
    dear: Article
    journal: Journal
    runner: asyncio.Runner
    ended: list[Run] = field(default_factory=list)

    # Parts

    def start(self, *names: str) -> None:
        """Start parts that do not run, and wait until each serves."""
        for name in names:
            self.programs[name].start()
        for name in names:
            self.await_ready(name)

    def await_ready(self, name: str) -> None:
        """Wait until a part serves."""
        if name in READY:
            self.programs[name].wait_for_words(READY[name])
        else:
            readiness.wait_until(self._handshake(name), PATIENCE_SECONDS, lambda: self.programs[name].runs)

    def _handshake(self, name: str) -> Callable[[], object]:
        superuser = self.plan.database_url(postgres.SUPERUSER, "postgres")
        return {
            "postgres": partial(readiness.postgres, superuser),
            "valkey": partial(readiness.valkey, self.settings.redis_url),
            "temporal": partial(readiness.temporal, self.settings),
            "vendor": partial(readiness.web, self.settings.vendor_url),
            "web": partial(readiness.web, f"{self.url}/readyz"),
        }[name]

    def restore(self) -> None:
        """Start whatever a test has left dead, so that the next one finds all parts."""
        for name, program in self.programs.items():
            if program.runs:
                program.process.resume()
            else:
                self.start(name)
        self.desk.no_faults()
        # Nothing that is sent twice may hide behind a vendor that notices it.
        self.desk.fault("repeat_second_order", always=True)

    # People

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://{HOST}:{self.settings.web_port}"

    def browser_of(self, person: PersonRow) -> Pages:
        """Somebody's browser, logged in."""
        return log_in(self.url, SECRET_KEY, person, self.sessions, self.journal)

    def submit(self, article: Article) -> RequestRow:
        """Submit for Ana without a page."""
        return self.desk.submit(article)

    def _journal_the_rest(self) -> None:
        """Note what was submitted past the pages, as if a client had kept a journal of it."""
        noted = {call.key for call in self.journal.calls}
        with self.sessions.begin() as session:
            query = select(SubmissionRow.key, RequestRow).where(
                RequestRow.id == SubmissionRow.request_id, SubmissionRow.key.not_in(noted)
            )
            for key, row in session.execute(query):
                with self.journal.call("submit", self.company.ana, key, row.payload_hash) as said:
                    said |= {"result": "ok", "told": row.number}

    # What stands in the books

    def row(self, number: str) -> RequestRow:
        """The request with this number."""
        with self.sessions.begin() as session:
            return session.scalars(select(RequestRow).where(RequestRow.number == number)).one()

    def open_questions(self) -> list[tuple[RequestRow, DecisionRow]]:
        """Everything that waits for a person."""
        with self.sessions.begin() as session:
            query = (
                select(RequestRow, DecisionRow)
                .join(DecisionRow, DecisionRow.request_id == RequestRow.id)
                .where(DecisionRow.outcome.is_(None))
            )
            return [(row, question) for row, question in session.execute(query)]

    def statuses(self, rows: Sequence[RequestRow]) -> dict[UUID, Status]:
        """Where these requests stand now."""
        with self.sessions.begin() as session:
            query = select(RequestRow.id, RequestRow.status).where(
                RequestRow.id.in_([row.id for row in rows])
            )
            return {id_: Status(status) for id_, status in session.execute(query)}

    def await_statuses(self, rows: Sequence[RequestRow], *wanted: Status) -> dict[UUID, Status]:
        """Wait until all of these requests stand in one of these states; without states, until all have ended."""
        goal = set(wanted) or set(ENDED)
        return self._await(lambda: self.statuses(rows), lambda found: set(found.values()) <= goal)

    def await_fresh_flags(self) -> None:
        """Wait until the flags have reached every copy again: ours has, and the others look as often as it."""
        with self.sessions.begin() as session:
            revision = flag.read_truth(session).revision
        assert self.desk.flags.wait_for_revision(revision, STANDSTILL_SECONDS)
        threading.Event().wait(POLL_SECONDS + 0.4)  # one look of a copy: its interval and its patience

    def await_ledger(self, rows: Sequence[RequestRow]) -> None:
        """Wait until the vendor has taken an order for each of these requests."""
        self._await(lambda: [len(self.desk.ledger(row)) for row in rows], all)

    def await_faults_shown(self) -> None:
        """Wait until every call has come that a fault was switched on for; those that stay do not count."""

        def left() -> list[int]:
            answer = http.get(f"{self.settings.vendor_url}/sandbox/faults", timeout=STANDSTILL_SECONDS)
            return [fault["left"] for fault in answer.json()["faults"] if fault["left"] is not None]

        self._await(left, lambda counts: counts == [])

    def await_quiet(self) -> None:
        """Wait until every message has left, every request has gone as far as it goes by itself, and people were told."""

        def unsent() -> int:
            with self.sessions.begin() as session:
                return len(session.scalars(select(OutboxRow.id).where(OutboxRow.sent_at.is_(None))).all())

        self._await(unsent, lambda left: left == 0)

        def under_way() -> int:
            return self._count(RequestRow.status.in_(GOES_ON))

        # The server's count of runs lags: one that was begun just now would pass for one that has ended.
        self._await(under_way, lambda left: left == 0)
        open_ = "WorkflowType = 'PurchaseApproval' AND ExecutionStatus = 'Running'"

        def surplus() -> int:
            living = self._count(RequestRow.status.not_in(ENDED))
            return self.runner.run(self.desk.client.count_workflows(open_)).count - living

        self._await(surplus, lambda left: left <= 0)

    def _count(self, which: ColumnElement[bool]) -> int:
        """How many requests there are of which this is true."""
        with self.sessions.begin() as session:
            return session.scalar(select(func.count()).select_from(RequestRow).where(which)) or 0

    def await_ends(self, rows: Sequence[RequestRow], *also: Status) -> dict[UUID, Status]:
        """Wait until all of these requests have ended, and let the time pass that read-backs wait for.

        Args:
            also: states besides the ends in which a request may rest.
        """

        def look() -> dict[UUID, Status]:
            found = self.statuses(rows)
            for row in rows:
                if found[row.id] is Status.ORDER_UNKNOWN:
                    self.runner.run(self._let_read_back(row))
            return found

        return self._await(look, lambda found: set(found.values()) <= {*ENDED, *also}, every_seconds=0.3)

    async def _let_read_back(self, row: RequestRow) -> None:
        """Let a minute pass: after six read-backs that find nothing, in all a minute, the order is sent again."""
        try:
            await self.desk.pass_time(row, timedelta(minutes=1))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # its workflow ended meanwhile
                raise

    def await_work(self, entries: int) -> None:
        """Wait until so many more entries stand in the audit trail than now, or nothing is left to do.

        A measure of work, not of time.
        """
        goal = self._last_entry_and_open()[0] + entries
        self._await(
            self._last_entry_and_open, lambda found: found[0] >= goal or found[1] == 0, every_seconds=0.02
        )

    def _last_entry_and_open(self) -> tuple[int, int]:
        """The number of the newest audit entry, and how many requests have not ended."""
        newest = select(func.max(AuditRow.seq)).scalar_subquery()
        still_open = select(func.count()).where(RequestRow.status.not_in(ENDED)).scalar_subquery()
        with self.sessions.begin() as session:
            seq, count = session.execute(select(newest, still_open)).one()
        return seq or 0, count

    @staticmethod
    def _await(
        look: Callable[[], T], is_there: Callable[[T], bool], every_seconds: float = LOOK_SECONDS
    ) -> T:
        """Look again and again; raises AssertionError when nothing has moved for `STANDSTILL_SECONDS`."""
        pause, before, moved_at = threading.Event(), None, time.monotonic()
        while not is_there(found := look()):
            if found != before:
                before, moved_at = found, time.monotonic()
            if time.monotonic() - moved_at > STANDSTILL_SECONDS:
                counted = Counter(found.values()) if isinstance(found, dict) else found
                raise AssertionError(f"for {STANDSTILL_SECONDS:g} s it has been: {counted}")
            pause.wait(every_seconds)
        return found

    def check(self) -> None:
        """After a quiet time no law is broken, by anything that happened since the plant was opened."""
        self.await_quiet()
        self._journal_the_rest()
        settings, calls = self.settings, list(self.journal.calls)
        gathering = gather(
            settings.database_url, settings.vendor_url, self.desk.client, calls, ended=self.ended
        )
        facts = self.runner.run(gathering)
        self.ended += [run for run in facts.runs if run.result and run not in self.ended]
        found = breaches(facts)
        assert found == [], "\n".join(map(str, found))


def _commands(plan: Plan) -> dict[str, list[str]]:
    """The programs, as the Procfile has them but for the servers' options."""
    data = plan.folder("temporal") / "temporal.db"
    web = ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket"]
    return {
        "postgres": [sys.executable, "-m", "local.postgres", *POSTGRES_OPTIONS],
        "valkey": valkey.server_command(
            plan.folder("valkey"), plan.port("VALKEY_PORT"), ("--appendonly", "yes")
        ),
        "temporal": temporal.server_command(
            plan.port("TEMPORAL_PORT"),
            (
                *("--headless", "--db-filename", str(data)),
                *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"),
            ),
        ),
        "vendor": [
            *(sys.executable, "-m", "local.vendor", "--port", str(plan.port("VENDOR_PORT"))),
            *("--ledger", str(plan.folder("vendor") / "ledger.jsonl")),
        ],
        "control": [sys.executable, "worker.py", "control"],
        "approvals": [sys.executable, "worker.py", "approvals"],
        "web": [
            *(sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{plan.port('WEB_PORT')}"),
            *(*web, "wsgi:app"),
        ],
    }


@contextmanager
def running(folder: Path) -> Iterator[Plant]:
    """All parts, serving; everything has ended afterwards."""
    folder.chmod(0o711)  # Postgres may run as another user, who must get through
    with ExitStack() as closing:
        post = closing.enter_context(catching(folder / "mailbox"))
        given = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_ADDRESS"))}
        given |= {variable: str(free_port()) for variable in PORTS}
        given |= {"VISTOBUENO_STATE": str(folder), "SECRET_KEY": SECRET_KEY}
        given |= {"VENDOR_URL": f"http://{HOST}:{given['VENDOR_PORT']}", "SMTP_URL": post.url}
        plan = Plan(given)
        settings = Settings.from_environment(plan.environment)
        room = Room(folder / "room")
        assert room.become_owner() is not None
        programs = {
            name: Preloaded(name, command, plan.environment, room)
            for name, command in _commands(plan).items()
        }
        closing.callback(_end, programs.values())
        runner = closing.enter_context(asyncio.Runner())
        for name in SERVERS:
            programs[name].start()
        _make_database(plan, programs["postgres"])
        url = engine_url(settings.database_url)
        # Asks each connection before it is used: this one outlives restarts of its server.
        engine = create_engine(url, **{**engine_options(), "pool_pre_ping": True})
        closing.callback(engine.dispose)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            company = hire(session)
        for name, handshake in (
            ("temporal", partial(readiness.temporal, settings)),
            ("vendor", partial(readiness.web, settings.vendor_url)),
        ):
            readiness.wait_until(handshake, PATIENCE_SECONDS, lambda name=name: programs[name].runs)  # type: ignore[misc]
        opening = open_desk(settings, sessions, company)
        desk = runner.run(opening.__aenter__())
        closing.callback(lambda: runner.run(opening.__aexit__(None, None, None)))
        desk.set_rules(max_rejected_last_30_days=1000)
        articles = desk.article(), desk.article(dearer_than=500, cheaper_than=2500)
        with sessions.begin() as session:
            for article in articles:  # no page has to ask the vendor for them
                products.remember(session, desk.vendor.look_up(link_to(article.host, article.asin)))
        plant = Plant(plan, settings, programs, sessions, company, desk, *articles, Journal(), runner)
        plant.start(*APPS)
        yield plant


def _end(programs: Iterable[Program]) -> None:
    """Apps first, so that none of them loses its database in the middle of its own ending."""
    apps = [program for program in programs if program.name in APPS]
    for group in (apps, programs):
        for program in group:
            program.ask_to_end()
        for program in group:
            program.end()


def _make_database(plan: Plan, program: Program) -> None:
    superuser = plan.database_url(postgres.SUPERUSER, "postgres")
    readiness.wait_until(partial(readiness.postgres, superuser), PATIENCE_SECONDS, lambda: program.runs)
    postgres.make_roles(superuser, plan.secret)
    migrate(plan.database_url(OWNER_ROLE), plan.database_url(APP_ROLE))
