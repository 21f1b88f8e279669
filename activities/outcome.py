"""Writes down how each stage of an approval went, on which build. Changes nothing about how it goes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from rules.request import WORKFLOW_PREFIX
from storage import outcome
from storage.outcome import FAILED, OK, WORKFLOW_TASK, Outcome

log = logging.getLogger(__name__)

#: Outcomes leave together, so that a stage does not wait for a commit of its own.
REST_SECONDS: Final = 0.25
#: While Postgres is away so many wait; older ones are let go, with a warning.
MOST_WAITING: Final = 20_000
BATCH: Final = 1_000
#: Temporal's own word for a failed workflow task, in the record that its logger is given.
_TASK_FAILED: Final = ("__temporal_error_identifier", "WorkflowTaskFailure")


@dataclass
class OutcomeBook:
    """Takes outcomes from many threads and writes them in batches from one of its own."""

    sessions: sessionmaker[Session]
    build_id: str
    _waiting: deque[Outcome] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> OutcomeBook:
        """Begin to write; end it with `stop`."""
        self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
        self._thread.start()
        return self

    def note(self, *, run_id: str, activity_id: str, attempt: int, stage: str, workflow_id: str,
             error: BaseException | None, ms: int) -> None:  # fmt: skip
        """Take one outcome; those of other workflows than approvals are let go. Never waits, never raises."""
        request_id = request_of(workflow_id)
        if request_id is None:
            return
        if len(self._waiting) == MOST_WAITING:
            log.warning("an outcome is let go", extra={"waiting": MOST_WAITING})
        said = FAILED if error is not None else OK
        name = _name(error) if error is not None else None
        self._waiting.append(
            Outcome(self.build_id, run_id, activity_id, attempt, stage, str(request_id), said, name, ms)
        )

    def stop(self) -> None:
        """Write what is left and end; what Postgres does not take now is lost, with a warning."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._flush()
        if self._waiting:
            log.warning("outcomes are lost", extra={"lost": len(self._waiting)})

    def _run(self) -> None:
        while not self._ended.wait(REST_SECONDS):
            self._flush()

    def _flush(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                with self.sessions.begin() as session:
                    outcome.write(session, batch)
            except SQLAlchemyError as error:
                log.warning("outcomes are not written yet", extra={"error": type(error).__name__})
                self._waiting.extendleft(reversed(batch))
                return


def forget_outcomes(sessions: sessionmaker[Session]) -> int:
    """Forget a batch of outcomes that are kept no longer; returns how many."""
    with sessions.begin() as session:
        return outcome.sweep(session)


def request_of(workflow_id: str) -> UUID | None:
    """The request that a workflow is about; None for one that is no approval."""
    head, _, tail = workflow_id.partition(WORKFLOW_PREFIX)
    if head or not tail:
        return None
    try:
        return UUID(tail)
    except ValueError:
        return None


def _name(error: BaseException) -> str:
    return (error.type if isinstance(error, ApplicationError) else None) or type(error).__name__


class OutcomeInterceptor(Interceptor):
    """Notes every activity of a worker, plain and local, once for each attempt."""

    def __init__(self, book: OutcomeBook) -> None:
        self._book = book

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """The chain with ours in front."""
        return _Noting(next, self._book)


class _Noting(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, book: OutcomeBook) -> None:  # noqa: A002
        super().__init__(next)
        self._book = book

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        began = time.monotonic()
        try:
            result = await super().execute_activity(input)
        except BaseException as error:
            self._note(began, error)
            raise
        self._note(began, None)
        return result

    def _note(self, began: float, error: BaseException | None) -> None:
        info = activity.info()
        self._book.note(
            run_id=info.workflow_run_id or "",
            activity_id=info.activity_id,
            attempt=info.attempt,
            stage=info.activity_type,
            workflow_id=info.workflow_id or "",
            error=error,
            ms=round((time.monotonic() - began) * 1000),
        )


class TaskFailures(logging.Handler):
    """Notes workflow tasks that raised: a run that fails its first task leaves no other trace of its build.

    Hang it on the logger "temporalio.worker". However often a run's task is tried again, it is one outcome.
    """

    def __init__(self, book: OutcomeBook) -> None:
        super().__init__(logging.WARNING)
        self._book = book

    def emit(self, record: logging.LogRecord) -> None:
        """Take the record if it tells of a failed task."""
        name, value = _TASK_FAILED
        if getattr(record, name, None) != value:
            return
        run = getattr(record, "temporal_workflow", {})
        self._book.note(
            run_id=run.get("run_id", ""),
            activity_id="",
            attempt=1,
            stage=WORKFLOW_TASK,
            workflow_id=run.get("workflow_id", ""),
            error=record.exc_info[1] if record.exc_info else None,
            ms=0,
        )
