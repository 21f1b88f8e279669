"""A hall in which processes run on real parts: Postgres, Temporal with time skipping, one worker, one relay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker, WorkflowRunner

from activities.notification import Teller
from activities.process import ProcessActivities
from activities.process_nodes import executors
from activities.process_purchase import PurchaseSteps
from activities.process_work import Executor, TaskTeller, Work
from activities.relay import OutboxRelay
from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from gateways.broker import Broker
from gateways.webhook import Webhooks
from rules import messages
from rules.errors import Invalid
from rules.process import Outcome, Process
from rules.process_content import content_hash, to_content
from rules.process_messages import NodeResult, ProcessInput, ProcessResult, run_workflow_id
from rules.process_play import Answers, answer
from rules.process_state import Turn
from settings import Settings
from storage import process_run, process_step, process_task
from storage.audit import Actor
from storage.database import new_id
from storage.flag_copy import FlagCopy
from storage.notification import NotificationRow
from storage.process import DEPLOYED, ProcessRow, ProcessVersionRow
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow
from storage.process_task import ProcessTaskRow
from tests.app.people import Company
from tests.workflows.process_cases import AS_PLAYED
from workflows import registry as workflow_registry
from workflows.process import Process as ProcessWorkflow

#: How long a test waits for what should take a moment; it ends a broken test, it asserts nothing.
PATIENCE_SECONDS = 60
#: What the other systems of these tests sign with.
PARTNER_SECRET = "whsec_cGFydG5lci1zZWNyZXQtMzItYnl0ZXMtbG9uZw=="


@dataclass
class Oracle:
    """Ends nodes as a case says. Everything around it is real: activity, row, queue, workflow."""

    answers: dict[str, Answers] = field(default_factory=dict)
    outputs: dict[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def begin(self, work: Work) -> NodeResult:
        """End so, or never."""
        given = self.answers[work.run.process_key]
        outcome = answer(given, Turn(work.row.node, work.row.iteration))
        if outcome is None:
            return NodeResult()
        if outcome is Outcome.FAILED:
            raise Invalid(AS_PLAYED)
        return work.end(outcome, self.outputs.get(work.run.process_key, {}).get(work.row.node, {}))

    def settle(self, work: Work, why: str) -> NodeResult:
        """It never ends."""
        return NodeResult()


@dataclass
class Hall:
    """What a test needs: deploy, start, answer, let time pass, look."""

    sessions: sessionmaker[Session]
    client: Client
    company: Company
    relay: OutboxRelay
    oracle: Oracle
    threads: ThreadPoolExecutor
    vendor: AmazonBusiness
    webhooks: Webhooks = field(default_factory=lambda: Webhooks({"partner": PARTNER_SECRET}, private=True))

    @property
    def purchase(self) -> PurchaseSteps:
        """What buys. Its flags come from nowhere, so that the automated review never runs here."""
        told = Teller("https://visto.example", has_chat=False)
        return PurchaseSteps.of(self.sessions, self.vendor, FlagCopy("redis://127.0.0.1:1"), told, Decimal(5))

    def executors(self, *, played: bool = False) -> Mapping[str, Executor]:
        """What nodes do: the real thing, or what the oracle says."""
        teller = TaskTeller("https://visto.example", has_chat=False)
        hosts = ("amazon.es", "amazon.com")
        real = executors(teller, self.webhooks, self.vendor, hosts, self.purchase, Broker())
        return dict.fromkeys(real, self.oracle) if played else real

    def worker(
        self, doing: Mapping[str, Executor], runner: WorkflowRunner | None = None, *, remembers: int = 1000
    ) -> Worker:
        """A worker of processes, in the sandbox unless many runs would make that slow.

        One that remembers no run begins each anew, from its history, for every step.
        """
        steps = ProcessActivities(self.sessions, doing, self.purchase.tell_end)
        return Worker(
            self.client,
            task_queue=messages.APPROVALS_QUEUE,
            workflows=[ProcessWorkflow],
            activities=[
                steps.load_process, steps.load_version, steps.run_node, steps.settle_node, steps.note_news,
                steps.load_value,
            ],
            activity_executor=self.threads,
            workflow_runner=runner or workflow_registry.sandbox(),
            max_cached_workflows=remembers,
            graceful_shutdown_timeout=timedelta(seconds=5),
        )  # fmt: skip

    def put_in_force(self, process: Process) -> None:
        """Deploy a definition past every check, as no page could: cases of the scheduler are no sensible processes."""
        with self.sessions.begin() as session:
            session.add(ProcessRow(key=process.key, title=process.key, deployed_version=1))
            session.flush()
            session.add(
                ProcessVersionRow(
                    process_key=process.key, version=1, state=DEPLOYED, content=to_content(process),
                    sha256=content_hash(process), author_id=self.company.elena.id, editor_ids=[],
                )
            )  # fmt: skip

    async def start(
        self, key: str, given: Mapping[str, Any] | None = None, *, most_events: int | None = None
    ) -> UUID:
        """Start a run, and carry that over; with `most_events` it is continued as new as early as that."""
        with self.sessions.begin() as session:
            row = process_run.begin(session, key, given or {}, Actor.person(self.company.ana.id))
        if most_events is not None:
            early = replace(row.as_input, most_events=most_events)
            await self.client.start_workflow(
                ProcessWorkflow.run, early, id=run_workflow_id(str(row.id)),
                task_queue=messages.APPROVALS_QUEUE,
            )  # fmt: skip
        await self.carry()
        return row.id

    async def play(
        self,
        key: str,
        process: Process,
        answers: Answers,
        given: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> UUID:
        """Start a run whose nodes end, and give out, as the oracle is told."""
        named = replace(process, key=key)
        self.oracle.answers[key] = answers
        self.oracle.outputs[key] = outputs or {}
        await asyncio.to_thread(self.put_in_force, named)
        begun = ProcessInput(str(new_id()), key, 1, content_hash(named))
        with self.sessions.begin() as session:
            session.add(
                ProcessRunRow(
                    id=UUID(begun.run_id),
                    process_key=key,
                    version=1,
                    sha256=begun.sha256,
                    given=dict(given or {}),
                    chain=[key],
                )
            )
        await self.client.start_workflow(
            ProcessWorkflow.run, begun, id=run_workflow_id(begun.run_id), task_queue=messages.APPROVALS_QUEUE
        )
        return UUID(begun.run_id)

    async def carry(self) -> None:
        """Carry everything over that waits in the outbox."""
        while await self.relay.carry_over():
            pass

    def handle(self, run_id: UUID) -> WorkflowHandle[Any, ProcessResult]:
        """The run's workflow."""
        return self.client.get_workflow_handle(run_workflow_id(str(run_id)), result_type=ProcessResult)

    async def result(self, run_id: UUID) -> ProcessResult:
        """Wait for the workflow's end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle(run_id).result()

    async def pass_time(self, run_id: UUID, duration: timedelta) -> None:
        """Let a workflow's time pass on the real server."""
        await TimeSkipper(self.client).fast_forward(self.handle(run_id), duration)

    async def until(self, run_id: UUID, holds: Callable[[ProcessRunRow], bool]) -> ProcessRunRow:
        """Wait until something holds of a run as Postgres knows it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(run := await asyncio.to_thread(self.look, run_id)):
                await asyncio.sleep(0.02)
        return run

    async def until_step(self, run_id: UUID, node: str, status: str, iteration: int = 1) -> ProcessStepRow:
        """Wait until a node stands so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for row in await asyncio.to_thread(self.steps, run_id):
                    if (row.node, row.iteration, row.status) == (node, iteration, status):
                        return row
                await asyncio.sleep(0.02)

    def look(self, run_id: UUID) -> ProcessRunRow:
        """The run as Postgres knows it."""
        with self.sessions.begin() as session:
            return process_run.by_id(session, run_id)

    def steps(self, run_id: UUID) -> Sequence[ProcessStepRow]:
        """What became of its nodes."""
        with self.sessions.begin() as session:
            return process_step.of_run(session, run_id)

    def tasks(self, run_id: UUID) -> Sequence[ProcessTaskRow]:
        """Its seats."""
        with self.sessions.begin() as session:
            return process_task.of_run(session, run_id)

    def told(self, run_id: UUID) -> list[tuple[UUID | None, str, str]]:
        """Whom it told what on the page: recipient, kind, subject."""
        with self.sessions.begin() as session:
            rows = session.scalars(
                select(NotificationRow)
                .where(NotificationRow.step.startswith(str(run_id)), NotificationRow.channel == "page")
                .order_by(NotificationRow.id)
            )
            return [(row.recipient_id, row.kind, row.subject) for row in rows]


@asynccontextmanager
async def open_hall(
    sessions: sessionmaker[Session],
    address: str,
    namespace: str,
    company: Company,
    vendor_url: str = "http://127.0.0.1:1",
) -> AsyncIterator[Hall]:
    """A hall; its workers are the tests'."""
    client = await Client.connect(address, namespace=namespace)

    async def connected() -> Client:
        return client

    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(8))
        relay = OutboxRelay(sessions, connected, Redis())  # never connects: no flag is carried here
        vendor = AmazonBusiness(account_of(_settings(vendor_url)))
        yield Hall(sessions, client, company, relay, Oracle(), threads, vendor)


def _settings(vendor_url: str) -> Settings:
    """Settings of a product whose vendor answers there; of the rest nothing is used."""
    return Settings.from_environment(
        {
            "VISTOBUENO_MODE": "local",
            "SECRET_KEY": "only for tests, and long enough to be taken",
            "DATABASE_URL": "postgresql://127.0.0.1:1/nothing",
            "VENDOR_URL": vendor_url,
        }
    )
