"""Runs of processes as their pages find them: begun, asked about, parked, without anything that carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from rules.process import Outcome
from rules.process_book import Book
from rules.process_messages import NoteNews
from rules.process_people import Asked
from rules.process_schedule import ready
from rules.process_state import Turn
from storage import process_news, process_run, process_step, process_task
from storage.audit import Actor
from storage.process_run import ProcessRunRow
from tests.app.people import Company
from tests.process_samples import deployed, travel

Sessions = sessionmaker[Session]


class Carried:
    """A run that a test carries by hand: what its workflow would tell Postgres is told in its place."""

    def __init__(self, session: Session, company: Company, key: str, given: Mapping[str, Any]) -> None:
        self.row = process_run.begin(session, key, given, Actor.person(company.ana.id))
        self.book = Book(process_run.plan_of(session, self.row), self.row.given, None)

    def begin(self, session: Session, node: str, asked: Sequence[Asked] = (), iteration: int = 1) -> None:
        """A node begins, and asks these."""
        turn = Turn(node, iteration)
        self.book.begin(turn)
        kind = self.book.plan.nodes[self.book.plan.numbers[node]]
        given = {**kind.config, "question": f"May {node}?"} if asked else dict(kind.config)
        process_step.begin(session, self.row.id, node, iteration, given)
        if asked:
            process_task.ask(
                session, (self.row.id, node, iteration, 1), asked, requester_id=self.row.started_by,
                title=kind.title, question=f"May {node}?", deadline_seconds=7 * 86_400,
            )  # fmt: skip
        self.tell(session, [each.role or f"person:{each.person_id}" for each in asked])

    def end(self, session: Session, node: str, outcome: Outcome, error: str = "", **output: Any) -> None:
        """A node ended so."""
        self.book.report(Turn(node, 1), outcome, output, error)
        self.tell(session, [])

    def ready(self) -> Sequence[Turn]:
        """What is ready and has not begun."""
        return ready(self.book.plan, self.book.state)

    def pass_by(self, session: Session, node: str) -> None:
        """A node that the run computes itself."""
        turn = Turn(node, 1)
        self.book.begin(turn)
        self.book.report(turn, Outcome.COMPLETED, {})
        self.tell(session, [])

    def tell(self, session: Session, awaiting: Sequence[str]) -> None:
        """Tell Postgres what has happened."""
        book = self.book
        over = book.end() if book.state.result.value != "open" else None
        news, book.news = book.news, []
        state = book.state.to_content(book.plan)
        process_news.note(
            session,
            NoteNews(str(self.row.id), news, state, list(awaiting), over, self.row.version),
        )


def waiting_trip(sessions: Sessions, company: Company) -> ProcessRunRow:
    """A run of Ana's trip, which Bruno is asked about."""
    with sessions.begin() as session:
        deployed(session, company, travel())
        return begin_trip(session, company).row


def begin_trip(session: Session, company: Company) -> Carried:
    """Another one of the deployed version."""
    carried = Carried(session, company, "travel", {"amount": "12.00"})
    carried.begin(session, "ask", [Asked(person_id=company.bruno.id)])
    return carried


def tasks_of(sessions: Sessions, run_id: UUID) -> Sequence[Any]:
    """Its seats."""
    with sessions.begin() as session:
        return process_task.of_run(session, run_id)
