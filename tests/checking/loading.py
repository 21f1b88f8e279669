"""Reads the facts off the real parts: Postgres, the vendor's ledger, Temporal's histories, a client's journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import requests as http
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rules.messages import PURCHASE_APPROVAL
from rules.money import Money
from rules.request import WORKFLOW_PREFIX, Status, content_hash, workflow_id
from rules.review import ReviewInput
from storage.audit import AuditRow
from storage.database import now
from storage.decision import DecisionRow
from storage.notification import NotificationRow
from storage.order import OrderRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from storage.policy import RuleSetRow
from storage.process_run import ProcessRunRow
from storage.process_task import ProcessTaskRow
from storage.request import RequestRow, SubmissionRow
from storage.review import ReviewRow
from tests.checking.facts import (
    Call,
    Consent,
    Entry,
    Facts,
    Message,
    Order,
    Person,
    Question,
    Request,
    Review,
    RuleSet,
    Run,
    Submission,
    Told,
    VendorOrder,
)

PATIENCE_SECONDS = 30
#: Histories are fetched so many at a time.
SIDE_BY_SIDE = 20


def read_database(session: Session) -> Facts:
    """What Postgres knows, without what was made up for showing the product."""
    made_up = set(session.scalars(select(RequestRow.id).where(RequestRow.is_demo)))

    def rows(kind: Any) -> list[Any]:
        found = session.scalars(select(kind)).all()
        return [row for row in found if getattr(row, "request_id", None) not in made_up]

    decided = set(session.scalars(select(ProcessRunRow.request_id)))
    return Facts(
        now=now(session),
        people=[Person(row.id, row.name) for row in rows(PersonRow)],
        requests=[_request(row, decided) for row in rows(RequestRow) if row.id not in made_up],
        submissions=[
            Submission(row.person_id, row.key, row.payload_hash, row.request_id)
            for row in rows(SubmissionRow)
        ],
        entries=[
            Entry(row.seq, row.at, row.action, row.request_id, row.actor_id, row.detail)
            for row in rows(AuditRow)
            if row.request_id is not None
        ],
        messages=[
            Message(row.id, row.kind, row.request_id, row.created_at, row.payload, row.sent_at is not None)
            for row in rows(OutboxRow)
            if row.request_id is not None
        ],
        questions=[_question(row) for row in rows(DecisionRow)],
        consents=_consents(session),
        rule_sets=[RuleSet(row.id, row.content, row.content_hash) for row in rows(RuleSetRow)],
        reviews=[_review(row) for row in rows(ReviewRow)],
        orders=[_order(row) for row in rows(OrderRow)],
        told=[Told(row.request_id, row.kind) for row in rows(NotificationRow)],
    )


def _consents(session: Session) -> list[Consent]:
    agreed = select(ProcessTaskRow).where(ProcessTaskRow.agrees.is_(True))
    return [
        Consent(row.run_id, row.answered_by, row.answered_at)
        for row in session.scalars(agreed)
        if row.answered_by and row.answered_at
    ]


def _request(row: RequestRow, decided: set[UUID | None]) -> Request:
    return Request(
        id=row.id,
        number=row.number,
        requester_id=row.requester_id,
        status=Status(row.status),
        round=row.round,
        vendor=row.vendor,
        asin=row.asin,
        offer_id=row.offer_id,
        quantity=row.quantity,
        total=row.total,
        content_hash=row.content_hash,
        computed_hash=content_hash(row.product, row.quantity, row.total),
        payload_hash=row.payload_hash,
        auto_approved=row.auto_approved,
        submitted_at=row.submitted_at,
        closed_at=row.closed_at,
        run_id=row.run_id,
        is_made_by_run=row.run_id is not None and row.id not in decided,
    )


def _question(row: DecisionRow) -> Question:
    return Question(
        id=row.id,
        request_id=row.request_id,
        round=row.round,
        asked_ids=tuple(row.asked_ids),
        deadline_at=row.deadline_at,
        content_hash=row.content_hash,
        outcome=row.outcome,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        node=row.node,
    )


def _review(row: ReviewRow) -> Review:
    return Review(
        request_id=row.request_id,
        rule_set_id=row.rule_set_id,
        rule_set_hash=row.rule_set_hash,
        subject=ReviewInput.from_content(row.input),
        auto_approved=row.auto_approved,
        confidence=row.confidence,
        risk_score=row.risk_score,
        reason=row.reason,
        checks=row.checks,
        algorithm=row.algorithm,
        flag_revision=row.flag_revision,
        written_by=row.written_by,
    )


def _order(row: OrderRow) -> Order:
    return Order(
        request_id=row.request_id,
        round=row.round,
        external_id=row.external_id,
        state=row.state,
        highest_unit_price=row.highest_price,
        intended_at=row.intended_at,
        sends=row.sends,
        unknown_since=row.unknown_since,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        vendor_order_ids=tuple(map(str, row.vendor_order_ids)),
        accepted_quantity=row.accepted_quantity,
        charged_total=row.charged_total,
    )


def read_ledger(vendor_url: str) -> list[VendorOrder]:
    """The orders in the sandbox's own book."""
    answer = http.get(f"{vendor_url}/sandbox/ledger", timeout=PATIENCE_SECONDS)
    answer.raise_for_status()
    return [
        VendorOrder(
            order_id=entry["order_id"],
            external_id=entry["external_id"],
            purchase_order_number=entry["purchase_order_number"],
            vendor=entry["vendor"],
            asin=entry["asin"],
            offer_id=entry["offer_id"],
            quantity=entry["quantity"],
            unit_price=Money(Decimal(entry["unit_price"]), entry["currency"]),
            total=Decimal(entry["total"]),
            at=datetime.fromisoformat(entry["at"]),
            cancelled=entry["cancelled"],
        )
        for entry in answer.json()["orders"]
    ]


async def read_runs(client: Client, ended: Sequence[Run] = ()) -> list[Run]:
    """Every run of an approval that the engine lists, read off its history.

    Args:
        ended: runs that are known to be over; their histories are not read again.
    """
    over = {(run.workflow_id, run.run_id): run for run in ended}
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def fetched(workflow: str, run_id: str) -> Run:
        if (workflow, run_id) in over:
            return over[workflow, run_id]
        async with turns:
            return await _read_history(client, workflow, run_id)

    listed = client.list_workflows(f"WorkflowType = '{PURCHASE_APPROVAL}'")
    # What the gate of a build rehearses is an approval of nothing.
    known = [(run.id, run.run_id) async for run in listed if run.id.startswith(WORKFLOW_PREFIX)]
    return list(await asyncio.gather(*(fetched(*each) for each in known)))


async def read_unlisted_runs(client: Client, requests: Iterable[Request], known: Sequence[Run]) -> list[Run]:
    """The runs of requests that the engine has not got into its list yet, which it keeps a little behind."""
    found = []
    for missing in {workflow_id(each.id) for each in requests} - {run.workflow_id for run in known}:
        try:
            description = await client.get_workflow_handle(missing).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            found.append(await _read_history(client, missing, description.run_id))
    return found


#: How a history says that a run is over.
_ENDINGS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "COMPLETED",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "FAILED",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "TIMED_OUT",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "CANCELED",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "TERMINATED",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "CONTINUED_AS_NEW",
}


async def _read_history(client: Client, workflow: str, run_id: str) -> Run:
    history = await client.get_workflow_handle(workflow, run_id=run_id).fetch_history()
    first, last = history.events[0], history.events[-1]
    given = json.loads(first.workflow_execution_started_event_attributes.input.payloads[0].data)
    run = Run(workflow, run_id, UUID(given["request_id"]), _ENDINGS.get(last.event_type, "RUNNING"))
    if run.status != "COMPLETED":
        return run
    result = json.loads(last.workflow_execution_completed_event_attributes.result.payloads[0].data)
    return replace(run, result=result["status"])


def read_journal(path: Path) -> list[Call]:
    """A client's journal, one call a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Call(**{**entry, "actor": UUID(entry["actor"])}) for entry in map(json.loads, lines)]


def write_journal(path: Path, calls: Sequence[Call]) -> None:
    """The journal that `read_journal` reads."""
    lines = [json.dumps({**asdict(call), "actor": str(call.actor)}) for call in calls]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
