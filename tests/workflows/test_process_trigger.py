"""Triggers on the real server: a decided request starts a run once, and two triggers that feed each other come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import select, update

from rules.process_messages import run_workflow_id
from rules.request import Status
from storage import process_run, process_trigger
from storage.outbox import OutboxRow
from storage.process_trigger import ProcessTriggerStartRow
from tests.process_samples import Content, content, deployed
from tests.workflows.desk import PATIENCE_SECONDS, Desk
from tests.workflows.process_hall import Hall
from tests.workflows.process_play import Play as PlayInHall
from tests.workflows.process_play import play as play_in_hall

__all__ = ["play_in_hall"]

PlayAtDesk = Callable[[Callable[[Desk], Awaitable[None]]], None]


def follow_up(key: str) -> Content:
    """It takes what caused it, and ends at once."""
    end = {"end": {"type": "end", "config": {"result": "satisfied"}}}
    return content(key, end, ">end", inputs=[{"name": "cause", "kind": "text"}])


def written(process: str, entity: str, operation: str, field: str, **more: object) -> Content:
    """A trigger that hands a field of what happened to the process."""
    return {
        "title": f"{operation} leads to {process}", "entity": entity, "operation": operation, "fields": [],
        "condition": None, "process": process, "may_follow_itself": False,
        "input": {"cause": f"{{{{entity.{field}}}}}"}, **more,
    }  # fmt: skip


def test_a_decided_request_starts_a_run_once_although_its_event_is_carried_twice(
    desk: Desk, play: PlayAtDesk
) -> None:
    async def journey(desk: Desk) -> None:
        with desk.sessions.begin() as session:
            deployed(session, desk.company, follow_up("follow-up"))
            rule = written("follow-up", "request", "decided", "number", fields=["status"])
            process_trigger.create(session, rule, desk.company.elena.id, "for a test")
        async with desk.worker():
            row = desk.submit(desk.article(dearer_than=500, cheaper_than=2500))
            await desk.carry()
            await desk.until(row, Status.AWAITING_DECISION)
            with desk.sessions.begin() as session:
                assert process_run.newest(session) == []
            desk.answer(row, "approve", "We need it.")
            await desk.carry()
            with desk.sessions.begin() as session:  # as if the relay had died before it could note it
                again = update(OutboxRow).where(OutboxRow.kind == "entity_event").values(sent_at=None)
                session.execute(again)
            await desk.carry()
            await desk.result(row)
            await desk.carry()
            with desk.sessions.begin() as session:
                [run] = process_run.newest(session)
                found = process_trigger.of_run(session, run.id)
            assert run.given == {"cause": row.number}
            assert found is not None
            assert (found[1].event["decision"], found[1].entity_id) == ("approved", str(row.id))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await desk.client.get_workflow_handle(run_workflow_id(str(run.id))).result()

    play(journey)


def test_two_triggers_that_feed_each_other_stop_after_eight_processes_and_say_so(
    play_in_hall: PlayInHall,
) -> None:
    async def journey(hall: Hall) -> None:
        with hall.sessions.begin() as session:
            for key in ("ping", "pong"):
                deployed(session, hall.company, follow_up(key))
            triggers = [
                process_trigger.create(
                    session, written(to, "run", "ended", "id", condition=_is_of(came)),
                    hall.company.elena.id, "for a test",
                ).id
                for came, to in (("ping", "pong"), ("pong", "ping"))
            ]  # fmt: skip
        await hall.start("ping", {"cause": "somebody"})
        held = await _held(hall, triggers)
        assert held.outcome == "too_deep"
        assert held.note.endswith(" → ".join(["ping", "pong"] * 4) + ".")
        with hall.sessions.begin() as session:
            runs = [row for row in process_run.newest(session) if row.process_key in ("ping", "pong")]
            assert sorted(row.depth for row in runs) == list(range(1, 9))

    play_in_hall(journey)


def _is_of(key: str) -> Content:
    return {"left": "{{entity.process}}", "op": "eq", "right": key}


async def _held(hall: Hall, triggers: list[UUID]) -> ProcessTriggerStartRow:
    """What was held back, as soon as anything was."""
    query = select(ProcessTriggerStartRow).where(
        ProcessTriggerStartRow.trigger_id.in_(triggers), ProcessTriggerStartRow.outcome != "started"
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await hall.carry()
            with hall.sessions.begin() as session:
                found = session.scalars(query).one_or_none()
            if found is not None:
                return found
            await asyncio.sleep(0.02)
