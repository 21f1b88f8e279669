"""Runs any process: loads its definition once, starts what is ready, waits, and tells Postgres. Decides nothing itself.

What follows from what is said by rules/process_schedule.py; what a node does, by its step. The order of everything that
happens is that of one queue, so that a replay goes the same way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from rules.errors import BusinessError
    from rules.process import Node, Outcome, Retry
    from rules.process_book import Book
    from rules.process_elsewhere import Parts
    from rules.process_inline import Computed, compute
    from rules.process_messages import (
        PROCESS,
        SIGNAL_CANCEL,
        SIGNAL_MOVE,
        SIGNAL_OPERATE,
        SIGNAL_WAKE,
        WOKEN,
        LoadValue,
        Move,
        MoveResult,
        NodeResult,
        NodeStep,
        NoteNews,
        Operation,
        ProcessInput,
        ProcessResult,
        SettleStep,
        Wake,
    )
    from rules.process_money import check_agreed
    from rules.process_nodes import NODE_TYPES
    from rules.process_schedule import is_over, ready
    from rules.process_state import Result, Step, Turn
    from rules.process_template import ValueIsElsewhere, render
    from workflows import process_steps as steps
    from workflows.process_move import move_book, read_plan
    from workflows.process_outcome import STEP_FAILED, failed, said
    from workflows.process_wait import Waiting, moment

AWAITING_ROLE: Final = SearchAttributeKey.for_keyword_list("AwaitingRole")
USUAL_RETRY: Final = Retry()

T = TypeVar("T")


@workflow.defn(name=PROCESS)
class Process:
    """One run of one version of a process. Postgres holds every answer and message; signals only wake this up."""

    @workflow.init
    def __init__(self, given: ProcessInput) -> None:
        carried = given.carried or {}
        self._given = given
        self._tasks: dict[Turn, asyncio.Task[None]] = {}
        self._done: deque[tuple[Turn, NodeResult]] = deque()
        self._computed: dict[Turn, Computed] = {}
        self._operations: deque[Operation] = deque()
        self._moves: deque[Move] = deque()
        self._moved: list[MoveResult] = []
        self._handled: dict[str, None] = dict.fromkeys(carried.get("handled", []))
        self._woken: dict[str, None] = dict.fromkeys(carried.get("woken", []))
        self._waits: dict[str, Waiting] = {}
        self._awaiting: list[str] = carried.get("awaiting", [])
        self._underway = steps.Underway()
        self._cancel_asked = False
        self._is_told = bool(carried.get("is_told"))
        lingers_until = carried.get("lingers_until")
        self._lingers_until = moment(lingers_until) if lingers_until else None
        self._broken: BaseException | None = None

    @workflow.run
    async def run(self, given: ProcessInput) -> ProcessResult:
        """To the end of everything, detached branches included; the result names how the run itself ended."""
        loaded = await steps.load_process(given)
        plan, carried = read_plan(loaded.content, given.sha256), given.carried
        self._book = Book(plan, loaded.given, carried["book"] if carried else None)
        for key, content in (carried["waits"] if carried else {}).items():
            node, _, iteration = key.rpartition(":")
            self._start(Turn(node, int(iteration)), Waiting.from_content(content))
        try:
            await self._go_on()
        except asyncio.CancelledError:
            self._call_off()
            await self._tell()
            raise
        return self._book.end()

    @workflow.signal(name=SIGNAL_WAKE)
    def wake_node(self, wake: Wake) -> None:
        """Something came for a node, perhaps before it has started: look at it. What came lies in Postgres."""
        self._woken[f"{wake.node}:{wake.iteration}"] = None

    @workflow.signal(name=SIGNAL_OPERATE)
    def operate(self, operation: Operation) -> None:
        """An operator said what becomes of an incident."""
        self._operations.append(operation)

    @workflow.signal(name=SIGNAL_MOVE)
    def move(self, move: Move) -> None:
        """The run is to go on by another version of its process."""
        self._moves.append(move)

    @workflow.signal(name=SIGNAL_CANCEL)
    def cancel(self, reason: str) -> None:
        """The run is called off; Postgres knows why."""
        self._cancel_asked = True

    async def _go_on(self) -> None:
        """The one loop: everything that happens passes through it, first in first out."""
        book = self._book
        while not (is_over(book.state) and not self._done):
            if self._broken is not None:
                raise self._broken
            if self._cancel_asked:
                self._cancel_asked = False
                self._call_off()
            elif not self._is_long() and (turns := ready(book.plan, book.state)):
                for turn in turns:
                    await self._open(turn)
            elif self._done:
                self._report(*self._done.popleft())
            elif self._operations:
                self._operate(self._operations.popleft())
            elif self._moves:
                await self._move(self._moves.popleft())
            else:
                await self._rest()
        await self._tell()

    async def _rest(self) -> None:
        """Nothing is left to be done now: tell Postgres, then wait until something happens."""
        await asyncio.sleep(0)  # what was just started comes to its step, which counts it
        await self._tell()
        if self._has_news():
            return
        if self._is_long() and not self._underway.steps:
            workflow.continue_as_new(self._successor())
        until = self._lingers_until
        try:
            await workflow.wait_condition(
                lambda: self._has_news() or (self._is_long() and not self._underway.steps),
                timeout=None if until is None else max(until - workflow.now(), timedelta(0)),
                timeout_summary="detached branches end",
            )
        except TimeoutError:
            self._call_off()

    def _has_news(self) -> bool:
        came = bool(self._done or self._operations or self._moves or self._cancel_asked or self._broken)
        return came or self._awaited() != self._awaiting or self._underway.lets_tell(self._book)

    def _awaited(self) -> list[str]:
        """The roles that are waited for, each once."""
        return list(dict.fromkeys(role for each in self._waits.values() for role in each.awaits))

    def _is_long(self) -> bool:
        info = workflow.info()
        long = info.get_current_history_length() >= self._given.most_events
        return long or info.is_continue_as_new_suggested()

    # What happens to nodes

    async def _open(self, turn: Turn) -> None:
        """Start a ready node: compute it at once, or let its step run beside everything else."""
        node = self._node(turn)
        self._book.begin(turn)
        kind = NODE_TYPES.get(node.type)
        if kind is None or not kind.is_inline:
            self._start(turn, None)
            return
        try:
            self._computed[turn] = computed = await self._filled(lambda context: compute(node, context))
        except BusinessError as refusal:
            self._done.append((turn, failed(refusal.message)))
        else:
            self._done.append((turn, NodeResult(computed.outcome.value, dict(computed.output))))

    def _start(self, turn: Turn, waiting: Waiting | None) -> None:
        self._tasks[turn] = asyncio.create_task(self._carry(turn, waiting))

    async def _carry(self, turn: Turn, waiting: Waiting | None) -> None:
        """Carry a node through to its end, and put that into the queue."""
        try:
            ended = await (self._run_node(turn) if waiting is None else self._wait(turn, waiting))
        except BusinessError as refusal:
            ended = failed(refusal.message)
        except STEP_FAILED as failure:
            ended = failed(said(failure))
        except Exception as fault:
            self._broken = fault
            return
        self._done.append((turn, ended))

    async def _run_node(self, turn: Turn) -> NodeResult:
        node = self._node(turn)
        kind = NODE_TYPES.get(node.type)
        if kind is None:
            return failed(f"{node.type!r} is no type of node.")
        config = await self._filled(lambda context: render(node.config, context))
        if kind.spends:
            check_agreed(self._book.plan, self._book.state, node.id)
        # Whatever woke it before is seen by the step that begins it.
        self._woken.pop(_key(turn), None)
        room = self._book.room_bytes
        step = NodeStep(self._given.run_id, turn.node, turn.iteration, node.type, node.title, config, room)
        result = await self._underway.during(steps.run_node(step, node.retry or USUAL_RETRY), node.type)
        if result.child is not None:
            await self._underway.during(steps.run_part(result.child, node.title))
            return await self._look(turn, WOKEN)
        return result if result.outcome else await self._wait(turn, Waiting.of(result, workflow.now()))

    async def _wait(self, turn: Turn, waiting: Waiting) -> NodeResult:
        """Wait until Postgres says that it is over; whoever wakes this does not say so."""
        key, title = _key(turn), self._node(turn).title
        self._waits[key] = waiting
        try:
            while True:
                why = await waiting.rest(key, self._woken, title)
                result = await self._look(turn, why)
                if result.outcome:
                    return result
                waiting.awaits = list(result.awaits)
        finally:
            self._waits.pop(key, None)

    async def _look(self, turn: Turn, why: str) -> NodeResult:
        """Look again at a node that waits."""
        node, room = self._node(turn), self._book.room_bytes
        step = SettleStep(self._given.run_id, turn.node, turn.iteration, node.type, node.title, why, room)
        return await self._underway.during(steps.settle_node(step), node.type)

    async def _filled(self, fill: Callable[[dict[str, Any]], T]) -> T:
        """What `fill` makes of the context, with those large values loaded that it leads into."""
        parts = Parts()
        while True:
            try:
                return fill(parts.put_into(self._book.context()))
            except ValueIsElsewhere as elsewhere:
                wanted = LoadValue(elsewhere.reference.sha256, list(elsewhere.rest))
                loaded = await steps.load_value(wanted)
                parts.add(elsewhere, loaded.found, loaded.value)

    # What follows

    def _report(self, turn: Turn, ended: NodeResult) -> None:
        self._tasks.pop(turn, None)
        outcome, computed = Outcome(ended.outcome), self._computed.pop(turn, None)
        self._follow(
            self._book.report(
                turn,
                outcome,
                ended.output,
                ended.error,
                is_written=computed is None and outcome is not Outcome.FAILED,
                variables=computed.variables if computed else None,
            )
        )

    def _operate(self, operation: Operation) -> None:
        if operation.operation_id in self._handled or operation.node not in self._book.plan.numbers:
            return
        self._handled[operation.operation_id] = None
        try:
            self._follow(self._book.operate(operation))
        except BusinessError as refusal:
            workflow.logger.warning("an operation changed nothing", extra={"why": refusal.message})

    async def _move(self, move: Move) -> None:
        """Go on by another version where what has happened is the same there; Postgres is told what became of it."""
        if move.move_id in self._handled:
            return
        self._handled[move.move_id] = None
        result, step = await move_book(self._given, self._book, move)
        self._moved.append(result)
        if step is not None:
            self._given = replace(self._given, version=move.version, sha256=move.sha256)
            self._follow(step)

    def _call_off(self) -> None:
        self._follow(self._book.cancel())

    def _follow(self, step: Step) -> None:
        for turn in step.cancelled:
            self._waits.pop(_key(turn), None)
            task = self._tasks.pop(turn, None)
            if task is not None:
                task.cancel()
        if step.result is not Result.OPEN and self._book.state.open_detached:
            patience = self._book.plan.process.detached_timeout_seconds
            self._lingers_until = workflow.now() + timedelta(seconds=patience)

    async def _tell(self) -> None:
        """Tell Postgres what only this run knows, and the server whom it waits for."""
        book = self._book
        ended = book.state.result is not Result.OPEN and not self._is_told
        awaiting = self._awaited()
        if awaiting != self._awaiting:
            self._awaiting = awaiting
            workflow.upsert_search_attributes([AWAITING_ROLE.value_set(awaiting)])
        elif not (ended or self._moved or self._underway.lets_tell(book)):
            return
        told, moved = len(book.news), list(self._moved)
        result = book.end() if ended else None
        state = book.state.to_content(book.plan)
        book.is_urgent = False
        self._moved.clear()
        version = self._given.version
        await steps.note_news(
            NoteNews(self._given.run_id, book.news[:told], state, self._awaiting, result, version, moved)
        )
        self._is_told = self._is_told or ended
        del book.news[:told]

    def _successor(self) -> ProcessInput:
        carried = {
            "book": self._book.to_content(),
            "waits": {key: waiting.to_content() for key, waiting in self._waits.items()},
            "woken": list(self._woken),
            "handled": list(self._handled),
            "awaiting": self._awaiting,
            "is_told": self._is_told,
            "lingers_until": self._lingers_until.isoformat() if self._lingers_until else None,
        }
        return replace(self._given, carried=carried)

    def _node(self, turn: Turn) -> Node:
        return self._book.plan.nodes[self._book.plan.numbers[turn.node]]


def _key(turn: Turn) -> str:
    return f"{turn.node}:{turn.iteration}"
