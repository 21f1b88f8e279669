"""`python -m bench.process_run`: processes beside the same steps written by hand, in turns on the same servers.

    python -m bench.process_run                  20 nodes in a row, 100 branches, events of each type of node
    python -m bench.process_run --waiting 5000   and the first again while so many runs wait for people

Both are started alike, straight at Temporal with a row in Postgres, and end when their workflow does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from bench import stack as stacks
from bench.process_events import SETTINGS, tabulate
from bench.process_peer import QUEUE, BranchesByHand, ByHand, SequenceByHand
from bench.product import hire
from bench.report import head, report, say
from bench.stack import Stack, python
from rules.messages import APPROVALS_QUEUE
from rules.process import Edge, EdgeType, Node, Process
from rules.process_content import content_hash, to_content
from rules.process_messages import ProcessInput, run_workflow_id
from storage import person, process_run
from storage.audit import Actor
from storage.database import make_engine, make_sessions, new_id
from storage.process import DEPLOYED, ProcessRow, ProcessVersionRow
from storage.process_run import ProcessRunRow
from storage.process_task import ProcessTaskRow
from workflows.process import Process as Interpreter

IN_A_ROW: Final = 10  # notices, and as many nodes that are computed in place
BRANCHES: Final = 100
IN_FLIGHT: Final = 16
PARTS: Final = ("approvals", "peer", "temporal", "postgres", "control")
#: One person is asked: a role would write to each of its people, and mails would be measured.
ASKED: Final = {"who": [{"person": "manager0@bench.example"}], "question": "?", "deadline": "30 d"}
WAIT: Final = Process(
    "wait", "Wait",
    nodes=(Node("ask", "approval", config=ASKED), Node("done", "end")),
    edges=(Edge(None, "ask", EdgeType.START), Edge("ask", "done", EdgeType.ALWAYS)),
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    stack: Stack
    client: Client
    sessions: sessionmaker[Session]
    people: tuple[UUID, str]

    @property
    def notice(self) -> dict[str, Any]:
        """The config of a notice to one person on the page."""
        return {"to": [{"person": self.people[1]}], "channels": ["page"], "subject": "Measured", "text": ""}

    def deploy(self, process: Process) -> None:
        """Put a process in force, past its drafts."""
        with self.sessions.begin() as session:
            session.add(ProcessRow(key=process.key, title=process.name, deployed_version=1))
            session.flush()
            session.add(
                ProcessVersionRow(
                    process_key=process.key, version=1, state=DEPLOYED, content=to_content(process),
                    sha256=content_hash(process), author_id=self.people[0], editor_ids=[],
                )
            )  # fmt: skip

    def _row(self, process: Process) -> ProcessInput:
        row = ProcessRunRow(
            id=new_id(), process_key=process.key, version=1, sha256=content_hash(process),
            given={"n": 1}, chain=[process.key], started_by=self.people[0],
        )  # fmt: skip
        with self.sessions.begin() as session:
            session.add(row)
            session.flush()
            return row.as_input

    async def interpreted(self, process: Process) -> None:
        """One run of a process."""
        given = await asyncio.to_thread(self._row, process)
        await self.client.execute_workflow(
            Interpreter.run, given, id=run_workflow_id(given.run_id), task_queue=APPROVALS_QUEUE
        )

    async def by_hand(self, process: Process, peer: Callable[..., Awaitable[int]], notices: int) -> None:
        """One run of its peer."""
        given = await asyncio.to_thread(self._row, process)
        what = ByHand(given.run_id, self.notice, notices)
        await self.client.execute_workflow(peer, what, id=f"by-hand-{given.run_id}", task_queue=QUEUE)


def sequence(notice: dict[str, Any]) -> Process:
    """Twenty nodes in a row: a value is counted up in place and somebody is told, again and again."""
    nodes = []
    for number in range(IN_A_ROW):
        nodes.append(Node(f"count{number:03d}", "set", config={"values": {"count": number + 1}}))
        nodes.append(Node(f"tell{number:03d}", "notify", config=notice))
    edges = [Edge(None, nodes[0].id, EdgeType.START)]
    edges += [Edge(one.id, two.id) for one, two in pairwise(nodes)]
    return Process("sequence", "Sequence", nodes=tuple(nodes), edges=tuple(edges))


def branches(notice: dict[str, Any]) -> Process:
    """Many are told at once, then it ends."""
    tells = [Node(f"tell{number:03d}", "notify", config=notice) for number in range(BRANCHES)]
    edges = [Edge(None, "fan", EdgeType.START)]
    edges += [Edge("fan", each.id, EdgeType.PARALLEL) for each in tells]
    edges += [Edge(each.id, "done") for each in tells]
    nodes = (Node("fan", "set", config={"values": {"fan": 1}}), *tells, Node("done", "end"))
    return Process("branches", "Branches", nodes=nodes, edges=tuple(edges))


@dataclass(frozen=True)
class Rate:
    """Runs a second, and part -> CPU milliseconds a run."""

    per_second: float
    cpu: dict[str, float]


async def _rate(stack: Stack, one: Callable[[], Awaitable[None]], count: int, in_flight: int) -> Rate:
    gate = asyncio.Semaphore(in_flight)

    async def within() -> None:
        async with gate:
            await one()

    before, began = stack.cpu_seconds(PARTS), time.perf_counter()
    await asyncio.gather(*(within() for _ in range(count)))
    took, after = time.perf_counter() - began, stack.cpu_seconds(PARTS)
    return Rate(count / took, {part: (after[part] - before[part]) * 1000 / count for part in PARTS})


async def _compare(
    stack: Stack,
    name: str,
    acts: Mapping[str, Callable[[], Awaitable[None]]],
    count: int,
    in_flight: int,
    rounds: int,
) -> None:
    found: dict[str, list[Rate]] = {each: [] for each in acts}
    for act in acts.values():
        await _rate(stack, act, max(2, count // 10), in_flight)  # warm
    for turn in range(rounds):
        for each in list(acts)[:: 1 if turn % 2 == 0 else -1]:
            found[each].append(await _rate(stack, acts[each], count, in_flight))
    say(f"\n{name}, {in_flight} in flight, {rounds} turns of {count}; medians")
    middle: dict[str, float] = {}
    for each, rates in found.items():
        middle[each] = statistics.median(rate.per_second for rate in rates)
        cpu = {part: statistics.median(rate.cpu[part] for rate in rates) for part in PARTS}
        used = ", ".join(f"{part} {ms:.0f}" for part, ms in cpu.items() if ms >= 1)
        say(f"{each:12}{middle[each]:8.2f}/s   CPU ms a run: {used}")
    ours, theirs = middle.values()
    turns = [one.per_second / two.per_second for one, two in zip(*found.values(), strict=True)]
    say(f"{'ratio':12}{ours / theirs:8.2f}     turns {min(turns):.2f} to {max(turns):.2f}")


async def _wait_for_people(bench: Bench, count: int) -> None:
    """Start runs that wait for an answer, as the page does, and tell how long each took to be asked."""
    bench.deploy(WAIT)
    began = time.perf_counter()

    def start(some: int) -> None:
        with bench.sessions.begin() as session:
            for _ in range(some):
                process_run.begin(session, WAIT.key, {}, Actor.person(bench.people[0]))

    for first in range(0, count, 100):
        await asyncio.to_thread(start, min(100, count - first))

    def asked() -> int:
        with bench.sessions.begin() as session:
            return session.scalar(select(func.count()).select_from(ProcessTaskRow)) or 0

    while await asyncio.to_thread(asked) < count:
        await asyncio.sleep(1)
    say(f"{count:,} runs wait for people, {count / (time.perf_counter() - began):.1f} a second came there")
    with bench.sessions.begin() as session:
        took = session.scalars(
            select(func.extract("epoch", ProcessTaskRow.asked_at - ProcessRunRow.started_at)).join(
                ProcessRunRow, ProcessRunRow.id == ProcessTaskRow.run_id
            )
        ).all()
    head("seconds from start until somebody is asked")
    report("a run that waits", [float(each) for each in took])


async def _measure(stack: Stack, given: argparse.Namespace) -> None:
    sessions = make_sessions(make_engine(stack.settings.database_url, IN_FLIGHT))
    with sessions.begin() as session:
        hire(session)
    with sessions.begin() as session:
        employee = person.by_email(session, "employee0@bench.example")
        assert employee is not None
        people = (employee.id, employee.email)
    client = await Client.connect(
        stack.settings.temporal_address, namespace=stack.settings.temporal_namespace
    )
    bench = Bench(stack, client, sessions, people)
    row, many = sequence(bench.notice), branches(bench.notice)
    bench.deploy(row)
    bench.deploy(many)

    def compare_rows() -> Awaitable[None]:
        acts = {
            "process": lambda: bench.interpreted(row),
            "by hand": lambda: bench.by_hand(row, SequenceByHand.run, IN_A_ROW),
        }
        return _compare(stack, "20 nodes in a row", acts, given.count, IN_FLIGHT, given.rounds)

    await compare_rows()
    acts = {
        "process": lambda: bench.interpreted(many),
        "by hand": lambda: bench.by_hand(many, BranchesByHand.run, BRANCHES),
    }
    await _compare(stack, f"{BRANCHES} branches at once", acts, max(2, given.count // 10), 1, given.rounds)
    await tabulate(bench.client, bench.sessions, people, bench.deploy)
    if given.waiting:
        await _wait_for_people(bench, given.waiting)
        await compare_rows()


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.process_run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default 3)")
    parser.add_argument("--count", type=int, default=60, help="runs a turn (default 60)")
    parser.add_argument("--waiting", type=int, default=0, help="also with so many runs that wait, e.g. 5000")
    given = parser.parse_args()
    os.environ.update(SETTINGS)
    with stacks.running() as stack:
        address = {
            "DATABASE_URL": stack.settings.database_url,
            "TEMPORAL_ADDRESS": stack.settings.temporal_address,
        }
        stack.start("peer", f"{python()} -m bench.process_peer", address)
        asyncio.run(_measure(stack, given))


if __name__ == "__main__":
    main()
