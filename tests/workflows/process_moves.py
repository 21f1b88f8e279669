"""Runs that are moved to another version of their process: what the tests play, and what is recorded of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from rules.process_messages import SIGNAL_WAKE, Wake
from storage import process_migration, process_task
from storage.process_migration import ASKED, MOVED, STAYED, ProcessMoveRunRow
from tests.process_samples import Content, content, deployed
from tests.workflows.process_hall import PATIENCE_SECONDS, Hall
from tests.workflows.process_play import put

ASK: Content = {
    "type": "approval",
    "name": "Manager",
    "config": {"who": [{"manager_of": "{{input.requester}}"}], "deadline": "30 d"},
}
CONTROLLER: Content = {
    "type": "approval",
    "name": "Controller",
    "config": {"who": [{"role": "finance"}], "deadline": "30 d"},
}
YES: Content = {"type": "end", "config": {"result": "satisfied"}}
NO: Content = {"type": "end", "config": {"result": "not_satisfied"}}
INPUTS = [{"name": "requester", "kind": "text"}]


def trip() -> Content:
    """The manager says yes or no."""
    return content(
        "trip", {"ask": ASK, "yes": YES, "no": NO}, ">ask, ask true>yes, ask false>no", inputs=INPUTS
    )


def trip_with_a_controller() -> Content:
    """After the manager, who is asked as before, finance is asked, too."""
    return content(
        "trip",
        {"ask": ASK, "control": CONTROLLER, "yes": YES, "no": NO},
        ">ask, ask true>control, ask false>no, control true>yes, control false>no",
        inputs=INPUTS,
    )


def trip_asked_otherwise() -> Content:
    """The manager is asked in other words."""
    ask = {**ASK, "config": {**ASK["config"], "question": "Must this be?"}}
    return content(
        "trip", {"ask": ask, "yes": YES, "no": NO}, ">ask, ask true>yes, ask false>no", inputs=INPUTS
    )


def next_version(hall: Hall, key: str, definition: Content) -> int:
    """Deploy the next version of a process."""
    with hall.sessions.begin() as session:
        return deployed(session, hall.company, {**definition, "key": key}).version


async def move(hall: Hall, key: str, version: int, *run_ids: UUID) -> UUID:
    """Ask for a move as the page does, and carry it over."""
    with hall.sessions.begin() as session:
        row = process_migration.ask(session, key, version, hall.company.elena.id, "a controller", run_ids)
    await hall.carry()
    return row.id


def became(hall: Hall, move_id: UUID) -> dict[UUID, ProcessMoveRunRow]:
    """What became of each run of a move."""
    with hall.sessions.begin() as session:
        return {row.run_id: row for row in process_migration.of_move(session, move_id)}


async def settled(hall: Hall, move_id: UUID, run_id: UUID) -> ProcessMoveRunRow:
    """Wait until a run has said what became of a move."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (seen := became(hall, move_id)[run_id]).state == ASKED:
            await asyncio.sleep(0.02)
    return seen


async def waiting(hall: Hall, definition: Content, runs: int = 1) -> tuple[str, list[UUID]]:
    """Runs that wait for Bruno."""
    key = put(hall, definition)
    ids = [await hall.start(key) for _ in range(runs)]
    for run_id in ids:
        await hall.until(run_id, lambda run: bool(run.awaiting))
    return key, ids


async def answer(hall: Hall, run_id: UUID, node: str, agrees: bool) -> None:
    """Whoever is asked answers, and that is carried over."""
    await hall.until_step(run_id, node, "running")
    answer_now(hall, run_id, node, agrees)
    await hall.carry()


def answer_now(hall: Hall, run_id: UUID, node: str, agrees: bool) -> None:
    """Whoever is asked answers; nothing is carried over."""
    who = hall.company.bruno if node == "ask" else hall.company.carla
    [task] = [each for each in hall.tasks(run_id) if each.node == node]
    with hall.sessions.begin() as session:
        process_task.answer(session, task.id, who.to_person(), agrees, "")


async def moved(hall: Hall) -> UUID:
    """A run that waits for Bruno is moved, and ends by way of finance, whom the first version does not ask."""
    key, [run_id] = await waiting(hall, trip())
    version = next_version(hall, key, trip_with_a_controller())
    move_id = await move(hall, key, version, run_id)
    run = await hall.until(run_id, lambda run: run.version == version)
    assert (run.state or {})["sha256"] == run.sha256
    assert became(hall, move_id)[run_id].state == MOVED
    await answer(hall, run_id, "ask", True)
    await answer(hall, run_id, "control", True)
    assert (await hall.result(run_id)).outcome == "satisfied"
    return run_id


async def stayed(hall: Hall) -> UUID:
    """Bruno answers while the wish is on its way: the run has come to what the new version does not have."""
    key, [run_id] = await waiting(hall, trip_with_a_controller())
    version = next_version(hall, key, trip())
    with hall.sessions.begin() as session:
        row = process_migration.ask(session, key, version, hall.company.elena.id, "simpler", [run_id])
    answer_now(hall, run_id, "ask", True)
    await hall.handle(run_id).signal(SIGNAL_WAKE, Wake("ask", 1))
    await hall.until_step(run_id, "control", "running")
    await hall.carry()
    seen = await settled(hall, row.id, run_id)
    assert (seen.state, seen.node, hall.look(run_id).version) == (STAYED, "control", 1)
    await answer(hall, run_id, "control", False)
    assert (await hall.result(run_id)).outcome == "not_satisfied"
    return run_id


#: Name of a recorded history -> what is played for it.
MOVES: Final[dict[str, Callable[[Hall], Awaitable[UUID]]]] = {
    "a_run_is_moved_to_another_version": moved,
    "a_run_stays_on_its_version": stayed,
}
