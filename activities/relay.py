"""Carries committed messages out: the outbox to Temporal and Redis, notifications to mail and chat. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from activities.process_timetable import carry_timetable
from activities.process_trigger import show_event
from activities.relay_process import FOR_PROCESSES, carry_to_process
from gateways import temporal, temporal_builds, temporal_gate
from gateways.chat import Chat, ChatNotTaken
from gateways.mail import Mailer, MailNotTaken
from rules import messages
from rules.messages import DecisionSignal, PurchaseInput, SettledSignal, WithdrawSignal
from rules.notification import Channel
from rules.outbox import Kind
from rules.request import workflow_id
from storage import audit, flag, flag_spread, flag_use, notification, outbox, route
from storage.audit import SYSTEM
from storage.notification import NotificationRow
from storage.outbox import OutboxRow

log = logging.getLogger(__name__)

#: So many messages leave side by side; Temporal takes starts faster together than one by one.
BATCH = 10
#: How often it is noted which flags were read.
COUNT_READS_SECONDS = 30.0

_FOR_BUILDS: Final = {Kind.CHECK_BUILD, Kind.FORGET_BUILD}
#: How the audit trail names a message that could not do what it was for; all others are signals.
_LATE: Final = {Kind.START_APPROVAL: "route.late", Kind.FORGET_BUILD: "build.not_forgotten"}

Connect = Callable[[], Awaitable[Client]]


@dataclass
class OutboxRelay:
    """Carries the outbox over. Several may run: each row is claimed by one."""

    sessions: sessionmaker[Session]
    connect: Connect
    redis_client: redis.Redis
    _counted_at: float = field(default=float("-inf"), init=False)

    async def carry_over(self) -> int:
        """One batch: claim, carry side by side, mark. Returns how many rows were claimed."""
        session = self.sessions()
        try:
            rows, builds = await asyncio.to_thread(_claim, session)
            if rows:
                carrying = (self._carry(row, builds) for row in rows)
                results = await asyncio.gather(*carrying, return_exceptions=True)
                await asyncio.to_thread(_mark, session, rows, results)
        except BaseException:
            await asyncio.to_thread(session.close)
            raise
        return len(rows)

    async def _carry(self, row: OutboxRow, builds: Mapping[UUID, str]) -> str | None:
        """Carry one message; a returned sentence tells of a message that came too late to matter."""
        if Kind(row.kind) is Kind.SPREAD_FLAGS:
            await asyncio.to_thread(self.spread_flags)
            return None
        if Kind(row.kind) is Kind.ENTITY_EVENT:
            await asyncio.to_thread(show_event, self.sessions, row.payload)
            return None
        client = await self.connect()
        if Kind(row.kind) is Kind.CARRY_TIMETABLE:
            await carry_timetable(client, self.sessions, UUID(row.payload["timetable_id"]))
            return None
        if Kind(row.kind) is Kind.WAKE_ROLLOUT:
            await temporal.wake_rollout(client, row.payload["rollout_id"])
            return None
        if Kind(row.kind) in _FOR_BUILDS:
            return await _carry_to_builds(client, Kind(row.kind), row.payload["build_id"])
        if Kind(row.kind) in FOR_PROCESSES:
            return await carry_to_process(client, self.sessions, Kind(row.kind), row.payload)
        run_id = workflow_id(_request_id(row))
        if Kind(row.kind) is Kind.START_APPROVAL:
            build = builds.get(_request_id(row))
            return await _start(client, run_id, PurchaseInput(**row.payload), build)
        name, given = _signal(row)
        try:
            await temporal.signal(client, run_id, name, given)
        except temporal.NoSuchRun:
            return f"{name} came after the end"
        return None

    def spread_flags(self) -> None:
        """Publish the flags as they are now; raises redis.RedisError where Redis does not answer."""
        flag_spread.spread(self.redis_client, self._read_flags)
        if time.monotonic() - self._counted_at > COUNT_READS_SECONDS:
            self.count_reads()

    def _read_flags(self) -> flag.Snapshot:
        with self.sessions.begin() as session:
            return flag.read_truth(session)

    def count_reads(self) -> None:
        """Keep in Postgres which flags were read of late; raises redis.RedisError."""
        keys = flag_spread.collect_reads(self.redis_client)
        with self.sessions.begin() as session:
            flag_use.note_reads(session, keys)
        self._counted_at = time.monotonic()


def _claim(session: Session) -> tuple[Sequence[OutboxRow], Mapping[UUID, str]]:
    """Due messages, and the builds that were chosen for the approvals among them; ends a session that finds none."""
    rows = outbox.claim(session, BATCH)
    if not rows:
        session.close()
    starts = [row.request_id for row in rows if row.kind == Kind.START_APPROVAL and row.request_id]
    return rows, route.builds_now(session, starts)


async def _start(client: Client, run_id: str, given: PurchaseInput, build: str | None) -> str | None:
    """Start an approval on the build that was chosen at submit; on the current one where that takes none now."""
    try:
        await temporal.start_approval(client, run_id, given, build)
    except temporal.NoSuchBuild:
        await temporal.start_approval(client, run_id, given)
        return f"build {build} is gone, so the current one took it"
    return None


async def _carry_to_builds(client: Client, kind: Kind, build_id: str) -> str | None:
    """Begin the gate of a build, or let the server forget it; a returned sentence says why it did not."""
    if kind is Kind.CHECK_BUILD:
        await temporal_gate.start_gate(client, build_id)
        return None
    try:
        await temporal_builds.delete(client, build_id)
    except temporal_builds.UnknownBuild:
        return None
    except temporal_builds.RouteRefused as refusal:
        return f"{build_id}: {refusal}"
    return None


def _request_id(row: OutboxRow) -> UUID:
    if row.request_id is None:
        raise ValueError(f"outbox row {row.id} names no request")
    return row.request_id


def _signal(row: OutboxRow) -> tuple[str, DecisionSignal | WithdrawSignal | SettledSignal]:
    match Kind(row.kind):
        case Kind.SIGNAL_DECISION:
            return messages.SIGNAL_DECISION, DecisionSignal(**row.payload)
        case Kind.SIGNAL_WITHDRAW:
            return messages.SIGNAL_WITHDRAW, WithdrawSignal(**row.payload)
        case Kind.SIGNAL_SETTLED:
            return messages.SIGNAL_SETTLED, SettledSignal(**row.payload)
        case other:
            raise ValueError(f"{other} is no signal")


def _mark(session: Session, rows: Sequence[OutboxRow], results: Sequence[str | BaseException | None]) -> None:
    sent = []
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, BaseException):
            log.warning("message not carried over", extra={"row": row.id, "error": repr(result)[:200]})
            outbox.mark_failed(session, row, repr(result))
            continue
        sent.append(row.id)
        if result is not None:
            late = _LATE.get(Kind(row.kind), "signal.late")
            audit.record(session, SYSTEM, late, row.request_id, reason=result)
    if sent:
        outbox.mark_sent(session, sent)
    session.commit()
    session.close()


@dataclass
class NotificationRelay:
    """Delivers mails and chat messages. A dead mail server delays messages and nothing else."""

    sessions: sessionmaker[Session]
    mailer: Mailer
    chat: Chat | None

    async def carry_over(self) -> int:
        """One batch: claim, deliver one by one, mark. Returns how many rows were claimed."""
        return await asyncio.to_thread(self._deliver_batch)

    def _deliver_batch(self) -> int:
        with self.sessions.begin() as session:
            claimed = notification.claim_undelivered(session, BATCH)
            delivered = []
            for row, email in claimed:
                try:
                    self._deliver(row, email)
                except (MailNotTaken, ChatNotTaken) as error:
                    log.warning("notification not delivered", extra={"row": row.id, "error": str(error)})
                    notification.mark_undelivered(session, row, str(error))
                else:
                    delivered.append(row.id)
            if delivered:
                notification.mark_delivered(session, delivered)
            return len(claimed)

    def _deliver(self, row: NotificationRow, email: str | None) -> None:
        if row.channel == Channel.CHAT:
            if self.chat is None:
                raise ChatNotTaken("no chat is set up")
            self.chat.send(row.subject, row.body)
            return
        if email is None:
            raise MailNotTaken("the recipient has no address")
        self.mailer.send(email, row.subject, row.body, f"notification-{row.id}")
