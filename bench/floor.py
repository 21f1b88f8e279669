"""The floor: the barest workflow of the same shape with the same SQL. No page, no vendor, no rules, no checks.

Three local activities and a plain one; each runs the statements that the product's step runs, in as many
transactions, straight through psycopg. `python -m bench.floor` serves it; `Floor` drives it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid6 import uuid7

from bench.loop import Timing, Watcher
from worker import CAPACITY, THREADS

QUEUE = "floor"
PERSON = "00000000-0000-7000-8000-000000000001"
ASIN = "B000000001"

Statement = tuple[str, tuple[Any, ...]]
_connections = threading.local()


def _run(url: str, statements: Sequence[Statement]) -> None:
    """One transaction on this thread's connection."""
    if not hasattr(_connections, "open"):
        _connections.open = psycopg.connect(url)
    with _connections.open.transaction():
        for text, values in statements:
            _connections.open.execute(text, values)


def _audit(request_id: str, action: str) -> Statement:
    return (
        "INSERT INTO audit (actor_kind, action, request_id, detail) VALUES ('system', %s, %s, '{\"floor\": 1}')",
        (action, request_id),
    )


def _move(request_id: str, status: str, came_from: str) -> Statement:
    return (
        "UPDATE request SET status = %s, status_since = now(), awaited_id = NULL"
        " WHERE id = %s AND status = ANY(%s) RETURNING id",
        (status, request_id, came_from.split()),
    )


def _read(request_id: str, lock: str = "") -> Statement:
    return f"SELECT * FROM request WHERE id = %s {lock}", (request_id,)


def submit(url: str, request_id: str) -> None:
    """The submitting transaction: key, number, request, audit, outbox (already sent: nothing relays here)."""
    _run(
        url,
        [
            (
                "INSERT INTO submission (person_id, key, payload_hash, request_id) VALUES (%s, %s, 'x', %s)"
                " ON CONFLICT DO NOTHING RETURNING request_id",
                (PERSON, request_id, request_id),
            ),
            ("SELECT now()", ()),
            (
                "INSERT INTO request (id, number, requester_id, department_id, asin, offer_id, title, url, vendor,"
                " seller, category, unit_price, quantity, amount, currency, reason, content_hash, payload_hash,"
                " status) VALUES (%s, 'F-' || nextval('request_number'), %s, 'it', %s, 'offer', 'A keyboard',"
                " 'https://www.amazon.es/dp/B000000001', 'amazon.es', 'Seller', 'electronics', 50, 1, 50, 'EUR',"
                " 'measured', 'x', 'x', 'submitted')",
                (request_id, PERSON, ASIN),
            ),
            _audit(request_id, "request.submitted"),
            (
                "INSERT INTO outbox (kind, request_id, payload, sent_at)"
                " VALUES ('start_approval', %s, '{\"floor\": 1}', now())",
                (request_id,),
            ),
        ],
    )


def decide(url: str, request_id: str) -> None:
    """The deciding transaction."""
    _run(
        url,
        [
            ("SELECT * FROM decision WHERE request_id = %s", (request_id,)),
            (
                "UPDATE decision SET outcome = 'approved', decided_at = now(), decided_by = %s"
                " WHERE request_id = %s AND outcome IS NULL RETURNING id",
                (PERSON, request_id),
            ),
            _move(request_id, "ordering", "awaiting_decision"),
            _audit(request_id, "request.ordering"),
            (
                "INSERT INTO outbox (kind, request_id, payload, sent_at)"
                " VALUES ('signal_decision', %s, '{\"floor\": 1}', now())",
                (request_id,),
            ),
        ],
    )


class Steps:
    """The activities, on one database."""

    def __init__(self, url: str) -> None:
        self._url = url

    @activity.defn(name="floor_validate")
    def validate(self, request_id: str) -> None:
        """As validate_product with a fresh look-up."""
        _run(
            self._url,
            [
                _move(request_id, "in_review", "submitted"),
                _audit(request_id, "request.in_review"),
                _read(request_id),
                ("SELECT * FROM product WHERE vendor = 'amazon.es' AND asin = %s", (ASIN,)),
            ],
        )

    @activity.defn(name="floor_review")
    def review(self, request_id: str, by_hand: bool) -> None:
        """As review_request, and for a manager's request also as ask_approver."""
        left: list[Statement] = [
            (
                "INSERT INTO decision (id, request_id, round, why, detail, asked_ids, deadline_at, amount,"
                " currency, content_hash) VALUES (%s, %s, 1, 'review_says_no', 'x', ARRAY[%s::uuid],"
                " now() + interval '7 days', 50, 'EUR', 'x')",
                (str(uuid7()), request_id, PERSON),
            ),
            _move(request_id, "awaiting_decision", "in_review"),
            _audit(request_id, "request.awaiting_decision"),
            *_notify(request_id, "asked"),
        ]
        _run(
            self._url,
            [
                _read(request_id, "FOR UPDATE"),
                ("SELECT * FROM review WHERE request_id = %s", (request_id,)),
                ("SELECT * FROM flag_override", ()),
                ("SELECT max(revision) FROM flag_change", ()),
                (
                    "SELECT * FROM rule_set WHERE department_id = ANY(%s)"
                    " ORDER BY department_id = 'it' DESC, version DESC LIMIT 1",
                    (["it", "default"],),
                ),
                (
                    "SELECT count(*) FILTER (WHERE status = 'completed'),"
                    " count(*) FILTER (WHERE status = 'rejected' AND closed_at >= now() - interval '30 days')"
                    " FROM request WHERE requester_id = %s",
                    (PERSON,),
                ),
                (
                    "INSERT INTO review (id, request_id, input, auto_approved, confidence, risk_score, reason,"
                    " checks, algorithm, reviewed_by, flag_reason, flag_revision) VALUES"
                    " (%s, %s, '{}', true, 0.9, 0.1, 'x', '[]', 'floor', 'floor', 'x', 1)",
                    (str(uuid7()), request_id),
                ),
                *(
                    left
                    if by_hand
                    else [_move(request_id, "ordering", "in_review"), _audit(request_id, "request.ordering")]
                ),
            ],
        )

    @activity.defn(name="floor_order")
    def order(self, request_id: str) -> None:
        """As place_order: the intent and the claim, then the outcome."""
        order_id = str(uuid7())
        _run(
            self._url,
            [
                _read(request_id, "FOR UPDATE"),
                (
                    "INSERT INTO purchase_order (id, request_id, round, external_id, state, quantity, currency,"
                    " highest_unit_price) VALUES (%s, %s, 1, %s, 'intended', 1, 'EUR', 50)"
                    " ON CONFLICT (request_id, round) DO NOTHING",
                    (order_id, request_id, request_id),
                ),
                ("SELECT * FROM purchase_order WHERE request_id = %s", (request_id,)),
                ("UPDATE purchase_order SET sends = 1 WHERE id = %s AND sends = 0 RETURNING id", (order_id,)),
                _audit(request_id, "order.sent"),
            ],
        )
        _run(
            self._url,
            [
                ("SELECT * FROM purchase_order WHERE id = %s FOR UPDATE", (order_id,)),
                (
                    "UPDATE purchase_order SET state = 'placed', settled_at = clock_timestamp(), answer = '{}'"
                    " WHERE id = %s",
                    (order_id,),
                ),
                _move(request_id, "completed", "ordering"),
                _audit(request_id, "request.completed"),
                _read(request_id),
            ],
        )

    @activity.defn(name="floor_notify")
    def notify(self, request_id: str) -> None:
        """As tell_people."""
        _run(self._url, [_read(request_id), *_notify(request_id, "completed")])


def _notify(request_id: str, kind: str) -> list[Statement]:
    return [
        (
            "INSERT INTO notification (request_id, recipient_id, kind, step, channel, subject, body, sent_at)"
            " VALUES (%s, %s, %s, '', 'page', 'x', 'x', now()), (%s, %s, %s, '', 'mail', 'x', 'x', now())"
            " ON CONFLICT DO NOTHING",
            (request_id, PERSON, kind, request_id, PERSON, kind),
        )
    ]


@workflow.defn(name="FloorApproval")
class FloorApproval:
    """Validate, review, wait for a signal where a person is needed, order, notify."""

    def __init__(self) -> None:
        self._decided = False

    @workflow.run
    async def run(self, request_id: str, by_hand: bool) -> None:
        """The same shape as the product's."""
        short = timedelta(seconds=10)
        await workflow.execute_local_activity("floor_validate", request_id, start_to_close_timeout=short)
        await workflow.execute_local_activity(
            "floor_review", args=[request_id, by_hand], start_to_close_timeout=short
        )
        if by_hand:
            await workflow.wait_condition(lambda: self._decided, timeout=timedelta(days=7))
        await workflow.execute_activity("floor_order", request_id, start_to_close_timeout=short)
        await workflow.execute_local_activity("floor_notify", request_id, start_to_close_timeout=short)

    @workflow.signal
    def decided(self) -> None:
        """A person decided."""
        self._decided = True


class Floor:
    """Drives the floor: submits and decides in the calling thread, as its own page would."""

    def __init__(self, url: str, temporal_address: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO department VALUES ('it', 'IT')")
            connection.execute(
                "INSERT INTO person (id, name, email, password_hash, roles, department_id)"
                " VALUES (%s, 'Floor', 'floor@bench.example', 'x', '{}', 'it')",
                (PERSON,),
            )
            connection.execute(
                "INSERT INTO product (vendor, asin, offer_id, title, url, seller, category, unit_price, currency,"
                " available, buying_guidance) VALUES ('amazon.es', %s, 'offer', 'x', 'x', 'x', 'electronics', 50,"
                " 'EUR', true, 'none')",
                (ASIN,),
            )
        self.watcher = Watcher(url)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._client = self._wait(Client.connect(temporal_address))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def approve_automatically(self, number: int) -> Timing:
        """One run without a person."""
        return self._approve(by_hand=False)

    def approve_by_hand(self, number: int) -> Timing:
        """One run with a decision as soon as it waits."""
        return self._approve(by_hand=True)

    def _approve(self, *, by_hand: bool) -> Timing:
        request_id = str(uuid7())
        began = time.perf_counter()
        submit(self._url, request_id)
        self._wait(
            self._client.start_workflow(
                "FloorApproval", args=[request_id, by_hand], id=f"floor-{request_id}", task_queue=QUEUE
            )
        )
        submitted = time.perf_counter()
        if by_hand:
            self.watcher.wait_for(request_id, "awaiting_decision")
            decide(self._url, request_id)
            self._wait(self._client.get_workflow_handle(f"floor-{request_id}").signal("decided"))
        return Timing(began, submitted, self.watcher.wait_for(request_id, "completed"))


async def serve() -> None:
    """A worker like the product's, in everything but what it does."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    steps = Steps(os.environ["FLOOR_DATABASE_URL"])
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with ThreadPoolExecutor(2 * THREADS) as threads:
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[FloorApproval],
            activities=[steps.validate, steps.review, steps.order, steps.notify],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
            **CAPACITY,
        )
        async with worker:
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve())
