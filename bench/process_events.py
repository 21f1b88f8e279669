"""How many events each type of node adds to a run's history, beside what its type says it would.

A process with the node is run to its end and compared with one that only ends. An order is not among them: it is
always that of a request.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.report import say
from local.vendor.catalogue import simple_articles
from rules.process import Edge, EdgeType, Input, Node, Process, ValueKind
from rules.process_messages import run_workflow_id
from rules.process_nodes import NODE_TYPES
from storage import person, process_callback, process_message, process_run, process_step, process_task
from storage.audit import Actor
from storage.process_run import ProcessRunRow

#: What the receiver's calls are signed with.
SECRET: Final = "whsec_bWVhc3VyZWQsIGFnYWluIGFuZCBhZ2Fpbi4uLi4="  # noqa: S105 (of systems that live for a minute)
SETTINGS: Final = {"WEBHOOK_SECRETS": f"bench={SECRET}", "WEBHOOK_PRIVATE": "yes"}
LOOK_SECONDS: Final = 0.1
KINDS: Final = {"ACTIVITY": "step", "MARKER": "local", "TIMER": "timer", "SIGNALED": "signal", "CHILD": "part",
                "WORKFLOW_TASK": "task"}  # fmt: skip

Help = Callable[[Session, UUID], bool]


@dataclass(frozen=True)
class Case:
    """A type of node, its config, and who helps it to its end."""

    type: str
    config: dict[str, Any]
    help: Help = lambda session, run_id: True


class _Receiver(ThreadingHTTPServer):
    """Another system: says 200 and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is written between the figures."""


def _approve(session: Session, run_id: UUID) -> bool:
    for task in process_task.of_run(session, run_id):
        if task.answered_at is None and task.person_id is not None:
            row = person.by_id(session, task.person_id)
            assert row is not None
            process_task.answer(session, task.id, row.to_person(), True, "")
            return True
    return False


def _signal(session: Session, run_id: UUID) -> bool:
    waits = "measured" in process_step.rounds(session, run_id)
    if waits:
        process_message.send(session, run_id, "go", "satisfied", {}, None)
    return waits


def _cases(receiver: _Receiver, manager: str) -> list[Case]:
    url = f"http://127.0.0.1:{receiver.server_address[1]}/"
    called = {"url": url, "secret_name": "bench", "body": {"n": 1}}
    article = simple_articles()[0]
    link = f"https://www.amazon.es/dp/{article.asin}"
    asked = {"who": [{"person": manager}], "question": "?", "deadline": "7 d"}

    def call_back(session: Session, run_id: UUID) -> bool:
        token = next((b["callback"]["token"] for b in receiver.bodies if "callback" in b), None)
        if token is not None:
            process_callback.use(session, token, {}, "")
        return token is not None

    return [
        Case("condition", {"test": {"left": "{{input.n}}", "op": "eq", "right": 1}}),
        Case("set", {"values": {"n": 1}}),
        Case("end", {}),
        Case("notify", {"to": [{"person": manager}], "channels": ["page"], "subject": "x"}),
        Case("validate_product", {"url": link}),
        Case("automated_review", {}),
        Case("approval", asked, _approve),
        Case("webhook", called),
        Case("call_external", {**called, "deadline": "7 d"}, call_back),
        Case("wait", {"duration": "1 s"}),
        Case("wait_for_signal", {"signal": "go", "deadline": "7 d"}, _signal),
        Case("sub_process", {"process": "events-nothing", "input": {}}),
    ]


def _process(key: str, nodes: tuple[Node, ...]) -> Process:
    nodes = (*nodes, Node("done", "end"))
    edges = [Edge(None, nodes[0].id, EdgeType.START)]
    edges += [Edge(one.id, two.id, EdgeType.ALWAYS) for one, two in pairwise(nodes)]
    inputs = (Input("n", ValueKind.NUMBER),)
    return Process(key, key, inputs=inputs, nodes=nodes, edges=tuple(edges))


async def tabulate(
    client: Client,
    sessions: sessionmaker[Session],
    people: tuple[UUID, str],
    deploy: Callable[[Process], None],
) -> None:
    """Run every case and print the table."""
    with _Receiver() as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        say(f"\n{'events of one node':20}{'says':>6}{'real':>6}  of which")
        nothing = await _events(client, sessions, people[0], deploy, "events-nothing", (), lambda *_: True)
        for case in _cases(receiver, "manager1@bench.example"):
            node, key = (
                Node("measured", case.type, config=case.config),
                f"events-{case.type.replace('_', '-')}",
            )
            found = await _events(client, sessions, people[0], deploy, key, (node,), case.help)
            more = {kind: found[kind] - nothing[kind] for kind in KINDS.values()}
            said = NODE_TYPES[case.type].history_events
            parts = ", ".join(f"{count} {kind}" for kind, count in more.items() if count)
            say(f"{case.type:20}{said:6}{sum(more.values()):6}  {parts}")
        receiver.shutdown()


async def _events(
    client: Client, sessions: sessionmaker[Session], starter: UUID, deploy: Callable[[Process], None],
    key: str, nodes: tuple[Node, ...], help_it: Help,
) -> Counter[str]:  # fmt: skip
    """Kind of event -> how many a run of these nodes has when it has ended."""
    await asyncio.to_thread(deploy, _process(key, nodes))

    def begin() -> UUID:
        with sessions.begin() as session:
            row: ProcessRunRow = process_run.begin(session, key, {"n": 1}, Actor.person(starter))
            return row.id

    def look(run_id: UUID, is_helped: bool) -> tuple[bool, bool]:
        with sessions.begin() as session:
            row = process_run.by_id(session, run_id)
            parked = [
                each.error for each in process_step.of_run(session, run_id) if each.status == "incident"
            ]
            if parked:
                raise RuntimeError(f"{key}: {parked[0]}")
            is_helped = is_helped or help_it(session, run_id)
            return row.ended_at is not None, is_helped

    run_id, is_helped, has_ended = await asyncio.to_thread(begin), False, False
    async with asyncio.timeout(60):
        while not has_ended:
            has_ended, is_helped = await asyncio.to_thread(look, run_id, is_helped)
            await asyncio.sleep(LOOK_SECONDS)
    handle = client.get_workflow_handle(run_workflow_id(str(run_id)))
    await handle.result()
    names = [EventType.Name(event.event_type) async for event in handle.fetch_history_events()]
    kinds = (next((word for part, word in KINDS.items() if part in name), "") for name in names)
    return Counter(kind for kind in kinds if kind)
