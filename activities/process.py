"""The steps of a process: load it, run a node, look again at one that waits, write down what has happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import beating
from activities.process_work import ActsBetween, CallsOut, Executor, Work
from rules.errors import BusinessError
from rules.process_elsewhere import part_of
from rules.process_messages import (
    LoadedProcess,
    LoadedValue,
    LoadValue,
    LoadVersion,
    NodeResult,
    NodeStep,
    NoteNews,
    ProcessInput,
    SettleStep,
)
from rules.request import ENDED, Status
from storage import process, process_news, process_purchase, process_run, process_step, process_value, request
from storage.audit import SYSTEM
from storage.process_step import ProcessStepRow


@dataclass(frozen=True)
class ProcessActivities:
    """Steps of every process; `executors` know what each type of node does, `tell_end` tells how a request ended."""

    sessions: sessionmaker[Session]
    executors: Mapping[str, Executor]
    tell_end: Callable[[UUID], None]

    @activity.defn
    def load_process(self, given: ProcessInput) -> LoadedProcess:
        """The definition that a run follows, and its input."""
        with _refusals_are_final(), self.sessions.begin() as session:
            row = process_run.by_id(session, UUID(given.run_id))
            if row.request_id is not None:
                request.move(session, row.request_id, Status.IN_REVIEW, SYSTEM)
            # By its input, not by its row: that may tell of another version already when this is done again.
            return LoadedProcess(process.version(session, given.process, given.version).for_runs, row.given)

    @activity.defn
    def load_version(self, given: LoadVersion) -> LoadedProcess:
        """The definition that a run is to follow from now on."""
        with _refusals_are_final(), self.sessions.begin() as session:
            return LoadedProcess(process.version(session, given.process, given.version).for_runs, {})

    @activity.defn
    def run_node(self, given: NodeStep) -> NodeResult:
        """Run a node once, however often this is called; a refusal fails it, a fault has it tried again."""
        executor = self.executors.get(given.type)
        if executor is None:
            raise ApplicationError(f"{given.type!r} cannot be run here.", non_retryable=True)
        with _refusals_are_final():
            prepared = ""
            if isinstance(executor, CallsOut):
                with self.sessions.begin() as session:
                    work = self._work(session, given)
                    prepared = executor.prepare(work) if work.row.is_open else ""
            if prepared and isinstance(executor, ActsBetween):
                _act(executor, prepared, "")
            with self.sessions.begin() as session, beating():
                work = replace(self._work(session, given), prepared=prepared)
                return _told_before(work.row) or executor.begin(work)

    @activity.defn
    def settle_node(self, given: SettleStep) -> NodeResult:
        """Look again at a node that waits."""
        executor = self.executors[given.type]
        with _refusals_are_final():
            if isinstance(executor, ActsBetween):
                with self.sessions.begin() as session:
                    work = _waiting(session, given)
                    prepared = executor.prepare(work) if work.row.is_open else ""
                if prepared:
                    _act(executor, prepared, given.why)
            with self.sessions.begin() as session:
                work = _waiting(session, given)
                return _told_before(work.row) or executor.settle(work, given.why)

    @activity.defn
    def note_news(self, given: NoteNews) -> None:
        """Write down what has happened in a run."""
        ended = None
        with self.sessions.begin() as session:
            process_news.note(session, given)
            if given.ended is not None:
                run = process_run.by_id(session, UUID(given.run_id), lock=True)
                ended = process_purchase.close(session, run, given.ended)
        if ended is not None and Status(ended.status) in ENDED:
            self.tell_end(ended.id)

    @activity.defn
    def load_value(self, given: LoadValue) -> LoadedValue:
        """A large value, or a part of it."""
        with _refusals_are_final(), self.sessions.begin() as session:
            return LoadedValue(*part_of(process_value.read(session, given.sha256), tuple(given.path)))

    def _work(self, session: Session, given: NodeStep) -> Work:
        run_id = UUID(given.run_id)
        row = process_step.begin(session, run_id, given.node, given.iteration, given.config)
        return Work(session, process_run.by_id(session, run_id), row, given.title, given.room_bytes)


def _waiting(session: Session, given: SettleStep) -> Work:
    run_id = UUID(given.run_id)
    row = process_step.by_id(session, run_id, given.node, given.iteration)
    return Work(session, process_run.by_id(session, run_id), row, given.title, given.room_bytes)


def _act(executor: ActsBetween, prepared: str, why: str) -> None:
    # Whoever is asking another system to act hears the answer, also where nobody wants it any more.
    with activity.shield_thread_cancel_exception():
        executor.act(prepared, why)


def _told_before(row: ProcessStepRow) -> NodeResult | None:
    """How a node ended that needs nothing more; None for one that runs."""
    if row.is_open:
        return None
    if not row.outcome:
        raise ApplicationError(f"{row.node} was {row.status}", non_retryable=True)
    return NodeResult(row.outcome, row.output, row.error)


@contextmanager
def _refusals_are_final() -> Iterator[None]:
    """A refusal is the same at the next attempt, so there is none."""
    try:
        yield
    except BusinessError as refusal:
        raise ApplicationError(refusal.message, type=refusal.code, non_retryable=True) from refusal
